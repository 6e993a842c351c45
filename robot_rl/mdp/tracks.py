"""Closed tracks of varied width, generated: a bank of them as plain arrays.

A centre line is a circle bent by a few random waves, r(phi) = 1 + sum a_k cos(k phi + b_k), scaled
so that its tightest bend is one a car can drive. Both edges wander on their own. The corridor is
cut across the centre line into SECTIONS convex quadrilaterals, which is all that
kernels/corridor.py needs to find a robot and to trace its beams.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError

Array = NDArray[np.float64]

SECTIONS = 192
LENGTH = (22.0, 58.0)  # [m] of a lap; longer sections would cut corners
WAVES = 5
SHARPEST_RADIUS = (1.25, 1.7)  # [m] of the tightest bend, drawn for each track
HALF_WIDTH = (0.6, 1.25)  # [m] from the centre line to a wall
INNER = 0.75  # part of a bend's radius that the wall inside it may be away from the centre line
GAP = 0.15  # [m] least distance between two parts of a track
TRIES = 4000


@dataclass(frozen=True)
class Tracks:
    """`num` tracks of SECTIONS sections each, driven in the order of their points."""

    centre: Array
    """(num, SECTIONS, 2) [m] points of the centre line, evenly spaced."""
    tangent: Array
    """(num, SECTIONS, 2) unit vectors along it."""
    curvature: Array
    """(num, SECTIONS) [1/m] positive to the left."""
    left: Array
    """(num, SECTIONS) [m] from the centre line to the left wall."""
    right: Array
    """(num, SECTIONS) [m] to the right wall."""
    spacing: Array
    """(num,) [m] between neighbouring points along the centre line."""

    @property
    def num(self) -> int:
        """How many."""
        return len(self.centre)

    @property
    def length(self) -> Array:
        """(num,) [m] of a lap along the centre line."""
        return self.spacing * SECTIONS

    @property
    def normal(self) -> Array:
        """(num, SECTIONS, 2) unit vectors to the left."""
        return _left_of(self.tangent)

    @property
    def walls(self) -> tuple[Array, Array]:
        """Left and right wall, each (num, SECTIONS, 2) [m], closed."""
        normal = self.normal
        return (
            self.centre + self.left[..., None] * normal,
            self.centre - self.right[..., None] * normal,
        )


def _left_of(vector: Array) -> Array:
    return np.stack((-vector[..., 1], vector[..., 0]), -1)


@cache
def tracks(num: int, seed: int) -> Tracks:
    """Generate `num` tracks, the same for the same seed.

    Raises SpecError if so many are not found, which chance all but excludes.
    """
    rng = np.random.default_rng(seed)
    found: list[tuple[Array, ...]] = []
    for _ in range(TRIES * num):
        candidate = _candidate(rng)
        if candidate is not None:
            found.append(candidate)
        if len(found) == num:
            return Tracks(*(np.stack(part) for part in zip(*found, strict=True)))
    raise SpecError(
        f'Found {len(found)} of {num} tracks in {TRIES * num} tries, seed {seed}. Choose another '
        'seed.'
    )


def _candidate(rng: np.random.Generator) -> tuple[Array, ...] | None:
    """Arrays of one track, None where the draw is none."""
    order = np.arange(2, WAVES + 2)
    size = rng.uniform(0.1, 0.9, WAVES) * rng.uniform(0.0, 1.0, WAVES) / np.sqrt(order)
    phase = rng.uniform(0.0, 2.0 * np.pi, WAVES)
    angle = np.linspace(0.0, 2.0 * np.pi, 8 * SECTIONS, endpoint=False)
    radius = 1.0 + (size * np.cos(np.outer(angle, order) + phase)).sum(1)
    if radius.min() < 0.15:
        return None
    points = radius[:, None] * np.stack((np.cos(angle), np.sin(angle)), 1)
    if rng.random() < 0.5:
        points = points[::-1]
    centre, spacing = _resampled(points)
    tangent, curvature = _bend(centre, spacing)
    scale = rng.uniform(*SHARPEST_RADIUS) * float(np.abs(curvature).max())
    centre, spacing, curvature = scale * centre, scale * spacing, curvature / scale
    if not LENGTH[0] <= spacing * SECTIONS <= LENGTH[1]:
        return None
    left, right = (_half_width(rng, sign * curvature) for sign in (1.0, -1.0))
    if not _apart(centre, tangent, left, right, spacing):
        return None
    return centre, tangent, curvature, left, right, np.array(spacing)


def _resampled(points: Array) -> tuple[Array, float]:
    """SECTIONS points, evenly spaced along a closed line, and their spacing."""
    closed = np.concatenate((points, points[:1]))
    along = np.concatenate(([0.0], np.linalg.norm(np.diff(closed, axis=0), axis=1).cumsum()))
    at = np.arange(SECTIONS) * (along[-1] / SECTIONS)
    even = np.stack([np.interp(at, along, closed[:, axis]) for axis in (0, 1)], 1)
    return even, float(along[-1] / SECTIONS)


def _bend(centre: Array, spacing: float) -> tuple[Array, Array]:
    """Unit tangents and curvature of a closed line of evenly spaced points."""
    chord = np.roll(centre, -1, 0) - np.roll(centre, 1, 0)
    tangent = chord / np.linalg.norm(chord, axis=1, keepdims=True)
    second = np.roll(centre, -1, 0) - 2.0 * centre + np.roll(centre, 1, 0)
    return tangent, (second * _left_of(tangent)).sum(1) / spacing**2


def _half_width(rng: np.random.Generator, curvature: Array) -> Array:
    """Distance to a wall on whose side the centre line bends by `curvature` [1/m]."""
    angle = np.linspace(0.0, 2.0 * np.pi, SECTIONS, endpoint=False)
    waves = np.cos(np.outer(angle, np.arange(1, 7)) + rng.uniform(0.0, 2.0 * np.pi, 6))
    wander = (waves * rng.uniform(0.0, 1.0, 6)).sum(1)
    low, high = np.sort(rng.uniform(*HALF_WIDTH, 2))
    wander = (wander - wander.min()) / max(float(np.ptp(wander)), 1e-9)
    return np.minimum(low + (high - low) * wander, INNER / np.maximum(curvature, 1e-9))


def _apart(centre: Array, tangent: Array, left: Array, right: Array, spacing: float) -> bool:
    """Whether all quadrilaterals are convex and no two parts of the track come near another."""
    normal = _left_of(tangent)
    sides = centre + left[:, None] * normal, centre - right[:, None] * normal
    for wall in sides:  # each wall advances along both of its cross-sections
        step = np.roll(wall, -1, 0) - wall
        if min((step * tangent).sum(1).min(), (step * np.roll(tangent, -1, 0)).sum(1).min()) <= 0:
            return False
    # Parts less than a quarter turn of the sharpest bend from each other are neighbours, and near.
    index = np.arange(SECTIONS)
    apart = np.abs(index[:, None] - index[None])
    apart = np.minimum(apart, SECTIONS - apart) >= 0.5 * np.pi * SHARPEST_RADIUS[0] / spacing
    walls = np.concatenate(sides)
    between = np.linalg.norm(walls[:, None] - walls[None], axis=2)
    across = np.linalg.norm(walls[:, None] - centre[None], axis=2)
    free = (between >= GAP + spacing) | ~np.tile(apart, (2, 2))
    own = (across >= np.maximum(left, right)[None] + GAP) | ~np.tile(apart, (2, 1))
    return bool(free.all() and own.all())
