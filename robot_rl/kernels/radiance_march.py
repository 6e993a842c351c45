"""The samples of one ray through a radiance field that learns; compiled by numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.radiance import (
    ONE,
    SHIFT,
    ZERO,
    between,
    compiled,
    placed,
    sigmoid,
    softplus,
    span,
)

Array = NDArray[Any]

MOST_SAMPLES = 2048
SLIGHT = np.float32(1e-4)
"""A sample of less weight than this has no color."""
OPAQUE = np.float32(1e-3)
"""A ray ends where less light than this comes through."""


@compiled
def march(
    grid: Array,
    shape: Array,
    skip: Array,
    open_: bool,
    near: Any,
    ray: Array,
    jitter: Any,
    ints: Array,
    floats: Array,
) -> Any:
    """Collect the samples of a ray that are not known to be empty.

    Args:
        grid: (x * y * z, 4) float32.
        shape: (3,) int64.
        skip: (x * y * z,) uint8: voxels to the nearest that is not empty.
        open_: Whether space is contracted.
        near: Length of way that is left out [voxel].
        ray: (6,) float32, origin and unit direction [voxel], see kernels/radiance.py.
        jitter: Part of a step by which samples are moved.
        ints: (MOST_SAMPLES, 2) int32, written: row of the voxel, column (x * y).
        floats: (MOST_SAMPLES, 9) float32, written: place within the voxel (3), way, slope of the
            density, weight, colors (3).

    Returns the number of samples, and the light that comes through.
    """
    ox, oy, oz, dx, dy, dz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
    deep, wide = shape[2], shape[1] * shape[2]
    t, far = span(ray, shape, open_, near)
    t += jitter
    light, count, steps = ONE, 0, 0
    while t < far and count < MOST_SAMPLES and steps < 4 * MOST_SAMPLES:
        steps += 1
        at, column, fx, fy, fz, step = placed(
            ox + t * dx, oy + t * dy, oz + t * dz, dx, dy, dz, shape, open_
        )
        if step < ZERO:
            break
        empty = skip[at]
        if empty > 0:
            t += step * np.float32(empty)
            continue
        density, slope = softplus(between(grid, at, wide, deep, fx, fy, fz, 0) + SHIFT)
        passed = math.exp(-density)
        weight = light * (ONE - passed)
        row = floats[count]
        ints[count, 0], ints[count, 1] = at, column
        row[0], row[1], row[2], row[3], row[4], row[5] = fx, fy, fz, t, slope, weight
        if weight > SLIGHT:
            for c in range(3):
                row[6 + c] = sigmoid(between(grid, at, wide, deep, fx, fy, fz, 1 + c))
        else:
            row[6], row[7], row[8] = ZERO, ZERO, ZERO
        count += 1
        light *= passed
        if light < OPAQUE:
            break
        t += step
    return count, light
