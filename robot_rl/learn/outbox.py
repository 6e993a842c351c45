"""What one who acts has to hand over: the newest episodes in memory, older ones in their file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
import logging
from pathlib import Path
import threading

from robot_rl.data.reader import Episode
from robot_rl.learn import link, sessions

KEEP = 100
"""Episodes in memory. A learner that lacks more has lost them, and they are read again."""
_LOG = logging.getLogger(__name__)


class Outbox:
    """Episodes of one session, for a thread that hands them over; another one adds them."""

    def __init__(self, path: Path, keep: int = KEEP) -> None:
        """`path` is the file that the session is recorded to, each episode before it is added."""
        self._path = path
        self._lock = threading.Lock()
        self._newest: deque[tuple[int, bytes]] = deque(maxlen=keep)

    def add(self, episode: Episode) -> None:
        """Take the next one; what is too long for a frame stays in the file, which is logged."""
        frame = link.of_episode(episode)
        if len(frame) > link.LONGEST:
            _LOG.warning(
                'Episode %d is not handed over: it has %d bytes, at most %d are sent. It is in '
                '%s, where a learner that is started again reads it.',
                *(episode.number, len(frame), link.LONGEST, self._path),
            )
            return
        with self._lock:
            self._newest.append((episode.number, frame))

    def since(self, number: int) -> Iterator[tuple[int, bytes]]:
        """Number and frame of each from `number` on, in their order."""
        with self._lock:
            newest = [pair for pair in self._newest if pair[0] >= number]
            first = self._newest[0][0] if self._newest else 0
        if number < first:
            for episode in sessions.recorded(self._path, number, broken_off=False):
                if episode.number >= first:
                    break
                frame = link.of_episode(episode)
                if len(frame) <= link.LONGEST:
                    yield episode.number, frame
        yield from newest
