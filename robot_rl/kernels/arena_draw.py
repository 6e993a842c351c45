"""Arenas without end: clutter of cellular automata, rooms, mazes, round things, people, nothing.

Clutter as in BARN (D. Perille, A. Truong, X. Xiao, P. Stone, "Benchmarking Metric Ground
Navigation", SSRR 2020): cells filled by chance, then smoothed by a cellular automaton, each a
cylinder. Every arena has a way from start to goal for a disc of the radius asked for.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit
import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.arena import CELL, FAR, Bank, _nearest
from robot_rl.kernels.arena_build import block, index, lookup, node, spread

Array = NDArray[Any]

KEY = 5
"""Numbers that name an arena: seed, then in [0, 1]: kind, density, smoothness, crowd."""
CIRCLES, SEGMENTS, WALKERS = 900, 200, 12
"""Most of each in an arena."""
CYLINDER, LATTICE = 0.075, 0.15
"""[m] radius and distance of the cylinders of clutter, as BARN has them."""
PERSON = 0.25
"""[m] radius of a person."""
_MARGIN = 0.6
_OPTIONS: Any = {'cache': True, 'error_model': 'numpy'}


@njit(**_OPTIONS)
def _uniform(state: Array, low: float, high: float) -> float:
    """A number from `low` to `high`: xorshift64* (S. Vigna, ACM TOMS 2016)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    drawn = (x * np.uint64(2685821657736338717)) >> np.uint64(40)
    return low + (high - low) * float(drawn) / 16777216.0


@njit(**_OPTIONS)
def _circle(place: Bank, slot: int, count: Array, x: float, y: float, r: float) -> None:
    if count[0] < CIRCLES:
        circle = place.circles[slot, count[0]]
        circle[0], circle[1], circle[2] = x, y, r
        count[0] += 1


@njit(**_OPTIONS)
def _wall(
    place: Bank, slot: int, count: Array, ax: float, ay: float, bx: float, by: float
) -> None:
    if count[1] < SEGMENTS:
        wall = place.segments[slot, count[1]]
        wall[0], wall[1], wall[2], wall[3] = ax, ay, bx - ax, by - ay
        count[1] += 1


@njit(**_OPTIONS)
def _box(place: Bank, slot: int, count: Array, ax: float, ay: float, bx: float, by: float) -> None:
    """Four walls of a rectangle."""
    _wall(place, slot, count, ax, ay, bx, ay)
    _wall(place, slot, count, bx, ay, bx, by)
    _wall(place, slot, count, bx, by, ax, by)
    _wall(place, slot, count, ax, by, ax, ay)


@njit(**_OPTIONS)
def _clutter(state: Array, density: float, rounds: int, cells: Array) -> None:
    """Fill `cells` (rows, columns) by chance and smooth them."""
    rows, columns = cells.shape
    for row in range(rows):
        for column in range(columns):
            cells[row, column] = _uniform(state, 0.0, 1.0) < density
    for _ in range(rounds):
        before = cells.copy()
        for row in range(rows):
            for column in range(columns):
                near = -int(before[row, column])
                for down in range(max(row - 1, 0), min(row + 2, rows)):
                    for right in range(max(column - 1, 0), min(column + 2, columns)):
                        near += before[down, right]
                if near >= 5:
                    cells[row, column] = 1
                elif near <= 1:
                    cells[row, column] = 0


@njit(**_OPTIONS)
def _carve(state: Array, clear: float, first: float, last: float, cells: Array) -> None:
    """Empty cells within `clear` [cells] of a crooked line from column `first` to `last`."""
    rows, columns = cells.shape
    row, x = -1.0, first
    while row < rows:
        following = row + _uniform(state, 5.0, 14.0)
        towards = last if following >= rows else _uniform(state, clear, columns - clear)
        bend = (following - row) * _uniform(state, 0.5, 1.6)
        way = min(max(towards - x, -bend), bend)
        length = math.hypot(following - row, way)
        for there in range(max(int(row - clear), 0), min(int(following + clear) + 2, rows)):
            for column in range(columns):
                dy, dx = there + 0.5 - row, column + 0.5 - x
                share = (dy * (following - row) + dx * way) / (length * length)
                share = min(max(share, 0.0), 1.0)
                if math.hypot(dy - share * (following - row), dx - share * way) < clear:
                    cells[there, column] = 0
        row, x = following, x + way


