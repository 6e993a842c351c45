"""Draw scenes of files from poses of files, into files."""

from __future__ import annotations

import math
from pathlib import Path
import time

import numpy as np

from robot_rl.errors import SceneFileError, SpecError
from robot_rl.spec.camera import Camera
from robot_rl.vision.nerf.probe_file import is_probes, load_probes
from robot_rl.vision.nerf.probes import ProbeRenderer
from robot_rl.vision.nerf.render import NerfRenderer
from robot_rl.vision.nerf.scene import load_scene
from robot_rl.vision.nerf.splat_render import SplatRenderer
from robot_rl.vision.nerf.splats import is_splats, load_splats

MOST_MM = 65535


def renderer_of(path: Path, camera: Camera) -> NerfRenderer | ProbeRenderer | SplatRenderer:
    """What draws a file of `nerf train` or `nerf bake`.

    Raises SceneFileError, and for splats as `SplatRenderer` does.
    """
    if is_splats(path):
        return SplatRenderer(camera, load_splats(path))
    if is_probes(path):
        return ProbeRenderer(camera, load_probes(path))
    return NerfRenderer(camera, load_scene(path))


def draw(
    path: Path,
    poses: Path | None,
    one: tuple[float, ...],
    size: tuple[int, int],
    field_deg: float,
    out: Path,
) -> tuple[int, float]:
    """Write images and depths.

    Args:
        path: Scene or probes.
        poses: Text with x y z [m] w x y z a line, or None.
        one: The one pose instead.
        size: Width and height [px].
        field_deg: [deg] from the left edge to the right one.
        out: Folder, made if it is not there.

    Returns:
        How many, and how many were drawn a second.
    """  # fmt: skip
    from PIL import Image

    camera = Camera.pinhole('nerf', *size, math.radians(field_deg))
    renderer = renderer_of(path, camera)
    rows = _poses(poses) if poses else np.array([one])
    renderer.render(rows[:1, :3], rows[:1, 3:])  # compiled
    start = time.perf_counter()
    frames = renderer.render(rows[:, :3], rows[:, 3:])
    rate = len(rows) / (time.perf_counter() - start)
    out.mkdir(parents=True, exist_ok=True)
    for number, (image, depth) in enumerate(zip(frames.rgb, frames.depth, strict=True)):
        Image.fromarray(image).save(out / f'{number:04d}.png')
        millimeters = np.where(depth < 0.001 * MOST_MM, 1000.0 * depth, 0.0)
        Image.fromarray(np.round(millimeters).astype(np.uint16)).save(
            out / f'{number:04d}_depth.png'
        )
    return len(rows), rate


def _poses(path: Path) -> np.ndarray:
    """Poses (n, 7) of a text. Raises SceneFileError, and SpecError for quaternions."""
    try:
        rows = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise SceneFileError(
            f'Cannot read the poses {path}: {error}. Write seven numbers a line: x y z w x y z.'
        ) from error
    if rows.shape[1:] != (7,) or not len(rows):
        raise SceneFileError(
            f'{path} needs seven numbers a line, x y z w x y z, got an array of {rows.shape}. '
            'Write a pose on each.'
        )
    lengths = np.linalg.norm(rows[:, 3:], axis=1)
    if (abs(lengths - 1.0) > 1e-3).any():
        raise SpecError(
            f'{path} needs quaternions of length 1, got '
            f'{lengths[abs(lengths - 1.0).argmax()]:.4g}. Write w first.'
        )
    return rows
