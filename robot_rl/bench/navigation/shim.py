"""Turning on the spot toward a path that begins sideways, as Nav2's rotation shim does."""

from __future__ import annotations

import math

import numpy as np

from robot_rl.bench.navigation.costmap import CELL
from robot_rl.bench.navigation.situation import Command, Situation
from robot_rl.kernels.foresee import toward
from robot_rl.spec.arena import NavLimits

RATE = 1.8
"""[rad/s] rotate_to_heading_angular_vel."""
TURN_FROM, LOOK = 1.57, 0.5
"""[rad] of the path's direction from which `sideways` turns, [m] ahead where it is taken."""
LOOK_S, STEP = 0.5, 0.05
"""[s] for which the turn must be free, [s] between its poses."""


def turning(situation: Situation, angle: float, limits: NavLimits) -> Command | None:
    """Command that brakes and turns by `angle` [rad]; None if something is in the way."""
    rate = min(RATE, limits.max_yaw_rate, math.sqrt(2.0 * limits.yaw_acceleration * abs(angle)))
    v, w = situation.velocity
    change = limits.yaw_acceleration / limits.rate_hz
    command = (
        float(toward(v, 0.0, limits.acceleration / limits.rate_hz)),
        float(toward(w, math.copysign(rate, angle), change)),
    )
    steps = np.arange(round(LOOK_S / STEP))
    slowing = np.maximum(abs(command[0]) - limits.acceleration * STEP * steps, 0.0)
    arc = np.column_stack((math.copysign(1.0, v) * slowing, np.full(len(steps), command[1])))
    return command if situation.free(arc, STEP) == len(arc) else None


def sideways(situation: Situation, limits: NavLimits) -> Command | None:
    """`turning` for a path that leads back; None if it leads ahead or the turn is blocked."""
    x, y, yaw = situation.pose
    ahead = situation.path[min(round(LOOK / CELL), len(situation.path) - 1)]
    angle = math.remainder(math.atan2(ahead[1] - y, ahead[0] - x) - yaw, 2.0 * math.pi)
    return turning(situation, angle, limits) if abs(angle) > TURN_FROM else None
