"""Several devices, one pilot: the first who presses drives until they let go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from robot_rl.teleop.stick import Button, Device, Stick


class Pilots:
    """Chooses among devices; it is one itself."""

    name = 'pilots'

    def __init__(self, devices: Sequence[Device]) -> None:
        """Take `devices`, the first of which wins where two are pressed in the same moment."""
        self._devices = tuple(devices)
        self._pilot: Device | None = None
        self._waiting: set[str] = set()
        self.refused: tuple[str, ...] = ()
        """Names of devices whose press does not count, because another drives: newly so."""

    def read(self, now: float) -> Stick | None:
        """The pilot's stick; without one, that of any device, whose dead-man is not held.

        Labels of all devices are kept, whoever drives. A device of a pilot that is gone is None
        once; another may then press.
        """
        sticks = {device.name: device.read(now) for device in self._devices}
        pressed: set[Button] = set()
        for stick in sticks.values():
            pressed |= stick.pressed if stick else frozenset()
        held = [device for device in self._devices if self._holds(sticks[device.name])]
        if self._pilot is not None:
            stick, driving = sticks[self._pilot.name], self._pilot in held
            others = {device.name for device in held if device is not self._pilot}
            self.refused = tuple(sorted(others - self._waiting))
            self._waiting = others  # these must let go before their press counts
            if not driving:
                self._pilot = None
        else:
            self.refused = ()
            self._waiting &= {device.name for device in held}
            free = [device for device in held if device.name not in self._waiting]
            self._pilot = free[0] if free else None
            stick = self._idle(sticks) if self._pilot is None else sticks[self._pilot.name]
        return None if stick is None else replace(stick, pressed=frozenset(pressed))

    def close(self) -> None:
        """Let go of all."""
        for device in self._devices:
            device.close()

    @staticmethod
    def _holds(stick: Stick | None) -> bool:
        return stick is not None and stick.held

    @staticmethod
    def _idle(sticks: dict[str, Stick | None]) -> Stick | None:
        """The newest of the sticks, let go."""
        there = [stick for stick in sticks.values() if stick is not None]
        if not there:
            return None
        return replace(max(there, key=lambda stick: stick.stamp), held=False)
