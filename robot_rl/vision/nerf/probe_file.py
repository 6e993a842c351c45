"""Panoramas of a place in one file: a zip of arrays as NumPy writes them, without objects."""

from __future__ import annotations

import io
import json
from pathlib import Path
import zipfile
import zlib

import numpy as np

from robot_rl.errors import SceneFileError
from robot_rl.files import write_file
from robot_rl.vision.nerf.probes import Probes

FORMAT, VERSION = 'robot_rl nerf probes', 1


def save_probes(path: Path, probes: Probes) -> None:
    """Write probes in one step, ways as float16. Raises RunFolderError when the disk refuses."""
    header = {'format': FORMAT, 'version': VERSION, 'spacing': probes.spacing}
    file = io.BytesIO()
    np.savez_compressed(
        file, header=np.frombuffer(json.dumps(header).encode(), np.uint8), places=probes.places,
        images=probes.images, ways=probes.ways.astype(np.float16), nearest=probes.nearest,
        corner=probes.corner,
    )  # fmt: skip
    write_file(path, file.getvalue())


def is_probes(path: Path) -> bool:
    """Whether a file looks like one of probes; whether it is sound is another matter."""
    try:
        with zipfile.ZipFile(path) as file:
            return 'ways.npy' in file.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def load_probes(path: Path) -> Probes:
    """Read probes. Raises SceneFileError for a file that is missing, damaged or something else."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            header = json.loads(file['header'].tobytes())
            fine = header['format'] == FORMAT and header['version'] == VERSION
            return Probes(
                file['places'], file['images'] if fine else file[''],
                file['ways'].astype(np.float32), file['nearest'], file['corner'],
                header['spacing'],
            )  # fmt: skip
    except (
        OSError, ValueError, KeyError, EOFError, TypeError, zlib.error, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise SceneFileError(
            f'Cannot read the probes {path}: {error}. Bake version {VERSION} with: robot_rl nerf '
            'bake'
        ) from error
