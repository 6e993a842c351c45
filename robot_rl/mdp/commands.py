"""Commands: what is asked of the policy, one row an environment."""

from __future__ import annotations

from collections.abc import Mapping
import math

import torch

from robot_rl.mdp.kinematics import Kinematics
from robot_rl.mdp.observations import concat, norm

State = Mapping[str, torch.Tensor]
"""What a source of commands must know of each environment, (num_envs, size) by name."""


class NoCommand:
    """Nothing is asked: the task is the same in every episode."""

    def draw(
        self, _num: int, _generator: torch.Generator, _device: torch.device
    ) -> dict[str, torch.Tensor]:
        """Nothing to draw."""
        return {}

    def step(self, _state: State) -> dict[str, torch.Tensor]:
        """Nothing changes."""
        return {}

    def signals(self, _state: State) -> dict[str, torch.Tensor]:
        """No signals."""
        return {}


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


class PoseGoal:
    """A pose of the tip of an arm that stands still, within its reach because joints reach it.

    Joint positions are uniform about `centre`, up to `spread` [rad] to each side, among those with
    the tip beyond `low` (x, z) [m]; those of `centre` where `tries` draws in a row miss that.
    """

    def __init__(
        self,
        kinematics: Kinematics,
        *,
        centre: tuple[float, ...],
        spread: tuple[float, ...],
        low: tuple[float, float],
        tries: int = 8,
    ) -> None:
        """Poses of the tip of `kinematics`."""
        self._kinematics, self._low, self._tries = kinematics, low, tries
        self._centre, self._spread = torch.tensor(centre), torch.tensor(spread)
        tip = kinematics(self._centre[None])
        self._fallback = torch.cat((self._centre[None], tip.place, tip.quat), 1)

    def joints(
        self, num: int, generator: torch.Generator, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Joint positions (num, joints) [rad], place (num, 3) [m] and attitude (num, 4)."""
        centre, spread = self._centre.to(device), self._spread.to(device)
        size, tries = len(centre), self._tries
        u = torch.rand(num, size * tries, generator=generator, device=device)
        drawn = centre + spread * (2.0 * u.reshape(num * tries, size) - 1.0)
        tip = self._kinematics(drawn)
        fits = (tip.place[:, 0:1] > self._low[0]) & (tip.place[:, 2:3] > self._low[1])
        rows = torch.cat((drawn, tip.place, tip.quat), 1).reshape(num, tries, size + 7)
        fits, chosen = fits.reshape(num, tries, 1), self._fallback.to(device).expand(num, -1)
        for index in range(tries):
            chosen = torch.where(fits[:, index], rows[:, index], chosen)
        return chosen[:, :size], chosen[:, size : size + 3], chosen[:, size + 3 :]

    def draw(
        self, num: int, generator: torch.Generator, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """New goals for `num` environments."""
        joints, place, quat = self.joints(num, generator, device)
        return {'goal_pos_w': place, 'goal_quat_w': quat, 'goal_joint_pos': joints}

    def step(self, _state: State) -> dict[str, torch.Tensor]:
        """Nothing changes."""
        return {}

    def signals(self, state: State) -> dict[str, torch.Tensor]:
        """Position [m] and attitude asked for, and joint positions [rad] that have them.

        Those are one solution of many: something for a reward to lead to, nothing that is asked.
        """
        names = ('goal_pos_w', 'goal_quat_w', 'goal_joint_pos')
        return {name: state[name].clone() for name in names}


class VelocityCommand:
    """Velocities to walk at: forwards, sideways, and turning; a new one every `period_s`.

    Each is drawn uniformly from its range, then slowed down along its direction where together
    x and y would exceed an ellipse; the part `standing` of them is zero.
    """

    def __init__(
        self,
        *,
        max_lin_vel: tuple[float, float],
        max_ang_vel: float,
        standing: float,
        period_s: float,
        episode_length_s: float,
        control_dt: float,
    ) -> None:
        """Up to +- `max_lin_vel` [m/s] along x and y and `max_ang_vel` [rad/s] about z."""
        self._span = torch.tensor((*max_lin_vel, max_ang_vel))
        self._standing, self._period, self._dt = standing, period_s, control_dt
        self._pieces = math.ceil(episode_length_s / period_s - 1e-9)

    def draw(
        self, num: int, generator: torch.Generator, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """All that will be asked in `num` episodes."""
        u = torch.rand(num, 4 * self._pieces, generator=generator, device=device)
        going = (u[:, 3::4] >= self._standing).float().repeat_interleave(3, 1)
        drawn = 2.0 * u.reshape(num, self._pieces, 4)[:, :, 0:3] - 1.0
        drawn[:, :, 0:2] /= drawn[:, :, 0:2].norm(dim=2, keepdim=True).clamp(min=1.0)
        return {
            'goal_time': torch.zeros_like(u[:, :1]),
            'goal_velocities': going * (self._span.to(device) * drawn).flatten(1),
        }

    def step(self, state: State) -> dict[str, torch.Tensor]:
        """What changes in `state` by one control period."""
        return {'goal_time': state['goal_time'] + self._dt}

    def signals(self, state: State) -> dict[str, torch.Tensor]:
        """Linear [m/s] and angular velocity [rad/s] asked for, in the body frame."""
        piece = ((state['goal_time'] + 0.5 * self._dt) / self._period).floor()
        now = state['goal_velocities'][:, 0:3]
        for index in range(1, self._pieces):
            later = state['goal_velocities'][:, 3 * index : 3 * index + 3]
            now = torch.where(piece >= index, later, now)
        zero = torch.zeros_like(piece)
        return {
            'goal_lin_vel_b': concat((now[:, 0:2], zero)),
            'goal_ang_vel_b': concat((zero, zero, now[:, 2:3])),
        }
