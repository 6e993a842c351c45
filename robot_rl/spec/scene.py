"""What a camera sees: shapes with colours and patterns, lights, and the sky."""

from __future__ import annotations

from dataclasses import dataclass, field
import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError, UnknownNameError

Vector = tuple[float, float, float]
Image = NDArray[np.uint8]

KINDS = ('nothing', 'plane', 'box', 'sphere', 'cylinder', 'capsule', 'mesh')
"""The number of each is its place in this row."""
PATTERNS = ('plain', 'checker', 'stripes', 'bricks', 'noise', 'image')
"""The same."""


@dataclass(frozen=True)
class Look:
    """Colour and pattern of a surface, red, green and blue from 0 to 1."""

    colour: Vector = (0.62, 0.66, 0.70)
    second: Vector = (0.3, 0.3, 0.3)
    """The other colour of a pattern: every second field or stripe, mortar, dark noise."""
    pattern: Literal['plain', 'checker', 'stripes', 'bricks', 'noise', 'image'] = 'plain'
    scale: float = 0.5
    """[m] of a field, a stripe, a brick, the grain of noise, or the width of the image."""
    phase: tuple[float, float] = (0.0, 0.0)
    """[m] by which the pattern is shifted along the surface."""
    image: Image | None = None
    """(h, w, 3) uint8 that is repeated over the surface."""

    def __post_init__(self) -> None:
        """Refuse a pattern that is unknown or lacks what it needs."""
        if self.pattern not in PATTERNS:
            raise UnknownNameError('pattern', self.pattern, PATTERNS)
        if not self.scale > 0.0:
            raise SpecError(f'A pattern needs a positive scale, got {self.scale} m.')
        shape = () if self.image is None else self.image.shape
        if self.pattern == 'image' and (len(shape) != 3 or shape[2] != 3):
            raise SpecError(
                f"A look with the pattern 'image' needs one of shape (h, w, 3), got {shape}."
            )


@dataclass(frozen=True)
class Shape:
    """A body, or a part of one. Its sides are seen from outside only."""

    kind: Literal['plane', 'box', 'sphere', 'cylinder', 'capsule', 'mesh']
    size: tuple[float, ...] = ()
    """[m] box: three full edges; sphere: radius; cylinder: radius, height; capsule: radius, height
    without the round ends; plane: none, it is infinite; mesh: factor along each axis."""
    position: Vector = (0.0, 0.0, 0.0)
    """[m] of its middle, world frame. A plane goes through it."""
    quat: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    """wxyz, shape to world. The axis of a cylinder or capsule and the normal of a plane are z."""
    look: Look = field(default_factory=Look)
    label: int = 0
    """What kind of thing it is, for whoever reads the image of ids."""
    file: str = ''
    """Of a mesh: STL or OBJ. Only renderers that have meshes draw it."""

    def __post_init__(self) -> None:
        """Refuse a kind that is unknown and sizes that are not its own."""
        if self.kind not in KINDS[1:]:
            raise UnknownNameError('shape', self.kind, KINDS[1:])
        needed = {'plane': 0, 'sphere': 1, 'cylinder': 2, 'capsule': 2}.get(self.kind, 3)
        if len(self.size) != needed or not all(0.0 < edge < math.inf for edge in self.size):
            raise SpecError(
                f'A {self.kind} needs {needed} positive numbers for its size, got {self.size}.'
            )

    @property
    def half(self) -> Vector:
        """[m] half edges of a box; radius, radius and half height of what is round."""
        match self.kind, self.size:
            case 'box', (x, y, z):
                return 0.5 * x, 0.5 * y, 0.5 * z
            case 'sphere', (radius,):
                return radius, radius, radius
            case (('cylinder' | 'capsule'), (radius, height)):
                return radius, radius, 0.5 * height
            case 'mesh', (x, y, z):
                return x, y, z
            case _:  # a plane
                return 0.0, 0.0, 0.0


@dataclass(frozen=True)
class Lamp:
    """A light at a point, which shines in all directions."""

    position: Vector
    """[m] world frame."""
    colour: Vector = (0.5, 0.5, 0.5)
    """What it adds to a white surface that faces it, close by."""
    reach: float = 3.0
    """[m] at which half of it is left: its strength is 1 / (1 + (distance / reach)^2)."""


@dataclass(frozen=True)
class Scene:
    """All that cameras of one environment see.

    A surface has the colour of its pattern times the sum of the light it gets: `ambient`, and from
    sun and lamps as much as it faces them (Lambert).
    """

    shapes: tuple[Shape, ...] = ()
    sun: Vector = (0.6, 0.6, 0.6)
    """Colour of the light of the sun; (0, 0, 0) for none."""
    to_sun: Vector = (0.3, -0.4, 0.866)
    """Where it comes from, world frame, of any length."""
    ambient: Vector = (0.4, 0.4, 0.4)
    lamps: tuple[Lamp, ...] = ()
    horizon: Vector = (0.80, 0.86, 0.92)
    """Colour of the sky at the horizon and below it."""
    zenith: Vector = (0.35, 0.55, 0.85)
    """Colour of the sky straight up."""

    def __post_init__(self) -> None:
        """Refuse a sun without a direction."""
        if not math.hypot(*self.to_sun) > 1e-6:
            raise SpecError(f'A sun needs a direction, got to_sun {self.to_sun}.')
