"""The process that learns: takes episodes of whoever acts, updates, and publishes weights.

It lives on when the one who acts dies, and the other way round. What it knows is what is in the
files of the run: one that is killed reads them again, and goes on from its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
import csv
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection
from pathlib import Path
import queue
import secrets
import threading
import time
from typing import Any

from robot_rl.data.reader import Episodes
from robot_rl.learn import link
from robot_rl.learn.run_folder import RunFolder, load_state
from robot_rl.learn.student import Student, digest

PUBLISH_S = 1.0
"""[s] between weights: LeRobot advises 1 to 2 s."""
SAVE_S = 20.0
"""[s] between checkpoints."""
IDLE_S = 0.05
EPISODES = 'episodes'
"""Folder in a run for what was practised, one file a session of the one who acts."""
PUBLISHED = 'published.csv'
"""In a run: version, digest and number of updates of all weights that were published."""


class Learner:
    """Learns until it is told to stop."""

    def __init__(self, student: Student, folder: RunFolder, address: Any, token: str) -> None:
        """Read what was practised, resume, and listen at `address`."""
        self._student, self._folder = student, folder
        self._arrived: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.known: dict[str, int] = {}
        """Session to the number of its episodes that were taken."""
        self._read()
        self._connections: list[Connection] = []
        self._version, self._updates = self._last_version(), student.rlpd.updates
        self._latest = b''
        self._closed = False
        self._listener = link.listen(address, token)
        threading.Thread(target=self._welcome, daemon=True).start()

    def _read(self) -> None:
        for path in sorted((self._folder.path / EPISODES).glob('*.mcap')):
            for episode in Episodes(path):
                self._student.practise(episode)
                self.known[path.stem] = episode.number + 1
        checkpoints = self._folder.checkpoints()
        if checkpoints:
            self._student.load_state_dict(load_state(checkpoints[-1]))

    def _last_version(self) -> int:
        path = self._folder.path / PUBLISHED
        rows = path.read_text().splitlines() if path.exists() else []
        return int(rows[-1].split(',')[0]) if rows else 0

    def run(self, stop: Callable[[], bool], most: int) -> None:
        """Learn until `stop` or for `most` steps of practice."""
        published, saved = -1e9, time.monotonic()
        while not stop() and self._student.steps < most:
            self._take()
            if self._student.ready:
                self._student.update()
            else:
                time.sleep(IDLE_S)
            now = time.monotonic()
            if now - published >= PUBLISH_S:
                published = now
                self._publish()
            if now - saved >= SAVE_S:
                saved = now
                self.save()
        self.save()

    def save(self) -> None:
        """Write a checkpoint."""
        state = {**self._student.state_dict(), 'steps': self._student.steps}
        self._folder.save_checkpoint(self._student.rlpd.updates, state)

    def _take(self) -> None:
        """Take the episodes that have arrived, each once and in their order."""
        while True:
            try:
                session, frame = self._arrived.get_nowait()
                kind, told, arrays = link.unpack(frame)
                episode = link.to_episode(told, arrays) if kind == 'episode' else None
            except queue.Empty:
                return
            except ValueError:
                continue  # of somebody who knows the token and does not know how to speak
            if episode and episode.number == self.known.get(session, 0):
                self._student.practise(episode)
                self.known[session] = episode.number + 1

    def _publish(self) -> None:
        weights = self._student.weights()
        self._version += 1
        told = {'version': self._version, 'digest': digest(weights)}
        with (self._folder.path / PUBLISHED).open('a', newline='') as file:
            row = (self._version, told['digest'], self._student.rlpd.updates)
            csv.writer(file).writerow(row)
        told['size'] = len(weights)
        self._latest = link.pack('weights', told) + weights
        for connection in list(self._connections):
            self._send(connection, self._latest)

    def _send(self, connection: Connection, frame: bytes) -> None:
        try:
            connection.send_bytes(frame)
        except OSError:
            if connection in self._connections:
                self._connections.remove(connection)

    def _welcome(self) -> None:
        """Let everybody in who knows the token, for as long as there is a listener."""
        while True:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):
                if self._closed:
                    return
                continue  # a wrong token, or one that left: the next may be better
            threading.Thread(target=self._hear, args=(connection,), daemon=True).start()

    def _hear(self, connection: Connection) -> None:
        """Take what one who acts has to say."""
        session = ''
        try:
            while True:
                frame = connection.recv_bytes(link.LONGEST)
                if session:
                    self._arrived.put((session, frame))
                    continue
                kind, told, _ = link.unpack(frame)
                if kind != 'hello':
                    return
                session = str(told['session'])
                connection.send_bytes(link.pack('have', {'episodes': self.known.get(session, 0)}))
                self._connections.append(connection)
                if self._latest:
                    self._send(connection, self._latest)
        except (OSError, EOFError, ValueError, KeyError):
            pass
        finally:
            if connection in self._connections:
                self._connections.remove(connection)
            connection.close()

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        self._listener.close()


def token_of(run: Path, given: str = '') -> str:
    """`given`, or the one in the run's folder, which is made there if it is missing."""
    path = run / 'token'
    if given or not path.exists():
        token = given or secrets.token_hex(16)
        path.touch(mode=0o600)
        path.write_text(token)
    return path.read_text().strip()
