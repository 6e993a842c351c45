"""What a robot measures: the true signals, late, offset and noisy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math

import torch

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

    changing = ('sensor_past',)
    """Of what `fresh` returns, this changes with every sample."""

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
        self._noise = self._spread([s.noise_std for s in sensors])
        self._bias_std = self._spread([s.bias_std for s in sensors])
        self._low = self._spread([s.latency_s[0] / control_dt for s in sensors])
        self._high = self._spread([s.latency_s[1] / control_dt for s in sensors])
        self._sensor_of = self._spread(list(range(len(sensors)))).long()
        self._total = sum(self._sizes)
        self._slots = max(
            1, math.ceil(max((s.latency_s[1] for s in sensors), default=0.0) / control_dt)
        )

    def _spread(self, values: Sequence[float]) -> torch.Tensor:
        """One value a sensor to one value a component."""
        pairs = zip(values, self._sizes, strict=True)
        return torch.tensor([v for v, size in pairs for _ in range(size)], device=self._device)

    def _flat(self, signals: Signals) -> torch.Tensor:
        return torch.cat([signals[name].T for name in self._names]).T

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
        }

    def sample(
        self, signals: Signals, state: Signals
    ) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return what is measured one period later, and what that changes in `state`."""
        flat, delay = self._flat(signals), state['sensor_delay']
        past = state['sensor_past'].split(self._total, dim=1)
        late = delayed(flat, past, delay)
        kept = torch.cat([part.T for part in (flat, *past[:-1])]).T
        return self._corrupt(signals, late, state), {'sensor_past': kept}

    def first(self, signals: Signals, state: Signals) -> dict[str, torch.Tensor]:
        """Sample in the very moment of `fresh`: nothing is late yet."""
        return self._corrupt(signals, self._flat(signals), state)

    def _corrupt(
        self, signals: Signals, flat: torch.Tensor, state: Signals
    ) -> dict[str, torch.Tensor]:
        noise = self._noise * self._normal(len(flat), self._total)
        noisy = flat + state['sensor_bias'] + noise
        parts = dict(zip(self._names, noisy.split(self._sizes, dim=1), strict=True))
        if 'base_quat_w' in parts:
            quat = parts['base_quat_w']
            parts['base_quat_w'] = quat * quat.square().sum(1, keepdim=True).rsqrt()
        return {**signals, **parts}
