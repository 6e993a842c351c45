"""Episode files: MCAP, written as things happen, readable up to the last half second.

Messages are JSON with a schema, so that Foxglove opens and plots them. Numbers are written in
full: a float32 reads back as the same float32. What is read is parsed as JSON, never executed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import json
import math
from pathlib import Path
import time
from typing import Any

import numpy as np

from robot_rl.data.header import NOTE, Header, check, digest_of, header_of, note_of
from robot_rl.data.reader import Episode, Episodes, Label, read
from robot_rl.data.schemas import channels
from robot_rl.deploy.record import MIN_FREE, Recording
from robot_rl.errors import RecordingError

__all__ = [
    'Episode',
    'EpisodeWriter',
    'Episodes',
    'Header',
    'Label',
    'check',
    'digest_of',
    'header_of',
    'read',
]

Row = Any
"""What numpy makes a row of numbers of."""


class EpisodeWriter:
    """An episode file being written, by one thread.

    What happened is on the disk half a second after the next call at the latest, and when an
    episode ends; call `flush` where nothing else is called for longer. Once the disk has refused,
    every call raises RunFolderError; what was written before stays readable.
    """

    def __init__(self, path: Path, header: Header, *, min_free: int = MIN_FREE) -> None:
        """Create `path`, which must not exist; `min_free` [byte] of the disk are left free.

        Raises:
            RunFolderError: the file exists or cannot be created.
            MissingPackageError: mcap is not installed.
        """
        self.path, self.header = path, header
        self._recording = Recording(path, min_free=min_free, profile='')
        self._recording.note(NOTE, note_of(header))
        every = channels(header.signals)
        self._ids = {topic: self._recording.add(channel) for topic, channel in every.items()}
        self.episodes = 0
        """Begun so far."""
        self.steps = 0
        """Written so far, of all episodes."""
        self.step_index = 0
        """Of the next step of the current episode, those refused counted."""
        self._running = False
        self._last = 0.0

    def begin(self, stamp: float, seed: int | None = None) -> None:
        """Begin an episode at `stamp` [s]; one that did not end stays as one that broke off.

        Raises RunFolderError.
        """
        self._running = True
        self.episodes += 1
        self.step_index = 0
        self._say('/begin', stamp, {'episode': self.episodes - 1, 'seed': seed})

    def step(
        self,
        stamp: float,
        signals: Mapping[str, Row],
        memory: Row,
        action: Row,
        setpoint: Row,
        reward: float,
        person: bool,
        operator: str = '',
        extra: Mapping[str, float | Sequence[float]] | None = None,
    ) -> None:
        """Write one control period.

        Args:
            stamp: [s] of its begin.
            signals: What was seen before the action, (size,) each.
            memory: (memory_size,) carried into it.
            action: (action_size,) taken, whoever took it.
            setpoint: (len(setpoint_fields),) sent to the robot [SI].
            reward: Of this period.
            person: Whether a person acted.
            operator: Who or what that was.
            extra: Further numbers, by name.

        Raises:
            RecordingError: a number is not finite or a row of another size. The step is not
                written and the episode goes on: it reads back as two, one before and one after
                the gap, so that no transition leads across it.
            RunFolderError: the disk refuses.
        """
        if not self._running:
            raise ValueError('step() before begin()')
        index = self.step_index
        self.step_index += 1
        where = f'Step {index} of episode {self.episodes - 1}'
        header = self.header
        message = {
            'episode': self.episodes - 1,
            'step': index,
            'signals': self._signals(where, signals),
            'memory': self._row(where, 'memory', memory, header.memory_size),
            'action': self._row(where, 'action', action, header.action_size),
            'setpoint': self._row(where, 'setpoint', setpoint, len(header.setpoint_fields)),
            'reward': self._row(where, 'reward', reward, 1)[0],
            'person': bool(person),
            'operator': operator,
            'extra': {
                name: self._row(where, name, value, np.size(value))
                for name, value in (extra or {}).items()
            },
        }
        self._say('/step', stamp, message)
        self.steps += 1

    def label(self, stamp: float, step: int, what: str) -> None:
        """Say afterwards `what` step `step` of the current or the last episode was.

        'success' and 'failure' also are what becomes of the episode. Of several labels of one step
        the last one counts. Raises RunFolderError.
        """
        if not self.episodes:
            raise ValueError('label() before begin()')
        self._say('/label', stamp, {'episode': self.episodes - 1, 'step': step, 'what': what})

    def end(
        self,
        stamp: float,
        signals: Mapping[str, Row],
        memory: Row,
        *,
        terminated: bool,
        truncated: bool,
        success: bool,
    ) -> None:
        """End the episode with what was seen after its last action.

        Raises:
            RecordingError: a number is not finite. The episode then reads back as one that broke
                off, without its last step.
            RunFolderError: the disk refuses.
        """
        if not self._running:
            raise ValueError('end() before begin()')
        self._running = False
        where = f'The end of episode {self.episodes - 1}'
        message = {
            'episode': self.episodes - 1,
            'steps': self.step_index,
            'signals': self._signals(where, signals),
            'memory': self._row(where, 'memory', memory, self.header.memory_size),
            'terminated': bool(terminated),
            'truncated': bool(truncated),
            'success': bool(success),
        }
        self._say('/end', stamp, message)
        self._recording.flush(time.monotonic(), always=True)

    def flush(self, now: float | None = None) -> bool:
        """Write out what has waited for half a second; `now` [s] of time.monotonic()."""
        return self._recording.flush(time.monotonic() if now is None else now)

    def close(self) -> None:
        """Write the index and close. Does nothing the second time. Raises RunFolderError."""
        if self._recording.open:
            self._say('/closed', self._last, {'episodes': self.episodes, 'steps': self.steps})
            self._recording.close()

    def _signals(self, where: str, signals: Mapping[str, Row]) -> dict[str, list[float]]:
        return {
            name: self._row(where, name, signals.get(name, ()), size)
            for name, size in self.header.signals.items()
        }

    def _row(self, where: str, name: str, value: Row, size: int) -> list[float]:
        """Numbers of `value` as float32, exactly. Raises RecordingError."""
        with np.errstate(over='ignore'):
            row = np.asarray(value, np.float32).reshape(-1)
        if row.size != size:
            raise RecordingError(
                f'{where} is not recorded: its {name!r} has {row.size} numbers, expected {size}. '
                'Give what the header declares.'
            )
        numbers: list[float] = row.tolist()
        if not all(map(math.isfinite, numbers)):
            raise RecordingError(
                f'{where} is not recorded: its {name!r} is {numbers}, expected finite numbers. '
                'What was written before is kept, and so is what follows: look for the cause in '
                'the robot or the simulator.'
            )
        return numbers

    def _say(self, topic: str, stamp: float, message: dict[str, Any]) -> None:
        if not math.isfinite(stamp):
            raise RecordingError(
                f'A message of episode {self.episodes - 1} is not recorded: its stamp is {stamp}, '
                'expected seconds. Read the clock again.'
            )
        self._last = stamp
        at, data = round(max(stamp, 0.0) * 1e9), json.dumps(message, allow_nan=False).encode()
        self._recording.write(self._ids[topic], data, at, at)
        self._recording.flush(time.monotonic())
