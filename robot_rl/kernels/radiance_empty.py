"""Which voxels of a radiance field are empty, and how far it is to one that is not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.radiance import between, compiled

Array = NDArray[Any]

FURTHEST = 255


@compiled
def occupied(grid: Array, shape: Array, least: Any, skip: Array) -> int:
    """Write 0 to `skip` for voxels with a corner of raw density above `least`, else FURTHEST.

    A voxel is named by its lowest corner; those at the far sides hold nothing.

    Args:
        grid: (x * y * z, 4) float32.
        shape: (3,) int64.
        least: Raw density.
        skip: (x * y * z,) uint8, written.

    Returns:
        How many are not empty.
    """
    nx, ny, nz = shape[0], shape[1], shape[2]
    skip[:] = FURTHEST
    count = 0
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                if grid[(x * ny + y) * nz + z, 0] <= least:
                    continue
                for i in range(max(x - 1, 0), min(x + 1, nx - 1)):
                    for j in range(max(y - 1, 0), min(y + 1, ny - 1)):
                        for k in range(max(z - 1, 0), min(z + 1, nz - 1)):
                            at = (i * ny + j) * nz + k
                            if skip[at] != 0:
                                skip[at] = 0
                                count += 1
    return count


@compiled
def distances(shape: Array, skip: Array) -> None:
    """Turn the 0 and FURTHEST of `skip` into voxels to the nearest 0, diagonals counting 1.

    Two passes over the 26 neighbors, which is exact in this norm (Rosenfeld and Pfaltz, 1966).
    """
    nx, ny, nz = shape[0], shape[1], shape[2]
    for way in range(2):
        side = -1 if way == 0 else 1
        for n in range(nx * ny * nz):
            at = n if way == 0 else nx * ny * nz - 1 - n
            best = int(skip[at])
            if best == 0:
                continue
            x, y, z = at // (ny * nz), (at // nz) % ny, at % nz
            for i in range(-1, 2):
                for j in range(-1, 2):
                    k = z + side
                    a, b = x + side, y + i
                    if 0 <= a < nx and 0 <= b < ny and 0 <= z + j < nz:
                        best = min(best, int(skip[(a * ny + b) * nz + z + j]) + 1)
                    if i == 0:
                        b = y + side
                        if 0 <= b < ny and 0 <= z + j < nz:
                            best = min(best, int(skip[(x * ny + b) * nz + z + j]) + 1)
                    elif i == 1 and j == 0 and 0 <= k < nz:
                        best = min(best, int(skip[(x * ny + y) * nz + k]) + 1)
            skip[at] = best


@compiled
def resampled(grid: Array, shape: Array, new: Array, out: Array) -> None:
    """Interpolate a grid (x * y * z, c) at the corners of a grid of shape `new` over the same box.

    Args:
        grid: (x * y * z, c) float32.
        shape: (3,) int64, at least 2 each.
        new: (3,) int64, at least 2 each.
        out: (x' * y' * z', c) float32, written.
    """
    ny, nz = shape[1], shape[2]
    scale = (shape - 1) / (new - 1)
    for x in range(new[0]):
        px = min(int(x * scale[0]), shape[0] - 2)
        fx = np.float32(x * scale[0] - px)
        for y in range(new[1]):
            py = min(int(y * scale[1]), ny - 2)
            fy = np.float32(y * scale[1] - py)
            for z in range(new[2]):
                pz = min(int(z * scale[2]), nz - 2)
                fz = np.float32(z * scale[2] - pz)
                at = (px * ny + py) * nz + pz
                to = (x * new[1] + y) * new[2] + z
                for c in range(grid.shape[1]):
                    out[to, c] = between(grid, at, ny * nz, nz, fx, fy, fz, c)


@compiled
def corners(shape: Array, skip: Array, known: Array) -> None:
    """Say which corners (x * y * z,) belong to a voxel that is not empty."""
    ny, nz = shape[1], shape[2]
    known[:] = False
    for at in range(len(skip)):
        if skip[at] == 0:
            for a in range(2):
                for b in range(2):
                    for c in range(2):
                        known[at + (a * ny + b) * nz + c] = True
