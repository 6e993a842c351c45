"""Which parts of a space photographs tell nothing of, or tell that nothing is there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot_rl.vision.nerf.space import Space
from robot_rl.vision.nerf.view import View
from robot_rl.vision.optics import project

LEAST_VIEWS = 3
"""What fewer cameras have before them stays empty: nothing tells how far it is."""


def bare(
    space: Space, shape: tuple[int, int, int], views: list[View], least: int = LEAST_VIEWS
) -> NDArray[np.bool_]:
    """Which corners (x * y * z,) of a grid are to stay empty.

    Those that fewer than `least` views have in sight, looking through walls, and those nearer to
    any camera than `space.near`: a camera stands in the open, and all that it sees could be
    painted on a bubble around it.
    """
    points = space.corners(shape)
    counts = np.zeros(len(points), np.int32)
    close = np.zeros(len(points), np.bool_)
    for view in views:
        seen = (points - view.position) @ view.rotation
        close |= (seen * seen).sum(axis=1) < space.near**2
        in_front = seen[:, 2] > space.near
        wide = np.array([view.camera.width, view.camera.height])
        # what lies far outside would be folded back by the lens
        flat = np.abs(seen[:, :2]) < seen[:, 2:] * (0.75 * wide / (view.camera.fx, view.camera.fy))
        rows = np.flatnonzero(in_front & flat.all(axis=1))
        pixels = project(view.camera, seen[rows])
        counts[rows[((pixels > -0.5) & (pixels < wide - 0.5)).all(axis=1)]] += 1
    return close | (counts < min(least, len(views)))
