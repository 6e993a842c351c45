"""Where square markers are in a capture, from the pixels that their corners are seen in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import itertools

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import CaptureError
from robot_rl.vision.nerf.capture import Capture
from robot_rl.vision.nerf.marker import Marker, Sighting
from robot_rl.vision.optics import project, rays

Array = NDArray[np.float64]
CLOSE = 0.003
"""Part of an image's width, at least 1.5 px, within which a corner must appear again."""
LEAST_ANGLE = np.radians(3.0)
"""[rad] between two of the directions that a marker is seen from: less says little of depth."""
DISAGREE = 0.05
"""Part of an edge by which edges and diagonals may differ, of one marker and among several."""
TRIES, ROUNDS = 100, 4


@dataclass(frozen=True, eq=False)
class Square:
    """One marker."""

    number: int
    corners: Array
    """(4, 3) clockwise from the upper left one, units of the capture."""
    used: int
    """Photographs that agree about it."""
    seen: int
    """Photographs that show it."""
    off: float
    """[px] root mean square of how far corners appear from where they were seen."""

    @property
    def edges(self) -> Array:
        """(6,) four edges and two diagonals over sqrt(2), units of the capture."""
        sides = np.linalg.norm(self.corners - np.roll(self.corners, -1, axis=0), axis=1)
        across = np.linalg.norm(self.corners[:2] - self.corners[2:], axis=1) / np.sqrt(2.0)
        return np.concatenate((sides, across))

    @property
    def up(self) -> Array:
        """(3,) unit vector from its lower to its upper edge."""
        way = self.corners[0] + self.corners[1] - self.corners[2] - self.corners[3]
        return way / np.linalg.norm(way)

    @property
    def normal(self) -> Array:
        """(3,) unit vector out of its printed side."""
        way = np.cross(self.corners[0] - self.corners[2], self.corners[3] - self.corners[1])
        return way / np.linalg.norm(way)


@dataclass(frozen=True)
class Squares:
    """All markers of a place that were measured."""

    marker: Marker
    each: tuple[Square, ...]

    @property
    def edge(self) -> float:
        """Mean edge, units of the capture."""
        return float(np.mean([square.edges.mean() for square in self.each]))

    @property
    def spread(self) -> float:
        """Part of it by which an edge or diagonal of any of them differs, the most."""
        every = np.concatenate([square.edges for square in self.each])
        return float(np.abs(every / self.edge - 1.0).max())

    def __str__(self) -> str:
        """A line for each marker."""
        scale = self.marker.meters / self.edge
        return '\n'.join(
            f'marker {one.number}: {one.used} of {one.seen} photographs agree within '
            f'{one.off:.2f} pixels, edges of {scale * one.edges.min():.4f} to '
            f'{scale * one.edges.max():.4f} m'
            for one in self.each
        )


def squares_of(capture: Capture, marker: Marker, sightings: Sequence[Sighting]) -> Squares:
    """Triangulate every marker that two photographs show.

    Raises CaptureError where there is none, where it is seen from one direction only, and where
    edges disagree by more than DISAGREE: with each other, or with those of other markers.
    """
    by_number: dict[int, list[Sighting]] = {}
    for one in sightings:
        by_number.setdefault(one.number, []).append(one)
    often = {n: seen for n, seen in by_number.items() if len({one.view for one in seen}) > 1}
    if not often:
        one = sightings[0]
        raise CaptureError(
            f'{capture.path}: the marker {marker} is seen in one photograph only, '
            f'{capture.views[one.view].name!r}, expected at least two. Take more that show it.'
        )
    found = Squares(marker, tuple(_square(capture, n, often[n]) for n in sorted(often)))
    if found.spread > DISAGREE:
        raise CaptureError(
            f'{capture.path}: edges of the marker {marker} differ by {found.spread:.0%}, allowed '
            f'is {DISAGREE:.0%}:\n{found}\nTake sharper and closer photographs of it, or name '
            "one of several by its number, 'DICTIONARY:METERS:NUMBER'."
        )
    return found


def _square(capture: Capture, number: int, seen: Sequence[Sighting]) -> Square:
    """Where one marker is: the pair of photographs that most others agree with, then all those."""
    views = [capture.views[one.view] for one in seen]
    origins = np.array([view.position for view in views])
    ways = np.ones((len(seen), 4, 3))
    for row, (view, one) in enumerate(zip(views, seen, strict=True)):
        ways[row, :, :2] = rays(view.camera, one.corners)
        ways[row] = ways[row] @ view.rotation.T
    ways /= np.linalg.norm(ways, axis=2, keepdims=True)
    close = np.array([max(1.5, CLOSE * view.camera.width) for view in views])

    def off(corners: Array) -> Array:
        """(n, 4) [px] how far from where they were seen corners (4, 3) appear."""
        errors = np.empty((len(seen), 4))
        for row, (view, one) in enumerate(zip(views, seen, strict=True)):
            there = project(view.camera, (corners - view.position) @ view.rotation)
            errors[row] = np.linalg.norm(there - one.corners, axis=1)
        return np.nan_to_num(errors, nan=np.inf)

    agree = np.zeros(len(seen), bool)
    for pair in _pairs(len(seen)):
        rows = np.array(pair)
        if _angle(ways[rows]) < LEAST_ANGLE:
            continue
        fits = off(_meet(origins[rows], ways[rows], np.ones((2, 4)))).max(axis=1) < close
        agree = fits if fits.sum() > agree.sum() else agree
    if agree.sum() < 2:
        raise CaptureError(
            f'{capture.path}: of {len(seen)} photographs that show the marker {number}, no two '
            f'that see it from directions at least {np.degrees(LEAST_ANGLE):.0f} degrees apart '
            'agree about where it is. Take photographs of it from several sides, and check that '
            'nobody moved it.'
        )
    weights, corners = np.ones((len(seen), 4)), np.zeros((4, 3))
    for _ in range(ROUNDS):  # a pixel is as wide as it is far away
        corners = _meet(origins[agree], ways[agree], weights[agree])
        weights = 1.0 / np.square(np.linalg.norm(corners - origins[:, None], axis=2))
        fits = off(corners).max(axis=1) < close
        agree = fits if fits.sum() >= 2 else agree
    mean = float(np.sqrt(np.square(off(corners)[agree]).mean()))
    return Square(number, corners, int(agree.sum()), len(seen), mean)


def _pairs(num: int) -> list[tuple[int, int]]:
    """All pairs of `num` views, or TRIES of them that were drawn."""
    every = list(itertools.combinations(range(num), 2))
    if len(every) <= TRIES:
        return every
    chosen = np.random.default_rng(0).choice(len(every), TRIES, replace=False)
    return [every[place] for place in chosen]


def _angle(ways: Array) -> float:
    """[rad] between the mean directions of two views, (2, 4, 3)."""
    first, second = ways.mean(axis=1)
    return float(np.arctan2(np.linalg.norm(np.cross(first, second)), first @ second))


def _meet(origins: Array, ways: Array, weights: Array) -> Array:
    """Points (4, 3) with the least weighted sum of squared distances to four rays of each view.

    Origins (n, 3), unit vectors (n, 4, 3), weights (n, 4).
    """
    across = np.eye(3) - ways[..., :, None] * ways[..., None, :]
    across *= weights[..., None, None]
    right = (across @ origins[:, None, :, None]).sum(axis=0)
    return np.linalg.solve(across.sum(axis=0), right)[..., 0]
