"""What a lidar sees in an arena; compiled by numba.

The beams of a scan are in order of their direction, and each obstacle is looked at once: it can
only be met by the beams between its two edges, as seen from the lidar, and those are found without
a search in a table of directions. So a scan costs a little for each obstacle and a little for each
beam that meets one, however many beams pass it by. Ranges are exact: the table only says where to
look, and it never says too little.

Directions are compared by a stand-in for their angle that needs no trigonometry, `turn`.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit
import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.arena import Bank, walk

Array = NDArray[Any]

SECTORS = 1024
"""Parts of a turn in the table of directions."""
BLOCK = 16
"""Scans written together: a column of them in `out` is then a line of cache."""
_PER_TURN = SECTORS / 4.0
_SLACK = 0.01  # of a sector: far more than rounding
_OPTIONS: Any = {'cache': True, 'error_model': 'numpy', 'fastmath': {'contract', 'arcp', 'nsz'}}


@njit(**_OPTIONS)
def turn(x: float, y: float) -> float:
    """From 0 along x, over 1 along y, to 4: rises with the angle of (x, y)."""
    share = x / (abs(x) + abs(y))
    return 1.0 - share if y >= 0.0 else 3.0 + share


@njit(**_OPTIONS)
def sort(beams: Array) -> tuple[Array, Array, Array]:
    """Beams (n, 2) in order of `turn`: which, (n,), themselves, (2, n), and the table.

    The table (SECTORS + 3,) says how many beams lie before the begin of each sector.
    """
    num = len(beams)
    at = np.empty(num, np.float64)
    for beam in range(num):
        at[beam] = turn(float(beams[beam, 0]), float(beams[beam, 1]))
    order = np.argsort(at)
    ways = np.empty((2, num), np.float64)
    table = np.zeros(SECTORS + 3, np.int64)
    for k in range(num):
        ways[0, k], ways[1, k] = beams[order[k], 0], beams[order[k], 1]
        table[min(int(at[order[k]] * _PER_TURN), SECTORS) + 1] += 1
    for sector in range(SECTORS + 2):
        table[sector + 1] += table[sector]
    return order, ways, table


@njit(**_OPTIONS)
def _from(table: Array, at: float) -> int:
    """No beam before this one lies at `at` or after."""
    return table[int(max(at * _PER_TURN - _SLACK, 0.0))]


@njit(**_OPTIONS)
def _until(table: Array, at: float) -> int:
    """No beam from this one on lies at `at` or before."""
    return table[int(at * _PER_TURN + _SLACK) + 1]


@njit(**_OPTIONS)
def _to_circle(
    x: float, y: float, square: float, ways: Array, first: int, last: int, row: Array
) -> None:
    for k in range(first, last):
        dx, dy = ways[0, k], ways[1, k]
        across = x * dy - y * dx
        inner = square - across * across
        if inner >= 0.0:
            row[k] = min(row[k], x * dx + y * dy - math.sqrt(inner))


@njit(**_OPTIONS)
def circle(
    x: float, y: float, radius: float, most: float, ways: Array, table: Array, row: Array
) -> None:
    """Shorten the ranges `row` (beams,), sorted, to a circle about (x, y) as the lidar sees it."""
    away, square = x * x + y * y, radius * radius
    if away >= (most + radius) * (most + radius):
        return
    if away <= square:
        row[:] = 0.0
        return
    side = math.sqrt(away - square)  # to where a beam would touch it; times the distance:
    right = turn(x * side + y * radius, y * side - x * radius)
    left = turn(x * side - y * radius, y * side + x * radius)
    first, last = _from(table, right), _until(table, left)
    if right > left:  # across the begin of the turn
        _to_circle(x, y, square, ways, 0, last, row)
        last = len(row)
    _to_circle(x, y, square, ways, first, last, row)


@njit(**_OPTIONS)
def _to_segment(
    x: float, y: float, wx: float, wy: float, ways: Array, first: int, last: int, row: Array
) -> None:
    area = x * wy - y * wx
    for k in range(first, last):
        dx, dy = ways[0, k], ways[1, k]
        over = 1.0 / (dx * wy - dy * wx)
        along, share = area * over, (x * dy - y * dx) * over
        if along >= 0.0 and -1e-6 <= share <= 1.000001:  # no gap where walls meet
            row[k] = min(row[k], along)


@njit(**_OPTIONS)
def segment(
    x: float, y: float, wx: float, wy: float, most: float, ways: Array, table: Array, row: Array
) -> None:
    """Shorten the ranges `row` to a segment from (x, y) on by (wx, wy) as the lidar sees it."""
    area = x * wy - y * wx  # twice that of the triangle between the lidar and the segment
    if area * area >= most * most * (wx * wx + wy * wy):
        return
    if abs(area) < 1e-9:  # seen from an end, or the lidar is in it
        if x * (x + wx) + y * (y + wy) <= 0.0:
            row[:] = 0.0
        return
    right, left = turn(x, y), turn(x + wx, y + wy)
    if area < 0.0:
        right, left = left, right
    first, last = _from(table, right), _until(table, left)
    if right > left:  # across the begin of the turn
        _to_segment(x, y, wx, wy, ways, 0, last, row)
        last = len(row)
    _to_segment(x, y, wx, wy, ways, first, last, row)


@njit(**_OPTIONS)
def _scan(
    bank: Bank,
    slot: int,
    place: Array,
    people: Array,
    most: float,
    ways: Array,
    table: Array,
    row: Array,
) -> None:
    """Ranges of one scan, sorted; `place` is x and y [m] of the lidar, cosine and sine of its yaw.

    Obstacles are turned into the frame of the lidar, not beams into the world.
    """
    x, y, cosine, sine = place
    row[:] = most
    circles, segments = bank.circles[slot], bank.segments[slot]
    for item in range(bank.count[slot, 0]):
        px, py = circles[item, 0] - x, circles[item, 1] - y
        ahead, beside = cosine * px + sine * py, cosine * py - sine * px
        circle(ahead, beside, float(circles[item, 2]), most, ways, table, row)
    for one in range(len(people)):
        px, py = people[one, 0] - x, people[one, 1] - y
        ahead, beside = cosine * px + sine * py, cosine * py - sine * px
        circle(ahead, beside, float(people[one, 2]), most, ways, table, row)
    for item in range(bank.count[slot, 1]):
        px, py = segments[item, 0] - x, segments[item, 1] - y
        ahead, beside = cosine * px + sine * py, cosine * py - sine * px
        wx = cosine * segments[item, 2] + sine * segments[item, 3]
        wy = cosine * segments[item, 3] - sine * segments[item, 2]
        segment(ahead, beside, wx, wy, most, ways, table, row)


@njit(**_OPTIONS)
def cast(
    bank: Bank, slots: Array, pose: Array, time: Array, beams: Array, lidar: Array, out: Array
) -> None:
    """Ranges of all beams.

    Args:
        bank: The arenas.
        slots: (n,) which of them.
        pose: (n, 3) x, y [m] and yaw [rad] of the robot.
        time: (n,) [s] since the episode began, for people.
        beams: (beams, 2) unit vectors in the body frame, in any order.
        lidar: x, y [m] of the lidar in the body frame, least and greatest range [m].
        out: (n, beams) [m], written.
    """
    order, ways, table = sort(beams)
    people = np.empty((bank.walkers.shape[1], 3), np.float32)
    rows, place = np.empty((BLOCK, len(beams)), np.float64), np.empty(4, np.float64)
    least, most = float(lidar[2]), float(lidar[3])
    for begin in range(0, len(pose), BLOCK):
        end = min(begin + BLOCK, len(pose))
        for i in range(begin, end):
            slot = slots[i]
            cosine, sine = math.cos(float(pose[i, 2])), math.sin(float(pose[i, 2]))
            place[0] = pose[i, 0] + cosine * lidar[0] - sine * lidar[1]
            place[1] = pose[i, 1] + sine * lidar[0] + cosine * lidar[1]
            place[2], place[3] = cosine, sine
            count = walk(bank.walkers[slot], bank.room[slot], time[i], people)
            _scan(bank, slot, place, people[:count], most, ways, table, rows[i - begin])
        for k in range(len(beams)):
            for i in range(begin, end):
                out[i, order[k]] = max(rows[i - begin, k], least)
