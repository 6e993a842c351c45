"""A radiance field: its voxels, what of them is empty, and looking along rays."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels import radiance_empty, radiance_render
from robot_rl.kernels.radiance import SHIFT
from robot_rl.vision.nerf.space import Space

Grid = NDArray[np.float32]
Array = NDArray[Any]

EMPTY = 1e-3
"""Voxels whose corners let more than 1 minus this through are empty."""
UNSEEN = 0.01
"""Corners whose weight in every ray is less than this are not known."""
STOP = 0.01
BACKGROUND = 0.5
NOTHING = -20.0


def raw_density(opacity: float) -> float:
    """Raw density of a voxel that takes this part of the light."""
    return math.log(math.expm1(-math.log1p(-opacity))) - float(SHIFT)


@dataclass(frozen=True)
class Field:
    """Density and color of a space."""

    space: Space
    shape: tuple[int, int, int]
    grid: Grid
    """(x * y * z, 4) float32, see kernels/radiance.py."""
    skip: NDArray[np.uint8]
    """(x * y * z,) voxels to the nearest that is not empty."""

    @classmethod
    def blank(cls, space: Space, voxel: float) -> Field:
        """Thin grey fog everywhere."""
        shape = space.shape(voxel)
        num = math.prod(shape)
        return cls(space, shape, np.zeros((num, 4), np.float32), np.zeros(num, np.uint8))

    @property
    def voxel(self) -> float:
        """Edge of a voxel nearby, units of the capture."""
        return self.space.size(self.shape)

    @property
    def dims(self) -> NDArray[np.int64]:
        """The shape as kernels take it."""
        return np.array(self.shape, np.int64)

    @property
    def near(self) -> np.float32:
        """[voxel] way in front of a camera that is empty."""
        return np.float32(self.space.near / self.voxel)

    def finer(self, voxel: float, erode: float = 0.0) -> Field:
        """The same with voxels of another size; what is thin stays as thin per length of way.

        `erode` is taken from raw densities, so that what is solid gets thinner.
        """
        shape = self.space.shape(voxel)
        grid = np.empty((math.prod(shape), 4), np.float32)
        radiance_empty.resampled(self.grid, self.dims, np.array(shape, np.int64), grid)
        grid[:, 0] += np.float32(math.log(self.space.size(shape) / self.voxel) - erode)
        return replace(self, shape=shape, grid=grid, skip=np.zeros(len(grid), np.uint8)).emptied()

    def emptied(self, opacity: float = EMPTY) -> Field:
        """The same, knowing anew what is empty."""
        skip = np.empty(len(self.grid), np.uint8)
        least = np.float32(raw_density(opacity))
        radiance_empty.occupied(self.grid, self.dims, least, skip)
        radiance_empty.distances(self.dims, skip)
        return replace(self, skip=skip)

    def pruned(self, origins: Array, directions: Array) -> Field:
        """The same without what none of the rays (n, 3), (n, 3) shows."""
        most = np.zeros(len(self.grid), np.float32)
        rays = self.space.rays(origins, directions, self.shape)
        radiance_render.seen(
            self.grid, self.dims, self.skip, self.space.open, self.near, rays, most
        )
        return self.without(most < UNSEEN)

    def without(self, corners: NDArray[np.bool_]) -> Field:
        """The same with nothing at `corners` (x * y * z,)."""
        grid = self.grid.copy()
        grid[corners] = (NOTHING, 0.0, 0.0, 0.0)
        return replace(self, grid=grid).emptied()

    def look(
        self, origins: Array, directions: Array, near: float | None = None
    ) -> tuple[Grid, Grid]:
        """Colors (n, 3) from 0 to 1 and ways (n,) to what is seen, units of the capture.

        Args:
            origins: (n, 3) in the frame of the capture.
            directions: (n, 3) unit vectors.
            near: Way in front that is left out; by default as in training.

        The way is infinite where more than half of the light comes through.
        """
        rays = self.space.rays(origins, directions, self.shape)
        colors = np.empty((len(rays), 3), np.float32)
        depths = np.empty(len(rays), np.float32)
        radiance_render.render(
            self.grid, self.dims, self.skip, self.space.open,
            self.near if near is None else np.float32(near / self.voxel),
            rays, np.float32(BACKGROUND), np.float32(STOP), colors, depths,
        )  # fmt: skip
        return colors, depths * np.float32(self.voxel)
