"""What tasks say of their surroundings as scenes for cameras."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from robot_rl.spec.scene import Look, Scene, Shape, Vector
from robot_rl.spec.world import Colour, Column, World

GROUND, STRIPE, WALL, BLOCK, COLUMN, PERSON = range(6)
"""Labels of the shapes that `scene_of` makes."""
THIN = 0.002
"""[m] thickness of walls and height of stripes, as in the engines."""
FLOOR = Look((0.45, 0.47, 0.50), (0.38, 0.40, 0.43), 'checker', 0.5)


def scene_of(world: World, ground: Look | None = FLOOR) -> Scene:
    """A scene of `world`: people first, in its order, so that they are easily moved.

    Person i is shape i. Where `ground` is None there is none.
    """
    shapes = [_column(person, PERSON) for person in world.people]
    if ground is not None:
        shapes.append(Shape('plane', look=ground, label=GROUND))
    for block in world.blocks:
        look = _look(block.colour)
        shapes.append(Shape('box', block.size, block.position, block.quat, look, BLOCK))
    shapes += [_column(column, COLUMN) for column in world.columns]
    for line in world.lines:
        points = np.asarray(line.points, float)
        high, wide = (line.height, THIN) if line.height else (THIN, line.width)
        label = WALL if line.height else STRIPE
        shapes += _along(points, high, wide, _look(line.colour), label)
    return Scene(tuple(shapes))


def _look(colour: Colour) -> Look:
    return Look(colour[:3])


def _column(column: Column, label: int) -> Shape:
    size = column.radius, column.height
    return Shape('cylinder', size, column.position, look=_look(column.colour), label=label)


def _along(
    points: np.ndarray, high: float, wide: float, look: Look, label: int
) -> Iterator[Shape]:
    """A box from each of `points` (n, 3) [m] to the next."""
    for start, end in pairwise(points):
        way, middle = end - start, 0.5 * (start + end)
        half, length = 0.5 * float(np.arctan2(way[1], way[0])), float(np.hypot(way[0], way[1]))
        if length > 0.0:
            at: Vector = (float(middle[0]), float(middle[1]), float(middle[2]) + 0.5 * high)
            turn = (float(np.cos(half)), 0.0, 0.0, float(np.sin(half)))
            yield Shape('box', (length, wide, high), at, turn, look, label)
