"""A place of Gaussians in one file, and cameras as gsplat takes them.

The file is a zip of arrays as NumPy writes them, without objects, with a header of JSON and a
digest of all, as that of a scene of voxels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import io
import json
from pathlib import Path
from typing import Any, cast
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SceneFileError
from robot_rl.files import write_file
from robot_rl.spec.camera import Camera
from robot_rl.vision.nerf.frame import Frame
from robot_rl.vision.nerf.scene import digest_of

Array = NDArray[Any]
FORMAT, VERSION = 'robot_rl splats', 1
SIZES = {'means': 3, 'quats': 4, 'scales': 3, 'opacities': 1, 'colors': 3}
"""Arrays of a file, float32, and how many numbers each has for a Gaussian."""


@dataclass(frozen=True, eq=False)
class Splats:
    """Gaussians that look the same from everywhere."""

    arrays: Mapping[str, Array]
    """'means' (n, 3) units of the capture, 'quats' (n, 4) wxyz, 'scales' (n, 3) standard
    deviations, units of the capture, 'opacities' (n, 1) and 'colors' (n, 3) from 0 to 1."""
    frame: Frame
    """From the capture to the world."""
    about: Mapping[str, Any]
    """How they came about: capture, options, scores, what is JSON."""


def save_splats(path: Path, splats: Splats) -> None:
    """Write splats in one step. Raises RunFolderError when the disk refuses."""
    arrays = {name: np.asarray(splats.arrays[name], np.float32) for name in SIZES}
    header = {
        'format': FORMAT,
        'version': VERSION,
        'frame': splats.frame.to_json(),
        'about': dict(splats.about),
    }
    header['digest'] = digest_of(header, arrays)
    text = np.frombuffer(json.dumps(header, allow_nan=False).encode(), np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, header=text, **cast('dict[str, Any]', arrays))
    write_file(path, file.getvalue())


def is_splats(path: Path) -> bool:
    """Whether a file looks like one of splats; whether it is sound is another matter."""
    try:
        with zipfile.ZipFile(path) as file:
            return 'quats.npy' in file.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def load_splats(path: Path) -> Splats:
    """Read splats. Raises SceneFileError for a file that is missing, damaged or something else."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            header = json.loads(file['header'].tobytes())
            arrays = {name: file[name] for name in SIZES}
        if (header['format'], header['version']) != (FORMAT, VERSION):
            raise ValueError(f'it is of version {header["version"]} of {header["format"]!r}')
        if header['digest'] != digest_of(header, arrays):
            raise ValueError('its content does not have its digest')
        return Splats(arrays, Frame.from_json(header['frame']), header['about'])
    except (
        OSError, ValueError, KeyError, EOFError, TypeError, zlib.error, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise SceneFileError(
            f'Cannot read the splats {path}: {error}. Learn version {VERSION} with: robot_rl nerf '
            'train --method gsplat'
        ) from error


def intrinsics(camera: Camera) -> Array:
    """Matrix (3, 3) of a camera whose pixels are counted from the corner of the first."""
    return np.array(
        [
            [camera.fx, 0.0, camera.cx + 0.5],
            [0.0, camera.fy, camera.cy + 0.5],
            [0.0, 0.0, 1.0],
        ],
        np.float32,
    )


def lens(camera: Camera) -> tuple[Array, Array]:
    """Radial (6,) coefficients, those of OpenCV's rational model, and tangential ones (2,)."""
    k1, k2, p1, p2, k3 = camera.distortion
    return np.array([k1, k2, k3, 0, 0, 0], np.float32), np.array([p1, p2], np.float32)


def view_matrices(position: Array, rotation: Array) -> Array:
    """Matrices (n, 4, 4) from the capture to cameras.

    Args:
        position: (n, 3) of the cameras, units of the capture.
        rotation: (n, 3, 3) from the optical frame (x right, y down, z forward) to the capture.
    """
    back = np.swapaxes(rotation, 1, 2)
    matrices = np.tile(np.eye(4, dtype=np.float32), (len(back), 1, 1))
    matrices[:, :3, :3] = back
    matrices[:, :3, 3] = -(back @ position[:, :, None])[:, :, 0]
    return matrices
