"""A* on a costmap, compiled by numba.

P. Hart, N. Nilsson, B. Raphael, "A formal basis for the heuristic determination of minimum cost
paths", 1968. Eight neighbours; entering a cell costs NEUTRAL + FACTOR * its cost, as NavFn weighs
it, times the length of the step, in whole numbers, so that ties are the same everywhere.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numpy.typing import NDArray

from robot_rl.kernels.costmap import INSCRIBED

Array = NDArray[Any]

NEUTRAL, FACTOR = 50, 0.8
"""NavFn's COST_NEUTRAL and COST_FACTOR."""
STRAIGHT, DIAGONAL = 70, 99
"""Lengths of steps: 99 / 70 is the root of two to 4 digits."""
UNSEEN = 2**62
_OPTIONS: Any = {'cache': True, 'error_model': 'numpy'}


@njit(**_OPTIONS)
def _push(heap: Array, size: int, key: int, cell: int) -> int:
    at = size
    while at > 0:
        parent = (at - 1) >> 1
        if heap[parent, 0] <= key:
            break
        heap[at, 0], heap[at, 1] = heap[parent, 0], heap[parent, 1]
        at = parent
    heap[at, 0], heap[at, 1] = key, cell
    return size + 1


@njit(**_OPTIONS)
def _pop(heap: Array, size: int) -> int:
    """Remove the first of the heap; the new size."""
    size -= 1
    key, cell, at = heap[size, 0], heap[size, 1], 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1, 0] < heap[child, 0]:
            child += 1
        if heap[child, 0] >= key:
            break
        heap[at, 0], heap[at, 1] = heap[child, 0], heap[child, 1]
        at = child
    heap[at, 0], heap[at, 1] = key, cell
    return size


@njit(**_OPTIONS)
def _least(row: int, column: int, goal_row: int, goal_column: int) -> int:
    """Cost of the way to the goal if nothing were in between."""
    a, b = abs(row - goal_row), abs(column - goal_column)
    return NEUTRAL * (DIAGONAL * min(a, b) + STRAIGHT * (max(a, b) - min(a, b)))


@njit(**_OPTIONS)
def search(
    cost: Array, start: Array, goal: Array, leave: int, spent: Array, parent: Array, heap: Array
) -> int:
    """Find the cheapest way over cells that cost less than INSCRIBED.

    Args:
        cost: (rows, columns) uint8.
        start: Row and column.
        goal: Row and column.
        leave: Cells from the start within which those that cost INSCRIBED can be passed too: a
            robot that stands closer to an obstacle than it should may leave.
        spent: (rows * columns,) int64, written: cost of the way to each cell, UNSEEN elsewhere.
        parent: (rows * columns,) int32, written: the cell before, -1 at the start.
        heap: (8 * rows * columns, 2) int64, scratch; a step between two cells enters it once.

    Returns:
        The cell reached that is nearest to the goal, row * columns + column.
    """
    rows, columns = cost.shape
    spent[:] = UNSEEN
    first = start[0] * columns + start[1]
    nearest, best = first, (start[0] - goal[0]) ** 2 + (start[1] - goal[1]) ** 2
    spent[first], parent[first] = 0, -1
    size = _push(heap, 0, 0, first)
    while size > 0 and best > 0:
        key, cell = int(heap[0, 0]), int(heap[0, 1])
        size = _pop(heap, size)
        row, column = cell // columns, cell % columns
        if key > spent[cell] + _least(row, column, goal[0], goal[1]):
            continue  # a better way came later
        distance = (row - goal[0]) ** 2 + (column - goal[1]) ** 2
        if distance < best:
            nearest, best = cell, distance
        for side in range(9):
            r, c = row + side // 3 - 1, column + side % 3 - 1
            if side == 4 or r < 0 or c < 0 or r >= rows or c >= columns:
                continue
            grade = int(cost[r, c])
            near = max(abs(r - start[0]), abs(c - start[1])) <= leave
            if grade > INSCRIBED or (grade == INSCRIBED and not near):
                continue
            length = STRAIGHT if side % 2 else DIAGONAL
            total = spent[cell] + length * (NEUTRAL + int(FACTOR * grade))
            other = r * columns + c
            if total < spent[other]:
                spent[other], parent[other] = total, cell
                size = _push(heap, size, total + _least(r, c, goal[0], goal[1]), other)
    return nearest
