"""Furnished rooms drawn from a number: what places learned from photographs are photographed in.

They stand for real rooms: no task is trained in one, only in what was learned of its photographs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
import math
from typing import Literal

import numpy as np

from robot_rl.spec.scene import Lamp, Look, Scene, Shape, Vector
from robot_rl.vision import first_room

Pattern = Literal['stripes', 'noise', 'checker']
THICK = 0.1  # [m] of walls
PAPERS = ((0.84, 0.79, 0.66), (0.70, 0.78, 0.72), (0.80, 0.72, 0.74), (0.66, 0.72, 0.82),
          (0.88, 0.86, 0.82), (0.78, 0.66, 0.50), (0.55, 0.60, 0.58))  # fmt: skip
BRICKS = ((0.62, 0.30, 0.23), (0.72, 0.46, 0.32), (0.58, 0.56, 0.54))
WOODS = ((0.55, 0.38, 0.24), (0.40, 0.26, 0.16), (0.72, 0.56, 0.38), (0.30, 0.20, 0.14))
CLOTHS = ((0.20, 0.36, 0.55), (0.50, 0.16, 0.18), (0.25, 0.40, 0.28), (0.45, 0.43, 0.42),
          (0.75, 0.55, 0.22), (0.35, 0.25, 0.42))  # fmt: skip
LEAF = Look((0.15, 0.45, 0.20), (0.08, 0.28, 0.10), 'noise', 0.15)
WHITE = Look((0.92, 0.91, 0.88), (0.80, 0.80, 0.80), 'noise', 0.4)


@dataclass(frozen=True)
class Room:
    """One of them; its middle is the origin, its floor z = 0."""

    size: Vector
    """[m] along x, along y, and up."""
    furniture: tuple[Shape, ...]
    """What stands in it, along its axes."""
    scene: Scene
    """All of it with its light."""


@cache
def room(number: int) -> Room:
    """The room of a number: the same for the same one. Number 0 is the one in first_room.py."""
    if number == 0:
        size = first_room.LENGTH, first_room.WIDTH, first_room.HEIGHT
        return Room(size, tuple(first_room.furniture()), first_room.scene())
    return _Builder(number).build()


class _Builder:
    """Puts up walls, furniture along them, and lamps."""

    def __init__(self, number: int) -> None:
        self.draw = np.random.default_rng((number, 11))
        uniform = self.draw.uniform
        self.size = (uniform(7.0, 9.0), uniform(6.0, 7.5), uniform(2.6, 3.0))
        self.shell: list[Shape] = []
        self.furniture: list[Shape] = []

    def build(self) -> Room:
        self._walls()
        for wall in range(4):
            self._along(wall)
        self._middle()
        length, width, height = self.size
        lamps = tuple(
            Lamp((x, self.draw.uniform(-0.25, 0.25) * width, height - 0.3), self._tint(0.3, 0.6))
            for x in (-0.25 * length, 0.25 * length)
        )
        scene = Scene(
            (*self.shell, *self.furniture),
            sun=(0.0, 0.0, 0.0),
            ambient=self._tint(0.4, 0.65),
            lamps=lamps,
        )
        return Room(self.size, tuple(self.furniture), scene)

    def _one(self, colours: tuple[Vector, ...]) -> Vector:
        red, green, blue = np.array(colours[self.draw.integers(len(colours))]) + 0.06 * (
            self.draw.uniform(-1.0, 1.0, 3)
        )
        return float(red), float(green), float(blue)

    def _tint(self, low: float, high: float) -> Vector:
        level = self.draw.uniform(low, high)
        return level, level * self.draw.uniform(0.88, 1.0), level * self.draw.uniform(0.78, 1.0)

    def _walls(self) -> None:
        length, width, height = self.size
        x, y, z = 0.5 * (length + THICK), 0.5 * (width + THICK), 0.5 * height
        planks = self._mixed(self._one(WOODS), 0.75, 'stripes', 0.2, 0.4)
        carpet = self._mixed(self._one(CLOTHS), 0.8, 'noise', 0.2, 0.5)
        tiles = self._mixed(self._one(PAPERS), 0.7, 'checker', 0.3, 0.7)
        floor = (planks, carpet, tiles)[self.draw.integers(3)]
        ceiling = Look((0.9, 0.9, 0.88), (0.76, 0.76, 0.78), 'noise', 0.9)
        flat = (length, width, THICK)
        self.shell += [
            Shape('box', flat, (0.0, 0.0, -0.5 * THICK), look=floor),
            Shape('box', flat, (0.0, 0.0, height + 0.5 * THICK), look=ceiling),
            Shape('box', (THICK, width, height), (x, 0.0, z), look=self._wall()),
            Shape('box', (THICK, width, height), (-x, 0.0, z), look=self._wall()),
            Shape('box', (length, THICK, height), (0.0, y, z), look=self._wall()),
            Shape('box', (length, THICK, height), (0.0, -y, z), look=self._wall()),
        ]

    def _wall(self) -> Look:
        kind = self.draw.random()
        if kind < 0.25:
            return Look(self._one(BRICKS), (0.78, 0.75, 0.70), 'bricks', self._scale(0.3, 0.5))
        if kind < 0.4:
            return self._mixed(self._one(PAPERS), 0.8, 'stripes', 0.3, 0.8)
        return self._mixed(self._one(PAPERS), 0.78, 'noise', 0.4, 0.8)

    def _mixed(
        self, colour: Vector, darker: float, kind: Pattern, low: float, high: float
    ) -> Look:
        second = (darker * colour[0], darker * colour[1], darker * colour[2])
        return Look(colour, second, kind, self._scale(low, high))

    def _scale(self, low: float, high: float) -> float:
        return float(self.draw.uniform(low, high))

    def _along(self, wall: int) -> None:
        """Furniture along one wall, from one corner to the other, and pictures above it."""
        run = self.size[wall % 2]
        at = -0.5 * run + self.draw.uniform(0.7, 1.3)
        while at < 0.5 * run - 1.2:
            wide = self.draw.uniform(0.5, min(2.0, 0.5 * run - at - 0.6))
            if self.draw.random() < 0.7:
                self._piece(wall, at + 0.5 * wide, wide)
            if self.draw.random() < 0.7:
                self._panel(wall, at + 0.5 * wide, min(wide, 1.2))
            at += wide + self.draw.uniform(0.3, 1.2)

    def _put(
        self, wall: int, at: float, size: Vector, off: float, low: float, look: Look,
        onto: list[Shape] | None = None,
    ) -> None:  # fmt: skip
        """A box of `size` along the wall, away from it and up: `off` the wall, from `low` up."""
        wide, deep, high = size
        away = 0.5 * self.size[1 - wall % 2] - off - 0.5 * deep
        side = 1.0 if wall < 2 else -1.0
        z = low + 0.5 * high
        place = (at, side * away, z) if wall % 2 == 0 else (side * away, at, z)
        edges = (wide, deep, high) if wall % 2 == 0 else (deep, wide, high)
        target = self.furniture if onto is None else onto
        target.append(Shape('box', edges, place, look=look))

    def _panel(self, wall: int, at: float, wide: float) -> None:
        """A window or a picture, 2 cm thick."""
        high = self.draw.uniform(0.5, 1.0)
        window = Look((0.95, 0.97, 1.0), (0.80, 0.90, 0.98), 'noise', 0.6)
        strong = self._mixed(self._one(CLOTHS), 0.4, 'noise', 0.15, 0.4)
        look = window if self.draw.random() < 0.4 else strong
        low = self.draw.uniform(1.2, max(1.25, self.size[2] - high - 0.2))
        self._put(wall, at, (0.8 * wide, 0.02, high), 0.0, low, look, self.shell)

    def _piece(self, wall: int, at: float, wide: float) -> None:
        uniform, kind = self.draw.uniform, self.draw.integers(5)
        wood = self._mixed(self._one(WOODS), 0.75, 'noise', 0.2, 0.4)
        cloth = self._mixed(self._one(CLOTHS), 0.7, 'noise', 0.2, 0.4)
        if kind == 0:  # shelves, full
            books = Look(self._one(CLOTHS), self._one(CLOTHS), 'stripes', self._scale(0.1, 0.3))
            self._put(wall, at, (wide, uniform(0.3, 0.4), uniform(1.4, 2.1)), 0.0, 0.0, books)
        elif kind == 1:  # a sofa
            deep = uniform(0.75, 0.9)
            self._put(wall, at, (wide, 0.25, uniform(0.8, 0.95)), 0.0, 0.0, cloth)
            self._put(wall, at, (wide, deep - 0.25, 0.45), 0.25, 0.0, cloth)
        elif kind == 2:  # a table with something on it
            deep = uniform(0.6, 0.8)
            self._put(wall, at, (wide, deep, 0.05), 0.05, 0.7, wood)
            for end in (-0.46, 0.46):
                self._put(wall, at + end * wide, (0.05, 0.9 * deep, 0.7), 0.05, 0.0, wood)
            self._put(wall, at, (0.3, 0.3, uniform(0.1, 0.5)), 0.15, 0.75, cloth)
        elif kind == 3:  # a cabinet with a ball on it
            high = uniform(0.7, 1.1)
            self._put(wall, at, (wide, uniform(0.4, 0.6), high), 0.0, 0.0, WHITE)
            self._round(wall, at, 0.3, high + 0.18, 0.18, Look(self._one(CLOTHS)))
        else:  # a plant in a pot
            self._put(wall, at, (0.4, 0.4, 0.5), 0.1, 0.0, WHITE)
            self._round(wall, at, 0.3, 0.9, uniform(0.3, 0.45), LEAF)

    def _round(
        self, wall: int, at: float, off: float, z: float, radius: float, look: Look
    ) -> None:
        away = (1.0 if wall < 2 else -1.0) * (0.5 * self.size[1 - wall % 2] - off)
        place = (at, away, z) if wall % 2 == 0 else (away, at, z)
        self.furniture.append(Shape('sphere', (radius,), place, look=look))

    def _middle(self) -> None:
        """A rug, and something low or slim that stands free."""
        uniform, (length, width, _) = self.draw.uniform, self.size
        x, y = uniform(-0.2, 0.2) * length, uniform(-0.2, 0.2) * width
        rug = self._mixed(self._one(CLOTHS), 1.5, 'checker', 0.3, 0.6)
        self.furniture.append(Shape('box', (2.2, 1.6, 0.02), (x, y, 0.01), look=rug))
        for _ in range(self.draw.integers(1, 4)):
            angle = uniform(-math.pi, math.pi)
            x, y = 0.33 * length * math.cos(angle), 0.33 * width * math.sin(angle)
            wood = self._mixed(self._one(WOODS), 0.75, 'noise', 0.2, 0.4)
            if self.draw.random() < 0.5:
                edges = (uniform(0.4, 0.9), uniform(0.4, 0.7), uniform(0.3, 0.5))
                self.furniture.append(Shape('box', edges, (x, y, 0.5 * edges[2]), look=wood))
            else:  # a lamp that stands
                self.furniture.append(Shape('cylinder', (0.05, 1.5), (x, y, 0.75), look=wood))
                self.furniture.append(Shape('sphere', (0.2,), (x, y, 1.6), look=WHITE))
