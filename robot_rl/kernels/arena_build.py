"""Fill a slot of a bank: list what touches each cell, and find ways to the goal."""

from __future__ import annotations

import math
from typing import Any

from numba import njit
import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.arena import CELL, CELLS, FAR, Bank

Array = NDArray[Any]

ITEMS = 4096
"""Most entries in the lists of the cells of an arena."""
PITCH = 0.15
"""[m] between the nodes of the map of distances to the goal."""
NODES = 4 * CELLS
_OPTIONS: Any = {'cache': True, 'error_model': 'numpy'}


def bank(slots: int, circles: int, segments: int, walkers: int) -> Bank:
    """Room for `slots` arenas of at most so many obstacles."""
    return Bank(
        count=np.zeros((slots, 2), np.int32),
        frame=np.zeros((slots, 4), np.float32),
        head=np.zeros((slots, CELLS + 1), np.int32),
        items=np.zeros((slots, ITEMS), np.int16),
        circles=np.zeros((slots, circles, 3), np.float32),
        segments=np.zeros((slots, segments, 4), np.float32),
        walkers=np.zeros((slots, walkers, 5), np.float32),
        room=np.zeros((slots, 4), np.float32),
    )


@njit(**_OPTIONS)
def _to_segment(x: float, y: float, segment: Array) -> float:
    """Distance from a point to a segment."""
    px, py, wx, wy = x - segment[0], y - segment[1], segment[2], segment[3]
    share = min(max((px * wx + py * wy) / max(wx * wx + wy * wy, 1e-12), 0.0), 1.0)
    return math.hypot(px - share * wx, py - share * wy)


@njit(**_OPTIONS)
def _touches(place: Bank, slot: int, item: int, column: int, row: int) -> bool:
    """Whether an item may touch a cell; never no where it does."""
    x0 = place.frame[slot, 0] + column * CELL
    y0 = place.frame[slot, 1] + row * CELL
    if item >= 0:
        circle = place.circles[slot, item]
        dx = circle[0] - min(max(circle[0], x0), x0 + CELL)
        dy = circle[1] - min(max(circle[1], y0), y0 + CELL)
        return dx * dx + dy * dy <= circle[2] * circle[2] + 1e-6
    middle_x, middle_y = x0 + 0.5 * CELL, y0 + 0.5 * CELL
    return _to_segment(middle_x, middle_y, place.segments[slot, -1 - item]) <= 0.7072 * CELL


@njit(**_OPTIONS)
def _span(place: Bank, slot: int, item: int, around: float, pitch: float) -> tuple:
    """First and last column, first and last row that an item, widened by `around`, may reach."""
    if item >= 0:
        x, y, r = place.circles[slot, item]
        low_x, high_x, low_y, high_y = x - r, x + r, y - r, y + r
    else:
        x, y, wx, wy = place.segments[slot, -1 - item]
        low_x, high_x = min(x, x + wx), max(x, x + wx)
        low_y, high_y = min(y, y + wy), max(y, y + wy)
    frame = place.frame[slot]
    scale = CELL / pitch
    columns, rows = int(frame[2] * scale), int(frame[3] * scale)
    return (
        max(math.floor((low_x - around - frame[0]) / pitch), 0),
        min(math.floor((high_x + around - frame[0]) / pitch), columns - 1),
        max(math.floor((low_y - around - frame[1]) / pitch), 0),
        min(math.floor((high_y + around - frame[1]) / pitch), rows - 1),
    )


@njit(**_OPTIONS)
def _enter(place: Bank, slot: int, item: int, count: Array, put: bool) -> None:
    """Count an item in each cell that it touches, or `put` it into their lists."""
    columns = int(place.frame[slot, 2])
    left, right, low, high = _span(place, slot, item, 0.01, CELL)
    for row in range(low, high + 1):
        for column in range(left, right + 1):
            if not _touches(place, slot, item, column, row):
                continue
            cell = row * columns + column
            if put:
                place.items[slot, count[cell]] = item
                count[cell] += 1
            else:
                count[cell + 1] += 1


@njit(**_OPTIONS)
def index(place: Bank, slot: int, circles: int, segments: int) -> bool:
    """List the first `circles` and `segments` of a slot by cell.

    False where the lists, or the grid itself, would be too large. `place.frame[slot]` must stand;
    what lies outside of the grid is not listed.
    """
    place.count[slot, 0], place.count[slot, 1] = circles, segments
    cells = int(place.frame[slot, 2]) * int(place.frame[slot, 3])
    if cells >= place.head.shape[1]:
        return False
    count, total = np.zeros(place.head.shape[1], np.int32), 0
    for item in range(-segments, circles):
        _enter(place, slot, item, count, False)
    for cell in range(cells + 1):
        total += count[cell]
        count[cell] = total
        place.head[slot, cell] = total
    if total > place.items.shape[1]:
        return False
    for item in range(-segments, circles):
        _enter(place, slot, item, count, True)
    return True


