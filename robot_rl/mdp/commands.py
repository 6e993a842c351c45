"""Commands: what is asked of the policy, one row an environment."""

from __future__ import annotations

import torch

from robot_rl.mdp.observations import norm


class LissajousGoal:
    """A goal on a Lissajous curve about a random centre; at amplitude zero it stands still.

    p(t) = centre + amplitude * sin(rate t + phase), each axis on its own, and its two derivatives.
    """

    def __init__(
        self,
        num_envs: int,
        generator: torch.Generator,
        device: torch.device,
        *,
        centre_low: tuple[float, float, float],
        centre_high: tuple[float, float, float],
        amplitude: tuple[float, float] = (0.0, 0.0),
        max_speed: float = 0.0,
        moving: float = 0.0,
        control_dt: float = 0.01,
    ) -> None:
        """Amplitudes [m] of each axis, speeds up to `max_speed` [m/s], for the part `moving`."""
        self._generator, self._device, self._dt = generator, device, control_dt
        self._low = torch.tensor(centre_low, device=device)
        self._span = torch.tensor(centre_high, device=device) - self._low
        self._amplitude_range, self._max_speed, self._moving = amplitude, max_speed, moving
        self.centre = torch.zeros(3, num_envs, device=device).T
        self.amplitude = torch.zeros(3, num_envs, device=device).T
        self.rate = torch.zeros(3, num_envs, device=device).T
        self.phase = torch.zeros(3, num_envs, device=device).T
        self.time = torch.zeros(num_envs, 1, device=device)

    def reset(self, env_ids: torch.Tensor) -> None:
        """Draw new goals for `env_ids`."""
        num = len(env_ids)
        self.centre[env_ids] = self._low + self._span * self._uniform(num)
        self.time[env_ids] = 0.0
        if self._moving == 0.0:
            return
        low, high = self._amplitude_range
        moving = (self._uniform(num)[:, :1] < self._moving).float()
        amplitude = low + (high - low) * self._uniform(num)
        direction = torch.randn(num, 3, generator=self._generator, device=self._device).abs()
        peak = self._max_speed * self._uniform(num)[:, :1] * direction / norm(direction)[:, None]
        self.amplitude[env_ids] = moving * amplitude
        self.rate[env_ids] = peak / amplitude
        self.phase[env_ids] = 2.0 * torch.pi * self._uniform(num)

    def _uniform(self, num: int) -> torch.Tensor:
        return torch.rand(num, 3, generator=self._generator, device=self._device)

    def step(self) -> None:
        """Advance by one control period."""
        self.time += self._dt

    def signals(self, env_ids: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Position [m], velocity [m/s] and acceleration [m/s^2] asked for, of `env_ids` or all."""
        rows = slice(None) if env_ids is None else env_ids
        centre, amplitude, rate = self.centre[rows], self.amplitude[rows], self.rate[rows]
        if self._moving == 0.0:
            zero = torch.zeros_like(centre)
            return {
                'goal_pos_w': centre.clone(),
                'goal_lin_vel_w': zero,
                'goal_lin_acc_w': zero.clone(),
            }
        angle = rate * self.time[rows] + self.phase[rows]
        sine, cosine = amplitude * angle.sin(), amplitude * angle.cos()
        return {
            'goal_pos_w': centre + sine,
            'goal_lin_vel_w': rate * cosine,
            'goal_lin_acc_w': -rate.square() * sine,
        }
