"""Rays through a dense grid of voxels that holds density and color; compiled by numba.

A voxel grid (x * y * z, 4) float32 holds a raw density and three raw colors at its corners. They
are interpolated linearly and then made a density, softplus(raw + SHIFT) per step, and colors
between 0 and 1, as in DVGO (Sun et al., "Direct voxel grid optimization", 2022): a surface can be
sharper than a voxel. Nothing depends on the direction one looks in.

A space is a box, or all of space, contracted into a cube of twice the size of what is near:
within the unit cube nothing changes, beyond it x becomes (2 - 1 / |x|) x / |x| in the maximum norm
(Barron et al., "Mip-NeRF 360", 2022; the norm as in Nerfacto). Steps have one length in the cube,
so that they grow with the square of the distance. Rays are in voxels: from the grid's corner in a
box, from its middle where space is contracted, where a voxel is one of those nearby.
"""

from __future__ import annotations

from collections.abc import Callable
import math
from typing import Any

from numba import njit
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SHIFT = np.float32(-6.0)
"""Added to a raw density before softplus."""
SLOWEST = np.float32(1e-5)
"""Contracted space ends where a unit of way moves less than this."""
ENDLESS = np.float32(1e9)
ZERO, ONE, TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)
OPTIONS: Any = {'error_model': 'numpy', 'fastmath': {'contract', 'arcp', 'nsz', 'reassoc'}}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile without the interpreter lock, and keep the machine code where a disk takes it."""
    try:
        return njit(nogil=True, cache=True, **OPTIONS)(function)
    except RuntimeError:  # no folder can be written to
        return njit(nogil=True, **OPTIONS)(function)


inlined: Any = njit(forceinline=True, **OPTIONS)


@inlined
def softplus(raw: Any) -> Any:
    """log(1 + exp(raw)), and its slope."""
    if raw > np.float32(15.0):
        return raw, ONE
    e = math.exp(raw)
    slope = e / (ONE + e)
    if e < np.float32(1e-3):
        return e * (ONE - np.float32(0.5) * e), slope
    return math.log(ONE + e), slope


@inlined
def sigmoid(raw: Any) -> Any:
    """1 / (1 + exp(-raw))."""
    return ONE / (ONE + math.exp(-raw))


@inlined
def contracted(x: Any, y: Any, z: Any, dx: Any, dy: Any, dz: Any) -> Any:
    """Where a point lies in the contracted cube, and how fast it moves there with a unit of way.

    Args:
        x: Of the point, in units of what is near.
        y: The same.
        z: The same.
        dx: Of a unit direction.
        dy: The same.
        dz: The same.

    Returns:
        The contracted point and the length of the derivative.
    """
    ax, ay, az = abs(x), abs(y), abs(z)
    r, turn = ax, dx if x > ZERO else -dx
    if ay > r:
        r, turn = ay, dy if y > ZERO else -dy
    if az > r:
        r, turn = az, dz if z > ZERO else -dz
    if r <= ONE:
        return x, y, z, ONE
    inverse = ONE / r
    scale = (TWO - inverse) * inverse
    change = TWO * inverse * inverse * (inverse - ONE) * turn
    vx, vy, vz = scale * dx + change * x, scale * dy + change * y, scale * dz + change * z
    return scale * x, scale * y, scale * z, math.sqrt(vx * vx + vy * vy + vz * vz)


@inlined
def reach(ox: Any, oy: Any, oz: Any, dx: Any, dy: Any, dz: Any, sx: Any, sy: Any, sz: Any) -> Any:
    """Between which lengths of way a ray is within the box from 0 to (sx, sy, sz)."""
    near, far = ZERO, ENDLESS
    for o, d, s in ((ox, dx, sx), (oy, dy, sy), (oz, dz, sz)):
        if abs(d) < np.float32(1e-9):
            if o < ZERO or o > s:
                far = np.float32(-1.0)
        else:
            a, b = -o / d, (s - o) / d
            near, far = max(near, min(a, b)), min(far, max(a, b))
    return near, far


@inlined
def placed(x: Any, y: Any, z: Any, dx: Any, dy: Any, dz: Any, shape: Array, open_: bool) -> Any:
    """Where in the grid a point of a ray lies.

    Returns:
        Row of the voxel's lowest corner, its column (x * y), three parts of an edge from there,
        and the way [voxel] that is one step here; less than zero where nothing is any more.
    """
    nx, ny, nz = shape[0], shape[1], shape[2]
    step = ONE
    if open_:
        unit = np.float32(0.25) * np.float32(nx - 1)
        inverse = ONE / unit
        x, y, z, speed = contracted(x * inverse, y * inverse, z * inverse, dx, dy, dz)
        x, y, z = (x + TWO) * unit, (y + TWO) * unit, (z + TWO) * unit
        step = ONE / speed if speed > SLOWEST else -ONE
    ix, iy, iz = min(int(x), nx - 2), min(int(y), ny - 2), min(int(z), nz - 2)
    column = ix * ny + iy
    fx, fy, fz = x - np.float32(ix), y - np.float32(iy), z - np.float32(iz)
    return column * nz + iz, column, fx, fy, fz, step


@inlined
def between(grid: Array, at: int, wide: int, deep: int, fx: Any, fy: Any, fz: Any, c: int) -> Any:
    """Channel `c` interpolated between the 8 corners of the voxel at row `at`.

    `wide` and `deep` are the rows to the next corner along x and y.
    """
    gx, gy, gz = ONE - fx, ONE - fy, ONE - fz
    a = gz * grid[at, c] + fz * grid[at + 1, c]
    b = gz * grid[at + deep, c] + fz * grid[at + deep + 1, c]
    d = gz * grid[at + wide, c] + fz * grid[at + wide + 1, c]
    e = gz * grid[at + wide + deep, c] + fz * grid[at + wide + deep + 1, c]
    return gx * (gy * a + fy * b) + fx * (gy * d + fy * e)


@inlined
def span(ray: Array, shape: Array, open_: bool, near: Any) -> Any:
    """From and to which length of way [voxel] a ray (6,) is to be looked along."""
    if open_:
        return near, ENDLESS
    sx, sy, sz = np.float32(shape[0] - 1), np.float32(shape[1] - 1), np.float32(shape[2] - 1)
    first, far = reach(ray[0], ray[1], ray[2], ray[3], ray[4], ray[5], sx, sy, sz)
    return max(near, first), far
