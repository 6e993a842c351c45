"""Change images in one pass: what torch does in twenty, each through all of the memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.radiance import compiled

Array = NDArray[Any]


@compiled
def change(
    images: Array,
    moved: Array,
    soft: Array,
    middle: Array,
    contrast: Array,
    colours: Array,
    level: Array,
    noise: Array,
    noisy: Array,
    cut: Array,
    grey: Array,
    out: Array,
) -> None:
    """Write changed `images` (n, h, w, 3) from 0 to 1 into `out`.

    Args:
        images: What is changed.
        moved: (n, 2) rows and columns that each is shifted by; edges are repeated.
        soft: (n,) whether it is blurred over three pixels.
        middle: (n,) that `contrast` (n,) is about.
        contrast: Factor of the distance to the middle.
        colours: (n, 3) factor of each colour.
        level: (n,) standard deviation of the noise.
        noise: (k, h, w, 3) standard normal.
        noisy: (n,) which of those.
        cut: (n, 4) first row, last + 1, first column, last + 1 of a rectangle.
        grey: (n,) that fills the rectangle.
        out: (n, h, w, 3).
    """
    num, height, width = images.shape[0], images.shape[1], images.shape[2]
    zero, one, ninth = np.float32(0.0), np.float32(1.0), np.float32(1.0 / 9.0)
    for i in range(num):
        source, target, grain = images[i], out[i], noise[noisy[i]]
        mean, spread, rough = middle[i], contrast[i], level[i]
        first, last, left, right = cut[i, 0], cut[i, 1], cut[i, 2], cut[i, 3]
        for row in range(height):
            y = min(max(row + moved[i, 0], 0), height - 1)
            above, below = max(y - 1, 0), min(y + 1, height - 1)
            inside = first <= row < last
            for column in range(width):
                x = min(max(column + moved[i, 1], 0), width - 1)
                before, after = max(x - 1, 0), min(x + 1, width - 1)
                hidden = inside and left <= column < right
                for colour in range(3):
                    if hidden:
                        target[row, column, colour] = grey[i]
                        continue
                    value = source[y, x, colour]
                    if soft[i]:
                        value = zero
                        for at in (above, y, below):
                            value += source[at, before, colour] + source[at, x, colour]
                            value += source[at, after, colour]
                        value *= ninth
                    value = (mean + spread * (value - mean)) * colours[i, colour]
                    value += rough * grain[row, column, colour]
                    target[row, column, colour] = min(max(value, zero), one)
