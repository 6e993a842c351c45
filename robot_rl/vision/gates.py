"""Courses of gates: square frames on two posts, flown in order along a way that bends gently.

Between gates the way is an arc of a circle that is straight on to both, so headings change by
twice the angle between a gate and the chord to the next. What a course may come near to is for the
place to say, see vision/backdrops.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec.scene import Look, Shape

Array = NDArray[np.float64]
Clearance = Callable[[Array], Array]
"""Points (n, 3) [m] to [m] (n,) from what stands in a place; below 0 within it or outside."""

GATES = 5
INNER = 0.7
"""[m] width and height of an opening."""
BAR, DEPTH, POST = 0.13, 0.06, 0.04
"""[m] width of the frame, its thickness, width of a post."""
HEIGHTS = (0.95, 1.5)
"""[m] of the middle of openings."""
FIRST, APART, AFTER = (1.2, 1.7), (1.25, 1.65), 0.7
"""[m] before the first gate, along the chord from each to the next, behind the last."""
BEND = math.radians(40.0)
"""[rad] the most that headings change from a gate to the next."""
SPACING, POINTS = 0.05, 224
"""[m] along the way from a point to the next; points of a way, the last ones all at its end."""
FREE_WAY, FREE_GATE, FOG = 0.3, 0.05, 0.35
"""[m] that the way, and gates, stay away from the place; height below which posts may touch what
lies on the floor, which in learned places is seldom as thin as it should be."""
LABEL = 7
"""Of the shapes of gates."""
TRIES = 512
"""Courses that are tried at a time."""


@dataclass(frozen=True)
class Course:
    """One of them."""

    way: Array
    """(POINTS, 3) [m] through all gates."""
    gates: Array
    """(GATES, 4) middle of the opening [m] and heading in which it is flown through [rad]."""
    at: Array
    """(GATES,) [m] along the way."""
    heading: float
    """[rad] at the beginning of the way."""

    def shapes(self, look: Look, post: Look) -> list[Shape]:
        """The frames, the posts below them."""
        return [shape for gate in self.gates for shape in _gate(gate, look, post)]


def course(draw: np.random.Generator, low: Array, high: Array, clear: Clearance) -> Course | None:
    """A course within a box (3,) to (3,) [m], away from what stands there; None if none is found.

    The floor is z = 0.
    """
    for _ in range(4):
        headings, gates, lengths = _drawn(draw, low, high)
        inside = ((gates > low + 0.6) & (gates < high - 0.6))[..., :2].all((1, 2))
        rows = np.flatnonzero(inside)
        rows = rows[_free(gates[rows], clear) > FREE_WAY]
        ends, corners = _outline(headings[rows], gates[rows], lengths[rows])
        rows = rows[(_free(ends, clear) > FREE_WAY) & (_free(corners, clear) > FREE_GATE)]
        for row in rows:
            found = _made(headings[row], gates[row], lengths[row])
            if _fits(found, low, high, clear):
                return found
    return None


def _drawn(draw: np.random.Generator, low: Array, high: Array) -> tuple[Array, Array, Array]:
    """Headings (n, GATES), gates (n, GATES, 3) and chords to each (n, GATES) of TRIES courses."""
    num = TRIES
    lengths = np.column_stack((draw.uniform(*FIRST, num), draw.uniform(*APART, (num, GATES - 1))))
    usual = draw.uniform(-BEND, BEND, (num, 1))
    bends = np.clip(usual + draw.uniform(-0.5, 0.5, (num, GATES - 1)) * BEND, -BEND, BEND)
    turned = np.column_stack((np.zeros(num), np.cumsum(bends, 1)))
    headings = draw.uniform(-math.pi, math.pi, (num, 1)) + turned
    chords = headings - 0.5 * np.column_stack((np.zeros(num), bends))
    start = draw.uniform(low[:2], high[:2], (num, 2))[:, None]
    steps = lengths[..., None] * np.stack((np.cos(chords), np.sin(chords)), -1)
    flat = start + np.cumsum(steps, 1)
    heights = draw.uniform(*HEIGHTS, (num, 1)) + np.cumsum(
        draw.uniform(-0.2, 0.2, (num, GATES)), 1
    )
    heights = np.clip(heights, *HEIGHTS)
    return headings, np.concatenate((flat, heights[..., None]), 2), lengths


def _free(points: Array, clear: Clearance) -> Array:
    """[m] (n,) that the nearest of `points` (n, k, 3) is away."""
    return clear(points.reshape(-1, 3)).reshape(points.shape[:2]).min(1, initial=np.inf)


def _outline(headings: Array, gates: Array, lengths: Array) -> tuple[Array, Array]:
    """Of n courses the beginning, the end and the middles of arcs; and corners of frames."""
    ahead = np.stack((np.cos(headings), np.sin(headings), 0.0 * headings), -1)
    left = np.stack((-ahead[..., 1], ahead[..., 0], ahead[..., 2]), -1)
    begin = gates[:, :1] - lengths[:, :1, None] * ahead[:, :1]
    end = gates[:, -1:] + AFTER * ahead[:, -1:]
    bends, chords = np.diff(headings, axis=1), np.diff(gates, axis=1)
    bulge = 0.5 * np.tan(0.25 * bends)[..., None]
    aside = np.stack((chords[..., 1], -chords[..., 0], 0.0 * bends), -1)
    middles = 0.5 * (gates[:, 1:] + gates[:, :-1]) + bulge * aside
    edge, up = 0.5 * INNER + BAR, np.array([0.0, 0.0, 0.5 * INNER + BAR])
    corners = [gates + side * edge * left + high * up for side in (-1, 1) for high in (-1, 1)]
    return np.concatenate((begin, middles, end), 1), np.concatenate(corners, 1)


def _made(headings: Array, gates: Array, lengths: Array) -> Course:
    """The way through some gates, and where along it they are."""
    first = gates[0] - lengths[0] * np.array([math.cos(headings[0]), math.sin(headings[0]), 0.0])
    parts = [_line(first, gates[0])]
    at = [lengths[0]]
    for i in range(1, GATES):
        arc, run = _arc(gates[i - 1], gates[i], headings[i - 1], headings[i])
        parts.append(arc)
        at.append(at[-1] + run)
    ahead = np.array([math.cos(headings[-1]), math.sin(headings[-1]), 0.0])
    parts.append(_line(gates[-1], gates[-1] + AFTER * ahead))
    points = np.concatenate(parts)
    run = np.concatenate(
        ([0.0], np.cumsum(np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1)))
    )
    even = SPACING * np.arange(POINTS)
    way = np.column_stack([np.interp(even, run, points[:, axis]) for axis in range(3)])
    return Course(way, np.column_stack((gates, headings)), np.array(at), float(headings[0]))


def _line(begin: Array, end: Array) -> Array:
    return begin + np.linspace(0.0, 1.0, 24, endpoint=False)[:, None] * (end - begin)


def _arc(begin: Array, end: Array, before: float, after: float) -> tuple[Array, float]:
    """Points (24, 3) of the arc between two gates, and its length [m], seen from above."""
    bend, chord = after - before, float(np.linalg.norm(end[:2] - begin[:2]))
    part = np.linspace(0.0, 1.0, 24, endpoint=False)
    if abs(bend) < 1e-6:
        flat, run = begin[:2] + part[:, None] * (end - begin)[:2], chord
    else:
        radius = 0.5 * chord / math.sin(0.5 * bend)
        angle = before + part * bend
        flat = begin[:2] + radius * np.column_stack(
            (np.sin(angle) - math.sin(before), math.cos(before) - np.cos(angle))
        )
        run = radius * bend
    height = begin[2] + part * part * (3.0 - 2.0 * part) * (end[2] - begin[2])
    return np.column_stack((flat, height)), run


def _fits(found: Course, low: Array, high: Array, clear: Clearance) -> bool:
    """Whether way and gates are in the box and away from what stands there."""
    if (found.way[::4] < low + FREE_WAY).any() or (found.way[::4] > high - FREE_WAY).any():
        return False
    if clear(found.way[::4]).min() < FREE_WAY:
        return False
    edge = 0.5 * INNER + BAR
    spots = [(side * edge, up) for side in (-1.0, 0.0, 1.0) for up in (-edge, 0.0, edge)]
    frames, posts = list[Array](), list[Array]()
    for x, y, z, heading in found.gates:
        left = np.array([-math.sin(heading), math.cos(heading), 0.0])
        frames += [np.array([x, y, z + up]) + side * left for side, up in spots]
        for side in (-edge, edge):
            foot = np.array([x, y, 0.0]) + side * left
            posts += [foot + np.array([0.0, 0.0, up]) for up in np.arange(FOG, z - edge, 0.15)]
    return bool(clear(np.array(frames)).min() > FREE_GATE and clear(np.array(posts)).min() > 0.0)


def _gate(gate: Array, look: Look, post: Look) -> list[Shape]:
    x, y, z, heading = map(float, gate)
    quat = (math.cos(0.5 * heading), 0.0, 0.0, math.sin(0.5 * heading))
    off, tall = 0.5 * (INNER + BAR), INNER + 2.0 * BAR
    shapes = [
        Shape('box', (DEPTH, INNER, BAR), (x, y, z + side * off), quat, look, LABEL)
        for side in (-1.0, 1.0)
    ]
    foot = z - 0.5 * tall
    for side in (-off, off):
        place = (x - side * math.sin(heading), y + side * math.cos(heading))
        shapes.append(Shape('box', (DEPTH, BAR, tall), (*place, z), quat, look, LABEL))
        shapes.append(Shape('box', (POST, POST, foot), (*place, 0.5 * foot), quat, post, LABEL))
    return shapes
