"""A device that sends its axes and buttons as messages, such as sensor_msgs/Joy."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from robot_rl.teleop.mapping import Hand
from robot_rl.teleop.stick import Button, Stick

INTERVALS = 8
"""Intervals between messages over which their rate is measured."""
LATE = 1.15
"""Times the longest period allowed that the mean of these may be: drivers round it to whole
milliseconds, and the machine is late at times."""


class Joy:
    """Keeps the newest reading of one device, whose messages are fed.

    The device must send on its own even while nothing changes, or it could not be told from one
    that is gone: a press of the dead-man counts only if messages came often enough before it.
    """

    name = 'joy'

    def __init__(self, hand: Hand, period_s: float, max_age_s: float) -> None:
        """Expect messages every `period_s` [s] or more often; gone after `max_age_s` [s]."""
        self._hand, self._period_s, self._max_age_s = hand, period_s, max_age_s
        self._stick: Stick | None = None
        self._source: Hashable = None
        self._other = -float('inf')
        self._stamps: list[float] = []
        self._pressed: set[Button] = set()
        self._refused = False
        self.problem = ''
        """What the person should know: why the device is not believed; '' if nothing."""

    def feed(
        self, axes: Sequence[float], buttons: Sequence[int], stamp: float, source: Hashable = None
    ) -> None:
        """Take a message that came at `stamp` [s], from `source` where several may send.

        The first source is the device; another is ignored, and told, until the first is gone.
        """
        if self._gone(stamp):
            self._forget()
            self._source = source
        elif source != self._source:
            self._other = stamp
            return
        self._stamps = [*self._stamps[-INTERVALS:], stamp]
        stick = self._hand.read(axes, buttons, stamp)
        if stick is not None:
            self._pressed |= stick.pressed
            stick = self._checked(stick)
        self._stick = stick
        self.problem = self._hand.problem or self.problem

    def _checked(self, stick: Stick) -> Stick:
        """The stick, let go where its press came from a device that is too slow."""
        was_held = self._stick is not None and self._stick.held
        self._refused = stick.held and (self._refused or (not was_held and self._slow()))
        self.problem = ''
        if not self._refused:
            return stick
        self.problem = (
            f'the device sends {self._rate():.0f} times a second, needed is '
            f'{1.0 / self._period_s:.0f}: set autorepeat_rate of its driver to that or more'
        )
        return replace(stick, held=False)

    def read(self, now: float) -> Stick | None:
        """The newest state at `now` [s]; None where there is none, or it fell silent."""
        if self._gone(now):
            if self._stick is not None:
                self._forget()
                self.problem = f'the device was not heard for {self._max_age_s:g} s'
            return None
        if self._stick is None:
            return None
        pressed, self._pressed = frozenset(self._pressed), set()
        return replace(self._stick, pressed=pressed)

    def notice(self, now: float) -> str:
        """What else the person should know at `now` [s]: a second device that is ignored."""
        if now - self._other > self._max_age_s:
            return ''
        return 'a second device sends on the same topic and is ignored; stop one of them'

    def close(self) -> None:
        """Forget everything."""
        self._forget()

    def _gone(self, now: float) -> bool:
        return not self._stamps or now - self._stamps[-1] > self._max_age_s

    def _forget(self) -> None:
        self._stick, self._stamps, self._refused = None, [], False
        self._pressed.clear()
        self._hand.disarm()

    def _rate(self) -> float:
        """[1/s] mean of the last intervals, 0 where there are too few."""
        if len(self._stamps) <= INTERVALS:
            return 0.0
        return INTERVALS / max(self._stamps[-1] - self._stamps[0], 1e-9)

    def _slow(self) -> bool:
        return self._rate() * self._period_s * LATE < 1.0
