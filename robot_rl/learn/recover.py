"""What a practising car does after it touched a wall: turn in steps until it faces the way again.

FastRLAP's car backs off with a random steering angle (Stachowicz et al., arXiv 2304.09831). This
one knows which way the track leads, as that one knows its next checkpoint, so it steers to face
it: back, and where that does not do, forward and back again. All of it is time of practice.

Kinematics have no walls here: a car that touches one is stopped where it was a period before.
"""

from __future__ import annotations

import math

import torch

from robot_rl.spec.robot import Setpoint
from robot_rl.spec.task import Signals

SPEED = 1.0  # [m/s] back and forward
BACK_S = 0.7  # [s] of going back before anything else
LEG_S = 1.2  # [s] of going one way at most
FACING = 0.5  # [rad] from the track's direction at which it is done
GIVE_UP_S = 20.0  # [s]


class Recovery:
    """One car, from the wall back to its way."""

    def __init__(self, setpoint: Setpoint, control_dt: float) -> None:
        """Send the fields 'speed' and 'steering_angle' of `setpoint`."""
        self._steepest = setpoint.high[1]
        self._dt = control_dt
        self._way, self._leg_s = -1.0, 0.0
        self.seconds = 0.0
        """[s] that it takes so far."""

    def step(self, signals: Signals, blocked: bool) -> torch.Tensor | None:
        """Setpoint (1, 2) for the next period; None where the policy may drive on.

        `signals` are true ones of the place, `blocked` whether the last period ended at a wall.
        """
        off = float(signals['track_heading'][0, 0])
        facing = abs(off) < FACING
        if self.seconds >= GIVE_UP_S or (facing and self.seconds >= BACK_S):
            return None
        if self.seconds > 0.0 and (blocked or self._leg_s >= LEG_S):
            self._way, self._leg_s = -self._way, 0.0
        self.seconds += self._dt
        self._leg_s += self._dt
        steering = -self._way * math.copysign(self._steepest, off)
        return torch.tensor([[self._way * SPEED, 0.0 if facing else steering]])
