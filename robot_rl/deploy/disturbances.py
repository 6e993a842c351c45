"""When a disturbance counts as passed, and when there are too many of them."""

from __future__ import annotations

import math

CLEAR_TICKS = 5
"""Good control periods in a row after which a disturbance has passed."""
MAX_RECOVERIES = 3
"""Recoveries allowed within RECOVERY_WINDOW_S; one more is a fault."""
RECOVERY_WINDOW_S = 10.0


class Disturbances:
    """Counts disturbances, and the good control periods after the newest."""

    def __init__(self) -> None:
        """None so far."""
        self.num = 0
        """Those that could be waited for."""
        self._begun = [-math.inf] * MAX_RECOVERIES  # [s] oldest first
        self._good = 0

    def start(self) -> None:
        """Begin anew: somebody lets the robot drive again, who knows what was before."""
        self._begun = [-math.inf] * MAX_RECOVERIES

    def begin(self, now: float) -> str:
        """Note one at `now` [s]. Returns '', or why it is one too many to wait for."""
        if now - self._begun[0] < RECOVERY_WINDOW_S:
            return f'more than {MAX_RECOVERIES} disturbances within {RECOVERY_WINDOW_S:g} s'
        self._begun.append(now)
        del self._begun[0]
        self.num += 1
        self._good = 0
        return ''

    def passed(self, *, good: bool) -> bool:
        """Whether the newest has passed, after one more control period."""
        self._good = self._good + 1 if good else 0
        return self._good >= CLEAR_TICKS
