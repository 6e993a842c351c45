"""What a camera on a course sees: floor, walls in stretches of many looks, things beside them.

A course is the corridor between two closed walls. Its look is drawn from a number: patterns,
colours, light, and what stands beyond the walls, which are lower than it. The left and the right
wall differ, so that an image tells which way round a car drives.
"""

from __future__ import annotations

from itertools import pairwise
import math

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec.scene import Look, Scene, Shape, Vector

Array = NDArray[np.float64]

HEIGHT = 0.3  # [m] of the walls: the air ducts that F1TENTH races between
THICK = 0.04  # [m] of a wall, all of it beyond the line that a car must not cross
CHORD = 0.01  # [m] that a straight piece of wall may leave the true one
STRETCHES = (4, 9)  # of different look in a wall, from this many to fewer than that many
THINGS = (25, 45)  # beside the course, likewise
BESIDE = (0.35, 3.0)  # [m] from a wall to the middle of a thing
PATTERNS = ('plain', 'checker', 'stripes', 'bricks', 'noise')


def course(left: Array, right: Array, number: int) -> Scene:
    """The scene of a course: the same for the same walls and number.

    Args:
        left: (n, 2) [m] points of the wall to the left, closed, in the order of driving.
        right: (n, 2) [m] those across from them.
        number: Of its look.
    """
    draw = np.random.default_rng((number, 11))
    shapes = [Shape('plane', look=_look(draw, (0.2, 1.2)))]
    for wall, side in ((left, 1.0), (right, -1.0)):
        shapes += _wall(draw, wall, side)
    shapes += _things(draw, left, right)
    grey, sky = draw.uniform(0.35, 0.9), draw.uniform(0.4, 1.0)
    sun, around = draw.uniform(0.2, 0.6), draw.uniform(0.0, 2.0 * math.pi)
    return Scene(
        tuple(shapes),
        sun=_tinted(draw, sun),
        to_sun=(math.cos(around), math.sin(around), draw.uniform(0.6, 2.0)),
        ambient=_tinted(draw, draw.uniform(0.35, 0.6)),
        horizon=_tinted(draw, grey),
        zenith=_tinted(draw, sky),
    )


def pieces(wall: Array) -> Array:
    """Corners (m, 2) [m] of a closed line of straight pieces no more than CHORD from `wall`.

    The first corner comes last again.
    """
    line = np.concatenate((wall, wall[:1]))
    corners = [0]
    while corners[-1] < len(wall):
        begin = corners[-1]
        end = begin + 1
        while end < len(wall) and _bulge(line[begin : end + 2]) <= CHORD:
            end += 1
        corners.append(end)
    return line[corners]


def _bulge(points: Array) -> float:
    """[m] that `points` are at most from the chord of the first and the last of them."""
    chord = points[-1] - points[0]
    away = points[1:-1] - points[0]
    return float(np.abs(chord[0] * away[:, 1] - chord[1] * away[:, 0]).max()) / max(
        float(np.hypot(*chord)), 1e-9
    )


def _wall(draw: np.random.Generator, wall: Array, side: float) -> list[Shape]:
    """Boxes whose faces towards the course follow `wall`; they lie to its `side`."""
    corners = pieces(wall)
    stretches = int(draw.integers(*STRETCHES))
    looks = [_look(draw, (0.08, 0.6)) for _ in range(stretches)]
    found = []
    for index, (begin, end) in enumerate(pairwise(corners)):
        along = end - begin
        length = float(np.hypot(*along))
        out = side * np.array((-along[1], along[0])) / length
        x, y = 0.5 * (begin + end) + 0.5 * THICK * out
        half = 0.5 * math.atan2(along[1], along[0])
        look = looks[index * stretches // (len(corners) - 1)]
        size = (length + 0.5 * THICK, THICK, HEIGHT)
        quat = (math.cos(half), 0.0, 0.0, math.sin(half))
        found.append(Shape('box', size, (float(x), float(y), 0.5 * HEIGHT), quat, look))
    return found


def _things(draw: np.random.Generator, left: Array, right: Array) -> list[Shape]:
    """Boxes, columns and people beyond the walls, none of them on the course."""
    middle, half = 0.5 * (left + right), 0.5 * np.linalg.norm(left - right, axis=1)
    found: list[Shape] = []
    for _ in range(int(draw.integers(*THINGS))):
        at, wall = int(draw.integers(len(left))), (left, right)[int(draw.integers(2))]
        out = wall[at] - middle[at]
        place = wall[at] + draw.uniform(*BESIDE) * out / np.linalg.norm(out)
        if (np.linalg.norm(middle - place, axis=1) < half + 0.3).any():
            continue
        found.append(_thing(draw, float(place[0]), float(place[1])))
    return found


def _thing(draw: np.random.Generator, x: float, y: float) -> Shape:
    look, tall = _look(draw, (0.1, 0.6)), draw.uniform(0.4, 2.0)
    kind = int(draw.integers(3))
    if kind == 0:
        turn = draw.uniform(0.0, math.pi)
        size = (draw.uniform(0.1, 0.4), draw.uniform(0.1, 0.4), tall)
        quat = (math.cos(0.5 * turn), 0.0, 0.0, math.sin(0.5 * turn))
        return Shape('box', size, (x, y, 0.5 * tall), quat, look)
    if kind == 1:
        return Shape('cylinder', (draw.uniform(0.05, 0.2), tall), (x, y, 0.5 * tall), look=look)
    radius = draw.uniform(0.1, 0.25)
    return Shape('capsule', (radius, tall), (x, y, 0.5 * tall + radius), look=look)


def _look(draw: np.random.Generator, scale: tuple[float, float]) -> Look:
    first = draw.uniform(0.15, 0.95) * draw.uniform(0.4, 1.0, 3)
    second = np.clip(first * draw.uniform(0.4, 1.6), 0.05, 1.0)
    pattern = PATTERNS[draw.integers(len(PATTERNS))]
    phase = draw.uniform(0.0, 1.0, 2)
    return Look(
        _vector(first),
        _vector(second),
        pattern,
        draw.uniform(*scale),
        (float(phase[0]), float(phase[1])),
    )


def _vector(values: Array) -> Vector:
    return float(values[0]), float(values[1]), float(values[2])


def _tinted(draw: np.random.Generator, level: float) -> Vector:
    return _vector(level * draw.uniform(0.85, 1.0, 3))
