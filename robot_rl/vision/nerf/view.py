"""One photograph of a capture: its camera and its pose, as a frame of transforms.json has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import CaptureError, SpecError
from robot_rl.spec.camera import Camera

Array = NDArray[np.float64]
MODELS = ('OPENCV', 'PINHOLE', 'SIMPLE_PINHOLE', 'SIMPLE_RADIAL', 'RADIAL', 'PERSPECTIVE')
_SUFFIXES = ('', '.png', '.jpg', '.jpeg', '.JPG', '.PNG')
_FLIP = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class View:
    """One photograph."""

    name: str
    """As the file calls it."""
    path: Path
    camera: Camera
    position: Array
    """(3,) in the units of the capture."""
    rotation: Array
    """(3, 3) from the optical frame (x right, y down, z forward) to that of the capture."""


def read_view(file: Path, number: int, data: Mapping[str, Any], frame: Any) -> View:
    """What a frame says, on top of `data`, which holds for all of them. Raises CaptureError.

    Whether the photograph is there is not asked.
    """
    name = frame.get('file_path') if isinstance(frame, dict) else None
    if not isinstance(name, str) or not name:
        raise CaptureError(
            f"{file}: frame {number} has no 'file_path', a text. Name the photograph there."
        )
    where = f'{file}: {name}'
    own = {**data, **frame}
    position, rotation = _pose(where, own.get('transform_matrix'))
    base = file.parent / name.replace('\\', '/')
    paths = [base.with_name(base.name + suffix) for suffix in _SUFFIXES]
    path = next((path for path in paths if path.is_file()), base)
    return View(name, path, _camera(where, own, path), position, rotation)


def _pose(where: str, value: Any) -> tuple[Array, Array]:
    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape not in ((4, 4), (3, 4)) or not np.isfinite(matrix).all():
        raise CaptureError(
            f"{where} needs a 'transform_matrix' of 4 x 4 finite numbers, camera to world, got "
            f'{short(value)}. Write the poses with a tool such as COLMAP.'
        )
    turn = matrix[:3, :3]
    square = turn.T @ turn
    lengths = np.sqrt(np.diag(square))
    if np.linalg.det(turn) < 0.0:
        raise CaptureError(
            f'{where}: its pose is mirrored (determinant {np.linalg.det(turn):.3g}, expected 1). '
            'Turn axes instead of swapping or negating a single one.'
        )
    if np.abs(square - np.eye(3)).max() > 0.02:
        raise CaptureError(
            f'{where}: its pose needs three axes of length 1 at right angles, got lengths '
            f'{lengths.round(4).tolist()}. Remove scale and shear: a scale belongs into the '
            'last column.'
        )
    left, _, right = np.linalg.svd(turn)
    return matrix[:3, 3], left @ right @ _FLIP


def _camera(where: str, data: Mapping[str, Any], path: Path) -> Camera:
    """Camera of one photograph. The file counts pixels from the corner, robot_rl from a middle."""
    model = str(data.get('camera_model', 'OPENCV'))
    if model not in MODELS or data.get('is_fisheye'):
        raise CaptureError(
            f'{where} was taken with the camera model {model!r}. Supported are '
            f'{", ".join(MODELS)}: convert the photographs to one of these.'
        )
    width, height = data.get('w'), data.get('h')
    if (width is None or height is None) and path.is_file():
        from robot_rl.vision.nerf.photos import size_of

        width, height = size_of(path)
    width, height = _number(where, 'w', width or 1), _number(where, 'h', height or 1)
    fx = data.get('fl_x')
    if fx is None and 'camera_angle_x' in data:
        angle = _number(where, 'camera_angle_x', data['camera_angle_x'])
        fx = 0.5 * width / math.tan(0.5 * angle)
    fx = _number(where, 'fl_x or camera_angle_x', fx)
    fy = data.get('fl_y')
    if fy is None and data.get('fl_x') is None and 'camera_angle_y' in data:
        angle = _number(where, 'camera_angle_y', data['camera_angle_y'])
        fy = 0.5 * height / math.tan(0.5 * angle)
    fy = fx if fy is None else _number(where, 'fl_y', fy)
    middle = (data.get('cx', 0.5 * width), data.get('cy', 0.5 * height))
    cx, cy = (
        _number(where, name, value) for name, value in zip(('cx', 'cy'), middle, strict=True)
    )
    k = [_number(where, name, data.get(name, 0.0)) for name in ('k1', 'k2', 'p1', 'p2', 'k3')]
    lens = k[0], k[1], k[2], k[3], k[4]
    try:
        return Camera(
            path.name, round(width), round(height), fx, fy, cx - 0.5, cy - 0.5, distortion=lens
        )
    except SpecError as error:
        raise CaptureError(f'{where}: {error}') from error


def _number(where: str, name: str, value: Any) -> float:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fine:
        raise CaptureError(
            f'{where} needs a finite number {name}, got {short(value)}. Write the intrinsics of '
            'the camera there.'
        )
    return float(value)


def short(value: Any) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) < 60 else f'{text[:57]}...'
