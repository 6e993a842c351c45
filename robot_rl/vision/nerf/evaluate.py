"""How well a field foretells photographs that it was not learned from."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from robot_rl.errors import CaptureError
from robot_rl.vision.nerf.capture import Capture
from robot_rl.vision.nerf.field import Field
from robot_rl.vision.nerf.measures import psnr, ssim
from robot_rl.vision.nerf.photos import Photos

LEAST_GAIN_DB = 1.0
"""Photographs held out must be foretold better than by their own mean color by this much."""


class Score(NamedTuple):
    """How well photographs that were held out are foretold."""

    seconds: float
    """[s] learned so far."""
    iterations: int
    voxel: float
    psnr: float
    """[dB] mean over photographs."""
    ssim: float
    train_psnr: float
    """[dB] of the latest rays learned from."""

    def __str__(self) -> str:
        """One line."""
        return (
            f'{self.seconds:6.1f} s {self.iterations:6d} iterations, voxels of {self.voxel:.3g}: '
            f'held out {self.psnr:.2f} dB, SSIM {self.ssim:.3f}; '
            f'trained on {self.train_psnr:.2f} dB'
        )


def number(value: float) -> float | None:
    """A number that JSON takes: None for none."""
    return value if math.isfinite(value) else None


def held_out(num: int, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows held out, every n-th from the first on; none for every 0."""
    rows = np.arange(num)
    out = rows % every == 0 if every > 0 else np.zeros(num, bool)
    return rows[~out], rows[out]


def evaluate(field: Field, photos: Photos, rows: np.ndarray) -> Score:
    """Look at photographs `rows` through the field; 0 iterations and nothing trained on."""
    signals, similar = list[float](), list[float]()
    for row in rows:
        directions = photos.directions[row]
        colors, _ = field.look(np.broadcast_to(photos.origins[row], directions.shape), directions)
        shape = (*photos.shape, 3)
        image, truth = colors.reshape(shape), photos.colors[row].reshape(shape)
        signals.append(psnr(image, truth))
        similar.append(ssim(image, truth))
    signal, likeness = (float(np.mean(x)) if x else math.nan for x in (signals, similar))
    return Score(0.0, 0, field.voxel, signal, likeness, math.nan)


def check(capture: Capture, photos: Photos, rows: np.ndarray, score: Score) -> None:
    """Raise CaptureError where a field foretells photographs no better than one color does."""
    plain = [
        -10.0 * math.log10(max(float(photos.colors[row].var(0).mean()), 1e-10)) for row in rows
    ]
    if len(rows) and score.psnr < np.mean(plain) + LEAST_GAIN_DB:
        raise CaptureError(
            f'{capture.path}: photographs held out are foretold to {score.psnr:.1f} dB, and by '
            f'their own mean color to {np.mean(plain):.1f} dB: nothing was learned. Check that '
            'the poses are those of these photographs, camera to world, looking along -z.'
        )
