"""One iteration of learning a radiance field from pixels: forward, backward and Adam, fused.

Each ray is marched, what it should have seen compared with what it saw, and the gradient scattered
at once to the corners of the voxels that it met; nothing of the size of a batch is kept.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.radiance import (
    ONE,
    SHIFT,
    TWO,
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
        ray: (6,) float32, origin and unit direction, in voxels from the grid's corner; where space
            is contracted, in voxels from its middle.
        jitter: Part of a step by which samples are moved.
        ints: (MOST_SAMPLES, 2) int32, written: row of the voxel, column (x * y).
        floats: (MOST_SAMPLES, 9) float32, written: place within the voxel, density, its slope,
            weight, three colors.

    Returns:
        Number of samples, and the light that comes through.
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


@inlined
def _scatter(
    grad: Array, at: int, wide: int, deep: int, fx: Any, fy: Any, fz: Any, g: Any, c: int
) -> None:
    """Add `g` for channel `c` to the 8 corners, each by its share."""
    gx, gy, gz = (ONE - fx) * g, ONE - fy, ONE - fz
    hx = fx * g
    a, b, d, e = gx * gy, gx * fy, hx * gy, hx * fy
    grad[at, c] += a * gz
    grad[at + 1, c] += a * fz
    grad[at + deep, c] += b * gz
    grad[at + deep + 1, c] += b * fz
    grad[at + wide, c] += d * gz
    grad[at + wide + 1, c] += d * fz
    grad[at + wide + deep, c] += e * gz
    grad[at + wide + deep + 1, c] += e * fz


@compiled
def _spread(
    grad: Array,
    touched: Array,
    shape: Array,
    spread: Any,
    ints: Array,
    floats: Array,
    count: int,
    light: Any,
    gradient: Array,
    grey: Any,
    fade: Any,
    thin: Any,
) -> None:
    """Scatter the gradient of one ray, given that of its color, back to front.

    `spread` weighs the distortion loss of Mip-NeRF 360: sum over pairs of samples of the product
    of their weights and their distance, here as a share of the way of the last.
    """
    deep, wide = shape[2], shape[1] * shape[2]
    r, g, b = gradient[0], gradient[1], gradient[2]
    reach_ = spread / max(floats[count - 1, 3], ONE)
    before, before_t = ZERO, ZERO
    for k in range(count):
        before += floats[k, 5]
        before_t += floats[k, 5] * floats[k, 3]
    after, after_t = ZERO, ZERO
    behind = light * grey * (r + g + b)
    passing = light
    for k in range(count - 1, -1, -1):
        row = floats[k]
        at, weight, t = ints[k, 0], row[5], row[3]
        fx, fy, fz = row[0], row[1], row[2]
        before -= weight
        before_t -= weight * t
        gain = r * row[6] + g * row[7] + b * row[8]
        gain += reach_ * (
            TWO * (t * (before - after) - before_t + after_t) + weight * np.float32(0.6667)
        )
        slope = row[4] * (passing * gain - behind + thin)
        held = min(ONE, t * t / (fade * fade))
        passing += weight
        behind += weight * gain
        after += weight
        after_t += weight * t
        touched[ints[k, 1]] = 1
        _scatter(grad, at, wide, deep, fx, fy, fz, held * slope, 0)
        if weight > SLIGHT:
            for c in range(3):
                value = row[6 + c]
                gg = held * gradient[c] * weight * value * (ONE - value)
                _scatter(grad, at, wide, deep, fx, fy, fz, gg, 1 + c)


@compiled
def learn(
    grid: Array,
    grad: Array,
    touched: Array,
    shape: Array,
    skip: Array,
    open_: bool,
    near: Any,
    rays: Array,
    targets: Array,
    jitter: Array,
    grey: Array,
    spread: Any,
    fade: Any,
    thin: Any,
    ints: Array,
    floats: Array,
) -> float:
    """Add the gradient of a batch of rays to `grad`.

    Args:
        grid, shape, skip, open_, near, ints, floats: See `march`.
        grad: (x * y * z, 4) float32, added to.
        touched: (x * y,) uint8, written: 1 for columns of voxels with a gradient.
        rays: (n, 6) float32.
        targets: (n, 3) float32, colors from 0 to 1.
        jitter: (n,) float32.
        grey: (n,) float32, brightness behind everything.
        spread: Weight of the distortion loss.
        fade: Way [voxel] up to which gradients are scaled by the square of the way: what is near a
            camera is sampled more than it is seen (Philip and Deschaintre, "Floaters no more",
            2023).

    Returns:
        Mean squared error of a color.
    """
    num = len(rays)
    total = 0.0
    gradient = np.zeros(3, np.float32)
    for i in range(num):
        count, light = march(grid, shape, skip, open_, near, rays[i], jitter[i], ints, floats)
        for c in range(3):
            color = light * grey[i]
            for k in range(count):
                color += floats[k, 5] * floats[k, 6 + c]
            error = color - targets[i, c]
            total += error * error
            gradient[c] = error
        if count > 0:
            _spread(
                grad,
                touched,
                shape,
                spread,
                ints,
                floats,
                count,
                light,
                gradient,
                grey[i],
                fade,
                thin,
            )
    return total / (3 * num)


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
