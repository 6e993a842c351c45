"""Colors and depths of rays through a radiance field that does not change; compiled by numba."""

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
    inlined,
    placed,
    sigmoid,
    softplus,
    span,
)

Array = NDArray[Any]

HALF = np.float32(0.5)
MOST_STEPS = 8192


@inlined
def along(
    grid: Array,
    shape: Array,
    skip: Array,
    open_: bool,
    near: Any,
    ray: Any,
    background: Any,
    stop: Any,
) -> Any:
    """Red, green, blue and depth [voxel] of a ray, six numbers; see `render`."""
    deep, wide = shape[2], shape[1] * shape[2]
    slight = np.float32(0.1) * stop
    ox, oy, oz, dx, dy, dz = ray
    t, far = span(ray, shape, open_, near)
    t += HALF
    light, depth = ONE, np.float32(np.inf)
    red, green, blue = ZERO, ZERO, ZERO
    for _ in range(MOST_STEPS):
        if t >= far:
            break
        at, _column, fx, fy, fz, step = placed(
            ox + t * dx, oy + t * dy, oz + t * dz, dx, dy, dz, shape, open_
        )
        if step < ZERO:
            break
        empty = skip[at]
        if empty > 0:
            t += step * np.float32(empty)
            continue
        density, _slope = softplus(between(grid, at, wide, deep, fx, fy, fz, 0) + SHIFT)
        passed = math.exp(-density)
        weight = light * (ONE - passed)
        if weight > slight:
            red += weight * sigmoid(between(grid, at, wide, deep, fx, fy, fz, 1))
            green += weight * sigmoid(between(grid, at, wide, deep, fx, fy, fz, 2))
            blue += weight * sigmoid(between(grid, at, wide, deep, fx, fy, fz, 3))
        rest = light * passed
        if light > HALF >= rest:
            depth = t + step * (math.log(light / HALF) / density - HALF)
        light = rest
        if light < stop:
            break
        t += step
    if light < stop:
        scale = ONE / (ONE - light)
        return red * scale, green * scale, blue * scale, depth
    behind = light * background
    return red + behind, green + behind, blue + behind, depth


@compiled
def render(
    grid: Array,
    shape: Array,
    skip: Array,
    open_: bool,
    near: Any,
    rays: Array,
    background: Any,
    stop: Any,
    colors: Array,
    depths: Array,
) -> None:
    """Look along rays.

    Args:
        grid: (x * y * z, 4) float32, raw density and colors.
        shape: (3,) int64.
        skip: (x * y * z,) uint8, see kernels/radiance_empty.py.
        open_: Whether space is contracted.
        near: Way [voxel] at the begin that is left out.
        rays: (n, 6) float32 [voxel], see kernels/radiance.py.
        background: Brightness behind everything.
        stop: Light that is left when a ray ends; what is behind it gets the color so far.
        colors: (n, 3) float32, written.
        depths: (n,) float32, written: way [voxel] after which half of the light is left, infinite
            if more comes through.
    """
    for i in range(len(rays)):
        r = rays[i]
        ray = (r[0], r[1], r[2], r[3], r[4], r[5])
        colors[i, 0], colors[i, 1], colors[i, 2], depths[i] = along(
            grid, shape, skip, open_, near, ray, background, stop
        )


@compiled
def frames(
    grid: Array,
    shape: Array,
    skip: Array,
    open_: bool,
    near: Any,
    pixels: Array,
    origins: Array,
    turns: Array,
    scale: Any,
    background: Any,
    stop: Any,
    rgb: Array,
    depth: Array,
) -> None:
    """Draw images of cameras.

    Args:
        grid: See `render`, as for all that is not told here.
        shape: See there.
        skip: See there.
        open_: See there.
        near: See there.
        background: See there.
        stop: See there.
        pixels: (p, 3) float32 unit vectors in the optical frame.
        origins: (n, 3) float32 [voxel], as those of rays.
        turns: (n, 3, 3) float32 from the optical frame to that of the grid.
        scale: [m/voxel]
        rgb: (n, p, 3) uint8, written.
        depth: (n, p) float32, written: [m] along the axis of the camera.
    """
    full = np.float32(255.0)
    for i in range(len(origins)):
        ox, oy, oz = origins[i, 0], origins[i, 1], origins[i, 2]
        m = turns[i]
        for j in range(len(pixels)):
            x, y, z = pixels[j, 0], pixels[j, 1], pixels[j, 2]
            ray = (
                ox, oy, oz,
                m[0, 0] * x + m[0, 1] * y + m[0, 2] * z,
                m[1, 0] * x + m[1, 1] * y + m[1, 2] * z,
                m[2, 0] * x + m[2, 1] * y + m[2, 2] * z,
            )  # fmt: skip
            red, green, blue, way = along(grid, shape, skip, open_, near, ray, background, stop)
            rgb[i, j, 0] = np.uint8(full * red + HALF)
            rgb[i, j, 1] = np.uint8(full * green + HALF)
            rgb[i, j, 2] = np.uint8(full * blue + HALF)
            depth[i, j] = way * z * scale


@compiled
def seen(
    grid: Array, shape: Array, skip: Array, open_: bool, near: Any, rays: Array, most: Array
) -> None:
    """Raise `most` (x * y * z,) to the greatest weight that each corner has in a ray.

    What no photograph shows is not known: it can be taken away (`Field.prune`).
    """
    ny, nz = shape[1], shape[2]
    deep, wide = nz, ny * nz
    for i in range(len(rays)):
        ray = rays[i]
        ox, oy, oz, dx, dy, dz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
        t, far = span(ray, shape, open_, near)
        t += HALF
        light = ONE
        for _ in range(MOST_STEPS):
            if t >= far or light < np.float32(1e-3):
                break
            at, _column, fx, fy, fz, step = placed(
                ox + t * dx, oy + t * dy, oz + t * dz, dx, dy, dz, shape, open_
            )
            if step < ZERO:
                break
            empty = skip[at]
            if empty > 0:
                t += step * np.float32(empty)
                continue
            density, _slope = softplus(between(grid, at, wide, deep, fx, fy, fz, 0) + SHIFT)
            passed = math.exp(-density)
            weight = light * (ONE - passed)
            light *= passed
            for a in range(2):
                for b in range(2):
                    for c in range(2):
                        corner = at + a * wide + b * deep + c
                        most[corner] = max(most[corner], weight)
            t += step
