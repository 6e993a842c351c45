"""Draw physical parameters for many environments at once."""

from __future__ import annotations

from collections.abc import Sequence
import math

import torch

from robot_rl.spec.randomization import Spread, parameter_of
from robot_rl.spec.robot import Robot


class ParameterSampler:
    """Samples every spread of a robot with one or two calls to the random generator."""

    def __init__(self, robot: Robot, spreads: Sequence[Spread], device: torch.device) -> None:
        """Lay all components of all spreads side by side."""
        self._slices: dict[str, slice] = {}
        self._chosen: list[int] = []
        self.centre: list[float] = []
        """Where the nominal parameters lie in the ranges that a curriculum chooses from: one
        number from 0 to 1 a component, or one where components share it."""
        rows: list[tuple[float, ...]] = []
        for spread in spreads:
            start = len(rows)
            for index, value in enumerate(parameter_of(robot, spread.parameter).nominal):
                kinds = (spread.distribution == 'gaussian', spread.distribution == 'log-uniform')
                column = start if spread.shared else start + index
                rows.append((*_affine(spread, value), *kinds, spread.spread, column))
                if spread.curriculum and column == len(rows) - 1:
                    self._chosen.append(column)
                    self.centre.append(_coordinate(spread, value, *rows[-1][:3]))
            self._slices[spread.parameter] = slice(start, len(rows))
        table = torch.tensor(rows, dtype=torch.float32, device=device).reshape(-1, 7).T
        self._low, self._high, self._offset, self._spread = table[0], table[1], table[2], table[5]
        self._gaussian, self._log, self._column = table[3].bool(), table[4].bool(), table[6].long()
        self._any_gaussian, self._any_log = bool(self._gaussian.any()), bool(self._log.any())
        self._device = device
        place = list(range(len(rows)))
        for index, column in enumerate(self._chosen):
            place[column] = len(rows) + index
        self._place = torch.tensor(place, dtype=torch.long, device=device)[self._column]

    def __call__(
        self, num: int, generator: torch.Generator, coordinates: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """Draw `num` rows: parameter name to (num, size) in SI units.

        `coordinates` (num, len(centre)) say how far into their ranges, from 0 to 1, the
        parameters lie that a curriculum chooses; without, these too are drawn.
        """
        size = len(self._low)
        u = torch.rand(2, num, size, generator=generator, device=self._device)
        share = u[0][:, self._column]
        if coordinates is not None:
            share = torch.cat((u[0], coordinates), 1)[:, self._place]
        values = torch.lerp(self._low, self._high, share)
        if self._any_log:
            values = torch.where(self._log, values.exp(), values)
        if self._any_gaussian:
            normal = torch.randn(num, size, generator=generator, device=self._device)
            normal = self._low + self._high * normal[:, self._column]
            values = torch.where(self._gaussian, normal, values)
        values = (values + self._offset) * (1.0 + self._spread * (2.0 * u[1] - 1.0))
        return {name: values[:, part] for name, part in self._slices.items()}


def _affine(spread: Spread, nominal: float) -> tuple[float, float, float]:
    """Return (a, b, offset) of a component, the operation folded in; 'log-uniform': logarithms."""
    scale = nominal if spread.operation == 'scale' else 1.0
    offset = nominal if spread.operation == 'add' else 0.0
    if spread.distribution == 'log-uniform':
        return math.log(spread.a * scale), math.log(spread.b * scale), offset
    return spread.a * scale, spread.b * scale, offset


def _coordinate(spread: Spread, nominal: float, low: float, high: float, offset: float) -> float:
    """Place of the nominal value from `low` to `high`; the nearer end where it lies outside."""
    value = nominal - offset
    if spread.distribution == 'log-uniform':
        value = math.log(max(value, math.ulp(0.0)))
    return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5
