"""The process that acts: a control loop at its own rate that never waits for whoever learns.

Weights arrive in a thread of their own and are taken over between two control periods, after
their digest was checked; which ones acted is in the record of every step.
"""

from __future__ import annotations

from collections.abc import Callable
import csv
from multiprocessing.connection import Connection
from pathlib import Path
import threading
import time
from typing import Any

import torch

from robot_rl.data.reader import Episode
from robot_rl.errors import SpecError
from robot_rl.learn import link
from robot_rl.learn.practice import Practice
from robot_rl.learn.student import digest, load_weights

RETRY_S = 0.5
"""[s] between two attempts to find the learner."""
APPLIED = 'applied.csv'
"""In a run: session, version and digest of all weights that acted."""


class Actor:
    """Practises with the newest weights there are, and hands over every episode."""

    def __init__(
        self,
        practice: Practice,
        actor: Any,
        act: Callable[[torch.Tensor], torch.Tensor],
        *,
        run: Path,
        session: str,
        address: Any,
        token: str,
        speed: float,
    ) -> None:
        """`act` uses `actor`, whose weights are replaced; `speed` is that of the simulation.

        With a speed of 0 it goes as fast as it can.
        """
        self._practice, self._actor, self._act = practice, actor, act
        self._run, self._session, self._speed = run, session, speed
        self._address, self._token = address, token
        self._lived: list[bytes] = []
        self._newest: tuple[int, str, bytes] | None = None
        self.version = 0
        """Of the weights that act; 0 for none that the learner sent."""
        self.late = 0
        """Control periods that began more than a tenth of a period late."""
        self.error = ''
        """Why the learner does not answer; '' if it does."""
        self._due = 0.0
        self._stopped = False
        threading.Thread(target=self._talk, daemon=True).start()

    def run(self, stop: Callable[[], bool], period_s: float) -> None:
        """Practise, `period_s` [s] a control period, until `stop`."""
        self._due = time.monotonic()

        def after() -> None:
            self._apply()
            self._pace(period_s)

        while not stop():
            self._practice.extra = {'weights': float(self.version)}
            episode, _ = self._practice.episode(self._act, after)
            self._hand_over(episode)

    def _pace(self, period_s: float) -> None:
        """Wait for the next period's absolute time; one that is missed is not made up for."""
        if not self._speed:
            return
        self._due += period_s / self._speed
        left = self._due - time.monotonic()
        if left > 0.0:
            time.sleep(left)
        elif left < -0.1 * period_s / self._speed:
            self.late += 1
            self._due = time.monotonic()

    def _apply(self) -> None:
        """Take the newest weights over, between two control periods."""
        newest, self._newest = self._newest, None
        if newest is None or newest[0] == self.version:
            return
        version, wanted, weights = newest
        found = digest(weights)
        if found != wanted:
            self.error = f'weights {version} arrived damaged'
            return
        try:
            load_weights(self._actor, weights)
        except ValueError as error:
            self.error = f'weights {version} do not fit: {error}'
            return
        self.version = version
        self._practice.extra = {'weights': float(version)}
        with (self._run / APPLIED).open('a', newline='') as file:
            csv.writer(file).writerow((self._session, version, found))

    def _hand_over(self, episode: Episode) -> None:
        self._lived.append(link.of_episode(episode))

    def _talk(self) -> None:
        """Find the learner again and again, tell it what it lacks, hear what it says."""
        while not self._stopped:
            connection = None
            try:
                connection = link.connect(self._address, self._token)
                if connection:
                    self.error = ''
                    self._converse(connection)
            except (OSError, EOFError, ValueError, KeyError) as error:
                self.error = f'{type(error).__name__}: {error}'
            except SpecError as error:
                self.error = str(error)
            finally:
                if connection:
                    connection.close()
            time.sleep(RETRY_S)

    def _converse(self, connection: Connection) -> None:
        connection.send_bytes(link.pack('hello', {'session': self._session}))
        _, told, _ = link.unpack(connection.recv_bytes(link.LONGEST))
        sent = int(told['episodes'])
        while not self._stopped:
            while sent < len(self._lived):
                connection.send_bytes(self._lived[sent])
                sent += 1
            if connection.poll(0.05):
                frame = connection.recv_bytes(link.LONGEST)
                kind, told, _ = link.unpack(frame)
                if kind == 'weights':
                    weights = frame[len(frame) - int(told['size']) :]
                    self._newest = (int(told['version']), str(told['digest']), weights)

    def close(self) -> None:
        """Stop talking."""
        self._stopped = True
