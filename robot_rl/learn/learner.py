"""The process that learns: takes episodes of whoever acts, updates, and publishes weights.

It lives on when the one who acts dies, and the other way round. What it knows is what is in the
files of the run: one that is killed reads them again, and goes on from its last checkpoint. An
episode counts once, whether it was sent or read. What one who acts had begun when it was killed is
read as far as it was recorded, once it is sure that nobody goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable
import logging
import os
from pathlib import Path
import queue
import secrets
import time
from typing import Any

from robot_rl.data.reader import Episode
from robot_rl.errors import RunFolderError
from robot_rl.files import write_file
from robot_rl.learn import link, lived, rows, sessions
from robot_rl.learn.peers import Peers
from robot_rl.learn.run_folder import RunFolder, load_state, save_state
from robot_rl.learn.student import Student, digest

PUBLISH_S = 1.0
"""[s] between weights: LeRobot advises 1 to 2 s."""
SAVE_S = 10.0
"""[s] between checkpoints, which is what a killed learner learns again."""
KEEP = 3
"""Checkpoints that stay."""
IDLE_S = 0.05
PUBLISHED = 'published.csv'
"""In a run: version, digest and number of updates of all weights that were published."""
LEARNED = 'learned.csv'
"""In a run, a row a checkpoint: time [s since 1970], updates, steps and episodes that are known,
and how many of these episodes were sent to this process rather than read."""
LATEST = 'weights.bin'
"""In a run: the last frame of weights, for one who acts before the learner answers."""
LOCK = 'learner.lock'
ACTORS = 'actors'
"""In a run: policies after so many steps of practice, from which the best is chosen at the end."""
_LOG = logging.getLogger(__name__)


class Learner:
    """Learns until it is told to stop."""

    def __init__(self, student: Student, folder: RunFolder, address: Any, token: str) -> None:
        """Read what was practised, resume, and listen at `address`.

        Raises RunFolderError where another process learns in this folder or no checkpoint can be
        read, SpecError where the address cannot be used.
        """
        self._student, self._folder = student, folder
        self._lock = sessions.hold(folder.path / LOCK)
        if self._lock is None:
            raise RunFolderError(
                f'Another process learns in {folder.path}. Stop it, or choose another --name.'
            )
        for part in folder.path.glob('checkpoints/.*'):
            part.unlink()  # of one that was killed while it wrote
        self.known: dict[str, int] = {}
        """Session to the number of its next episode."""
        self.episodes, self.heard = 0, 0
        """Taken, and those of them that were sent to this process."""
        self._over: set[Path] = set()
        self.look()
        self._resume()
        self._published = -1  # updates
        published = rows.read(folder.path / PUBLISHED, 3)
        self._version = max((int(row[0]) for row in published if row[0].isdigit()), default=0)
        self._peers = Peers(address, token, lambda session: self.known.get(session, 0))

    def _resume(self) -> None:
        """Go on from the newest checkpoint that can be read."""
        checkpoints = self._folder.checkpoints()
        for path in reversed(checkpoints):
            try:
                self._student.load_state_dict(load_state(path))
                return
            except RunFolderError as error:  # noqa: PERF203
                _LOG.warning('%s', error)
        if checkpoints:
            raise RunFolderError(
                f'None of the {len(checkpoints)} checkpoints in {self._folder.path} can be read. '
                'Remove them to learn anew from the recorded episodes.'
            )

    def look(self) -> None:
        """Read what those who are gone recorded and did not send, and at first what all did."""
        for path in sessions.files(self._folder.path):
            over = path not in self._over and sessions.over(path)
            if over or path.stem not in self.known:
                first = self.known.setdefault(path.stem, 0)
                for episode in sessions.recorded(path, first, broken_off=over):
                    self._learn_from(path.stem, episode)
            if over:
                self._over.add(path)

    def run(self, stop: Callable[[], bool], most: int, every: int = 0) -> None:
        """Learn until `stop` or for `most` steps of practice.

        With `every` the policy is kept after each so many steps, and as it is at the end: see
        `candidates`.

        Raises RunFolderError when the disk refuses, or where weights are not finite any more.
        """
        published = saved = time.monotonic() - PUBLISH_S
        while not stop() and self._student.steps < most:
            self._take()
            if self._student.ready:
                self._student.update()
            else:
                time.sleep(IDLE_S)
            now = time.monotonic()
            if now - published >= PUBLISH_S:
                published = now
                self.look()
                self.publish()
            if now - saved >= SAVE_S:
                saved = now
                self.save()
            if every and self._student.steps // every > self._kept() // every:
                self._keep_actor()
        self._take()
        self.look()
        self.publish()
        self.save()
        if every and self._student.steps > self._kept():
            self._keep_actor()

    def _kept(self) -> int:
        """Steps of practice of the newest policy that was kept; 0 for none."""
        return max((int(path.stem) for path in candidates(self._folder.path)), default=0)

    def _keep_actor(self) -> None:
        path = self._folder.path / ACTORS / f'{self._student.steps}.pt'
        save_state(path, {'actor': self._student.actor.state_dict()})

    def save(self) -> None:
        """Write a checkpoint, and a row of LEARNED. Raises RunFolderError, see `run`."""
        student = self._student
        updates = student.rlpd.updates
        self._check_finite()
        told = {'steps': student.steps, 'episodes': self.episodes, 'known': dict(self.known)}
        self._folder.save_checkpoint(updates, {**student.state_dict(), **told}, keep=KEEP)
        row = (f'{time.time():.3f}', updates, student.steps, self.episodes, self.heard)
        rows.append(self._folder.path / LEARNED, row)

    def _check_finite(self) -> None:
        if not self._student.finite:
            raise RunFolderError(
                f'Learning diverged after {self._student.rlpd.updates} updates: weights are not '
                f'finite, and are neither published nor saved. {self._folder.path} keeps the '
                'checkpoints before: start again to go on from there, or choose another --name.'
            )

    def _take(self) -> None:
        """Take the episodes that have arrived, each once and in their order."""
        while True:
            try:
                session, episode = self._peers.arrived.get_nowait()
            except queue.Empty:
                return
            if episode.number >= self.known.get(session, 0):
                self.heard += self._learn_from(session, episode)

    def _learn_from(self, session: str, episode: Episode) -> bool:
        """Take an episode, or say why it is of no use; either way it is known then."""
        self.known[session] = episode.number + 1
        try:
            lived.check(self._student.task, episode)
        except ValueError as error:
            where = f'Episode {episode.number} of session {session}'
            _LOG.warning('%s is not learned from: %s', where, error)
            return False
        self._student.practise(episode)
        self.episodes += 1
        return True

    def publish(self) -> None:
        """Tell what was learned since the last time: to the disk first, then to those who act."""
        student, run = self._student, self._folder.path
        updates = student.rlpd.updates
        if updates == self._published:
            return
        self._check_finite()
        self._published, self._version = updates, self._version + 1
        weights = student.weights()
        told = {
            'version': self._version,
            'digest': digest(weights),
            'layout': student.layout,
            'size': len(weights),
        }
        rows.append(run / PUBLISHED, (self._version, told['digest'], updates))
        frame = link.pack('weights', told) + weights
        write_file(run / LATEST, frame)
        self._peers.offer(frame)

    def close(self) -> None:
        """Stop listening; another process may learn here then."""
        self._peers.close()
        if self._lock:
            self._lock.close()


def candidates(run: Path) -> list[Path]:
    """Policies that were kept, oldest first."""
    return sorted((run / ACTORS).glob('*.pt'), key=lambda path: int(path.stem))


def token_of(run: Path, given: str = '') -> str:
    """`given`, or the one in the run's folder, which is made there if it is missing.

    The file is whole from the moment that it is there, and nobody else may read it.
    """
    path = run / 'token'
    token = given or (path.read_text().strip() if path.exists() else '') or secrets.token_hex(16)
    if not path.exists() or path.read_text().strip() != token:
        part = run / f'.token.{os.getpid()}'
        part.touch(mode=0o600)
        part.write_text(token)
        part.replace(path)
    return token
