"""Small tables that grow by a row at a time, and whose writer may be killed at any moment."""

from __future__ import annotations

from collections.abc import Sequence
import os
from pathlib import Path


def append(path: Path, row: Sequence[object]) -> None:
    """Add a row of plain words and numbers, in one write; one that was cut short is left behind.

    Raises OSError.
    """
    with path.open('a+b', buffering=0) as file:
        cut = b''
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            cut = b'' if file.read(1) == b'\n' else b'\n'
        file.write(cut + ','.join(map(str, row)).encode() + b'\n')


def read(path: Path, width: int) -> list[list[str]]:
    """Rows of `width` values, without those that were cut short; none where there is no file."""
    if not path.exists():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    rows = [line[:-1].decode(errors='replace').split(',') for line in lines if line[-1:] == b'\n']
    return [row for row in rows if len(row) == width]
