"""What a robot measures: the true signals, late, offset, noisy and at the rate of their topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math

import torch

from robot_rl.sensors.pace import PHASE, Pace
from robot_rl.spec.robot import Robot

Signals = Mapping[str, torch.Tensor]


def delayed(
    newest: torch.Tensor, past: Sequence[torch.Tensor], delay: torch.Tensor
) -> torch.Tensor:
    """What was there `delay` periods ago, interpolated linearly; all tensors (num, size).

    `past` are the values before `newest`, newest first; what is older counts as the last of them.
    """
    whole = delay.floor().clamp(max=len(past) - 1)
    newer, older = newest, past[0]
    for slot in range(1, len(past)):
        reached = whole >= slot
        newer = torch.where(reached, past[slot - 1], newer)
        older = torch.where(reached, past[slot], older)
    return torch.lerp(newer, older, delay - whole)


class Measurement:
    """Latency, bias and white noise for the sensors of one robot, batched.

    Latency is drawn per environment and signal at reset, and samples between control periods are
    interpolated linearly. Pure functions: the state is kept by whoever calls them.
    """

    def __init__(
        self,
        robot: Robot,
        names: tuple[str, ...],
        control_dt: float,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        """Cover the signals `names` that have a sensor; the others (commands) pass as they are."""
        sensors = [s for s in map(robot.sensor, names) if s is not None]
        self._generator, self._device = generator, device
        self._names = [s.signal for s in sensors]
        self._sizes = [robot.signal(name).size for name in self._names]
        self._quaternions = [name for name in self._names if robot.signal(name).is_quaternion]
        self._noise = self._spread([s.noise_std for s in sensors])
        self._bias_std = self._spread([s.bias_std for s in sensors])
        self._low = self._spread([s.latency_s[0] / control_dt for s in sensors])
        self._high = self._spread([s.latency_s[1] / control_dt for s in sensors])
        self._sensor_of = self._spread(list(range(len(sensors)))).long()
        self._total = sum(self._sizes)
        self._pace = Pace(robot, names, control_dt, generator, device)
        self.changing = ('sensor_past', *self._pace.changing)
        """Of what `fresh` returns, this changes with every sample."""
        longest = max((s.latency_s[1] for s in sensors), default=0.0)
        self._slots = max(1, math.ceil(longest / control_dt) + bool(self._pace))

    def _spread(self, values: Sequence[float]) -> torch.Tensor:
        """One value a sensor to one value a component."""
        pairs = zip(values, self._sizes, strict=True)
        return torch.tensor([v for v, size in pairs for _ in range(size)], device=self._device)

    def _flat(self, signals: Signals) -> torch.Tensor:
        nothing = next(iter(signals.values()))[:, :0]  # where no signal has a sensor
        return torch.cat([nothing.T, *(signals[name].T for name in self._names)]).T

    def _normal(self, num: int, size: int) -> torch.Tensor:
        return torch.randn(size, num, generator=self._generator, device=self._device).T

    def fresh(self, signals: Signals) -> dict[str, torch.Tensor]:
        """State of sensors whose robots start at the true `signals`: new offsets and delays.

        'sensor_past' are the true values of earlier periods, newest first.
        """
        flat = self._flat(signals)
        shape = (len(flat), len(self._sizes))
        share = torch.rand(shape, generator=self._generator, device=self._device)
        return {
            'sensor_past': flat.repeat(1, self._slots),
            'sensor_delay': torch.lerp(self._low, self._high, share[:, self._sensor_of]),
            'sensor_bias': self._bias_std * self._normal(len(flat), self._total),
            **(self._pace.fresh(len(flat)) if self._pace else {}),
        }

    def sample(
        self, signals: Signals, state: Signals, held: Signals
    ) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return what is measured one period later, and what that changes in `state`.

        A topic that brings nothing new gives what was measured last, `held`.
        """
        flat, delay = self._flat(signals), state['sensor_delay']
        past = state['sensor_past'].split(self._total, dim=1)
        kept = {'sensor_past': torch.cat([part.T for part in (flat, *past[:-1])]).T}
        if not self._pace:
            return self._corrupt(signals, delayed(flat, past, delay), state), kept
        due, phase = self._pace.tick(state)
        late = delayed(flat, past, delay + self._waited(phase))
        sent = self._corrupt(signals, late, state)
        return self._pace.newest(sent, held, due), {**kept, PHASE: phase}

    def _waited(self, phase: torch.Tensor) -> torch.Tensor:
        """[periods] since the message was measured that brings each component, (num, total)."""
        waited = self._pace.waited(phase)
        none = torch.zeros_like(phase[:, :1])
        pairs = zip(self._names, self._sizes, strict=True)
        rows = [waited.get(name, none).T.expand(size, -1) for name, size in pairs]
        return torch.cat([none[:, :0].T, *rows]).T

    def first(self, signals: Signals, state: Signals) -> dict[str, torch.Tensor]:
        """Sample in the very moment of `fresh`: nothing is late yet."""
        return self._corrupt(signals, self._flat(signals), state)

    def _corrupt(
        self, signals: Signals, flat: torch.Tensor, state: Signals
    ) -> dict[str, torch.Tensor]:
        noise = self._noise * self._normal(len(flat), self._total)
        noisy = flat + state['sensor_bias'] + noise
        parts = dict(zip(self._names, noisy.split(self._sizes, dim=1), strict=True))
        for name in self._quaternions:
            quat = parts[name]
            parts[name] = quat * quat.square().sum(1, keepdim=True).rsqrt()
        return {**signals, **parts}
