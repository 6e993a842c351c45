"""A real person's place in a loop that counts time of its own: practice in a simulation, say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
import time
from typing import Any, Protocol

from robot_rl.teleop.stick import Device, Stick


class Screen(Protocol):
    """What the person looks at."""

    def begin(self) -> None:
        """An episode begins."""
        ...

    def watch(self, signals: Mapping[str, Any], stick: Stick | None) -> None:
        """Show where the robot is, signals (1, size) each, and who drives it."""
        ...

    def tell(self, lately: Sequence[Any]) -> None:
        """Show how the last episodes went, see learn/practice.py."""
        ...


class Seat:
    """A device that is read by the clock, and stamped with the time of whoever asks."""

    def __init__(
        self,
        device: Device,
        screen: Screen | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` [s] is that of the device."""
        self._device, self._screen, self._clock = device, screen, clock
        self.name = device.name
        self._stick: Stick | None = None

    def begin(self) -> None:
        """An episode begins."""
        if self._screen is not None:
            self._screen.begin()

    def watch(self, signals: Mapping[str, Any], _error: float) -> None:
        """See the robot, before the reading."""
        if self._screen is not None:
            self._screen.watch(signals, self._stick)

    def tell(self, lately: Sequence[Any]) -> None:
        """See how it went."""
        if self._screen is not None:
            self._screen.tell(lately)

    def read(self, now: float) -> Stick | None:
        """What the device says at this moment, as old at `now` [s] as it is by its own clock."""
        wall = self._clock()
        stick = self._device.read(wall)
        self._stick = stick and replace(stick, stamp=now - (wall - stick.stamp))
        return self._stick

    def close(self) -> None:
        """Let go of the device."""
        self._device.close()
