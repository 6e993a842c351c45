"""The way to the goal over a costmap: A* as NavFn weighs cells, then smoothed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.navigation.costmap import CELL, Costmap
from robot_rl.kernels.costmap import INSCRIBED
from robot_rl.kernels.gridsearch import search

Array = NDArray[Any]

LEAVE = 0.3
"""[m] around the start where cells next to obstacles can be passed, to get away from them."""
ROUNDS, TO_NEIGHBOURS, TO_PLAN = 40, 0.3, 0.02
"""How often a path is smoothed and how much of the way to its neighbours' middle, and to the
plan, each point goes: Nav2's simple smoother, with a plan that draws less."""


def smoothed(path: Array, costmap: Costmap) -> Array:
    """`path` (n, 2) [m] without the corners of a grid, no point where the robot cannot be."""
    result = path.copy()
    for _ in range(ROUNDS):
        middle = 0.5 * (result[:-2] + result[2:])
        result[1:-1] += TO_NEIGHBOURS * (middle - result[1:-1])
        result[1:-1] += TO_PLAN * (path[1:-1] - result[1:-1])
    size = np.array(costmap.cost.shape)[::-1] - 1
    column, row = np.clip(((result - costmap.frame[:2]) / CELL).astype(np.int64), 0, size).T
    return np.where((costmap.cost[row, column] < INSCRIBED)[:, None], result, path)


class Plan:
    """Plans on one costmap after the other, without allocating anew."""

    def __init__(self) -> None:
        self._cells = -1

    def __call__(
        self, costmap: Costmap, start: Array, goal: tuple[float, float], tolerance: float
    ) -> Array | None:
        """Path (n, 2) [m] in odom from `start` x, y [m], a point every cell or so.

        It ends in the goal, or where the goal cannot be reached as near to it as can be; None if
        that is farther than `tolerance` [m] from it.
        """
        cells = costmap.cost.size
        if cells != self._cells:
            self._cells = cells
            self._spent = np.empty(cells, np.int64)
            self._parent = np.empty(cells, np.int32)
            self._heap = np.empty((8 * cells, 2), np.int64)
        first, last = costmap.cell(start), costmap.cell(np.array(goal))
        leave = int(LEAVE / CELL)
        work = (self._spent, self._parent, self._heap)
        cell = int(search(costmap.cost, first, last, leave, *work))
        chain: list[int] = []
        while cell >= 0:
            chain.append(cell)
            cell = int(self._parent[cell])
        path = costmap.place(*np.divmod(np.array(chain[::-1]), costmap.cost.shape[1]))
        if np.linalg.norm(path[-1] - goal) > max(tolerance, CELL):
            return None
        if np.linalg.norm(path[-1] - goal) <= CELL:
            path[-1] = goal
        path[0] = start
        return smoothed(path, costmap) if len(path) > 2 else path
