"""What those who act recorded in a run: a file each time that one of them was started.

A file is locked for as long as its writer lives, and the system unlocks it however that ends. So a
learner can tell an episode that goes on from one that nobody will end any more.
"""

from __future__ import annotations

from collections.abc import Iterator
import fcntl
import logging
from pathlib import Path
import secrets
import time
from typing import BinaryIO

from robot_rl.data.episodes import EpisodeWriter
from robot_rl.data.header import Header
from robot_rl.data.reader import Episode, Episodes
from robot_rl.errors import RecordingError, RunFolderError

EPISODES = 'episodes'
"""Folder in a run for what was practised, one file a session of the one who acts."""
SETTLE_S = 2.0
"""[s] that a file is left alone after it changed: its writer may not have locked it yet."""
_LOG = logging.getLogger(__name__)


def files(run: Path) -> list[Path]:
    """Of all sessions, oldest first."""
    return sorted((run / EPISODES).glob('*.mcap'))


def begin(run: Path, header: Header) -> tuple[int, EpisodeWriter, BinaryIO]:
    """A new session: its number, its writer, and the lock to keep open as long as that.

    The name of its file is its number and something drawn: two that begin at once, or on two
    machines, are two sessions. Raises RunFolderError where the file cannot be written.
    """
    numbers = [path.stem.partition('-')[0] for path in files(run)]
    number = 1 + max((int(text) for text in numbers if text.isdigit()), default=-1)
    path = run / EPISODES / f'{number:03}-{secrets.token_hex(3)}.mcap'
    writer = EpisodeWriter(path, header)
    lock = path.open('rb')
    fcntl.flock(lock, fcntl.LOCK_EX)
    return number, writer, lock


def over(path: Path) -> bool:
    """Whether nobody writes the file of a session any more."""
    if time.time() - path.stat().st_mtime < SETTLE_S:
        return False
    with path.open('rb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def recorded(path: Path, first: int = 0, *, broken_off: bool = True) -> Iterator[Episode]:
    """Episodes of a file from number `first` on, with or without those that nobody ended.

    Of a damaged file those before the damage, and of one whose writer was killed before it had
    begun none: what is wrong is logged.
    """
    try:
        for episode in Episodes(path):
            if episode.number >= first and (episode.complete or broken_off):
                yield episode
    except (RecordingError, RunFolderError) as error:
        _LOG.warning('%s', error)


def hold(path: Path) -> BinaryIO | None:
    """Lock the file `path`, made if it is missing, until this process ends or closes it.

    None where another process holds it.
    """
    file = path.open('ab')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
