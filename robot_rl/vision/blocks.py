"""Rooms of blocks with random patterns, drawn from a number: what a simulator has without photos.

As in CAD2RL (Sadeghi and Levine, arXiv 1611.04201) every surface has another colour and pattern.
"""

from __future__ import annotations

import numpy as np

from robot_rl.spec.scene import Lamp, Look, Scene, Shape, Vector

PATTERNS = ('plain', 'checker', 'stripes', 'bricks', 'noise')
WALL = 0.1  # [m] thickness


def blocks(draw: np.random.Generator) -> tuple[Scene, Vector]:
    """A room, and its size [m] along x, y and up; its middle is the origin, its floor z = 0."""
    length, width = float(draw.uniform(6.5, 9.5)), float(draw.uniform(6.0, 8.0))
    height = float(draw.uniform(2.4, 3.2))
    shapes = [
        Shape('box', (length, width, WALL), (0.0, 0.0, -0.5 * WALL), look=_look(draw)),
        Shape('box', (length, width, WALL), (0.0, 0.0, height + 0.5 * WALL), look=_look(draw)),
    ]
    for side in (-1.0, 1.0):
        x, y, z = 0.5 * side * (length + WALL), 0.5 * side * (width + WALL), 0.5 * height
        shapes.append(Shape('box', (WALL, width, height), (x, 0.0, z), look=_look(draw)))
        shapes.append(Shape('box', (length, WALL, height), (0.0, y, z), look=_look(draw)))
    shapes += [_thing(draw, length, width, height) for _ in range(draw.integers(6, 18))]
    shapes += [_panel(draw, length, width, height) for _ in range(draw.integers(2, 8))]
    lamps = tuple(
        Lamp((x * length, 0.0, height - 0.3), _tinted(draw, draw.uniform(0.1, 0.6)))
        for x in (-0.25, 0.25)
    )
    ambient = _tinted(draw, draw.uniform(0.35, 0.8))
    return Scene(tuple(shapes), (0.0, 0.0, 0.0), ambient=ambient, lamps=lamps), (
        length, width, height,
    )  # fmt: skip


def _thing(draw: np.random.Generator, length: float, width: float, height: float) -> Shape:
    """Something that stands about, more often near a wall than not."""
    wide, deep = draw.uniform(0.2, 1.6), draw.uniform(0.2, 0.9)
    tall = draw.uniform(0.2, 0.8 * height)
    out = draw.uniform(0.6, 1.0, 2) if draw.random() < 0.8 else draw.uniform(0.0, 0.6, 2)
    x, y = out * draw.choice((-1.0, 1.0), 2) * (0.5 * length - 0.3, 0.5 * width - 0.3)
    if draw.random() < 0.5:
        y *= draw.uniform()
    else:
        x *= draw.uniform()
    kind = draw.integers(3)
    if kind == 0:
        radius = 0.5 * deep
        return Shape(
            'sphere', (radius,), (x, y, radius + draw.uniform(0.0, 1.0)), look=_look(draw)
        )
    if kind == 1:
        return Shape('cylinder', (0.4 * deep, tall), (x, y, 0.5 * tall), look=_look(draw))
    return Shape('box', (wide, deep, tall), (x, y, 0.5 * tall), look=_look(draw))


def _panel(draw: np.random.Generator, length: float, width: float, height: float) -> Shape:
    """A window or a picture, 2 cm thick."""
    wide, high = draw.uniform(0.3, 1.6), draw.uniform(0.3, 1.2)
    z, side = draw.uniform(0.5 * high, height - 0.5 * high), draw.choice((-1.0, 1.0))
    if draw.random() < 0.5:
        place = (draw.uniform(-0.4, 0.4) * length, side * (0.5 * width - 0.01), z)
        return Shape('box', (wide, 0.02, high), place, look=_look(draw))
    place = (side * (0.5 * length - 0.01), draw.uniform(-0.4, 0.4) * width, z)
    return Shape('box', (0.02, wide, high), place, look=_look(draw))


def _look(draw: np.random.Generator) -> Look:
    first = draw.uniform(0.15, 0.95) * draw.uniform(0.6, 1.0, 3)
    second = np.clip(first * draw.uniform(0.4, 1.5), 0.05, 1.0)
    pattern, phase = PATTERNS[draw.integers(len(PATTERNS))], draw.uniform(0.0, 1.0, 2)
    scale = float(draw.uniform(0.1, 0.8))
    return Look(_vector(first), _vector(second), pattern, scale, (phase[0], phase[1]))


def _tinted(draw: np.random.Generator, level: float) -> Vector:
    return _vector(level * draw.uniform(0.85, 1.0, 3))


def _vector(values: np.ndarray) -> Vector:
    return float(values[0]), float(values[1]), float(values[2])
