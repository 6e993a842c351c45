"""What drawing a learned room costs and how near it is to the truth, directly and baked."""

from __future__ import annotations

from pathlib import Path
import time
from typing import NamedTuple

import numpy as np

from robot_rl.bench.room import FIELD, MARGIN, poses, room
from robot_rl.spec.camera import Camera
from robot_rl.vision.first_room import HEIGHT, LENGTH, WIDTH
from robot_rl.vision.nerf.measures import psnr
from robot_rl.vision.nerf.probes import ProbeRenderer, Probes, bake
from robot_rl.vision.nerf.render import NerfRenderer
from robot_rl.vision.nerf.scene import NerfScene, load_scene
from robot_rl.vision.raycast import Raycast
from robot_rl.vision.renderer import Frames
from robot_rl.vision.scenes import Scenes

SIZES = ((40, 30), (64, 48), (96, 72), (128, 128))
"""[px]"""
NUM = 48
"""Cameras drawn together."""
SEED = 77
"""Of their places, where no photograph was taken."""


class Row(NamedTuple):
    """One way of drawing at one size."""

    size: tuple[int, int]
    how: str
    rate: float
    """Images a second of processor time, the median of turns."""
    psnr: float
    """[dB] against 16 rays a pixel of the room itself."""
    median_m: float
    """Error of depth."""
    within: float
    """Share of depths within 10 cm."""
    most_m: float
    """[m] error that 95 % keep."""


def run(path: Path, spacing: float, rows: int, turns: int) -> list[Row]:
    """Measure a scene that was learned of `robot_rl nerf capture`. Raises SceneFileError."""
    scene = load_scene(path)
    x, y = 0.5 * LENGTH - MARGIN, 0.5 * WIDTH - MARGIN
    probes = bake(scene, (-x, -y, MARGIN), (x, y, HEIGHT - MARGIN), spacing, rows)
    return [row for size in SIZES for row in _measure(size, scene, probes, turns)]


def _measure(size: tuple[int, int], scene: NerfScene, probes: Probes, turns: int) -> list[Row]:
    camera = Camera.pinhole('bench', *size, FIELD)
    place, quat = poses(NUM, SEED)
    scenes, which = Scenes([room()]), np.zeros(NUM, np.int64)
    truth = Raycast(camera, 4).render(place, quat, scenes, which)
    depth = Raycast(camera, 1).render(place, quat, scenes, which).depth
    truth = truth._replace(depth=depth)
    rows = list[Row]()
    for how, renderer in (
        ('direct', NerfRenderer(camera, scene)),
        ('baked', ProbeRenderer(camera, probes)),
    ):
        frames = renderer.render(place, quat)
        times = list[float]()
        for _ in range(turns):
            start = time.process_time()
            renderer.render(place, quat)
            times.append(time.process_time() - start)
        rows.append(_row(size, how, NUM / float(np.median(times)), frames, truth))
    return rows


def _row(size: tuple[int, int], how: str, rate: float, frames: Frames, truth: Frames) -> Row:
    off = np.abs(np.minimum(frames.depth, 100.0) - truth.depth)
    pairs = zip(frames.rgb, truth.rgb, strict=True)
    signal = float(np.mean([psnr(image / 255.0, real / 255.0) for image, real in pairs]))
    within = float((off < 0.1).mean())
    return Row(
        size, how, rate, signal, float(np.median(off)), within, float(np.quantile(off, 0.95))
    )


def text(rows: list[Row]) -> str:
    """A table."""
    lines = ['size     how     images/s  PSNR dB  depth: median m  within 0.1 m  95 % m']
    lines += [
        f'{f"{row.size[0]}x{row.size[1]}":8} {row.how:7} {row.rate:8.0f} {row.psnr:8.2f} '
        f'{row.median_m:16.3f} {row.within:13.2f} {row.most_m:7.2f}'
        for row in rows
    ]
    return '\n'.join(lines)
