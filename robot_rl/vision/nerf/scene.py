"""A learned place in one file: its field, where it lies in the world, and how it came about.

The file is a zip of arrays as NumPy writes them, without objects: `header` is JSON, `filled` says
which voxels are not empty, a bit each, and `values` what their corners hold: raw density and
colors as float16. A digest of all is in the header.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
import hashlib
import io
import json
import math
from pathlib import Path
from typing import Any, cast
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SceneFileError
from robot_rl.files import write_file
from robot_rl.kernels import radiance_empty
from robot_rl.vision.nerf.field import NOTHING, Field
from robot_rl.vision.nerf.frame import Frame
from robot_rl.vision.nerf.space import Space

FORMAT, VERSION = 'robot_rl nerf scene', 1
_KEYS = {'format', 'version', 'digest', 'space', 'shape', 'frame', 'about'}


@dataclass(frozen=True)
class NerfScene:
    """A learned place."""

    field: Field
    frame: Frame
    """From the capture to the world."""
    about: Mapping[str, Any]
    """How it came about: capture, options, scores, what is JSON."""


def save_scene(path: Path, scene: NerfScene) -> None:
    """Write a scene in one step. Raises RunFolderError when the disk refuses."""
    field = scene.field
    known = np.empty(len(field.grid), np.bool_)
    radiance_empty.corners(field.dims, field.skip, known)
    arrays = {
        'filled': np.packbits(field.skip == 0),
        'values': np.clip(field.grid[known], -60000.0, 60000.0).astype(np.float16),
    }
    header = {
        'format': FORMAT,
        'version': VERSION,
        'space': asdict(field.space),
        'shape': field.shape,
        'frame': scene.frame.to_json(),
        'about': scene.about,
    }
    header['digest'] = digest_of(header, arrays)
    text = np.frombuffer(json.dumps(header, allow_nan=False).encode(), np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, header=text, **arrays)
    write_file(path, file.getvalue())


def digest_of(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of all arrays and of the header, but for its own entry."""
    digest = hashlib.sha256()
    rest = {key: value for key, value in header.items() if key != 'digest'}
    digest.update(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def load_scene(path: Path) -> NerfScene:
    """Read a scene. Raises SceneFileError for a file that is missing, damaged or not of today."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in ('filled', 'values') if name in file}
            header = json.loads(file['header'].tobytes())
    except FileNotFoundError:
        raise SceneFileError(
            f'There is no scene {path}. Learn one with: robot_rl nerf train'
        ) from None
    except (
        OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, zlib.error,
        zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise _damaged(path, f'it cannot be read ({error})') from error
    if not isinstance(header, dict) or header.get('format') != FORMAT:
        raise _damaged(path, 'it is no scene')
    if header.get('version') != VERSION:
        raise SceneFileError(
            f'The scene {path} is of version {header.get("version")}, expected {VERSION}. '
            'Learn it anew with: robot_rl nerf train'
        )
    if not header.keys() >= _KEYS or header['digest'] != digest_of(header, arrays):
        raise _damaged(path, 'its content does not have its digest')
    return _scene(cast('Mapping[str, Any]', header), arrays)


def _damaged(path: Path, why: str) -> SceneFileError:
    return SceneFileError(
        f'The scene {path} is damaged: {why}. Copy it anew, or learn it with: robot_rl nerf train'
    )


def _scene(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> NerfScene:
    about = header['space']
    center, half = tuple(about['center']), tuple(about['half'])
    space = Space(bool(about['open']), center, half, float(about['near']))
    x, y, z = header['shape']
    num = math.prod((x, y, z))
    dims = np.array((x, y, z), np.int64)
    filled = np.unpackbits(arrays['filled'], count=num) == 1
    skip = np.where(filled, 0, radiance_empty.FURTHEST).astype(np.uint8)
    radiance_empty.distances(dims, skip)
    known = np.empty(num, np.bool_)
    radiance_empty.corners(dims, skip, known)
    grid = np.zeros((num, 4), np.float32)
    grid[:, 0] = NOTHING
    grid[known] = arrays['values']
    field = Field(space, (x, y, z), grid, skip)
    return NerfScene(field, Frame.from_json(header['frame']), header['about'])
