"""Which way is up in a capture: from its cameras, a floor that they see, or markers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import CaptureError
from robot_rl.vision.nerf.capture import Capture
from robot_rl.vision.nerf.frame import Frame
from robot_rl.vision.nerf.squares import Squares

Array = NDArray[Any]
TRIES, ROUNDS = 300, 10
CLOSE = 0.04
"""Points this near to a plane belong to it, in the median way to what cameras see."""
STEEPEST = 0.85
"""Cosine of the angle to the way up within which a plane may be a floor."""
LEAST_FLOOR = 0.08
"""Share of all points that lie on a floor."""
LEAN = 0.26
"""Cosine of the angle between what a marker and the mean of the cameras call up, at least."""
ONE_WAY = 0.97
"""Cosine of the angle by which a marker may be turned from the mean of all of them."""


def upright(capture: Capture) -> Frame:
    """Turn the capture so that z is where cameras have their upper edge in the mean."""
    ups = np.array([-view.rotation[:, 1] for view in capture.views]).mean(axis=0)
    turn = turn_between(ups / np.linalg.norm(ups), np.array([0.0, 0.0, 1.0]))
    return Frame(turn, np.zeros(3), 1.0, level='mean of the cameras')


def turn_between(first: Array, second: Array) -> Array:
    """The smallest turn (3, 3) from one unit vector (3,) to another."""
    axis, cosine = np.cross(first, second), float(first @ second)
    if cosine < -1.0 + 1e-9:
        side = np.eye(3)[np.abs(first).argmin()]
        axis = np.cross(first, side)
        axis /= np.linalg.norm(axis)
        return 2.0 * np.outer(axis, axis) - np.eye(3)
    skew = np.array([
        [0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0],
    ])  # fmt: skip
    return np.eye(3) + skew + skew @ skew / (1.0 + cosine)


def leveled(frame: Frame, points: Array, seed: int = 0) -> Frame:
    """Turn and move a frame so that the floor is z = 0: the lowest large level plane (RANSAC).

    Args:
        frame: Whose z is roughly up.
        points: (n, 3) of the capture, of surfaces.
        seed: Of the draws.

    Raises CaptureError where no such plane is found.
    """
    world = frame.to_world(points)
    close = CLOSE * float(np.median(np.linalg.norm(world - np.median(world, axis=0), axis=1)))
    middle = normal = np.zeros(3)
    best, rng = None, np.random.default_rng(seed)
    for _ in range(TRIES):
        a, b, c = world[rng.integers(0, len(world), 3)]
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal)
        if length < 1e-12 or abs(normal[2]) < STEEPEST * length:
            continue
        normal *= np.sign(normal[2]) / length
        off = (world - a) @ normal
        on = np.abs(off) < close
        below = float((off < -2.0 * close).mean())
        worth = float(on.mean()) - 2.0 * below
        if on.mean() > LEAST_FLOOR and (best is None or worth > best[0]):
            best = worth, on
    if best is None:
        raise CaptureError(
            f'No level floor is seen among {len(points)} points. Give a capture that shows at '
            'least some of it, or leave the floor out.'
        )
    on = best[1]
    for _ in range(ROUNDS):
        floor = world[on]
        middle = floor.mean(axis=0)
        normal = np.linalg.svd(floor - middle, full_matrices=False)[2][2]
        on = np.abs((world - middle) @ normal) < close
    return _turned(frame, normal * np.sign(normal[2]), middle, 'floor')


def laid(frame: Frame, squares: Squares) -> Frame:
    """Turn and move a frame whose z is roughly up so that markers lie level at z = 0.

    Raises CaptureError where they do not lie in one plane, or where that stands upright.
    """
    up = _mean_way(frame, squares, [one.normal for one in squares.each], 'lie on the floor')
    corners = np.concatenate([one.corners for one in squares.each])
    middle = corners.mean(axis=0)
    if len(squares.each) > 1:  # the plane through all says more than the mean of the normals
        plane = np.linalg.svd(corners - middle, full_matrices=False)[2][2]
        up = frame.rotation @ plane * np.sign(frame.rotation @ plane @ up)
    return _turned(frame, up, frame.to_world(middle), f'marker {squares.marker} on the floor')


def stood(frame: Frame, squares: Squares) -> Frame:
    """Turn a frame whose z is roughly up so that markers on walls have their upper edge up.

    Raises CaptureError where they do not agree, or do not hang upright.
    """
    up = _mean_way(frame, squares, [one.up for one in squares.each], 'hang upright on a wall')
    return _turned(frame, up, None, f'marker {squares.marker} on a wall')


def _mean_way(frame: Frame, squares: Squares, ways: list[Array], what: str) -> Array:
    """Mean of the ways (3,) that markers call up, in the frame's world."""
    turned = np.array(ways) @ frame.rotation.T
    mean = turned.mean(axis=0)
    mean /= np.linalg.norm(mean)
    if not (turned @ mean > ONE_WAY).all() or not mean[2] > LEAN:
        angles = np.degrees(np.arccos(turned[:, 2].clip(-1.0, 1.0)))
        listed = ', '.join(
            f'{one.number}: {angle:.0f}' for one, angle in zip(squares.each, angles, strict=True)
        )
        raise CaptureError(
            f'Markers that {what} must all point up within {np.degrees(np.arccos(LEAN)):.0f} '
            f'degrees of how the cameras were held; their angles [deg] are {listed}. Give '
            '--level marker for the floor, marker-wall for a wall, and the number of one of '
            'several.'
        )
    return mean


def _turned(frame: Frame, up: Array, ground: Array | None, level: str) -> Frame:
    """The frame with `up` (3,) of its world as z, and the height of `ground` (3,) as 0."""
    turn = turn_between(up, np.array([0.0, 0.0, 1.0]))
    moved = turn @ frame.translation
    if ground is not None:
        moved[2] -= (turn @ ground)[2]
    return replace(frame, rotation=turn @ frame.rotation, translation=moved, level=level)
