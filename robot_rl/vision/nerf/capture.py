"""Read a capture: photographs with the camera and the pose of each, as transforms.json has them.

The file is that of instant-ngp and nerfstudio: poses lead from a camera that looks along -z, with
x to the right and y up, to the world. Intrinsics may be given once or per frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any, cast
import warnings

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import CaptureError
from robot_rl.vision.nerf.view import View, read_view, short

Array = NDArray[np.float64]
FEW = 10
"""Fewer photographs than these are warned of."""


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
        view = read_view(file, number, cast('Mapping[str, Any]', data), frame)
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
            f'{short(value)}. Remove it for a place without bounds.'
        )
    return box
