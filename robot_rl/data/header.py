"""What all episodes of a file have in common, and whether they are of a task at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
import hashlib
import json
from typing import Any, Literal, cast, get_args

from robot_rl.errors import RecordingError
from robot_rl.spec.task import Task

SCHEMA = 1
NOTE = 'robot_rl.episodes'
"""Name under which a file keeps it."""
Kind = Literal['demonstration', 'online']
_TEXTS = ('task', 'robot', 'level', 'kind', 'source', 'created', 'digest')
_COUNTS = ('action_size', 'memory_size')
_CONTRACT = (
    *('task', 'robot', 'level', 'control_dt', 'signals', 'action_size', 'memory_size'),
    'setpoint_fields',
)


@dataclass(frozen=True)
class Header:
    """What a file says of all its episodes. Make one with `header_of`."""

    task: str
    """Id, '<task>-<robot>'."""
    robot: str
    level: str
    """Setpoint level of the robot that was commanded."""
    control_dt: float
    """[s] control period."""
    signals: dict[str, int]
    """Name to size, in order."""
    action_size: int
    memory_size: int
    setpoint_fields: tuple[str, ...]
    digest: str
    """SHA-256 of the fields above: of what a policy takes and gives, nothing that training
    changes."""
    kind: Kind
    source: str
    """What was run."""
    created: str
    """ISO 8601, UTC."""


def header_of(
    task: Task, kind: Kind, source: str, more: Mapping[str, int] | None = None
) -> Header:
    """Header for episodes of `task`: its signals, then those named in `more` with their sizes."""
    bare = Header(
        task=task.id,
        robot=task.robot.name,
        level=task.level,
        control_dt=task.control_dt,
        signals={signal.name: signal.size for signal in task.signals} | dict(more or {}),
        action_size=task.action_size,
        memory_size=task.memory_size,
        setpoint_fields=task.setpoint.fields,
        digest='',
        kind=kind,
        source=source,
        created=datetime.now(timezone.utc).isoformat(timespec='seconds'),
    )
    return replace(bare, digest=digest_of(bare))


def digest_of(header: Header) -> str:
    """SHA-256, in hexadecimal, of what a policy takes and gives."""
    told = {name: getattr(header, name) for name in _CONTRACT}
    told['signals'] = list(header.signals.items())
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def check(header: Header, task: Task) -> None:
    """Refuse episodes that were not recorded of `task` as it is now.

    Signals beyond those that its policy takes are let pass.

    Raises:
        RecordingError: with every difference.
    """
    found: list[str] = []
    if header.task != task.id:
        found.append(f'They are of task {header.task!r}, expected {task.id!r}.')
    if header.control_dt != task.control_dt:
        found.append(
            f'They run at {1.0 / header.control_dt:g} Hz, expected {1.0 / task.control_dt:g} Hz.'
        )
    for name, got, expected in (
        ('setpoint level', header.level, task.level),
        ('action size', header.action_size, task.action_size),
        ('memory size', header.memory_size, task.memory_size),
        ('setpoint', ', '.join(header.setpoint_fields), ', '.join(task.setpoint.fields)),
    ):
        if got != expected:
            found.append(f'Their {name} is {got}, expected {expected}.')
    for signal in task.signals:
        size = header.signals.get(signal.name)
        if size != signal.size:
            got = 'missing' if size is None else f'of size {size}'
            found.append(f'Their signal {signal.name!r} is {got}, expected of size {signal.size}.')
    if found:
        raise RecordingError(
            f'The episodes ({header.kind} of {header.created}, {header.source}) do not fit task '
            f'{task.id!r}. {" ".join(found)} Record them with this task.'
        )


def note_of(header: Header) -> dict[str, str]:
    """What a file keeps of it under NOTE: its JSON and the checksum of that."""
    text = to_json(header)
    return {'header': text, 'sha256': hashlib.sha256(text.encode()).hexdigest()}


def from_note(note: Mapping[str, str], where: str) -> Header:
    """Read what `note_of` made; `where` is named in errors. Raises RecordingError."""
    text = note.get('header', '')
    if hashlib.sha256(text.encode()).hexdigest() != note.get('sha256'):
        raise RecordingError(
            f'The header of {where} is not what was written: its checksum is '
            f'{note.get("sha256")!r}, expected that of its text. Read the original, or leave this '
            'file out.'
        )
    return from_json(text, where)


def to_json(header: Header) -> str:
    """As a file keeps it."""
    return json.dumps({'schema': SCHEMA, **asdict(header)}, allow_nan=False)


def from_json(data: str, where: str) -> Header:
    """Read what `to_json` wrote; `where` is named in errors.

    Raises:
        RecordingError: a field is missing, of another type or changed by hand.
    """
    try:
        told = cast('dict[str, Any]', json.loads(data))
        if told.pop('schema') != SCHEMA:
            raise RecordingError(
                f'{where} was written by another version of robot_rl, expected schema {SCHEMA}. '
                'Read it with that version.'
            )
        told['setpoint_fields'] = tuple(told['setpoint_fields'])
        header = Header(**told)
        sound = all(isinstance(getattr(header, name), str) for name in _TEXTS)
        sound &= all(isinstance(getattr(header, name), int) for name in _COUNTS)
        sound &= all(isinstance(size, int) and size > 0 for size in header.signals.values())
        sound &= header.kind in get_args(Kind) and header.control_dt > 0.0
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordingError(
            f'The header of {where} is damaged ({type(error).__name__}: {error}). Record anew, or '
            'take another file.'
        ) from None
    if not sound or digest_of(header) != header.digest:
        raise RecordingError(
            f'The header of {where} is not what was written: its digest is {header.digest!r}, '
            f'expected {digest_of(header)!r}. Record anew, or take another file.'
        )
    return header
