"""What a planner does when it is at a loss, in the manner of Nav2's default behaviour tree.

Nav2 goes in turn through clearing the costmaps, a spin of 1.57 rad, a wait of 5 s and backing up
0.30 m, tries again after each, and gives the goal up after six. So here, without the wait: the
places are static or soon change. Six in a row, that is: coming nearer to the goal begins anew.
"""

from __future__ import annotations

from dataclasses import replace
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.navigation.situation import Command, Situation
from robot_rl.kernels.foresee import toward
from robot_rl.spec.arena import NavLimits

Array = NDArray[Any]

TRIES = 6
SPIN, SPIN_RATE = 1.57, 1.0
"""[rad], [rad/s]; Nav2's behavior server."""
BACK, BACK_SPEED = 0.30, 0.15
"""[m], [m/s]; of the default tree."""
LOOK = 0.2
"""Part of the motion, turned or driven, that must be free ahead."""
STEPS = 10
"""Poses checked in it."""
LONGEST_S = 10.0
"""[s] after which a motion is given up; Nav2's time allowance."""


class Recovery:
    """Recoveries of an episode, one after the other."""

    def __init__(self, limits: NavLimits) -> None:
        """`limits` are what it may command; without a backward speed it never backs up."""
        self._limits = limits
        self.reset()

    def reset(self) -> None:
        """Begin an episode."""
        self.count = 0
        """Recoveries begun in this episode."""
        self.tries = 0
        """Of them in a row, without coming nearer to the goal in between."""
        self._next = 0
        self._doing = ''

    @property
    def running(self) -> bool:
        """Whether a recovery is under way."""
        return bool(self._doing)

    @property
    def given_up(self) -> bool:
        """Whether all tries are used up."""
        return self.tries >= TRIES and not self._doing

    def begin(self, pose: Array) -> None:
        """Start the next recovery from a pose x, y [m], yaw [rad]; nothing once given up."""
        if self.given_up:
            return
        kinds = ('clear', 'spin', 'back up') if self._limits.min_speed < 0.0 else ('clear', 'spin')
        self._doing = kinds[self._next % len(kinds)]
        self._next += 1
        self.count += 1
        self.tries += 1
        self._from, self._periods, self._side = pose.copy(), 0, 0.0
        self._turned, self._yaw = 0.0, float(pose[2])

    def drove_on(self) -> None:
        """Count the tries anew: the robot has come nearer to the goal."""
        self.tries = 0

    def command(self, situation: Situation) -> Command | None:
        """Velocities [m/s, rad/s] of the recovery under way; None once it has ended."""
        self._periods += 1
        wanted = self._wanted(situation)
        limits, (v, w) = self._limits, situation.velocity
        late = self._periods > LONGEST_S * limits.rate_hz
        if wanted is None or late:
            self._doing = ''
            return None
        return (
            float(toward(v, wanted[0], limits.acceleration / limits.rate_hz)),
            float(toward(w, wanted[1], limits.yaw_acceleration / limits.rate_hz)),
        )

    def _wanted(self, situation: Situation) -> Command | None:
        if self._doing == 'clear':
            situation.costmap.clear(situation.pose)
            return None
        if abs(situation.velocity[0]) > 1e-6 and self._periods == 1:
            self._periods = 0  # it comes to rest before it begins
            self._from, self._yaw = situation.pose.copy(), float(situation.pose[2])
            return 0.0, 0.0
        return self._spin(situation) if self._doing == 'spin' else self._back_up(situation)

    def _spin(self, situation: Situation) -> Command | None:
        step = float(situation.pose[2]) - self._yaw
        self._yaw += step
        self._turned += abs(math.remainder(step, 2.0 * math.pi))
        left = SPIN - self._turned
        if left <= 0.02:
            return None
        if not self._side:
            sides = (1.0, -1.0)
            self._side = next((side for side in sides if self._turns(situation, side)), 0.0)
        if not self._side or not self._turns(situation, self._side):
            return None
        rate = min(SPIN_RATE, self._limits.max_yaw_rate)
        return 0.0, self._side * min(rate, math.sqrt(left * self._limits.yaw_acceleration))

    def _turns(self, situation: Situation, side: float) -> bool:
        arc = np.tile((0.0, side * LOOK * SPIN), (STEPS, 1))
        return situation.free(arc, 1.0 / STEPS) == STEPS

    def _back_up(self, situation: Situation) -> Command | None:
        left = BACK - math.hypot(*(situation.pose[:2] - self._from[:2]))
        way = np.tile((-max(LOOK * BACK, 0.05), 0.0), (STEPS, 1))
        if left <= 0.01 or situation.free(way, 1.0 / STEPS) < STEPS:
            return None
        return max(-BACK_SPEED, self._limits.min_speed), 0.0


def limits_with(limits: NavLimits, backward: float) -> NavLimits:
    """`limits` with a speed backward of at most `backward` [m/s], a positive number."""
    return replace(limits, min_speed=max(limits.min_speed, -backward))
