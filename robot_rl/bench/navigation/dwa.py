"""The dynamic window approach with the critics of DWB.

D. Fox, W. Burgard, S. Thrun, "The dynamic window approach to collision avoidance", IEEE Robotics &
Automation Magazine 4, 1997. The window is what the accelerations reach within the simulated time,
as in DWB; the command goes one period of the way to the best pair of it. Weights and samples are
Nav2's defaults where not said otherwise. A path that leads back is turned to by a rotation shim.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.navigation.costmap import CELL
from robot_rl.bench.navigation.shim import sideways
from robot_rl.bench.navigation.situation import Command, Situation
from robot_rl.kernels.foresee import toward, window
from robot_rl.spec.arena import NavLimits

Array = NDArray[Any]

SIM_TIME, STEP = 1.7, 0.1
"""[s] simulated, [s] between poses."""
SPEEDS, TURNS = 20, 41
"""Samples; DWB has 20 turns. An odd number holds the middle, and zero is added."""
PATH, GOAL, PATH_ALIGN, GOAL_ALIGN, OBSTACLE = 32.0, 24.0, 32.0, 24.0, 0.02
STRAIGHT = 0.97
"""Part of the way left that its ends are apart where nothing is in between."""
AHEAD = 0.325
"""[m] of the point that the align critics look at."""
RESERVE = 0.15
"""[s] until braking begins: this period, the next, and what a drive is late."""


class DynamicWindow:
    """A controller, see bench/navigation/situation.py."""

    def __init__(self, limits: NavLimits) -> None:
        """`limits` are what it may command; it never drives backwards."""
        self._limits = limits
        self._most = np.array([limits.acceleration, limits.yaw_acceleration])
        self._times = np.array([STEP, round(SIM_TIME / STEP), RESERVE])
        # Up to a local goal that no point ahead of a rollout passes.
        self._points = round((limits.max_speed * SIM_TIME + 3.0 * AHEAD) / CELL) + 2
        self._out = np.empty((SPEEDS * (TURNS + 1), 3))

    def reset(self, seed: int) -> None:
        """Nothing is drawn or remembered."""

    def candidates(self, velocity: Array) -> tuple[Array, Array]:
        """Speeds [m/s] and yaw rates [rad/s] of the window around `velocity`."""
        limits, reach = self._limits, SIM_TIME * self._most
        low = min(max(float(velocity[0] - reach[0]), 0.0), limits.max_speed)
        high = max(min(float(velocity[0] + reach[0]), limits.max_speed), low)
        left = min(float(velocity[1] + reach[1]), limits.max_yaw_rate)
        right = max(float(velocity[1] - reach[1]), -limits.max_yaw_rate)
        turns = np.append(np.linspace(right, left, TURNS), min(max(0.0, right), left))
        return np.linspace(low, high, SPEEDS), turns

    def _poses(self, situation: Situation) -> int:
        """Poses simulated: fewer straight before the goal, so as not to creep to it."""
        limits, remaining = self._limits, situation.remaining
        straight = np.linalg.norm(situation.path[-1] - situation.pose[:2]) > STRAIGHT * remaining
        if not straight:
            return round(SIM_TIME / STEP)
        brake = 0.5 * limits.max_speed / limits.acceleration + 2.0 * RESERVE
        time = min(max(remaining / limits.max_speed, brake), SIM_TIME)
        return round(time / STEP)

    def command(self, situation: Situation) -> Command | None:
        """See Controller."""
        turn = sideways(situation, self._limits)
        if turn is not None:
            return turn
        grid, velocity = situation.costmap, situation.velocity
        speeds, turns = self.candidates(velocity)
        path = situation.path[: self._points]
        self._times[1] = self._poses(situation)
        # Where the path ends the point ahead would be beyond it.
        align = 1.0 if situation.remaining > 2.0 * AHEAD else 0.0
        # DWB counts half a metre of distance as one.
        weights = np.array([PATH, GOAL, align * PATH_ALIGN, align * GOAL_ALIGN, 2.0 * OBSTACLE])
        window(
            grid.cost, grid.frame, situation.shape, grid.bands, situation.allowed,
            situation.pose, velocity, speeds, turns, self._most, self._times,
            path, AHEAD, 0.5 * weights, self._out,
        )  # fmt: skip
        best = int(np.argmin(self._out[:, 0]))
        if not np.isfinite(self._out[best, 0]):
            return None
        asked = speeds[best // len(turns)], turns[best % len(turns)]
        change = self._most / self._limits.rate_hz
        return (
            float(toward(velocity[0], asked[0], change[0])),
            float(toward(velocity[1], asked[1], change[1])),
        )
