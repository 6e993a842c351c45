"""Adam for the voxels of a radiance field that a batch of rays touched; compiled by numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.radiance import ZERO, compiled

Array = NDArray[Any]


@compiled
def adam(
    grid: Array,
    grad: Array,
    first: Array,
    second: Array,
    touched: Array,
    shape: Array,
    density_rate: Any,
    color_rate: Any,
) -> None:
    """Move the voxels that have a gradient, and clear it: Adam without the others' momentum.

    The decays are 0.9 and 0.99, whose first step is the rate itself without a correction.
    """
    nx, ny, nz = shape[0], shape[1], shape[2]
    tenth, most = np.float32(0.1), np.float32(0.9)
    hundredth, almost = np.float32(0.01), np.float32(0.99)
    tiny = np.float32(1e-12)
    for x in range(nx):
        for y in range(ny):
            near = touched[x * ny + y]
            if x > 0:
                near |= touched[x * ny - ny + y]
            if y > 0:
                near |= touched[x * ny + y - 1]
            if x > 0 and y > 0:
                near |= touched[x * ny - ny + y - 1]
            if near == 0:
                continue
            start = (x * ny + y) * nz
            for at in range(start, start + nz):
                if (
                    grad[at, 0] == ZERO
                    and grad[at, 1] == ZERO
                    and grad[at, 2] == ZERO
                    and grad[at, 3] == ZERO
                ):
                    continue
                for c in range(4):
                    g = grad[at, c]
                    a = most * first[at, c] + tenth * g
                    b = almost * second[at, c] + hundredth * g * g
                    first[at, c], second[at, c] = a, b
                    rate = density_rate if c == 0 else color_rate
                    grid[at, c] -= rate * a / (math.sqrt(b) + tiny)
                    grad[at, c] = ZERO
    touched[:] = 0
