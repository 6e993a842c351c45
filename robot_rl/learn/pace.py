"""Control periods that begin when they are due."""

from __future__ import annotations

import time

from robot_rl.errors import SpecError

LATE = 0.1
"""Of a period, by which one may end late and not count as such."""
PEOPLE = ('joy', 'web')
"""Operators who are real people."""


class Pace:
    """Keeps a loop at its rate; one that is missed is not made up for."""

    def __init__(self, period_s: float) -> None:
        """`period_s` [s] of this machine's clock a control period; 0 for as fast as it can."""
        self._period_s, self._due = period_s, 0.0
        self.periods = 0
        """So far."""
        self.late = 0
        """Those that ended more than a tenth of a period late."""

    def begin(self) -> None:
        """An episode begins: what it took to put the world back is no control period."""
        self._due = 0.0

    def wait(self) -> None:
        """Wait for the end of this period."""
        self.periods += 1
        if not self._period_s:
            return
        now = time.monotonic()
        self._due = self._due + self._period_s if self._due else now
        left = self._due - now
        if left > 0.0:
            time.sleep(left)
        elif left < -LATE * self._period_s:
            self.late += 1
            self._due = now


def period_of(control_dt: float, speed: float | None, operator: str) -> float:
    """[s] of a control period by the clock; 0 for as fast as it can.

    `speed` is that of the simulation, 0 for as fast as it can; None is real time where a person
    drives, and else 0. Raises SpecError for a speed at which no person can drive, or none at all.
    """
    real = operator in PEOPLE
    if speed is None:
        speed = 1.0 if real else 0.0
    if not 0.0 <= speed < float('inf') or (real and not 0.0 < speed <= 1.0):
        raise SpecError(
            f'A simulation with the operator {operator!r} needs a --speed '
            f'{"within (0, 1], since a person drives in real time" if real else "of 0 or more"}, '
            f'got {speed:g}.'
        )
    return control_dt / speed if speed else 0.0