@njit(**_OPTIONS)
def _field(
    place: Bank, slot: int, count: Array, state: Array, density: float, smooth: float, ends: Array
) -> tuple[float, float]:
    """A walled strip with clutter across it; start before, goal behind. Width and length [m]."""
    wide = LATTICE * int(_uniform(state, 22.0, 40.0))
    before, deep = _uniform(state, 1.2, 4.0), LATTICE * int(_uniform(state, 18.0, 44.0))
    beyond = _uniform(state, 1.0, 4.0)
    rows, columns = int(deep / LATTICE), int(wide / LATTICE)
    cells = np.zeros((rows, columns), np.uint8)
    _clutter(state, 0.06 + 0.26 * density, int(3.99 * smooth), cells)
    narrow = 2.4 + 2.5 * _uniform(state, 0.0, 1.0) * (1.1 - density)
    first, last = _uniform(state, 4.0, columns - 4.0), _uniform(state, 4.0, columns - 4.0)
    _carve(state, narrow, first, last, cells)
    for row in range(rows):
        for column in range(columns):
            if cells[row, column]:
                x, y = (column + 0.5) * LATTICE, before + (row + 0.5) * LATTICE
                _circle(place, slot, count, x, y, CYLINDER)
    _wall(place, slot, count, 0.0, 0.0, 0.0, before + deep)
    _wall(place, slot, count, wide, 0.0, wide, before + deep)
    _wall(place, slot, count, 0.0, 0.0, wide, 0.0)
    ends[0] = 0.5 * wide + _uniform(state, -0.3, 0.3) * (wide - 1.0)
    ends[1] = _uniform(state, 0.5, max(before - 0.4, 0.6))
    ends[3] = 0.5 * wide + _uniform(state, -0.4, 0.4) * (wide - 1.0)
    ends[4] = before + deep + _uniform(state, 0.5, 1.0) * beyond
    return wide, before + deep + beyond


@njit(**_OPTIONS)
def _rooms(
    place: Bank, slot: int, count: Array, state: Array, density: float, narrow: float
) -> tuple[float, float]:
    """A floor cut by walls with doors, and things that stand about."""
    wide, long = _uniform(state, 5.0, 10.0), _uniform(state, 5.0, 11.0)
    _box(place, slot, count, 0.0, 0.0, wide, long)
    across, along = 1 + int(_uniform(state, 0.0, 1.99)), int(_uniform(state, 0.0, 2.99))
    for turn in range(2):
        walls, size, other = (across, long, wide) if turn == 0 else (along, wide, long)
        parts = (along if turn == 0 else across) + 1
        for wall in range(walls):
            at = size * (wall + 1.0 + _uniform(state, -0.2, 0.2)) / (walls + 1.0)
            for part in range(parts):
                low, high = other * part / parts, other * (part + 1.0) / parts
                door = _uniform(state, 0.75, 1.6 - 0.7 * narrow)
                left = _uniform(state, low + 0.2, max(high - door - 0.2, low + 0.25))
                for a, b in ((low, left), (min(left + door, high), high)):
                    if turn == 0:
                        _wall(place, slot, count, a, at, b, at)
                    else:
                        _wall(place, slot, count, at, a, at, b)
    _things(place, slot, count, state, int(10.0 * density), wide, long)
    return wide, long


@njit(**_OPTIONS)
def _things(
    place: Bank, slot: int, count: Array, state: Array, many: int, wide: float, long: float
) -> None:
    """Round and square things of all sizes."""
    for _ in range(many):
        x, y = _uniform(state, 0.2, wide - 0.2), _uniform(state, 0.2, long - 0.2)
        size = _uniform(state, 0.05, 0.45)
        if _uniform(state, 0.0, 1.0) < 0.6:
            _circle(place, slot, count, x, y, size)
        else:
            half = _uniform(state, 0.05, 0.45)
            _box(place, slot, count, x - size, y - half, x + size, y + half)


