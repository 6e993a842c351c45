"""The process that acts: a control loop at its own rate that never waits for whoever learns.

Weights arrive in a thread of their own and are taken over between two control periods, after
their digest was checked; which ones acted is in the record of every step. Weights that are
damaged, of other networks or not finite are refused, and the old ones go on.
"""

from __future__ import annotations

from collections.abc import Callable
import logging
from multiprocessing.connection import Connection
from pathlib import Path
import threading
import time
from typing import Any

import torch

from robot_rl.errors import SpecError
from robot_rl.learn import link, rows
from robot_rl.learn.learner import LATEST
from robot_rl.learn.outbox import Outbox
from robot_rl.learn.pace import Pace
from robot_rl.learn.practice import Practice
from robot_rl.learn.student import digest, layout_of, load_weights

RETRY_S = 0.5
"""[s] between two attempts to find the learner."""
HAND_OVER_S = 2.0
"""[s] at the end for what the learner has not got yet; the rest is in the file."""
APPLIED = 'applied.csv'
"""In a run: session, version and digest of all weights that acted."""
_LOG = logging.getLogger(__name__)


class Actor:
    """Practises with the newest weights there are, and hands over every episode."""

    def __init__(
        self,
        practice: Practice,
        actor: torch.nn.Module,
        act: Callable[[torch.Tensor], torch.Tensor],
        *,
        run: Path,
        recording: Path,
        address: Any,
        token: str,
    ) -> None:
        """`act` uses `actor`, whose weights are replaced.

        `recording` is the file that `practice` records to, named after the session.
        """
        self._practice, self._actor, self._act = practice, actor, act
        self._run, self._session = run, recording.stem
        self._address, self._token = address, token
        self._layout = layout_of(actor)
        self._outbox = Outbox(recording)
        self._lock = threading.Lock()
        self._newest: tuple[dict[str, Any], bytes] | None = None
        self.version = 0
        """Of the weights that act; 0 for none that the learner sent."""
        self._digest = ''
        self.errors = {'link': '', 'weights': ''}
        """Why the learner does not answer, why its newest weights do not act; '' if they do."""
        self._stopped = threading.Event()
        self._recall()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def run(self, stop: Callable[[], bool], pace: Pace) -> None:
        """Practise at `pace` until `stop`, which cuts the last episode.

        Nothing moves before there are weights.
        """

        def after() -> bool:
            self._apply()
            pace.wait()
            return stop()

        self._apply()
        while not stop() and not self.version:
            time.sleep(0.05)
            self._apply()
        while not stop():
            pace.begin()
            episode, _ = self._practice.episode(self._act, after)
            self._outbox.add(episode)

    def _apply(self) -> None:
        """Take the newest weights over, between two control periods."""
        with self._lock:
            newest, self._newest = self._newest, None
        if newest is None or newest[0].get('digest') == self._digest:
            return
        told, weights = newest
        refusal = self._load(told, weights)
        self._say('weights', refusal and f'Weights {told.get("version")} do not act: {refusal}')
        if not refusal:
            self.version, self._digest = int(told['version']), str(told['digest'])
            self._practice.extra = {'weights': float(self.version)}
            rows.append(self._run / APPLIED, (self._session, self.version, self._digest))

    def _load(self, told: dict[str, Any], weights: bytes) -> str:
        """Why these weights cannot act; '' if they do from now on."""
        if told.get('layout') != self._layout:
            return 'they are of networks of another shape. Start both with the same version.'
        if digest(weights) != told.get('digest'):
            return 'they arrived damaged.'
        try:
            load_weights(self._actor, weights)
        except ValueError as error:
            return f'{error}.'
        return ''

    def _say(self, about: str, text: str) -> None:
        """Log what is wrong `about` something, or that it is well again, once per change."""
        if text == self.errors[about]:
            return
        self.errors[about] = text
        _LOG.warning('%s', text or {'link': 'The learner answers.', 'weights': 'They act.'}[about])

    def _recall(self) -> None:
        """Begin with the last weights in the run's folder, until the learner answers."""
        path = self._run / LATEST
        if path.exists():
            self._hear(path.read_bytes())

    def _hear(self, frame: bytes) -> None:
        """Raises ValueError for what is no frame."""
        kind, told, _ = link.unpack(frame)
        if kind == 'weights':
            with self._lock:
                self._newest = told, frame[len(frame) - int(told.get('size', 0)) :]

    def _talk(self) -> None:
        """Find the learner again and again, tell it what it lacks, hear what it says."""
        while True:
            connection, text = None, f'The learner does not answer at {self._address}: acting on.'
            try:
                connection = link.connect(self._address, self._token)
                if connection:
                    self._converse(connection)
            except (OSError, EOFError):
                pass
            except (ValueError, KeyError, TypeError) as error:
                text = f'What the learner at {self._address} says makes no sense: {error}.'
            except SpecError as error:
                text = str(error)
            finally:
                if connection:
                    connection.close()
            if self._stopped.is_set():
                return
            self._say('link', text)
            self._stopped.wait(RETRY_S)

    def _converse(self, connection: Connection) -> None:
        connection.send_bytes(link.pack('hello', {'session': self._session}))
        _, told, _ = link.unpack(connection.recv_bytes(link.LONGEST))
        following = int(told['episodes'])
        self._say('link', '')
        while True:
            stopped = self._stopped.is_set()
            for number, frame in self._outbox.since(following):
                connection.send_bytes(frame)
                following = number + 1
            if stopped:
                return
            if connection.poll(0.05):
                self._hear(connection.recv_bytes(link.LONGEST))

    def close(self) -> None:
        """Hand over what is left, if the learner answers, and stop talking."""
        self._stopped.set()
        self._thread.join(HAND_OVER_S)
