"""How much room a learned place leaves: from its own voxels, without knowing what stands there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.vision.nerf.scene import NerfScene

Array = NDArray[np.float64]

SOLID = 0.3
"""Voxels that take at least this part of the light are in the way."""
REACH = 14
"""[voxel] that distances are known up to."""
OUTSIDE = -1.0
"""[m] what is outside of the voxels counts as this far within something."""


class Room:
    """A lookup of distances."""

    def __init__(self, scene: NerfScene) -> None:
        """Look through the voxels of a place once."""
        space, self._frame = scene.field.space, scene.frame
        field = scene.field.emptied(SOLID)
        self._shape = np.array(field.shape)
        self._away = _distances(field.skip.reshape(field.shape) == 0)
        half = np.array(space.half)
        self._base = np.array(space.center) - (2.0 if space.open else 1.0) * half
        self._voxel, self._meters = field.voxel, field.voxel * scene.frame.scale
        sides = np.array(list(np.ndindex(2, 2, 2))) * 2.0 - 1.0
        world = self._frame.to_world(np.array(space.center) + half * sides)
        self.low, self.high = world.min(0), world.max(0)
        """(3,) [m] corners of a box, world frame, around what is learned well."""

    def clearance(self, points: Any) -> Array:
        """[m] (n,) from points (n, 3), world frame, to the nearest voxel that is not empty.

        To half a voxel, and at most REACH voxels; OUTSIDE for points beyond the box, or, of a
        place without bounds, beyond what is near.
        """
        local = self._frame.to_capture(np.asarray(points, np.float64))
        index = np.floor((local - self._base) / self._voxel).astype(np.int64)
        inside = np.all((index >= 0) & (index < self._shape - 1), axis=-1)
        x, y, z = np.where(inside[:, None], index, 0).T
        away = (self._away[x, y, z].astype(np.float64) - 0.5) * self._meters
        return np.where(inside, away, OUTSIDE)


def _distances(filled: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[voxel] from the middle of each voxel to that of the nearest that is filled, up to REACH.

    The square of a distance is a sum over axes, so one axis after another is searched
    (Felzenszwalb and Huttenlocher, 2012, without their shortcut).
    """
    found = np.where(filled, np.float32(0.0), np.float32(REACH**2))
    for axis in range(3):
        flow, best = np.moveaxis(found, axis, 0), np.moveaxis(found.copy(), axis, 0)
        for off in range(1, min(REACH, len(flow))):
            further = np.float32(off * off)
            np.minimum(best[off:], flow[:-off] + further, out=best[off:])
            np.minimum(best[:-off], flow[off:] + further, out=best[:-off])
        found = np.moveaxis(best, 0, axis)
    return np.sqrt(found)