@njit(**_OPTIONS)
def _tunnel(state: Array, open_right: Array, open_up: Array) -> None:
    """Join all cells of a maze by a random walk that turns back at dead ends."""
    rows, columns = open_up.shape
    seen = np.zeros((rows, columns), np.uint8)
    path = np.zeros(rows * columns, np.int32)
    size, seen[0, 0] = 1, 1
    while size > 0:
        row, column = path[size - 1] // columns, path[size - 1] % columns
        ways, chosen = 0, -1
        for way in range(4):
            r, c = row + (way == 0) - (way == 1), column + (way == 2) - (way == 3)
            if 0 <= r < rows and 0 <= c < columns and not seen[r, c]:
                ways += 1
                if _uniform(state, 0.0, 1.0) * ways < 1.0:
                    chosen = way
        if chosen < 0:
            size -= 1
            continue
        r, c = row + (chosen == 0) - (chosen == 1), column + (chosen == 2) - (chosen == 3)
        if chosen < 2:
            open_up[min(row, r), c] = 1
        else:
            open_right[r, min(column, c)] = 1
        seen[r, c], path[size] = 1, r * columns + c
        size += 1


@njit(**_OPTIONS)
def _maze(
    place: Bank, slot: int, count: Array, state: Array, density: float, wide_ways: float
) -> tuple[float, float]:
    """A maze, with some of its walls taken out."""
    pitch = _uniform(state, 1.0, 1.3 + 0.8 * wide_ways)
    columns, rows = int(_uniform(state, 3.0, 6.99)), int(_uniform(state, 3.0, 7.99))
    open_right = np.zeros((rows, columns), np.uint8)
    open_up = np.zeros((rows, columns), np.uint8)
    _tunnel(state, open_right, open_up)
    _box(place, slot, count, 0.0, 0.0, columns * pitch, rows * pitch)
    loose = 0.6 * (1.0 - density)
    for row in range(rows):
        for column in range(columns):
            x, y = (column + 1) * pitch, (row + 1) * pitch
            right, up = column + 1 < columns, row + 1 < rows
            if right and not open_right[row, column] and _uniform(state, 0.0, 1.0) > loose:
                _wall(place, slot, count, x, y - pitch, x, y)
            if up and not open_up[row, column] and _uniform(state, 0.0, 1.0) > loose:
                _wall(place, slot, count, x - pitch, y, x, y)
    return columns * pitch, rows * pitch


@njit(**_OPTIONS)
def _people(place: Bank, slot: int, state: Array, many: int, wide: float, long: float) -> None:
    """People who walk about a room at up to 1.4 m/s."""
    room, walkers = place.room[slot], place.walkers[slot]
    room[0], room[1], room[2], room[3] = PERSON, PERSON, wide - PERSON, long - PERSON
    walkers[:, 4] = 0.0
    for i in range(min(many, WALKERS)):
        speed, way = _uniform(state, 0.2, 1.4), _uniform(state, -math.pi, math.pi)
        walkers[i, 0] = _uniform(state, PERSON, wide - PERSON)
        walkers[i, 1] = _uniform(state, PERSON, long - PERSON)
        walkers[i, 2], walkers[i, 3] = speed * math.cos(way), speed * math.sin(way)
        walkers[i, 4] = PERSON


@njit(**_OPTIONS)
def _layout(
    place: Bank, slot: int, count: Array, state: Array, key: Array, ease: float, ends: Array
) -> None:
    """Obstacles and the frame of one try; `ends` begins with NaN unless the layout says them."""
    kind, density, smooth = key[1], key[2] * ease, key[3]
    count[0], count[1], ends[0] = 0, 0, np.nan
    crowd = 0
    if kind < 0.5:
        wide, long = _field(place, slot, count, state, density, smooth, ends)
    elif kind < 0.65:
        wide, long = _rooms(place, slot, count, state, density, smooth)
    elif kind < 0.75:
        wide, long = _maze(place, slot, count, state, density, smooth)
    else:
        wide, long = _uniform(state, 4.0, 10.0), _uniform(state, 4.0, 11.0)
        if _uniform(state, 0.0, 1.0) < 0.7:
            _box(place, slot, count, 0.0, 0.0, wide, long)
        if kind < 0.96:
            _things(place, slot, count, state, int(30.0 * density), wide, long)
    if 0.75 <= kind < 0.96 and key[4] > 0.5:
        crowd = int((2.0 * key[4] - 1.0) * wide * long / 8.0 + 0.5)
        count[0] = int(0.3 * count[0])
    _people(place, slot, state, crowd, wide, long)
    frame = place.frame[slot]
    frame[0], frame[1] = -_MARGIN, -_MARGIN
    frame[2] = math.ceil((wide + 2.0 * _MARGIN) / CELL)
    frame[3] = math.ceil((long + 2.0 * _MARGIN) / CELL)


