"""What a robot measures: the true signals, late, offset and noisy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math

import torch

from robot_rl.spec.robot import Robot
from robot_rl.spec.signal import signal


class Measurement:
    """Latency, bias and white noise for the sensors of one robot, batched.

    Latency is drawn per environment and signal at reset, and samples between control periods are
    interpolated linearly. `sample` is a pure function of tensors, so that it can be compiled.
    """

    def __init__(
        self,
        robot: Robot,
        names: tuple[str, ...],
        num_envs: int,
        control_dt: float,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        """Cover the signals `names` that have a sensor; the others (commands) pass as they are."""
        sensors = [s for s in map(robot.sensor, names) if s is not None]
        self._generator, self._num_envs, self._device = generator, num_envs, device
        self._names = [s.signal for s in sensors]
        self._sizes = [signal(name).size for name in self._names]
        self._noise = self._spread([s.noise_std for s in sensors])
        self._bias_std = self._spread([s.bias_std for s in sensors])
        self._low = self._spread([s.latency_s[0] / control_dt for s in sensors])
        self._high = self._spread([s.latency_s[1] / control_dt for s in sensors])
        self._sensor_of = self._spread(list(range(len(sensors)))).long()
        slots = max(1, math.ceil(max((s.latency_s[1] for s in sensors), default=0.0) / control_dt))
        total = sum(self._sizes)
        self._bias = torch.zeros(total, num_envs, device=device).T
        self._delay = torch.zeros(total, num_envs, device=device).T
        self.past = torch.zeros(slots, total, num_envs, device=device).transpose(1, 2)
        """True values of earlier periods, newest first, (slots, num_envs, total)."""

    def _spread(self, values: Sequence[float]) -> torch.Tensor:
        """One value a sensor to one value a component."""
        pairs = zip(values, self._sizes, strict=True)
        return torch.tensor([v for v, size in pairs for _ in range(size)], device=self._device)

    def _flat(self, signals: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([signals[name].T for name in self._names]).T

    def reset(self, env_ids: torch.Tensor, signals: Mapping[str, torch.Tensor]) -> None:
        """Draw new offsets and delays; `signals` are the true rows of `env_ids`."""
        num, total = len(env_ids), len(self._bias_std)
        share = torch.rand(num, len(self._sizes), generator=self._generator, device=self._device)
        self._delay[env_ids] = torch.lerp(self._low, self._high, share[:, self._sensor_of])
        normal = torch.randn(num, total, generator=self._generator, device=self._device)
        self._bias[env_ids] = self._bias_std * normal
        self.past[:, env_ids] = self._flat(signals)

    def draw(self, num: int | None = None) -> torch.Tensor:
        """Standard normal numbers for one sample of `num` environments, by default of all."""
        num = self._num_envs if num is None else num
        size = len(self._noise)
        return torch.randn(size, num, generator=self._generator, device=self._device).T

    def sample(
        self, signals: Mapping[str, torch.Tensor], past: torch.Tensor, noise: torch.Tensor
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """What all environments measure now, and `past` for the next sample."""
        flat = self._flat(signals)
        whole = self._delay.floor().clamp(max=len(past) - 1)
        newer, older = flat, past[0]
        for slot in range(1, len(past)):
            reached = whole >= slot
            newer = torch.where(reached, past[slot - 1], newer)
            older = torch.where(reached, past[slot], older)
        late = torch.lerp(newer, older, self._delay - whole)
        kept = torch.cat((flat.T[None], past[:-1].transpose(1, 2))).transpose(1, 2)
        return {**signals, **self._corrupt(late, self._bias, noise)}, kept

    def first(
        self, signals: Mapping[str, torch.Tensor], env_ids: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """First sample after a reset of `env_ids`; `signals` hold only their rows."""
        bias = self._bias[env_ids]
        return {**signals, **self._corrupt(self._flat(signals), bias, self.draw(len(bias)))}

    def _corrupt(
        self, flat: torch.Tensor, bias: torch.Tensor, noise: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        noisy = flat + bias + noise * self._noise
        parts = dict(zip(self._names, noisy.split(self._sizes, dim=1), strict=True))
        if 'base_quat_w' in parts:
            quat = parts['base_quat_w']
            parts['base_quat_w'] = quat * quat.square().sum(1, keepdim=True).rsqrt()
        return parts
