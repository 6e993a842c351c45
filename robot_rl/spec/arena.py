"""Arena: a place to navigate in, and the limits that every planner in it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robot_rl.errors import SpecError

Array = Any
"""A float64 NumPy array."""


@dataclass(frozen=True)
class Arena:
    """The plane with obstacles, a start and a goal; all in metres and radians, in the world."""

    name: str
    start: tuple[float, float, float]
    """x, y, yaw."""
    goal: tuple[float, float]
    path_length: float
    """Of the reference path, for scores."""
    segments: Array = field(default_factory=lambda: np.zeros((0, 4)))
    """(n, 4) walls: x, y of one end and of the other."""
    circles: Array = field(default_factory=lambda: np.zeros((0, 3)))
    """(n, 3) x, y, radius."""
    walkers: Array = field(default_factory=lambda: np.zeros((0, 5)))
    """(n, 5) people, who see no robot: x, y at the start, velocity x, y [m/s], radius. They turn
    round at the edges of `room`."""
    room: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Least x and y and greatest x and y of where people walk."""
    goal_tolerance: float = 1.0
    time_limit_s: float = 100.0


@dataclass(frozen=True)
class NavLimits:
    """One table for all planners: what none of them may exceed, and what all are judged by."""

    max_speed: float
    """[m/s] forward."""
    min_speed: float
    """[m/s] not above 0: backward."""
    max_yaw_rate: float
    """[rad/s] either way."""
    acceleration: float
    """[m/s^2] speeding up and braking."""
    yaw_acceleration: float
    """[rad/s^2]"""
    rate_hz: float
    """Of control."""
    goal_tolerance: float
    """[m]"""
    yaw_tolerance: float
    """[rad]"""
    footprint: Array
    """(n, 2) [m] corners of a convex polygon in base_link, counter-clockwise."""

    def __post_init__(self) -> None:
        """Refuse limits that let nothing move."""
        if not (self.min_speed <= 0.0 < self.max_speed and self.max_yaw_rate > 0.0):
            raise SpecError(
                'Limits need min_speed <= 0 < max_speed and max_yaw_rate > 0, got '
                f'{self.min_speed}, {self.max_speed} and {self.max_yaw_rate}.'
            )
