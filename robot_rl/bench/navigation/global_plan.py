"""The global plan of an arena: what every contender over ROS 2 is asked to follow.

The map is the arena itself, people left out; the search is that of the reference planners.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.navigation.costmap import CELL, Costmap
from robot_rl.bench.navigation.plan import Plan
from robot_rl.errors import SpecError
from robot_rl.spec.arena import Arena, NavLimits
from robot_rl.spec.lidar import Lidar

Array = NDArray[np.float64]

SPACING = 0.5 * CELL
"""[m] between the points that stand for an outline: no cell of it is left out."""


def global_plan(arena: Arena, lidar: Lidar, table: NavLimits) -> Array:
    """Path (n, 2) [m] from start to goal, a point every cell or so.

    Raises SpecError where no way is wide enough for the footprint's inscribed circle.
    """
    costmap = Costmap(lidar, table.footprint)
    costmap.reset(np.array(arena.start), arena.goal)
    costmap.mark(outlines(arena))
    path = Plan()(costmap, np.array(arena.start[:2]), arena.goal, arena.goal_tolerance)
    if path is None:
        raise SpecError(
            f'There is no way to the goal of {arena.name} for this footprint. Choose other '
            'worlds, or another robot.'
        )
    return path


def outlines(arena: Arena) -> Array:
    """Points (n, 2) [m] on walls and circles, close enough to fill every cell they touch."""
    rows: list[Array] = [np.zeros((0, 2))]
    for x1, y1, x2, y2 in arena.segments.tolist():
        number = max(math.ceil(math.hypot(x2 - x1, y2 - y1) / SPACING), 1) + 1
        rows.append(np.linspace((x1, y1), (x2, y2), number))
    for x, y, radius in arena.circles.tolist():
        turn = np.linspace(0.0, 2.0 * math.pi, max(math.ceil(2.0 * math.pi * radius / SPACING), 4))
        rows.append(np.array([x, y]) + radius * np.stack((np.cos(turn), np.sin(turn)), 1))
    return np.concatenate(rows)
