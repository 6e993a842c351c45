"""Draw physical parameters for many environments at once."""

from __future__ import annotations

from collections.abc import Sequence
import math

import torch

from robot_rl.spec.randomization import Spread
from robot_rl.spec.robot import Robot


class ParameterSampler:
    """Samples every spread of a robot with one call to the random generator."""

    def __init__(self, robot: Robot, spreads: Sequence[Spread], device: torch.device) -> None:
        """Lay all components of all spreads side by side."""
        self._slices: dict[str, slice] = {}
        rows: list[tuple[float, float, float, bool, bool]] = []
        for spread in spreads:
            nominal = robot.parameters[spread.parameter].nominal
            start = len(rows)
            for value in nominal:
                rows.append((*_affine(spread, value), spread.distribution == 'gaussian', spread.distribution == 'log-uniform'))
            self._slices[spread.parameter] = slice(start, len(rows))
        table = torch.tensor(rows, dtype=torch.float32, device=device).reshape(-1, 5)
        self._low, self._high, self._offset = table[:, 0], table[:, 1], table[:, 2]
        self._gaussian, self._log = table[:, 3].bool(), table[:, 4].bool()
        self._device = device

    def __call__(self, num: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Draw `num` rows: parameter name to (num, size) in SI units."""
        size = len(self._low)
        u = torch.rand(num, size, generator=generator, device=self._device)
        values = self._low + u * (self._high - self._low)
        if self._log.any():
            values = torch.where(self._log, values.exp(), values)
        if self._gaussian.any():
            normal = torch.randn(num, size, generator=generator, device=self._device)
            values = torch.where(self._gaussian, self._low + self._high * normal, values)
        values = values + self._offset
        return {name: values[:, part] for name, part in self._slices.items()}


def _affine(spread: Spread, nominal: float) -> tuple[float, float, float]:
    """Return (a, b, offset) of one component, the operation folded in; logarithms for 'log-uniform'."""
    scale = nominal if spread.operation == 'scale' else 1.0
    offset = nominal if spread.operation == 'add' else 0.0
    if spread.distribution == 'log-uniform':
        return math.log(spread.a * scale), math.log(spread.b * scale), offset
    return spread.a * scale, spread.b * scale, offset
