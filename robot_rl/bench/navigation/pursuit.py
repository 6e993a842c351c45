"""Regulated pure pursuit.

S. Macenski, S. Singh, F. Martin, J. Gines, "Regulated pure pursuit for robot path tracking",
Autonomous Robots 47, 2023: pure pursuit whose speed falls in curves, near obstacles and near the
goal, which turns on the spot toward a path that begins sideways, and stops before it collides.
Numbers of Nav2's bringup where not said otherwise.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.navigation.shim import turning
from robot_rl.bench.navigation.situation import Command, Situation
from robot_rl.kernels.foresee import toward
from robot_rl.spec.arena import NavLimits

Array = NDArray[Any]

LOOKAHEAD_S, NEAREST, FARTHEST = 1.5, 0.3, 0.9
"""[s] the carrot is ahead at the present speed, [m] at least and at most."""
RADIUS = 0.9
"""[m] of a curve below which the speed falls with it."""
PROXIMITY, GAIN = 0.6, 1.0
"""[m] from an obstacle below which the speed falls by GAIN times the part of it; that is 0.6 of
the published code."""
LEAST = 0.25
"""[m/s] to which curves and obstacles can lower the speed."""
APPROACH, CREEP = 0.6, 0.05
"""[m] from the goal where the speed falls, [m/s] to which."""
TURN_FROM = 0.785
"""[rad] of the path's direction from which it is turned to on the spot."""
COLLISION_S, STEP = 1.0, 0.05
"""[s] for which an arc must be free, [s] between its poses."""


def curvature(carrot: Array) -> float:
    """[1/m] of the circle from the origin along x through `carrot` x, y [m]: 2 y / L^2."""
    square = float(carrot[0] ** 2 + carrot[1] ** 2)
    return 2.0 * float(carrot[1]) / square if square > 1e-6 else 0.0


def regulated(speed: float, bend: float, clearance: float) -> float:
    """[m/s] left of `speed` in a curve of `bend` [1/m], `clearance` [m] from an obstacle."""
    allowed = [speed]
    if abs(bend) * RADIUS > 1.0:
        allowed.append(speed / (abs(bend) * RADIUS))
    if clearance < PROXIMITY:
        allowed.append(speed * GAIN * clearance / PROXIMITY)
    return max(min(allowed), min(LEAST, speed))


def carrot_of(path: Array, place: Array, lookahead: float) -> Array:
    """Point x, y [m] where `path` (n, 2) leaves the circle of radius `lookahead` about `place`."""
    distance = np.linalg.norm(path - place, axis=1)
    beyond = np.flatnonzero(distance >= lookahead)
    if not len(beyond) or beyond[0] == 0:
        return path[-1] if not len(beyond) else path[0]
    first, second = path[beyond[0] - 1], path[beyond[0]]
    start, step = first - place, second - first
    a, b = float(step @ step), float(start @ step)
    root = math.sqrt(max(b * b - a * (float(start @ start) - lookahead**2), 0.0))
    return first + (root - b) / a * step


def _lookahead(speed: float) -> float:
    return min(max(LOOKAHEAD_S * speed, NEAREST), FARTHEST)


class RegulatedPurePursuit:
    """A controller, see bench/navigation/situation.py."""

    def __init__(self, limits: NavLimits) -> None:
        """`limits` are what it may command; it never drives backwards."""
        self._limits = limits

    def reset(self, seed: int) -> None:
        """Nothing is drawn or remembered."""

    def command(self, situation: Situation) -> Command | None:
        """See Controller."""
        velocity, limits = situation.velocity, self._limits
        carrot = self._carrot(situation)
        angle = math.atan2(carrot[1], carrot[0])
        if abs(angle) > TURN_FROM:
            return turning(situation, angle, limits)
        asked = self._asked(situation, carrot)
        v = toward(velocity[0], asked[0], limits.acceleration / limits.rate_hz)
        w = toward(velocity[1], asked[1], limits.yaw_acceleration / limits.rate_hz)
        arc = np.tile((v, w), (self._steps(v), 1))
        if situation.free(arc, STEP) < len(arc):
            return None
        return float(v), float(w)

    def _steps(self, speed: float) -> int:
        """For how many steps an arc must be free: up to the carrot, and as far as it brakes."""
        stop = speed * STEP + 0.5 * speed * speed / self._limits.acceleration
        far = max(_lookahead(speed), stop)
        return math.ceil(min(COLLISION_S, far / max(speed, 1e-3)) / STEP)

    def _carrot(self, situation: Situation) -> Array:
        """x, y [m] in base_link."""
        yaw, lookahead = situation.pose[2], _lookahead(float(situation.velocity[0]))
        step = carrot_of(situation.path, situation.pose[:2], lookahead) - situation.pose[:2]
        cosine, sine = math.cos(yaw), math.sin(yaw)
        return np.array([cosine * step[0] + sine * step[1], cosine * step[1] - sine * step[0]])

    def _asked(self, situation: Situation, carrot: Array) -> Command:
        limits, (x, y) = self._limits, situation.pose[:2]
        bend = curvature(carrot)
        speed = regulated(limits.max_speed, bend, situation.costmap.clearance(x, y))
        if situation.remaining < APPROACH:
            speed = min(speed, max(limits.max_speed * situation.remaining / APPROACH, CREEP))
        if abs(speed * bend) > limits.max_yaw_rate:
            speed = limits.max_yaw_rate / abs(bend)
        return speed, speed * bend
