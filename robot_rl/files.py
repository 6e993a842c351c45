"""Files that a reader finds whole or as they were before, and JSON that every reader takes."""

from __future__ import annotations

from collections.abc import Mapping
import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any, cast

from robot_rl.errors import RunFolderError


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds the old content or the new one, never half of it.

    Makes the folder if it is not there. Raises OSError; what was there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        with part.open('wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):  # replaced, never made, or nothing more can be done
            part.unlink()


def write_file(path: Path, data: bytes) -> None:
    """Write `data` as `write_whole` does. Raises RunFolderError when the disk refuses."""
    try:
        write_whole(path, data)
    except OSError as error:
        raise RunFolderError(
            f'Cannot write {path}: {error.strerror}. Free space or choose another folder; '
            'what was already written is intact.'
        ) from error


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Write `value` as JSON in one step; numbers that are not finite become null.

    Raises RunFolderError when the disk refuses.
    """
    text = json.dumps(_finite(value), indent=indent, allow_nan=False)
    write_file(path, f'{text}\n'.encode())


def read_json(path: Path, complaint: str, command: str) -> Any:
    """What the JSON file `path` holds.

    Raises RunFolderError for one that is missing or damaged: `complaint` says what that means,
    `command` what writes it.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RunFolderError(
            f'{complaint}: cannot read {path} ({reason}). Choose another folder, or write it '
            f'with: {command}'
        ) from error


def _finite(value: Any) -> Any:
    """The same value with None for what JSON cannot hold: infinities and not-a-number."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in cast('Mapping[str, Any]', value).items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in cast('list[Any]', value)]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
