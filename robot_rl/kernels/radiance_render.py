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
    placed,
    sigmoid,
    softplus,
    span,
)

Array = NDArray[Any]

HALF = np.float32(0.5)
MOST_STEPS = 8192


@compiled
def render(
    grid: Array, shape: Array, skip: Array, open_: bool, near: Any, rays: Array, background: Any,
    stop: Any, colors: Array, depths: Array,
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
    deep, wide = shape[2], shape[1] * shape[2]
    slight = np.float32(0.1) * stop
    for i in range(len(rays)):
        ray = rays[i]
        ox, oy, oz, dx, dy, dz = ray[0], ray[1], ray[2], ray[3], ray[4], ray[5]
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
            red, green, blue, light = red * scale, green * scale, blue * scale, ZERO
        colors[i, 0] = red + light * background
        colors[i, 1] = green + light * background
        colors[i, 2] = blue + light * background
        depths[i] = depth


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