@njit(**_OPTIONS)
def _fits(place: Bank, slot: int, corners: Array, x: float, y: float, yaw: float) -> bool:
    """Whether the robot's outline touches nothing there."""
    cosine, sine = math.cos(yaw), math.sin(yaw)
    turned, most = np.empty_like(corners), 0.0
    for k in range(len(corners)):
        turned[k, 0] = x + cosine * corners[k, 0] - sine * corners[k, 1]
        turned[k, 1] = y + sine * corners[k, 0] + cosine * corners[k, 1]
        most = max(most, math.hypot(corners[k, 0], corners[k, 1]))
    for i in range(len(place.walkers[slot])):
        walker = place.walkers[slot, i]
        if walker[4] > 0.0 and math.hypot(walker[0] - x, walker[1] - y) < 1.0 + walker[4]:
            return False
    return _nearest(place, slot, x, y, most + 0.1, turned) > 0.04


@njit(**_OPTIONS)
def _ends(
    place: Bank, slot: int, state: Array, blocked: Array, corners: Array, ends: Array
) -> bool:
    """Where to start, and to go where the layout does not say; False where none was found."""
    frame, free = place.frame[slot], math.isnan(ends[0])
    wide, long = frame[2] * CELL - 2.0 * _MARGIN, frame[3] * CELL - 2.0 * _MARGIN
    for _ in range(40):
        if free:
            ends[0], ends[1] = _uniform(state, 0.1, wide - 0.1), _uniform(state, 0.1, long - 0.1)
            ends[3], ends[4] = _uniform(state, 0.1, wide - 0.1), _uniform(state, 0.1, long - 0.1)
            ends[2] = _uniform(state, -math.pi, math.pi)
        else:
            about = _uniform(state, 0.0, 1.0)
            spread_ = 0.4 if about < 0.7 else math.pi
            ends[2] = 0.5 * math.pi + _uniform(state, -spread_, spread_)
        if blocked[node(frame, ends[0], ends[1])] or blocked[node(frame, ends[3], ends[4])]:
            if not free:
                return False
            continue
        if math.hypot(ends[3] - ends[0], ends[4] - ends[1]) < 0.8:
            continue
        if _fits(place, slot, corners, ends[0], ends[1], ends[2]):
            return True
    return False


@njit(**_OPTIONS)
def draw(
    place: Bank,
    slot: int,
    key: Array,
    radius: float,
    corners: Array,
    distance: Array,
    ends: Array,
) -> None:
    """Fill a slot with the arena that `key` names.

    Args:
        place: The bank.
        slot: Which of its slots.
        key: (KEY,), see there.
        radius: [m] of the disc for which there is a way.
        corners: (n, 2) [m] the robot's outline, see arena.clearances.
        distance: (NODES,) written: length of the way to the goal, see arena_build.spread.
        ends: (6,) written: start x, y [m], yaw [rad], goal x, y [m], length of the way [m].
    """
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(0x9E3779B97F4A7C15) * (np.uint64(key[0]) + np.uint64(1))
    count, blocked = np.zeros(2, np.int64), np.zeros(len(distance), np.uint8)
    ease = 1.0
    for _ in range(12):
        _layout(place, slot, count, state, key, ease, ends)
        ease *= 0.85
        if not index(place, slot, count[0], count[1]):
            continue
        block(place, slot, count[0], count[1], radius, blocked)
        if not _ends(place, slot, state, blocked, corners, ends):
            continue
        spread(place.frame[slot], ends[3], ends[4], blocked, distance)
        ends[5] = lookup(place.frame[slot], distance, ends[0], ends[1])
        if ends[5] < FAR:
            return
    place.walkers[slot, :, 4] = 0.0
    index(place, slot, 0, 0)
    blocked[:] = 0
    frame = place.frame[slot]
    ends[0], ends[1], ends[2] = 0.5, 0.5, 0.0
    ends[3], ends[4] = 0.5 * frame[2] * CELL, 0.5 * frame[3] * CELL
    spread(frame, ends[3], ends[4], blocked, distance)
    ends[5] = lookup(frame, distance, ends[0], ends[1])
