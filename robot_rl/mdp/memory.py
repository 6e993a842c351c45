"""Memory: what a policy carries from one control period to the next, explicitly, as a flat vector.

A `Memory` is a row of low-pass filters, integrals, histories and clocks with names. Filters say in
a few numbers what a long history says in many: two filtered actions that bracket the rotors' time
constant tell the speed of the rotors, and a body rate less its filtered self is the torque that
acts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math

import torch

from robot_rl.mdp.observations import concat


@dataclass(frozen=True)
class LowPass:
    """First-order low-pass of a quantity of `size` components with `time_constant` [s]."""

    quantity: str
    size: int
    time_constant: float


@dataclass(frozen=True)
class History:
    """The last `length` values of a quantity of `size` components, oldest first."""

    quantity: str
    size: int
    length: int


@dataclass(frozen=True)
class Integral:
    """Integral over time of a quantity of `size` components times `gain` [1/s]."""

    quantity: str
    size: int
    gain: float
    limit: float
    """Each component stays within +- this, in the quantity's unit."""


@dataclass(frozen=True)
class Clock:
    """A phase in [0, 1) that turns `frequency` [Hz] times its quantity a second.

    Where the quantity is 0 it finishes its turn, at `frequency`, and stays at 0.
    """

    quantity: str
    frequency: float
    size: int = 1


class Memory:
    """A layout of filters and histories over quantities that the task computes each period."""

    def __init__(
        self, parts: Mapping[str, LowPass | History | Integral | Clock], control_dt: float
    ) -> None:
        """Lay `parts` side by side in their order."""
        self._parts = dict(parts)
        self._slices: dict[str, slice] = {}
        self.size = 0
        for name, part in self._parts.items():
            width = part.size * (part.length if isinstance(part, History) else 1)
            self._slices[name] = slice(self.size, self.size + width)
            self.size += width
        self._dt = control_dt
        self._decay = {
            name: math.exp(-control_dt / part.time_constant)
            for name, part in self._parts.items()
            if isinstance(part, LowPass)
        }

    def __call__(self, memory: torch.Tensor, name: str) -> torch.Tensor:
        """Part `name` of `memory` (n, size)."""
        return memory[:, self._slices[name]]

    def all(self, memory: torch.Tensor, names: Sequence[str]) -> torch.Tensor:
        """Neighbouring parts `names` of `memory`, in one piece."""
        return memory[:, self._slices[names[0]].start : self._slices[names[-1]].stop]

    def update(self, memory: torch.Tensor, quantities: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Memory after one more period in which `quantities` were seen, each (n, size)."""
        updated = []
        for name, part in self._parts.items():
            old, new = self(memory, name), quantities[part.quantity]
            if isinstance(part, History):
                updated += [old[:, part.size :], new]
            elif isinstance(part, Integral):
                grown = old + self._dt * part.gain * new
                updated.append(grown.clamp(-part.limit, part.limit))
            elif isinstance(part, Clock):
                updated.append(_turned(old, self._dt * part.frequency, new))
            else:
                updated.append(torch.lerp(new, old, self._decay[name]))
        return concat(updated)


def _turned(phase: torch.Tensor, step: float, pace: torch.Tensor) -> torch.Tensor:
    """`phase` of a clock after it went on by `step` times `pace`, or to the end of its turn."""
    on, under_way = (pace > 0.0).float(), (phase > 0.0).float()
    after = phase + step * (pace + (1.0 - on) * under_way)
    return (after - after.floor()) * torch.maximum(on, (after < 1.0).float())
