"""A page's server, and somebody who reads it as a robot would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import threading
import time

import pytest

from robot_rl.teleop.stick import Button, Stick
from robot_rl.teleop.web.pilot import WebPilot

TOKEN = 'a-token-for-the-tests'


class Reader:
    """Reads a device every 2 ms, in a thread, and remembers what it said."""

    def __init__(self, pilot: WebPilot) -> None:
        self.pilot = pilot
        self.stick: Stick | None = None
        self.opened = self.closed = 0.0
        """[s] when the hand opened and closed last."""
        self.pressed: list[Button] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        held = False
        while not self._end.wait(0.002):
            now = time.monotonic()
            self.stick = self.pilot.read(now)
            if self.stick is not None:
                self.pressed += self.stick.pressed
            before, held = held, self.stick is not None and self.stick.held
            if held and not before:
                self.closed = now
            elif before and not held:
                self.opened = now

    @property
    def held(self) -> bool:
        stick = self.stick
        return stick is not None and stick.held

    def until(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait; fails after `seconds`."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f'nothing after {seconds:g} s; last read {self.stick}'
            time.sleep(0.002)

    def stop(self) -> None:
        self._end.set()
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Reader]]:
    """(fields, **options of WebPilot) -> a Reader of a page on a free port."""
    pytest.importorskip('aiohttp')
    readers: list[Reader] = []

    def make(fields: tuple[str, ...] = ('speed', 'yaw_rate'), **options) -> Reader:
        options = {'port': 0, 'token': TOKEN, **options}
        readers.append(Reader(WebPilot('jackal', fields, **options)))
        return readers[-1]

    yield make
    for reader in readers:
        reader.stop()
        reader.pilot.close()
