"""Which way is up in a capture: from its cameras, or from a floor that they see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import CaptureError
from robot_rl.vision.nerf.capture import Capture
from robot_rl.vision.nerf.frame import Frame

Array = NDArray[Any]
TRIES, ROUNDS = 300, 10
CLOSE = 0.04
"""Points this near to a plane belong to it, in the median way to what cameras see."""
STEEPEST = 0.85
"""Cosine of the angle to the way up within which a plane may be a floor."""
LEAST_FLOOR = 0.08
"""Share of all points that lie on a floor."""


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
    turn = turn_between(normal * np.sign(normal[2]), np.array([0.0, 0.0, 1.0]))
    moved = turn @ frame.translation
    moved[2] -= (turn @ middle)[2]
    return replace(frame, rotation=turn @ frame.rotation, translation=moved, level='floor')
