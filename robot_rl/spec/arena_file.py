"""Arenas as JSON files: how a process is told of the world that it simulates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
import json
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.errors import SpecError
from robot_rl.files import write_json
from robot_rl.spec.arena import Arena

COLUMNS = {'segments': 4, 'circles': 3, 'walkers': 5}
"""Arrays of an arena to the numbers in a row."""


def as_json(arena: Arena) -> dict[str, Any]:
    """The arena as JSON values, in the units of its fields."""
    values = {each.name: getattr(arena, each.name) for each in fields(arena)}
    return {name: v.tolist() if name in COLUMNS else v for name, v in values.items()}


def from_json(value: Mapping[str, Any], where: str) -> Arena:
    """Inverse of `as_json`; `where` it comes from is for the message.

    Raises SpecError for what is no arena: a field that is missing or unknown, another number of
    columns, numbers that are not finite.
    """
    try:
        given = dict(value)
        for name, columns in COLUMNS.items():
            rows: Any = np.array(given.get(name, []), np.float64)
            given[name] = rows.reshape(-1, columns)
        for name in ('start', 'goal', 'room'):
            if name in given:
                given[name] = tuple(float(number) for number in given[name])
        arena = Arena(**given)
        flat = [*arena.start, *arena.goal, *(getattr(arena, n).sum() for n in COLUMNS)]
        if len(arena.start) != 3 or len(arena.goal) != 2 or not np.isfinite(flat).all():
            raise ValueError('start has 3 numbers, goal 2, all of them finite')
    except (TypeError, ValueError, KeyError) as error:
        known = ', '.join(each.name for each in fields(Arena))
        raise SpecError(f'{where} is no arena ({error}). Expected JSON with {known}.') from None
    return arena


def write(path: Path, arena: Arena) -> None:
    """Write an arena. Raises RunFolderError when the disk refuses."""
    write_json(path, as_json(arena))


def read(path: Path) -> Arena:
    """Read what `write` wrote. Raises SpecError."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SpecError(
            f'Cannot read the arena {path}: {reason}. Give a JSON file of an arena, or the seed '
            'of one that is drawn.'
        ) from None
    return from_json(content, str(path))
