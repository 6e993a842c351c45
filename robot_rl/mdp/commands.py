"""Commands: what is asked of the policy, one row an environment."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from robot_rl.mdp.observations import norm

State = Mapping[str, torch.Tensor]
"""What a source of commands must know of each environment, (num_envs, size) by name."""


class LissajousGoal:
    """A goal on a Lissajous curve about a random centre; at amplitude zero it stands still.

    p(t) = centre + amplitude * sin(rate t + phase), each axis on its own, and its two derivatives.
    Pure functions: the state is kept by whoever calls them.
    """

    def __init__(
        self,
        *,
        centre_low: tuple[float, float, float],
        centre_high: tuple[float, float, float],
        amplitude: tuple[float, float] = (0.0, 0.0),
        max_speed: float = 0.0,
        moving: float = 0.0,
        control_dt: float = 0.01,
    ) -> None:
        """Amplitudes [m] of each axis, speeds up to `max_speed` [m/s], for the part `moving`."""
        self._dt = control_dt
        self._low = torch.tensor(centre_low)
        self._span = torch.tensor(centre_high) - self._low
        self._amplitude_range, self._max_speed, self._moving = amplitude, max_speed, moving

    def draw(
        self, num: int, generator: torch.Generator, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """New goals for `num` environments."""
        low, span = self._low.to(device), self._span.to(device)
        u = torch.rand(num, 11, generator=generator, device=device)
        fresh = {'goal_time': torch.zeros_like(u[:, :1]), 'goal_centre': low + span * u[:, 0:3]}
        if self._moving == 0.0:
            return fresh
        nearest, furthest = self._amplitude_range
        amplitude = nearest + (furthest - nearest) * u[:, 3:6]
        direction = torch.randn(num, 3, generator=generator, device=device).abs()
        peak = self._max_speed * u[:, 9:10] * direction / norm(direction)[:, None]
        return {
            **fresh,
            'goal_amplitude': (u[:, 10:11] < self._moving).float() * amplitude,
            'goal_rate': peak / amplitude,
            'goal_phase': 2.0 * torch.pi * u[:, 6:9],
        }

    def step(self, state: State) -> dict[str, torch.Tensor]:
        """What changes in `state` by one control period; the rest stays as it was drawn."""
        return {'goal_time': state['goal_time'] + self._dt}

    def signals(self, state: State) -> dict[str, torch.Tensor]:
        """Position [m], velocity [m/s] and acceleration [m/s^2] asked for."""
        centre = state['goal_centre']
        if self._moving == 0.0:
            zero = torch.zeros_like(centre)
            return {
                'goal_pos_w': centre.clone(),
                'goal_lin_vel_w': zero,
                'goal_lin_acc_w': zero.clone(),
            }
        rate, amplitude = state['goal_rate'], state['goal_amplitude']
        angle = rate * state['goal_time'] + state['goal_phase']
        sine, cosine = amplitude * angle.sin(), amplitude * angle.cos()
        return {
            'goal_pos_w': centre + sine,
            'goal_lin_vel_w': rate * cosine,
            'goal_lin_acc_w': -rate.square() * sine,
        }