@njit(**_OPTIONS)
def block(
    place: Bank, slot: int, circles: int, segments: int, around: float, blocked: Array
) -> None:
    """Mark nodes of the map of distances that are nearer than `around` [m] to an obstacle."""
    frame = place.frame[slot]
    columns = int(frame[2] * CELL / PITCH)
    blocked[:] = 0
    for item in range(-segments, circles):
        left, right, low, high = _span(place, slot, item, around, PITCH)
        for row in range(low, high + 1):
            y = frame[1] + (row + 0.5) * PITCH
            for column in range(left, right + 1):
                x = frame[0] + (column + 0.5) * PITCH
                if item >= 0:
                    circle = place.circles[slot, item]
                    away = math.hypot(x - circle[0], y - circle[1]) - circle[2]
                else:
                    away = _to_segment(x, y, place.segments[slot, -1 - item])
                if away < around:
                    blocked[row * columns + column] = 1


@njit(**_OPTIONS)
def node(frame: Array, x: float, y: float) -> int:
    """Node of the map of distances that (x, y) [m] is nearest to, kept within the map."""
    columns, rows = int(frame[2] * CELL / PITCH), int(frame[3] * CELL / PITCH)
    column = min(max(int((x - frame[0]) / PITCH), 0), columns - 1)
    row = min(max(int((y - frame[1]) / PITCH), 0), rows - 1)
    return row * columns + column


@njit(**_OPTIONS)
def spread(frame: Array, x: float, y: float, blocked: Array, out: Array) -> None:
    """Length [m] of the shortest way from every node to (x, y): Dijkstra over 8 neighbours.

    FAR where there is none. A blocked node has the length of its best neighbour and a step of
    twice its length: who got in there must find the way out.
    """
    columns, rows = int(frame[2] * CELL / PITCH), int(frame[3] * CELL / PITCH)
    num = columns * rows
    out[:] = FAR
    # Lengths are sorted into buckets of a tenth of a step: a queue without a heap (Dial 1969).
    width, buckets = 0.1 * PITCH, 64
    first = np.full(buckets, -1, np.int32)
    following = np.full(8 * num + 8, -1, np.int32)
    entry = np.empty(8 * num + 8, np.int32)
    used, waiting, now = 1, 1, 0
    goal = node(frame, x, y)
    out[goal], entry[0], first[0] = 0.0, goal, 0
    done = np.zeros(num, np.uint8)
    while waiting > 0:
        at = now % buckets
        if first[at] < 0:
            now += 1
            continue
        top = first[at]
        first[at] = following[top]
        waiting -= 1
        here = entry[top]
        if done[here]:
            continue
        done[here] = 1
        row, column = here // columns, here % columns
        for down in range(max(row - 1, 0), min(row + 2, rows)):
            for right in range(max(column - 1, 0), min(column + 2, columns)):
                there = down * columns + right
                if done[there] or blocked[there]:
                    continue
                step = PITCH if down == row or right == column else 1.4142135 * PITCH
                if out[here] + step < out[there]:
                    out[there] = out[here] + step
                    bucket = int(out[there] / width) % buckets
                    entry[used], following[used] = there, first[bucket]
                    first[bucket] = used
                    used += 1
                    waiting += 1
    _escape(columns, rows, blocked, out)


@njit(**_OPTIONS)
def _escape(columns: int, rows: int, blocked: Array, out: Array) -> None:
    """Give blocked nodes a length, from the free ones inwards."""
    for _ in range(4):
        for here in range(columns * rows):
            if not blocked[here]:
                continue
            row, column = here // columns, here % columns
            best = FAR
            for down in range(max(row - 1, 0), min(row + 2, rows)):
                for right in range(max(column - 1, 0), min(column + 2, columns)):
                    best = min(best, out[down * columns + right])
            if best < FAR:
                out[here] = min(out[here], best + 2.0 * PITCH)


@njit(**_OPTIONS)
def lookup(frame: Array, distance: Array, x: float, y: float) -> float:
    """Length [m] of the way from (x, y) to the goal, interpolated; what is blocked off left out.

    Outside of the map it grows with the distance to the edge.
    """
    columns, rows = int(frame[2] * CELL / PITCH), int(frame[3] * CELL / PITCH)
    px, py = (x - frame[0]) / PITCH - 0.5, (y - frame[1]) / PITCH - 0.5
    inner_x = min(max(px, 0.0), columns - 1.001)
    inner_y = min(max(py, 0.0), rows - 1.001)
    beyond = math.hypot(px - inner_x, py - inner_y) * PITCH
    column, row = int(inner_x), int(inner_y)
    fx, fy = inner_x - column, inner_y - row
    total, weight = 0.0, 0.0
    for down in range(2):
        for right in range(2):
            length = distance[(row + down) * columns + column + right]
            if length < FAR:
                share = (fy if down else 1.0 - fy) * (fx if right else 1.0 - fx) + 1e-6
                total += share * length
                weight += share
    return total / weight + beyond if weight > 0.0 else FAR
