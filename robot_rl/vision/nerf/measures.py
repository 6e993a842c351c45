"""How far an image is from another: PSNR, SSIM, and a distance between what they show.

SSIM is that of Wang et al., "Image quality assessment", 2004: a Gaussian window of 11 pixels, its
standard deviation 1.5, K 0.01 and 0.03, the mean over the image of the brightness.

The features are histograms of gradients (Dalal and Triggs, 2005) with colors beside them. A
learned space such as LPIPS would need weights from elsewhere; these need none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
BINS = 8
CELL = 8
"""[px] edge of the squares that a histogram is of."""
_WINDOW = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)


def psnr(image: Array, truth: Array) -> float:
    """Peak signal to noise [dB] of values from 0 to 1."""
    error = float(np.mean((np.clip(image, 0.0, 1.0) - truth) ** 2, dtype=np.float64))
    return -10.0 * float(np.log10(max(error, 1e-10)))


def ssim(image: Array, truth: Array) -> float:
    """Structural similarity of images (h, w, 3), 1 for the same."""
    a, b = (np.clip(x, 0.0, 1.0).mean(axis=2, dtype=np.float64) for x in (image, truth))
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a, var_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    both = _blurred(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    top = (2.0 * mean_a * mean_b + c1) * (2.0 * both + c2)
    return float((top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean())


def _blurred(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Image (h, w) under the window, where that fits in; smaller ones get a smaller window."""
    for axis in (0, 1):
        cut = max(0, (len(_WINDOW) - image.shape[axis] + 1) // 2)
        window = _WINDOW[cut : len(_WINDOW) - cut]
        window = window / window.sum()
        length = image.shape[axis] - len(window) + 1
        parts = [
            weight * np.take(image, range(k, k + length), axis) for k, weight in enumerate(window)
        ]
        image = np.sum(parts, axis=0)
    return image


def features(image: Array) -> Array:
    """What each square of CELL pixels of (h, w, 3) shows: (squares, BINS + 3), of length 1.

    Shares of its gradients in BINS directions, weighed by their length, and its color; directions
    count without their sign, so that dark on bright is as bright on dark.
    """
    height, width = (length // CELL * CELL for length in image.shape[:2])
    image = np.clip(image, 0.0, 1.0)[:height, :width]
    rows, columns = height // CELL, width // CELL
    down, across = np.gradient(image.mean(axis=2))
    length = np.hypot(across, down)
    turn = np.mod(np.arctan2(down, across) / np.pi, 1.0) * BINS
    low = np.floor(turn).astype(int) % BINS
    share = turn - np.floor(turn)
    found = np.zeros((rows * columns, BINS + 3), np.float64)
    square = (np.arange(height)[:, None] // CELL) * columns + np.arange(width) // CELL
    np.add.at(found, (square, low), length * (1.0 - share))
    np.add.at(found, (square, (low + 1) % BINS), length * share)
    for c in range(3):
        np.add.at(found, (square, BINS + c), image[..., c])
    found[:, :BINS] /= np.linalg.norm(found[:, :BINS], axis=1, keepdims=True) + 0.02 * CELL**2
    found[:, BINS:] /= CELL**2
    return (found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-6)).astype(np.float32)


def feature_distance(image: Array, truth: Array) -> float:
    """1 minus the mean cosine between the features of two images: 0 for the same."""
    return 1.0 - float((features(image) * features(truth)).sum(axis=1).mean())
