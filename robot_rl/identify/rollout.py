"""Windows simulated side by side: every window under every candidate is one environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.engines.engine import Engine
from robot_rl.errors import SpecError
from robot_rl.identify.windows import Windows
from robot_rl.spec.robot import Robot
from robot_rl.spec.signal import signal

Array = NDArray[np.float64]
MAX_ENVS = 8192
"""Environments stepped together; more windows are taken in turns."""


def states(engine: Engine) -> tuple[str, ...]:
    """Signals that an engine can be put into; it also reports some that only follow from these."""
    found: list[str] = []
    everyone = torch.arange(engine.num_envs)
    for name, value in engine.signals().items():
        try:
            engine.reset(everyone, {name: value})
        except SpecError:
            continue
        found.append(name)
    return tuple(found)


class Simulator:
    """Predicts the measured signals of windows under candidates of parameters and start."""

    def __init__(
        self, make: Callable[..., Engine], robot: Robot, level: str, windows: Windows
    ) -> None:
        """Prepare; engines are built when the number of candidates is known."""
        self.names = tuple(windows.forced)
        """Signals in the order of their components."""
        self.sizes = tuple(part.shape[-1] for part in windows.forced.values())
        self._make, self._robot, self._level, self._windows = make, robot, level, windows
        self._engines: dict[int, Engine] = {}
        forced = {name: _float(part) for name, part in windows.forced.items()}
        self._setpoint = _float(windows.setpoint)
        self._begin = {name: part[windows.warm] for name, part in forced.items()}
        warm = [_unit(name, part[: windows.warm]) for name, part in forced.items()]
        self._warm = torch.cat([*warm, self._setpoint[: windows.warm]], 2)
        """(warm, windows, size + setpoint): side by side, which is repeated at once."""
        self._states = states(make(robot, level, 1, windows.step_s))

    @property
    def size(self) -> int:
        """Number of measured components."""
        return sum(self.sizes)

    def chunks(self, candidates: int) -> list[slice]:
        """Windows to take at a time when each has so many `candidates`."""
        count = max(1, min(self._windows.num, MAX_ENVS // candidates))
        return [slice(i, i + count) for i in range(0, self._windows.num, count)]

    def run(self, part: slice, parameters: Mapping[str, Array], start: Array) -> Array:
        """Signals at every step of the free run, (candidates, w, free + 1, size).

        Args:
            part: the w windows.
            parameters: parameter to (candidates, components) [SI].
            start: (candidates, w, size) added to the state that was measured at the start.
        """
        candidates, num = start.shape[:2]
        engine = self._engine(candidates * num)
        everyone = torch.arange(candidates * num)
        engine.randomize(
            {n: _float(v).repeat_interleave(num, 0) for n, v in parameters.items()}, everyone
        )
        warm = self._windows.warm
        widths = (*self.sizes, self._setpoint.shape[2])
        for index in range(warm):
            *state, setpoint = self._warm[index, part].repeat(candidates, 1).split(widths, 1)
            self._put(engine, everyone, dict(zip(self.names, state, strict=True)))
            engine.step(setpoint)
        offsets = _float(start).flatten(0, 1).split(self.sizes, 1)
        begin = {n: r[part].repeat(candidates, 1) for n, r in self._begin.items()}
        moved = {n: _unit(n, begin[n] + o) for n, o in zip(begin, offsets, strict=True)}
        self._put(engine, everyone, moved)
        found = torch.empty(self._windows.free + 1, len(everyone), self.size)
        for index in range(len(found)):
            signals = engine.signals()
            torch.cat([signals[name] for name in self.names], 1, out=found[index])
            if index < self._windows.free:
                engine.step(self._setpoint[warm + index, part].repeat(candidates, 1))
        return found.unflatten(1, (candidates, num)).permute(1, 2, 0, 3).double().numpy()

    def _put(self, engine: Engine, everyone: torch.Tensor, state: dict[str, torch.Tensor]) -> None:
        """Put the measured signals into `state`; what no sensor reports stays as it is."""
        now = engine.signals()
        engine.reset(everyone, {name: now[name] for name in self._states} | state)

    def _engine(self, num: int) -> Engine:
        if num not in self._engines:
            self._engines[num] = self._make(self._robot, self._level, num, self._windows.step_s)
        return self._engines[num]


def _unit(name: str, value: torch.Tensor) -> torch.Tensor:
    """Values of a signal, quaternions of length 1."""
    return value / value.norm(dim=-1, keepdim=True) if signal(name).is_quaternion else value


def _float(values: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
