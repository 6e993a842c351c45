"""What a lidar sees in an arena, and how near its obstacles are; compiled by numba.

An arena is circles and segments, listed by the square cells of a grid that they may touch, and for
each cell how many cells around it are empty, so that a beam crosses open space in a few steps.
Ranges are exact: the grid only says where to look. Many arenas lie in the slots of one `Bank`.
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
PER_CELL = 1.0 / CELL
CELLS = 2400
"""Most cells of an arena."""
FAR = 1e9
_OPTIONS: Any = {'cache': True, 'error_model': 'numpy', 'fastmath': {'contract', 'arcp', 'nsz'}}


class Bank(NamedTuple):
    """Arenas side by side, one in each slot."""

    frame: Array
    """(slots, 4) x and y [m] of the grid's corner, columns and rows of cells."""
    head: Array
    """(slots, CELLS + 1) where the items of each cell begin; cells row by row."""
    skip: Array
    """(slots, CELLS) 0 for a cell with items, else how many rings of cells, itself counted as the
    first, are empty around it."""
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
def to_circle(x: float, y: float, radius: float, dx: float, dy: float) -> float:
    """Distance along the unit vector (dx, dy) to a circle about (x, y); 0 from within."""
    along = x * dx + y * dy
    gap = x * x + y * y - radius * radius
    inner = along * along - gap
    if gap <= 0.0:
        return 0.0
    if along <= 0.0 or inner < 0.0:
        return FAR
    return along - math.sqrt(inner)


@njit(**_OPTIONS)
def to_segment(x: float, y: float, wx: float, wy: float, dx: float, dy: float) -> float:
    """Distance along the unit vector (dx, dy) to the segment from (x, y) on by (wx, wy)."""
    turn = dx * wy - dy * wx
    if turn == 0.0:
        return FAR
    along = (x * wy - y * wx) / turn
    share = (x * dy - y * dx) / turn
    return along if along >= 0.0 and 0.0 <= share <= 1.0 else FAR


@njit(**_OPTIONS)
def _enter(x: float, y: float, over_x: float, over_y: float, wide: float, tall: float) -> float:
    """Distance along a beam to the rectangle from 0 to `wide` and `tall`; FAR if it passes by.

    `over_x` and `over_y` are one over the components of its direction.
    """
    a, b = -x * over_x, (wide - x) * over_x
    c, d = -y * over_y, (tall - y) * over_y
    first = max(min(a, b), min(c, d), 0.0)
    return first if first <= min(max(a, b), max(c, d)) else FAR


@njit(**_OPTIONS)
def _over(component: float) -> float:
    """One over a component of a direction, large for none."""
    return 1.0 / component if abs(component) > 1e-9 else FAR


@njit(**_OPTIONS)
def _first(bank: Bank, slot: int, cell: int, x: float, y: float, dx: float, dy: float) -> float:
    """Distance from (x, y) along (dx, dy) to the first of the items that a cell lists."""
    found = FAR
    for k in range(bank.head[slot, cell], bank.head[slot, cell + 1]):
        item = bank.items[slot, k]
        if item >= 0:
            px, py = bank.circles[slot, item, 0] - x, bank.circles[slot, item, 1] - y
            found = min(found, to_circle(px, py, bank.circles[slot, item, 2], dx, dy))
        else:
            px, py = bank.segments[slot, -1 - item, 0] - x, bank.segments[slot, -1 - item, 1] - y
            wx, wy = bank.segments[slot, -1 - item, 2], bank.segments[slot, -1 - item, 3]
            found = min(found, to_segment(px, py, wx, wy, dx, dy))
    return found


@njit(**_OPTIONS)
def reach(bank: Bank, slot: int, x: float, y: float, dx: float, dy: float, most: float) -> float:
    """Range of one beam from (x, y) along the unit vector (dx, dy), people left out."""
    x0, y0 = bank.frame[slot, 0], bank.frame[slot, 1]
    columns, rows = int(bank.frame[slot, 2]), int(bank.frame[slot, 3])
    over_x, over_y = _over(dx), _over(dy)
    # Along an axis the other one's edges are far ahead.
    ahead_x, ahead_y = 1 if over_x > 0.0 else 0, 1 if over_y > 0.0 else 0
    px, py = x - x0, y - y0
    wide, tall = columns * CELL, rows * CELL
    way = _enter(px, py, over_x, over_y, wide, tall)
    while way < most:
        column = min(max(int((px + way * dx) * PER_CELL), 0), columns - 1)
        row = min(max(int((py + way * dy) * PER_CELL), 0), rows - 1)
        cell = row * columns + column
        ring = int(bank.skip[slot, cell])
        spare = max(ring - 1, 0)
        edge_x = (column + ahead_x + (spare if ahead_x else -spare)) * CELL
        edge_y = (row + ahead_y + (spare if ahead_y else -spare)) * CELL
        further = max(min((edge_x - px) * over_x, (edge_y - py) * over_y), way) + 1e-4
        if ring == 0:
            found = _first(bank, slot, cell, x, y, dx, dy)
            if found <= further:
                return min(found, most)
        way = further
        edge = edge_x <= 0.0 or edge_y <= 0.0 or edge_x >= wide or edge_y >= tall
        if edge and _outside(px + way * dx, py + way * dy, wide, tall):
            break
    return most


@njit(**_OPTIONS)
def _outside(x: float, y: float, wide: float, tall: float) -> bool:
    """Whether a place, from the grid's corner, is beyond the grid."""
    return x < 0.0 or y < 0.0 or x > wide or y > tall


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
        beams: (beams, 2) unit vectors in the body frame.
        lidar: x, y [m] of the lidar in the body frame, least and greatest range [m].
        out: (n, beams) [m], written.
    """
    people = np.empty((bank.walkers.shape[1], 3), np.float32)
    for i in range(len(pose)):
        slot = slots[i]
        cosine, sine = math.cos(pose[i, 2]), math.sin(pose[i, 2])
        x = pose[i, 0] + cosine * lidar[0] - sine * lidar[1]
        y = pose[i, 1] + sine * lidar[0] + cosine * lidar[1]
        count = walk(bank.walkers[slot], bank.room[slot], time[i], people)
        for beam in range(len(beams)):
            dx = cosine * beams[beam, 0] - sine * beams[beam, 1]
            dy = sine * beams[beam, 0] + cosine * beams[beam, 1]
            found = reach(bank, slot, x, y, dx, dy, lidar[3])
            for one in range(count):
                hit = to_circle(people[one, 0] - x, people[one, 1] - y, people[one, 2], dx, dy)
                found = min(found, hit)
            out[i, beam] = max(found, lidar[2])


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
    counter-clockwise; the other arguments are those of `cast`.
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
