"""Those who act, as the learner meets them: one thread hears each of them, another tells it.

So the learner waits for nobody: one that is stopped, slow or silent holds up its own threads
alone, and gets the newest weights when it listens again, not all that it missed.
"""

from __future__ import annotations

from collections.abc import Callable
import contextlib
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge
import os
import queue
import socket
import threading
import time
from typing import Any

from robot_rl.data.reader import Episode
from robot_rl.learn import link

_LEFT = (OSError, EOFError, ValueError, KeyError, TypeError, AssertionError, AuthenticationError)
"""What it looks like when one leaves, does not know the token, or cannot speak."""


class Peers:
    """Everybody who knows the token."""

    def __init__(self, address: Any, token: str, have: Callable[[str], int]) -> None:
        """Listen at `address`; `have` says how many episodes of a session need not be sent.

        Raises SpecError where the address cannot be used.
        """
        self._address, self._key, self._have = address, token.encode(), have
        self.arrived: queue.SimpleQueue[tuple[str, Episode]] = queue.SimpleQueue()
        """Session and episode, in the order in which they came; some perhaps twice."""
        self._changed = threading.Condition()
        self._latest, self._turn = b'', 0
        self._connections: set[Connection] = set()
        self._closed = False
        self._listener = link.listen(address)
        self._thread = threading.Thread(target=self._welcome, daemon=True)
        self._thread.start()

    def offer(self, frame: bytes) -> None:
        """Tell everybody, also those who come later, until the next is offered."""
        with self._changed:
            self._latest, self._turn = frame, self._turn + 1
            self._changed.notify_all()

    def _welcome(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                time.sleep(0.1)  # one that left at once, or there are too many
                connection = None
            if self._closed:
                if connection:
                    connection.close()
                return
            if connection:
                threading.Thread(target=self._hear, args=(connection,), daemon=True).start()

    def _hear(self, connection: Connection) -> None:
        """Take what one who acts has to say, until it leaves."""
        with self._changed:
            self._connections.add(connection)
        teller = None
        try:
            deliver_challenge(connection, self._key)
            answer_challenge(connection, self._key)
            kind, told, _ = link.unpack(connection.recv_bytes(link.LONGEST))
            if kind != 'hello':
                raise ValueError(f'Expected hello, got {kind}')
            session = str(told['session'])
            connection.send_bytes(link.pack('have', {'episodes': self._have(session)}))
            teller = threading.Thread(target=self._tell, args=(connection,), daemon=True)
            teller.start()
            while True:
                kind, told, arrays = link.unpack(connection.recv_bytes(link.LONGEST))
                if kind == 'episode':
                    self.arrived.put((session, link.to_episode(told, arrays)))
        except _LEFT:
            pass
        finally:
            with self._changed:
                self._connections.discard(connection)
                self._changed.notify_all()
            _hang_up(connection)
            if teller:
                teller.join()  # the number of a closed socket may soon be that of a file
            connection.close()

    def _tell(self, connection: Connection) -> None:
        """Send the newest of what is offered."""
        sent = 0
        while True:
            with self._changed:
                while connection in self._connections and self._turn == sent:
                    self._changed.wait()
                if connection not in self._connections:
                    return
                frame, sent = self._latest, self._turn
            try:
                connection.send_bytes(frame)
            except OSError:
                return

    def close(self) -> None:
        """Stop listening and let everybody go."""
        self._closed = True
        with contextlib.suppress(OSError):
            Client(self._address).close()  # wakes who waits for the next
        self._thread.join(2.0)
        self._listener.close()
        with self._changed:
            for connection in self._connections:
                _hang_up(connection)


def _hang_up(connection: Connection) -> None:
    """Wake all who wait for `connection`, which stays open until they are gone."""
    with (
        contextlib.suppress(OSError),  # it has gone already
        socket.socket(fileno=os.dup(connection.fileno())) as end,
    ):
        end.shutdown(socket.SHUT_RDWR)
