"""What a robot measures: the true signals, late, offset and noisy."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from robot_rl.spec.robot import Robot


class Measurement:
    """Latency, bias and white noise for the sensors of one robot, batched.

    Latency is drawn per environment and signal at reset, and samples between control periods are
    interpolated linearly.
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
        self._generator = generator
        self._sensors = [s for s in map(robot.sensor, names) if s is not None]
        from robot_rl.spec.signal import signal

        sizes = [signal(s.signal).size for s in self._sensors]
        self._names = [s.signal for s in self._sensors]
        self._sizes = sizes
        spread = lambda values: torch.tensor(
            [v for v, size in zip(values, sizes, strict=True) for _ in range(size)], device=device
        )
        self._noise = spread([s.noise_std for s in self._sensors])
        self._bias_std = spread([s.bias_std for s in self._sensors])
        self._latency = [
            (s.latency_s[0] / control_dt, s.latency_s[1] / control_dt) for s in self._sensors
        ]
        self._low = spread([low for low, _ in self._latency])
        self._high = spread([high for _, high in self._latency])
        self._slots = 1 + max(1, int(-(-self._high.max().item() // 1)))
        total = sum(sizes)
        self._index = spread(list(range(len(sizes)))).long()
        self._history = torch.zeros(self._slots, total, num_envs, device=device).transpose(1, 2)
        self._bias = torch.zeros(total, num_envs, device=device).T
        self._delay = torch.zeros(total, num_envs, device=device).T
        self._quat = None
        start = 0
        for name, size in zip(self._names, sizes, strict=True):
            if name == 'base_quat_w':
                self._quat = slice(start, start + size)
            start += size

    def _flat(self, signals: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([signals[name].T for name in self._names]).T

    def reset(self, env_ids: torch.Tensor, signals: Mapping[str, torch.Tensor]) -> None:
        """Draw new offsets and delays; `signals` are the true rows of `env_ids`."""
        num, total = len(env_ids), self._bias.shape[1]
        draw = torch.rand(
            num, len(self._sizes), generator=self._generator, device=self._bias.device
        )
        self._delay[env_ids] = self._low + (self._high - self._low) * draw[:, self._index]
        normal = torch.randn(num, total, generator=self._generator, device=self._bias.device)
        self._bias[env_ids] = self._bias_std * normal
        self._history[:, env_ids] = self._flat(signals)

    def __call__(self, signals: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Take a sample: push the true signals of all environments, return what is measured."""
        flat = self._flat(signals)
        if self._slots == 2:
            late = torch.lerp(flat, self._history[0], self._delay)
            self._history[0] = flat
        else:
            self._history = torch.cat((flat[None], self._history[:-1]))
            late = self._interpolate()
        return self._corrupt(signals, late)

    def last(
        self, signals: Mapping[str, torch.Tensor], env_ids: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """First sample after a reset of `env_ids`; `signals` hold only their rows."""
        flat = self._flat(signals)
        noisy = self._noisy(flat, self._bias[env_ids])
        return {**signals, **self._split(noisy)}

    def _interpolate(self) -> torch.Tensor:
        whole = self._delay.floor().clamp(max=self._slots - 2)
        index = whole.long()[None]
        newer, older = self._history.gather(0, index)[0], self._history.gather(0, index + 1)[0]
        return torch.lerp(newer, older, self._delay - whole)

    def _noisy(self, flat: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(flat.T.shape, generator=self._generator, device=flat.device).T
        noisy = (flat + bias).addcmul_(noise, self._noise)
        if self._quat is not None:
            quat = noisy[:, self._quat]
            quat *= quat.square().sum(1, keepdim=True).rsqrt()
        return noisy

    def _corrupt(
        self, signals: Mapping[str, torch.Tensor], late: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        return {**signals, **self._split(self._noisy(late, self._bias))}

    def _split(self, flat: torch.Tensor) -> dict[str, torch.Tensor]:
        return dict(zip(self._names, flat.split(self._sizes, dim=1), strict=True))
