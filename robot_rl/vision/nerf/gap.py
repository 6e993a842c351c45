"""How far a learned place is from photographs of it that were never learned from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from robot_rl.vision.nerf.measures import feature_distance, psnr, ssim
from robot_rl.vision.nerf.photos import Photos
from robot_rl.vision.nerf.scene import NerfScene


class Gap(NamedTuple):
    """One photograph against the place drawn from where it was taken."""

    name: str
    psnr: float
    """[dB]"""
    ssim: float
    features: float
    """1 minus a mean cosine, see measures.py: 0 for the same."""


def gap(scene: NerfScene, photos: Photos, names: list[str], rows: np.ndarray) -> list[Gap]:
    """Compare photographs `rows` with the place, all in the frame of the capture."""
    found = list[Gap]()
    for row in rows:
        directions = photos.directions[row]
        origins = np.broadcast_to(photos.origins[row], directions.shape)
        colors, _ = scene.field.look(origins, directions)
        shape = (*photos.shape, 3)
        image, truth = colors.reshape(shape), photos.colors[row].reshape(shape)
        found.append(Gap(
            names[row], psnr(image, truth), ssim(image, truth), feature_distance(image, truth)
        ))  # fmt: skip
    return found


def text(gaps: list[Gap], scale: tuple[float, float]) -> str:
    """A table, worst first, with what the numbers mean.

    `scale` is the feature distance of a photograph to itself moved by a pixel, and to another
    photograph: a reader sees between what the mean lies.
    """
    rows = [f'{"photograph":30} {"PSNR dB":>8} {"SSIM":>6} {"features":>9}']
    rows += [
        f'{one.name[-30:]:30} {one.psnr:8.2f} {one.ssim:6.3f} {one.features:9.4f}'
        for one in sorted(gaps, key=lambda one: one.psnr)
    ]
    mean = np.mean([one[1:] for one in gaps], axis=0)
    rows += [
        f'{f"mean of {len(gaps)}":30} {mean[0]:8.2f} {mean[1]:6.3f} {mean[2]:9.4f}',
        f'Features: {scale[0]:.4f} between a photograph and itself moved by one pixel, '
        f'{scale[1]:.4f} between two photographs.',
    ]
    return '\n'.join(rows)


def feature_scale(photos: Photos, rows: np.ndarray) -> tuple[float, float]:
    """Mean feature distance of a photograph to itself moved by a pixel, and to the next one."""
    images = [photos.colors[row].reshape(*photos.shape, 3) for row in rows]
    moved = [feature_distance(image, np.roll(image, 1, axis=1)) for image in images]
    others = [feature_distance(a, b) for a, b in zip(images, images[1:] + images[:1], strict=True)]
    return float(np.mean(moved)), float(np.mean(others))
