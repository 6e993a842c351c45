"""Which slot of a bank holds the arena of a key; those that are not there are drawn."""

from __future__ import annotations

from typing import Any

from numba import njit
import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels import arena_build, arena_draw
from robot_rl.kernels.arena import Bank

Array = NDArray[Any]

WAYS = 4
"""Slots that one key may lie in."""
_OPTIONS: Any = {'cache': True, 'error_model': 'numpy'}


@njit(**_OPTIONS)
def find(
    place: Bank,
    keys: Array,
    tags: Array,
    used: Array,
    clock: int,
    radius: float,
    corners: Array,
    distance: Array,
    ends: Array,
    out: Array,
) -> None:
    """Slots of arenas; of the slots that a new one may take, it takes the one used longest ago.

    Args:
        place: The bank; its slots are sets of WAYS.
        keys: (n, KEY) which arenas, see arena_draw.
        tags: (slots, KEY) keys of what lies there, negative seeds for nothing.
        used: (slots,) clock when each was last asked for.
        clock: Now; grows from call to call.
        radius: See arena_draw.draw, as `corners`.
        corners: (n, 2)
        distance: (slots, NODES) lengths of the way to the goal.
        ends: (slots, 6) see arena_draw.draw.
        out: (n,) slots, written.
    """
    sets = len(tags) // WAYS
    for i in range(len(keys)):
        first = int(keys[i, 0]) % sets * WAYS
        chosen, oldest = -1, first
        for slot in range(first, first + WAYS):
            same = True
            for k in range(keys.shape[1]):
                same = same and tags[slot, k] == keys[i, k]
            if same:
                chosen = slot
            if used[slot] < used[oldest]:
                oldest = slot
        if chosen < 0:
            chosen = oldest
            for k in range(keys.shape[1]):
                tags[chosen, k] = keys[i, k]
            arena_draw.draw(
                place, chosen, keys[i], radius, corners, distance[chosen], ends[chosen]
            )
        used[chosen] = clock
        out[i] = chosen


@njit(**_OPTIONS)
def ways(
    place: Bank, slots: Array, distance: Array, pose: Array, velocity: Array, dt: float, out: Array
) -> None:
    """Length of the way to the goal [m] and its change per second [m/s], in `out` (n, 2).

    `pose` (n, 3) x, y [m], yaw [rad]; `velocity` (n, 2) [m/s] in the body frame; the change is
    that over the last `dt` [s] of a straight way.
    """
    for i in range(len(slots)):
        frame, lengths = place.frame[slots[i]], distance[slots[i]]
        x, y = pose[i, 0], pose[i, 1]
        cosine, sine = np.cos(pose[i, 2]), np.sin(pose[i, 2])
        back_x = x - dt * (cosine * velocity[i, 0] - sine * velocity[i, 1])
        back_y = y - dt * (sine * velocity[i, 0] + cosine * velocity[i, 1])
        now = arena_build.lookup(frame, lengths, x, y)
        out[i, 0] = now
        out[i, 1] = (now - arena_build.lookup(frame, lengths, back_x, back_y)) / dt
