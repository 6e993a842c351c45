"""Hallways with furniture, drawn from a number: walls, what stands about, and a way through.

As in CAD2RL (Sadeghi and Levine, arXiv 1611.04201) widths, bends, furniture, patterns, colours and
lamps all differ, so that no single look of a surface can be relied on. A hallway is only handed
out if a robot of RADIUS that keeps to its way stays MARGIN away from everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
import math

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec.scene import Lamp, Look, Scene, Shape, Vector

Array = NDArray[np.float64]

LENGTH = 26.0  # [m] along the middle
WALL = 0.1  # [m] thickness
SPACING = 0.1  # [m] between points of the way
POINTS = 256
"""Of the way, SPACING apart; the first is where flights start."""
FREE = 0.85  # [m] least width beside furniture
MARGIN = 0.25  # [m]
FURNITURE = (2.2, 3.6)  # [m] from one piece to the next
PATTERNS = ('plain', 'checker', 'stripes', 'bricks', 'noise')


@dataclass(frozen=True)
class Hallway:
    """One of them."""

    scene: Scene
    way: Array
    """(POINTS, 2) [m] through it, SPACING apart."""


def hallway(seed: int) -> Hallway:
    """The hallway of a number: the same for the same number."""
    draw = np.random.default_rng((seed, 7))
    while True:
        made = _Builder(draw).build()
        if made is not None:
            return made


class _Builder:
    """One try."""

    def __init__(self, draw: np.random.Generator) -> None:
        self.draw = draw
        self.width, self.height = draw.uniform(1.7, 2.7), draw.uniform(2.2, 2.8)
        self.middle = self._middle()
        parts = np.diff(self.middle, axis=0)
        self.sizes = np.linalg.norm(parts, axis=1)
        self.along = parts / self.sizes[:, None]
        self.begins = np.cumsum([-1.0, *self.sizes[:-1]])
        self.headings = np.arctan2(self.along[:, 1], self.along[:, 0])
        self.shapes: list[Shape] = []
        self.looks = {part: self._look() for part in ('floor', 'ceiling', 'left', 'right', 'end')}

    def build(self) -> Hallway | None:
        self._shell()
        stations, offsets = self._furnish()
        way = self._way(stations, offsets)
        if way is None or _nearest(self.shapes, way) < MARGIN:
            return None
        lamps = tuple(self._lamp(at) for at in np.arange(self.draw.uniform(1, 3), LENGTH, 5.0))
        light = self.draw.uniform(0.35, 0.7)
        return Hallway(
            Scene(
                tuple(self.shapes),
                sun=(0.0, 0.0, 0.0),
                ambient=_tinted(self.draw, light),
                lamps=lamps,
            ),
            way,
        )

    def _middle(self) -> Array:
        """Corners (n, 2) [m] of the middle line, which starts along x."""
        points, heading, length = [np.array([-1.0, 0.0])], 0.0, -1.0
        side = self.draw.choice((-1.0, 1.0))
        while length < LENGTH:
            part = self.draw.uniform(4.0, 9.0) + (1.0 if length < 0.0 else 0.0)
            points.append(points[-1] + part * np.array([math.cos(heading), math.sin(heading)]))
            length += part
            heading += side * math.radians(self.draw.uniform(0.0, 55.0))
            side = -side if self.draw.random() < 0.7 else side
        return np.array(points)

    def _at(self, length: float) -> tuple[Array, float]:
        """Point (2,) and heading `length` [m] along the middle line, counted from the start."""
        points, headings = self._line(np.array([length]))
        return points[0], float(headings[0])

    def _line(self, length: Array) -> tuple[Array, Array]:
        """Points (n, 2) and headings (n,) at `length` (n,) [m] along the middle line."""
        part = np.clip(np.searchsorted(self.begins, length, 'right') - 1, 0, len(self.sizes) - 1)
        on = (length - self.begins[part])[:, None]
        return self.middle[part] + on * self.along[part], self.headings[part]

    def _look(self) -> Look:
        draw = self.draw
        first = draw.uniform(0.15, 0.95) * draw.uniform(0.6, 1.0, 3)
        second = np.clip(first * draw.uniform(0.4, 1.5), 0.05, 1.0)
        pattern = PATTERNS[draw.integers(len(PATTERNS))]
        phase = draw.uniform(0.0, 1.0, 2)
        return Look(
            _vector(first), _vector(second), pattern, draw.uniform(0.1, 0.8), (phase[0], phase[1])
        )

    def _shell(self) -> None:
        low, high = self.middle.min(0) - 4.0, self.middle.max(0) + 4.0
        (x, y), size = 0.5 * (low + high), high - low
        for part, z in (('floor', -0.5 * WALL), ('ceiling', self.height + 0.5 * WALL)):
            edges = (float(size[0]), float(size[1]), WALL)
            self.shapes.append(Shape('box', edges, (x, y, z), look=self.looks[part]))
        for side, part in ((1.0, 'left'), (-1.0, 'right')):
            corners = _beside(self.middle, side * (0.5 * self.width + 0.5 * WALL))
            for begin, end in pairwise(corners):
                self._wall(begin, end, self.looks[part])
        for point, next_to in ((0, 1), (-1, -2)):
            along = self.middle[next_to] - self.middle[point]
            across = np.array([-along[1], along[0]]) / np.linalg.norm(along)
            half = 0.5 * self.width * across
            self._wall(self.middle[point] - half, self.middle[point] + half, self.looks['end'])
        for _ in range(self.draw.integers(4, 12)):
            self._panel()

    def _wall(self, begin: Array, end: Array, look: Look) -> None:
        along, middle = end - begin, 0.5 * (begin + end)
        size = (float(np.linalg.norm(along)) + WALL, WALL, self.height)
        position = (middle[0], middle[1], 0.5 * self.height)
        self.shapes.append(Shape('box', size, position, _yaw(math.atan2(*along[::-1])), look))

    def _panel(self) -> None:
        """A door, a window or a picture on a wall, 2 cm thick."""
        draw = self.draw
        point, heading = self._at(draw.uniform(1.0, LENGTH - 1.0))
        side, wide = draw.choice((-1.0, 1.0)), draw.uniform(0.4, 1.2)
        high = draw.uniform(0.4, 2.0)
        low = 0.0 if high > 1.6 else draw.uniform(0.2, self.height - high - 0.05)
        place = point + side * (0.5 * self.width - 0.01) * _left(heading)
        position = (place[0], place[1], low + 0.5 * high)
        self.shapes.append(Shape('box', (wide, 0.02, high), position, _yaw(heading), self._look()))

    def _furnish(self) -> tuple[list[float], list[float]]:
        """Put furniture about; where along the middle, and how far aside the way goes there."""
        draw, along = self.draw, draw_start(self.draw)
        stations, offsets = [0.0], [0.0]
        while along < LENGTH - 1.0:
            deep = draw.uniform(0.3, self.width - FREE)
            side = draw.choice((-1.0, 1.0))
            point, heading = self._at(along)
            place = point + side * 0.5 * (self.width - deep) * _left(heading)
            long = draw.uniform(0.3, 0.8)
            self._piece(place, heading, deep, long)
            for edge in (-0.5, 0.0, 0.5):
                stations.append(along + edge * (long + 0.5))
                offsets.append(-side * 0.5 * deep)
            along += draw.uniform(*FURNITURE)
        stations.append(LENGTH + 2.0)
        offsets.append(offsets[-1])
        return stations, offsets

    def _piece(self, place: Array, heading: float, deep: float, long: float) -> None:
        """Something `deep` across the hallway that a robot 1 m above the floor would touch."""
        draw, (x, y) = self.draw, place
        kind, look = draw.integers(5), self._look()
        tall = draw.uniform(1.3, min(2.1, self.height))
        if kind == 0:  # a person, or two side by side
            radius = min(0.25, 0.5 * deep)
            for aside in (0.0,) if deep < 4.0 * radius else (-0.5, 0.5):
                at = place + aside * (deep - 2.0 * radius) * _left(heading)
                size = (radius, 1.7 - 2.0 * radius)
                self.shapes.append(Shape('capsule', size, (at[0], at[1], 0.85), look=look))
            if deep >= 4.0 * radius:  # what is between them is no way
                self._box(place, heading, (0.1, deep - 2.0 * radius, 1.2), 0.6, self._look())
        elif kind == 1:  # a column, with a wall beside it if it is less deep than the piece
            radius = min(0.3, 0.5 * deep)
            side = place - self._near(place)
            at = place - side / max(float(np.linalg.norm(side)), 1e-9) * (0.5 * deep - radius)
            shape = Shape(
                'cylinder', (radius, self.height), (at[0], at[1], 0.5 * self.height), look=look
            )
            self.shapes.append(shape)
            self._box(place, heading, (0.12, deep, tall), 0.5 * tall, self._look())
        elif kind == 2:  # a table with something large on it
            self._box(place, heading, (long, deep, 0.05), 0.74, look)
            for end in (-0.45, 0.45):
                at = place + end * long * np.array([math.cos(heading), math.sin(heading)])
                self._box(at, heading, (0.05, 0.9 * deep, 0.72), 0.36, look)
            self._box(place, heading, (0.6 * long, deep, tall - 0.77), 0.5 * (tall + 0.77), look)
        else:  # a cabinet
            self._box(place, heading, (long, deep, tall), 0.5 * tall, look)
        if draw.random() < 0.4:  # and a ball on the floor, which is in nobody's way
            radius = draw.uniform(0.08, 0.2)
            at = (x + draw.uniform(-0.5, 0.5), y + draw.uniform(-0.3, 0.3), radius)
            self.shapes.append(Shape('sphere', (radius,), at, look=self._look()))

    def _near(self, place: Array) -> Array:
        """The point of the middle line that is nearest to `place`."""
        line, _ = self._line(np.arange(0.0, LENGTH, 0.1))
        return line[np.argmin(np.linalg.norm(line - place, axis=1))]

    def _box(self, at: Array, heading: float, size: Vector, z: float, look: Look) -> None:
        self.shapes.append(Shape('box', size, (at[0], at[1], z), _yaw(heading), look))

    def _way(self, stations: list[float], offsets: list[float]) -> Array | None:
        """Between furniture and walls, smooth; None where stations overlap."""
        if (np.diff(stations) <= 0.0).any():
            return None
        length = np.arange(-0.5, LENGTH + 0.5, 0.05)
        aside = np.interp(length, stations, offsets)
        points, headings = self._line(length)
        left = np.column_stack((-np.sin(headings), np.cos(headings)))
        points = points + aside[:, None] * left
        kernel = np.hanning(19)[1:-1]
        smooth = [np.convolve(points[:, axis], kernel / kernel.sum(), 'valid') for axis in (0, 1)]
        smooth = np.array(smooth).T
        run = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(smooth, axis=0), axis=1))))
        if run[-1] < SPACING * (POINTS - 1):
            return None
        even = SPACING * np.arange(POINTS)
        return np.column_stack([np.interp(even, run, smooth[:, axis]) for axis in (0, 1)])

    def _lamp(self, at: float) -> Lamp:
        point, _ = self._at(float(at))
        bright = _tinted(self.draw, self.draw.uniform(0.2, 0.6))
        return Lamp((point[0], point[1], self.height - 0.15), bright, self.draw.uniform(1.5, 4.0))


def draw_start(draw: np.random.Generator) -> float:
    """[m] along the middle where the first piece stands."""
    return float(draw.uniform(2.5, 4.0))


def _nearest(shapes: list[Shape], way: Array) -> float:
    """[m] from points 1 m above the way to the nearest shape but floor and ceiling."""
    from robot_rl.vision.distance import distance
    from robot_rl.vision.scenes import Scenes

    points = np.column_stack((way, np.ones(len(way)))).astype(np.float32)
    scenes = Scenes([Scene(tuple(shapes))])
    return float(distance(scenes, np.zeros(len(points), np.int64), points).min())


def _beside(line: Array, aside: float) -> Array:
    """Corners (n, 2) of a line `aside` [m] to the left of `line`, joined with mitres."""
    along = np.diff(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    left = np.column_stack((-along[:, 1], along[:, 0]))
    before, after = np.vstack((left[:1], left)), np.vstack((left, left[-1:]))
    mitre = before + after
    mitre *= 2.0 / (mitre**2).sum(1, keepdims=True)
    return line + aside * mitre


def _left(heading: float) -> Array:
    return np.array([-math.sin(heading), math.cos(heading)])


def _yaw(angle: float) -> tuple[float, float, float, float]:
    return math.cos(0.5 * angle), 0.0, 0.0, math.sin(0.5 * angle)


def _vector(values: Array) -> Vector:
    return float(values[0]), float(values[1]), float(values[2])


def _tinted(draw: np.random.Generator, level: float) -> Vector:
    return _vector(level * draw.uniform(0.85, 1.0, 3))
