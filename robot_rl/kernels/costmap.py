"""A costmap from scans: rays clear and mark cells, obstacles are inflated; compiled by numba.

A grid is [row, column], rows along y. `frame` holds x, y [m] of its lower left corner in odom and
the side of a cell [m]. `occupied` is 1 where a beam has ended; what was never seen is free. `cost`
grades it as D. V. Lu, D. Hershberger, W. D. Smart, "Layered costmaps for context-sensitive
navigation", IROS 2014 and costmap_2d do: 254 an obstacle, 253 nearer to one than the inscribed
radius, below that an exponential decay with the distance.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

INSCRIBED, LETHAL = 253, 254
MANY = 1000
"""Hits of a footprint whose middle is as good as on an obstacle, or outside of the grid."""
_FAR = 1e9
_NONE = 16000
_OPTIONS: Any = {'cache': True, 'error_model': 'numpy', 'fastmath': {'contract', 'arcp', 'nsz'}}


def decay(radius: float, inscribed: float, scale: float, cell: float) -> Array:
    """Cost (uint8) by the squared distance in cells, up to `radius` and one entry more.

    Args:
        radius: [m] beyond it an obstacle costs nothing.
        inscribed: [m] of the circle within the footprint.
        scale: [1/m] cost falls as exp(-scale * (distance - inscribed)).
        cell: [m] side of a cell.
    """
    reach = math.floor(radius / cell + 1e-9)
    distance = cell * np.sqrt(np.arange(reach * reach + 2))
    cost = (INSCRIBED - 1) * np.exp(-scale * (distance - inscribed))
    cost = np.where(distance <= inscribed, INSCRIBED, np.minimum(cost, INSCRIBED - 1))
    cost[0], cost[-1] = LETHAL, 0
    return cost.astype(np.uint8)


@njit(**_OPTIONS)
def _clear(occupied: Array, x: float, y: float, dx: float, dy: float, length: float) -> None:
    """Free the cells that a ray of `length` cells passes, not the one it ends in.

    J. Amanatides, A. Woo, "A fast voxel traversal algorithm for ray tracing", 1987: at each step
    into the cell behind the border that comes first.
    """
    rows, columns = occupied.shape
    column, row = math.floor(x), math.floor(y)
    last_column, last_row = math.floor(x + dx * length), math.floor(y + dy * length)
    step_x, step_y = 1 if dx > 0.0 else -1, 1 if dy > 0.0 else -1
    each_x = abs(1.0 / dx) if dx != 0.0 else _FAR
    each_y = abs(1.0 / dy) if dy != 0.0 else _FAR
    next_x = (column + 1 - x if dx > 0.0 else x - column) * each_x if dx != 0.0 else _FAR
    next_y = (row + 1 - y if dy > 0.0 else y - row) * each_y if dy != 0.0 else _FAR
    while not (column == last_column and row == last_row):
        if column < 0 or row < 0 or column >= columns or row >= rows:
            return
        occupied[row, column] = 0
        if min(next_x, next_y) > length:
            return
        if next_x < next_y:
            column += step_x
            next_x += each_x
        else:
            row += step_y
            next_y += each_y


@njit(**_OPTIONS)
def trace(
    occupied: Array, frame: Array, pose: Array, beams: Array, lidar: Array, scan: Array
) -> None:
    """Clear what the beams of a scan pass, then mark where they end.

    A beam that is no number or shorter than the lidar can measure says nothing. One that meets
    nothing within reach clears up to there and marks nothing.

    Args:
        occupied: (rows, columns) uint8, changed.
        frame: See above.
        pose: x, y [m] and yaw [rad] of the robot in odom.
        beams: (beams, 2) unit vectors in base_link.
        lidar: x, y [m] of the lidar in base_link, its least range [m], how far it is used [m].
        scan: (beams,) [m].
    """
    rows, columns = occupied.shape
    cosine, sine, cell = math.cos(pose[2]), math.sin(pose[2]), frame[2]
    x = (pose[0] + cosine * lidar[0] - sine * lidar[1] - frame[0]) / cell
    y = (pose[1] + sine * lidar[0] + cosine * lidar[1] - frame[1]) / cell
    least, reach = lidar[2], lidar[3]
    for mark in range(2):
        for beam in range(len(beams)):
            measured = scan[beam]
            if not measured >= least:  # also where it is NaN
                continue
            dx = cosine * beams[beam, 0] - sine * beams[beam, 1]
            dy = sine * beams[beam, 0] + cosine * beams[beam, 1]
            if mark == 0:
                _clear(occupied, x, y, dx, dy, min(measured, reach) / cell)
            elif measured < reach:
                column = math.floor(x + dx * measured / cell)
                row = math.floor(y + dy * measured / cell)
                if 0 <= column < columns and 0 <= row < rows:
                    occupied[row, column] = 1


@njit(**_OPTIONS)
def vacate(occupied: Array, frame: Array, pose: Array, footprint: Array) -> None:
    """Free the cells whose middle lies within the convex footprint: the robot stands there."""
    rows, columns = occupied.shape
    cosine, sine, cell, size = math.cos(pose[2]), math.sin(pose[2]), frame[2], 0.0
    for point in range(len(footprint)):
        size = max(size, footprint[point, 0] ** 2 + footprint[point, 1] ** 2)
    size = math.sqrt(size)
    low_row = max(math.floor((pose[1] - size - frame[1]) / cell), 0)
    low_column = max(math.floor((pose[0] - size - frame[0]) / cell), 0)
    high_row = min(math.floor((pose[1] + size - frame[1]) / cell) + 1, rows)
    high_column = min(math.floor((pose[0] + size - frame[0]) / cell) + 1, columns)
    for row in range(low_row, high_row):
        for column in range(low_column, high_column):
            dx = frame[0] + (column + 0.5) * cell - pose[0]
            dy = frame[1] + (row + 0.5) * cell - pose[1]
            x, y = cosine * dx + sine * dy, cosine * dy - sine * dx
            inside = True
            for point in range(len(footprint)):
                a, b = footprint[point - 1], footprint[point]
                inside &= (b[0] - a[0]) * (y - a[1]) >= (b[1] - a[1]) * (x - a[0])
            if inside:
                occupied[row, column] = 0


@njit(**_OPTIONS)
def _along(line: Array, first: int, reach: int, out: Array) -> None:
    """Squared distance in cells to the nearest obstacle in a line, of its cells from `first`."""
    gap = reach + 1
    for column in range(len(line)):
        gap = 0 if line[column] else gap + 1
        if first <= column < first + len(out):
            out[column - first] = gap * gap if gap <= reach else _NONE
    gap = reach + 1
    for column in range(len(line) - 1, first - 1, -1):
        gap = 0 if line[column] else gap + 1
        if column < first + len(out) and gap <= reach:
            out[column - first] = min(out[column - first], gap * gap)


@njit(**_OPTIONS)
def _any(line: Array) -> bool:
    found = 0
    for column in range(len(line)):
        found |= line[column]
    return found != 0


@njit(**_OPTIONS)
def _lower(best: Array, line: Array, square: int) -> None:
    """`best` where `line` + `square` is less; 16 cells an instruction."""
    more = np.int16(square)
    for column in range(len(best)):
        value = np.int16(line[column] + more)
        if value < best[column]:
            best[column] = value


@njit(**_OPTIONS)
def inflate(
    occupied: Array, window: Array, table: Array, squares: Array, best: Array, cost: Array
) -> None:
    """Grade the cells of a window by their distance to the nearest obstacle in the whole grid.

    Exact within reach of the table, rows first and then columns (T. Saito, J. Toriwaki, "New
    algorithms for Euclidean distance transformation", 1994).

    Args:
        occupied: (rows, columns) uint8.
        window: First row, first column, row and column behind the last.
        table: From `decay`.
        squares: (rows, columns) int16, scratch.
        best: (columns,) int16, scratch.
        cost: (rows, columns) uint8, written within the window.
    """
    rows, columns = occupied.shape
    low_row, low, high_row, high = window[0], window[1], window[2], window[3]
    reach = int(math.sqrt(len(table) - 2.0) + 0.5)
    first, behind = max(low_row - reach, 0), min(high_row + reach, rows)
    left, right = max(low - reach, 0), min(high + reach, columns)
    some = np.zeros(rows, np.bool_)
    for row in range(first, behind):
        some[row] = _any(occupied[row, left:right])
        if some[row]:
            _along(occupied[row, left:right], low - left, reach, squares[row, low:high])
    part = best[low:high]
    for row in range(low_row, high_row):
        part[:] = len(table) - 1
        for other in range(max(row - reach, first), min(row + reach + 1, behind)):
            if some[other]:
                _lower(part, squares[other, low:high], (other - row) * (other - row))
        line = cost[row, low:high]
        for column in range(len(part)):
            line[column] = table[part[column]]


@njit(**_OPTIONS)
def cost_at(cost: Array, frame: Array, x: float, y: float) -> int:
    """Cost at a place [m] in odom; outside of the grid nobody may drive."""
    column = math.floor((x - frame[0]) / frame[2])
    row = math.floor((y - frame[1]) / frame[2])
    if column < 0 or row < 0 or column >= cost.shape[1] or row >= cost.shape[0]:
        return LETHAL
    return int(cost[row, column])


@njit(**_OPTIONS)
def hits(
    cost: Array,
    frame: Array,
    shape: Array,
    bands: tuple[int, int],
    x: float,
    y: float,
    cosine: float,
    sine: float,
) -> int:
    """How much of a footprint lies on obstacles: 0 where it is free.

    Args:
        cost: See above.
        frame: See above.
        shape: (points, 2) [m]: the middles of two discs that cover the footprint, then points of
            it where the inscribed circle does not reach.
        bands: Costs below which no obstacle is within the circumscribed radius, and within a disc.
        x: [m] of its middle.
        y: [m]
        cosine: Of its yaw.
        sine: Of its yaw.

    Returns:
        The points that lie on obstacles, and MANY more if the inscribed circle meets one.
    """
    middle = cost_at(cost, frame, x, y)
    if middle < bands[0]:
        return 0
    count = MANY if middle >= INSCRIBED else 0
    near = False
    for disc in range(2):
        px = x + cosine * shape[disc, 0] - sine * shape[disc, 1]
        py = y + sine * shape[disc, 0] + cosine * shape[disc, 1]
        near |= cost_at(cost, frame, px, py) >= bands[1]
    if not near:
        return count
    for point in range(2, len(shape)):
        px = x + cosine * shape[point, 0] - sine * shape[point, 1]
        py = y + sine * shape[point, 0] + cosine * shape[point, 1]
        if cost_at(cost, frame, px, py) == LETHAL:
            count += 1
    return count


@njit(**_OPTIONS)
def blocked(cost: Array, frame: Array, path: Array) -> int:
    """Index of the first point of a path (n, 2) [m] where the robot cannot be; n if none is."""
    for point in range(len(path)):
        if cost_at(cost, frame, path[point, 0], path[point, 1]) >= INSCRIBED:
            return point
    return len(path)
