"""The classical racer: pure pursuit of the true centre line with a speed profile.

R. Coulter, "Implementation of the Pure Pursuit Path Tracking Algorithm", CMU-RI-TR-92-01, 1992:
steer on the circle that leads from the rear axle to a point on the line ahead. The speed is that
of mdp/racing.py for a friction that is a part of the nominal one. It sees the true pose without
delay and knows the centre line to the millimetre, which no policy here does; its setpoints pass
through the same limits, delays and lags.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from robot_rl.envs.vector import VectorEnv
from robot_rl.mdp.actions import within
from robot_rl.mdp.observations import heading
from robot_rl.mdp.racing import Grip, speed_profile
from robot_rl.mdp.tracks import SECTIONS, Tracks
from robot_rl.spec.robot import GRAVITY

PREVIEW_S = 0.15
"""[s] the speed asked for is that of the place reached so much later: the speed loop lags."""
SPEED_LAG = 0.1
"""[s] an error of the speed is worked off in about this time, so it asks for error / SPEED_LAG."""
NEAREST = 0.5
"""[m] least lookahead."""


@dataclass(frozen=True)
class Setting:
    """What is swept."""

    lookahead_s: float
    """[s] the point aimed at is so much time ahead, and at least NEAREST."""
    friction: float
    """Part of the nominal friction that the speed profile uses."""


class PurePursuit:
    """A policy, in the sense of envs/rollout.py, for environments with given tracks."""

    def __init__(
        self, tracks: Tracks, track: torch.Tensor, wheelbase: float, grip: Grip, setting: Setting
    ) -> None:
        """Environment i drives on `tracks` number track[i]; `grip` is the nominal car's."""
        self._setting, self._wheelbase, self._track = setting, wheelbase, track
        spacing = np.repeat(tracks.spacing[:, None], SECTIONS, 1)
        used = replace(grip, friction=setting.friction * grip.friction)
        speed = speed_profile(tracks.curvature, spacing, used)
        self._gain = SPEED_LAG * used.friction * GRAVITY
        self._speed = torch.from_numpy(speed.astype(np.float32))
        self._centre = torch.from_numpy(tracks.centre.astype(np.float32))
        self._spacing = torch.from_numpy(tracks.spacing.astype(np.float32))[track]

    def _at(self, values: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """`values` (tracks, sections, ...) at arc length `position` (n,) of each track."""
        place = position / self._spacing
        low = place.floor()
        share = (place - low).reshape(-1, *[1] * (values.dim() - 2))
        first = low.long() % SECTIONS
        a, b = values[self._track, first], values[self._track, (first + 1) % SECTIONS]
        return torch.lerp(a, b, share)

    def __call__(
        self, env: VectorEnv, position: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Action (unused) and setpoint of cars at arc length `position` (n,)."""
        signals = env.engine.signals()
        yaw = heading(signals['base_quat_w'])
        forward = signals['base_lin_vel_b'][:, 0].clamp(min=0.0)
        ahead = (self._setting.lookahead_s * forward).clamp(min=NEAREST)
        to = self._at(self._centre, position + ahead) - signals['base_pos_w'][:, :2]
        side = yaw.cos() * to[:, 1] - yaw.sin() * to[:, 0]
        steering = torch.atan(2.0 * self._wheelbase * side / to.square().sum(1))
        speed = self._at(self._speed, position + PREVIEW_S * forward)
        # No harder on the throttle than its circle says: a tyre that drives does not steer.
        speed = torch.minimum(speed, forward + self._gain)
        low, high = (torch.tensor(row) for row in (env.task.setpoint.low, env.task.setpoint.high))
        setpoint = within(torch.stack((speed, steering), 1), low, high)
        return torch.zeros(env.num_envs, env.task.action_size), setpoint
