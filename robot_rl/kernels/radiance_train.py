"""One iteration of learning a radiance field from pixels: forward and backward, fused.

Each ray is marched, what it should have seen compared with what it saw, and the gradient scattered
at once to the corners of the voxels that it met; nothing of the size of a batch is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.radiance import ONE, TWO, ZERO, compiled, inlined
from robot_rl.kernels.radiance_march import SLIGHT, march

Array = NDArray[Any]


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
    """Add the gradient of a batch of rays to `grad`; the mean squared error of a color.

    What is not told here is as in `march`. `grad` (x * y * z, 4) float32 is added to, and columns
    of voxels with a gradient become 1 in `touched` (x * y,) uint8. The `rays` (n, 6) float32 have
    `targets` (n, 3), colors from 0 to 1, `jitter` (n,) and `grey` (n,), the brightness behind
    everything. `spread` weighs the distortion loss and `thin` the sum of densities along a ray. Up
    to the way `fade` [voxel] gradients are scaled by its square: what is near a camera is sampled
    more than it is seen (Philip and Deschaintre, "Floaters no more", 2023).
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
