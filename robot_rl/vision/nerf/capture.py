"""Read a capture: photographs with the camera and the pose of each, as transforms.json has them.

The file is that of instant-ngp and nerfstudio: poses lead from a camera that looks along -z, with x
to the right and y up, to the world. Intrinsics may be given once or per frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import json
import math
from pathlib import Path
from typing import Any, cast
import warnings

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import CaptureError, SpecError
from robot_rl.spec.camera import Camera

Array = NDArray[np.float64]
MODELS = ('OPENCV', 'PINHOLE', 'SIMPLE_PINHOLE', 'SIMPLE_RADIAL', 'RADIAL', 'PERSPECTIVE')
FEW = 10
"""Fewer photographs than these are warned of."""
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


@dataclass(frozen=True)
class Capture:
    """Photographs of one place."""

    path: Path
    views: tuple[View, ...]
    """In order of their names."""
    missing: tuple[str, ...]
    """Photographs that the file names and that are not there."""
    box: Array | None
    """(2, 3) lowest and highest corner of the place, where the file has a `scene_box`: else
    it is taken to have no bounds."""


def read_capture(path: Path) -> Capture:
    """Read transforms.json, or that of a folder.

    Warns of photographs that are missing, and of few. Raises CaptureError for a file that is not
    one, poses that are absent or none, less than half of the photographs, and less than two places
    to see from.
    """
    file = path / 'transforms.json' if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CaptureError(
            f'Cannot read the capture {file}: {reason}. Give the folder of a transforms.json as '
            'instant-ngp and nerfstudio write it.'
        ) from error
    frames = data.get('frames') if isinstance(data, dict) else None
    if not isinstance(frames, list) or not frames:
        raise CaptureError(
            f"{file} needs a list 'frames' with at least two photographs, got none. Write it with "
            'a tool for camera poses, such as COLMAP.'
        )
    views, missing = list[View](), list[str]()
    for number, frame in enumerate(cast('list[Any]', frames)):
        view = _view(file, number, cast('Mapping[str, Any]', data), frame)
        if view.path.is_file():
            views.append(view)
        else:
            missing.append(view.name)
    _complete(file, views, missing)
    views.sort(key=lambda view: view.name)
    return Capture(file, tuple(views), tuple(missing), _box(file, data.get('scene_box')))


def _complete(file: Path, views: list[View], missing: list[str]) -> None:
    """Refuse what nothing can be learned from, warn of what little can be."""
    total = len(views) + len(missing)
    if len(views) < len(missing) or (total >= 2 and len(views) < 2):
        raise CaptureError(
            f'{file} names {total} photographs, of which {len(missing)} are missing, the first '
            f'{missing[0]!r}. At least half must be there: copy them beside the file.'
        )
    spread = max(np.ptp([view.position for view in views], axis=0)) if views else 0.0
    if len(views) < 2 or not spread > 1e-6:
        raise CaptureError(
            f'{file} has {len(views)} photographs, all from one place. Depth needs at least two '
            'places to see from, better forty: record some while walking around.'
        )
    if missing:
        warnings.warn(
            f'{file} names {total} photographs, of which {len(missing)} are missing, the first '
            f'{missing[0]!r}; learning from the rest.',
            stacklevel=3,
        )
    if len(views) < FEW:
        warnings.warn(
            f'{file} has {len(views)} photographs; less than {FEW} seldom show a place well.',
            stacklevel=3,
        )


def _view(file: Path, number: int, data: Mapping[str, Any], frame: Any) -> View:
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
            f'{_short(value)}. Write the poses with a tool such as COLMAP.'
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
            f'{lengths.round(4).tolist()}. Remove scale and shear from the matrix; a scale belongs '
            'into its last column.'
        )
    left, _, right = np.linalg.svd(turn)
    return matrix[:3, 3], left @ right @ _FLIP


def _camera(where: str, data: Mapping[str, Any], path: Path) -> Camera:
    """Camera of one photograph. The file counts pixels from the corner, robot_rl from a middle."""
    model = str(data.get('camera_model', 'OPENCV'))
    if model not in MODELS or data.get('is_fisheye'):
        raise CaptureError(
            f'{where} was taken with the camera model {model!r}. Supported are {", ".join(MODELS)}:'
            ' convert the photographs to one of these.'
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
            f'{where} needs a finite number {name}, got {_short(value)}. Write the intrinsics of '
            'the camera there.'
        )
    return float(value)


def _box(file: Path, value: Any) -> Array | None:
    if value is None:
        return None
    try:
        box = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        box = np.zeros(0)
    if box.shape != (2, 3) or not np.isfinite(box).all() or not (box[1] > box[0]).all():
        raise CaptureError(
            f"{file}: 'scene_box' needs the lowest and the highest corner, 2 x 3 numbers, got "
            f'{_short(value)}. Remove it for a place without bounds.'
        )
    return box


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f'{text[:57]}...'
