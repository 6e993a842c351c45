"""Episode files, read: also one that broke off, or is still being written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robot_rl.data.header import NOTE, Header, from_note
from robot_rl.deploy.record import notes
from robot_rl.deploy.record import read as read_messages
from robot_rl.errors import RecordingError

Array = Any
"""A numpy array."""


class Label(NamedTuple):
    """What was said afterwards about a step."""

    step: int
    """Index into the arrays of the episode."""
    what: str


@dataclass(frozen=True)
class Episode:
    """T transitions without a gap: from row t of `signals`, by row t of `action`, to row t + 1."""

    number: int
    """Of the recorded episode in its file; one with a gap is read as several."""
    first: int
    """Step of it that row 0 is."""
    signals: dict[str, Array]
    """Name to (T + 1, size) float32."""
    memory: Array
    """(T + 1, memory_size) float32."""
    action: Array
    """(T, action_size) float32."""
    setpoint: Array
    """(T, fields) float32 [SI]."""
    reward: Array
    """(T,) float32."""
    person: Array
    """(T,) bool: a person acted."""
    operators: tuple[str, ...]
    """Who or what that was, T of them."""
    extra: tuple[dict[str, list[float]], ...]
    """Further numbers, T times."""
    stamps: Array
    """(T + 1,) float64 [s]."""
    labels: tuple[Label, ...]
    """In the order of their steps, the last word on each."""
    terminated: bool
    truncated: bool
    success: bool
    """As the last label 'success' or 'failure' says, else as the end did."""
    seed: int | None
    complete: bool
    """False where the end is not recorded: the last step, of unknown outcome, is left out."""

    def __len__(self) -> int:
        """Number of transitions."""
        return len(self.reward)


class Episodes:
    """The episodes of a file, read while iterated over. Each iteration reads anew."""

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            RunFolderError: the file is missing or is no MCAP file.
            RecordingError: it holds no episodes or a damaged header.
        """
        self.path = path
        note = notes(path).get(NOTE)
        if note is None:
            raise RecordingError(
                f'{path} is no file of episodes: it has no header, which is the first that is '
                'written. Give one that robot_rl recorded episodes to.'
            )
        self.header: Header = from_note(note, str(path))
        self.closed = False
        """After an iteration: whether whoever wrote it closed it."""

    def __iter__(self) -> Iterator[Episode]:
        """Episodes in order; without one that broke off before its second step.

        Raises RecordingError for a message that is not what was written.
        """
        self.closed = False
        told = _Told(0, None)
        try:
            for message in read_messages(self.path):
                content: dict[str, Any] = json.loads(message.data)
                if message.topic == '/closed':
                    self.closed = True
                    continue
                number = int(content['episode'])
                if message.topic == '/begin' or number != told.number:  # or its begin is lost
                    yield from told.episodes(self.header)
                    told = _Told(number, content.get('seed'))
                told.take(message.topic, message.log_time, content)
            yield from told.episodes(self.header)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RecordingError(
                f'{self.path} is damaged in its episode {told.number} ({type(error).__name__}: '
                f'{error}), expected what robot_rl writes. Read the original, or leave this file '
                'out.'
            ) from None


def read(path: Path) -> tuple[Header, list[Episode]]:
    """All of a file at once. Raises as `Episodes` does."""
    episodes = Episodes(path)
    return episodes.header, list(episodes)


_Moment = tuple[int, dict[str, Any]]
"""[ns] when, and what the message said."""


class _Told:
    """What the messages of one recorded episode said so far."""

    def __init__(self, number: int, seed: int | None) -> None:
        self.number, self.seed = number, seed
        self.runs: list[list[_Moment]] = []
        """Steps without a gap."""
        self.end: _Moment | None = None
        self.labels: dict[int, str] = {}
        self.verdict: bool | None = None

    def take(self, topic: str, log_time: int, content: dict[str, Any]) -> None:
        if topic == '/step':
            if not self.runs or content['step'] != self.runs[-1][-1][1]['step'] + 1:
                self.runs.append([])
            self.runs[-1].append((log_time, content))
        elif topic == '/end':
            self.end = (log_time, content)
        elif topic == '/label':
            what = str(content['what'])
            self.labels[int(content['step'])] = what
            if what in ('success', 'failure'):
                self.verdict = what == 'success'

    def episodes(self, header: Header) -> Iterator[Episode]:
        """One for each run of steps; the last is complete if the end is recorded."""
        for run in self.runs:
            last = run is self.runs[-1]
            follows = self.end and self.end[1]['steps'] == run[-1][1]['step'] + 1
            end = self.end if last and follows else None
            steps = run if end else run[:-1]
            if steps:
                yield self._episode(header, steps, end or run[-1], end is not None, last)

    def _episode(
        self, header: Header, steps: list[_Moment], after: _Moment, complete: bool, last: bool
    ) -> Episode:
        told = [content for _, content in steps]
        states = [*told, after[1]]
        first, end = int(told[0]['step']), after[1] if complete else {}
        success = bool(end.get('success', False)) if self.verdict is None else self.verdict
        return Episode(
            number=self.number,
            first=first,
            signals={
                name: _table([state['signals'][name] for state in states], size)
                for name, size in header.signals.items()
            },
            memory=_table([state['memory'] for state in states], header.memory_size),
            action=_table([content['action'] for content in told], header.action_size),
            setpoint=_table([c['setpoint'] for c in told], len(header.setpoint_fields)),
            reward=np.array([content['reward'] for content in told], np.float32),
            person=np.array([content['person'] for content in told], np.bool_),
            operators=tuple(str(content['operator']) for content in told),
            extra=tuple(content['extra'] for content in told),
            stamps=np.array([time for time, _ in [*steps, after]], np.float64) / 1e9,
            labels=tuple(
                Label(step - first, what)
                for step, what in sorted(self.labels.items())
                if first <= step < first + len(told)
            ),
            terminated=bool(end.get('terminated', False)),
            truncated=bool(end.get('truncated', False)),
            success=success and last,
            seed=self.seed,
            complete=complete,
        )


def _table(rows: list[list[float]], size: int) -> Array:
    """(len(rows), size) float32. Raises ValueError for a row of another size."""
    return np.array(rows, np.float32).reshape(len(rows), size)
