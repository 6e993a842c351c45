"""An arena, and how near its obstacles are; compiled by numba. What a lidar sees: arena_scan.py.

An arena is circles and segments, listed by the square cells of a grid that they may touch, so that
only what is near is looked at. Many arenas lie in the slots of one `Bank`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from numba import njit
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CELL = 0.3
"""[m] edge of a cell."""
CELLS = 2560
"""Most cells of an arena."""
FAR = 1e9
_OPTIONS: Any = {'cache': True, 'error_model': 'numpy', 'fastmath': {'contract', 'arcp', 'nsz'}}


class Bank(NamedTuple):
    """Arenas side by side, one in each slot."""

    count: Array
    """(slots, 2) how many circles and segments there are."""
    frame: Array
    """(slots, 4) x and y [m] of the grid's corner, columns and rows of cells."""
    head: Array
    """(slots, CELLS + 1) where the items of each cell begin; cells row by row."""
    items: Array
    """(slots, ITEMS) circle i as i, segment i as -1 - i."""
    circles: Array
    """(slots, n, 3) x, y, radius [m]."""
    segments: Array
    """(slots, n, 4) x, y of one end, and the way to the other [m]."""
    walkers: Array
    """(slots, n, 5) x, y at the start [m], velocity [m/s], radius [m]; radius 0 for none."""
    room: Array
    """(slots, 4) least and greatest x and y [m] of where people walk: x, y, x, y."""


@njit(**_OPTIONS)
def fold(value: float, low: float, high: float) -> float:
    """Where one is who walks along a line and turns round at `low` and `high`."""
    span = high - low
    if span <= 0.0:
        return value
    way = (value - low) % (2.0 * span)
    return low + (way if way <= span else 2.0 * span - way)


@njit(**_OPTIONS)
def walk(walkers: Array, room: Array, time: float, out: Array) -> int:
    """Put the people of an arena where they are at `time` [s]: `out` (n, 3); return how many."""
    count = 0
    for i in range(len(walkers)):
        if walkers[i, 4] > 0.0:
            out[count, 0] = fold(walkers[i, 0] + time * walkers[i, 2], room[0], room[2])
            out[count, 1] = fold(walkers[i, 1] + time * walkers[i, 3], room[1], room[3])
            out[count, 2] = walkers[i, 4]
            count += 1
    return count


@njit(**_OPTIONS)
def crowds(bank: Bank, slots: Array, time: Array, out: Array) -> None:
    """Put the people of the arenas `slots` (n,) where they are at `time` (n,): `out` (n, most, 3).

    Rows beyond those that there are stay as they were.
    """
    for i in range(len(slots)):
        walk(bank.walkers[slots[i]], bank.room[slots[i]], time[i], out[i])


@njit(**_OPTIONS)
def point_to_polygon(x: float, y: float, corners: Array) -> float:
    """Distance from a point to a convex polygon (n, 2), counter-clockwise; negative inside."""
    inside, least = -FAR, FAR
    for k in range(len(corners)):
        ax, ay = corners[k, 0], corners[k, 1]
        following = k + 1 if k + 1 < len(corners) else 0
        bx, by = corners[following, 0] - ax, corners[following, 1] - ay
        px, py = x - ax, y - ay
        length = math.sqrt(bx * bx + by * by)
        inside = max(inside, (by * px - bx * py) / length)
        share = min(max((px * bx + py * by) / (length * length), 0.0), 1.0)
        least = min(least, math.hypot(px - share * bx, py - share * by))
    return inside if inside < 0.0 else least


@njit(**_OPTIONS)
def segment_to_polygon(ax: float, ay: float, bx: float, by: float, corners: Array) -> float:
    """Distance from a segment to a convex polygon (n, 2); not above 0 where they touch."""
    first, last = 0.0, 1.0
    apart = False
    for k in range(len(corners)):  # the part of the segment inside all edges, as Cyrus and Beck
        following = k + 1 if k + 1 < len(corners) else 0
        ex, ey = corners[following, 0] - corners[k, 0], corners[following, 1] - corners[k, 1]
        start = ey * (ax - corners[k, 0]) - ex * (ay - corners[k, 1])
        end = ey * (bx - corners[k, 0]) - ex * (by - corners[k, 1])
        if start > 0.0 and end > 0.0:
            apart = True
        elif start > 0.0:
            first = max(first, start / (start - end))
        elif end > 0.0:
            last = min(last, start / (start - end))
    if not apart and first <= last:
        return 0.0
    least = min(point_to_polygon(ax, ay, corners), point_to_polygon(bx, by, corners))
    wx, wy = bx - ax, by - ay
    size = max(wx * wx + wy * wy, 1e-12)
    for k in range(len(corners)):
        px, py = corners[k, 0] - ax, corners[k, 1] - ay
        share = min(max((px * wx + py * wy) / size, 0.0), 1.0)
        least = min(least, math.hypot(px - share * wx, py - share * wy))
    return least


@njit(**_OPTIONS)
def clearances(
    bank: Bank, slots: Array, pose: Array, time: Array, corners: Array, most: float, out: Array
) -> None:
    """Distance from the robot's outline to what is nearest, in `out` (n,) [m], at most `most`.

    Not above 0 where they touch. `corners` (n, 2) [m] is a convex polygon in the body frame,
    counter-clockwise; the other arguments are those of `arena_scan.cast`.
    """
    people = np.empty((bank.walkers.shape[1], 3), np.float32)
    turned = np.empty_like(corners)
    radius = 0.0
    for k in range(len(corners)):
        radius = max(radius, math.hypot(corners[k, 0], corners[k, 1]))
    for i in range(len(pose)):
        slot, x, y = slots[i], pose[i, 0], pose[i, 1]
        cosine, sine = math.cos(pose[i, 2]), math.sin(pose[i, 2])
        for k in range(len(corners)):
            turned[k, 0] = x + cosine * corners[k, 0] - sine * corners[k, 1]
            turned[k, 1] = y + sine * corners[k, 0] + cosine * corners[k, 1]
        least = most
        for one in range(walk(bank.walkers[slot], bank.room[slot], time[i], people)):
            away = point_to_polygon(people[one, 0], people[one, 1], turned)
            least = min(least, away - people[one, 2])
        out[i] = min(least, _nearest(bank, slot, x, y, radius + most, turned))


@njit(**_OPTIONS)
def _nearest(bank: Bank, slot: int, x: float, y: float, around: float, corners: Array) -> float:
    """Distance from `corners` in the world to what lies in cells up to `around` from (x, y)."""
    frame, least = bank.frame[slot], FAR
    columns, rows = int(frame[2]), int(frame[3])
    left = max(math.floor((x - around - frame[0]) / CELL), 0)
    right = min(math.floor((x + around - frame[0]) / CELL), columns - 1)
    low = max(math.floor((y - around - frame[1]) / CELL), 0)
    high = min(math.floor((y + around - frame[1]) / CELL), rows - 1)
    for row in range(low, high + 1):
        for cell in range(row * columns + left, row * columns + right + 1):
            for k in range(bank.head[slot, cell], bank.head[slot, cell + 1]):
                item = bank.items[slot, k]
                if item >= 0:
                    circle = bank.circles[slot, item]
                    away = point_to_polygon(circle[0], circle[1], corners) - circle[2]
                else:
                    ax, ay, wx, wy = bank.segments[slot, -1 - item]
                    away = segment_to_polygon(ax, ay, ax + wx, ay + wy, corners)
                least = min(least, away)
    return least
