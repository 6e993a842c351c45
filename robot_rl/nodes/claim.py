"""One driver for each robot on this machine, without waiting for DDS to discover anything.

Discovery can take seconds, and two nodes that start together may both see an empty topic. A file
lock is held from activation on and is given back by the kernel when its process dies, however it
dies.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
import tempfile
from typing import IO


class Claim:
    """A claim on one topic in one DDS domain, among the processes of this machine."""

    def __init__(self, domain: int, topic: str) -> None:
        """Name the lock; nothing is claimed yet."""
        folder = Path(os.environ.get('XDG_RUNTIME_DIR') or tempfile.gettempdir())
        self.path = folder / f'robot_rl.{domain}{topic.replace("/", ".")}.lock'
        self._file: IO[str] | None = None

    def take(self) -> str:
        """Claim it. Returns '' on success, or the process that holds it."""
        if self._file is not None:
            return ''
        try:
            file = self.path.open('a+', encoding='ascii')
        except OSError:  # a folder that cannot be written: the check of publishers remains
            return ''
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or 'unknown'
            file.close()
            return f'process {holder}'
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return ''

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            self._file.close()
            self._file = None
