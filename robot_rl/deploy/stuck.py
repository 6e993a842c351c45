"""Notices a robot that is asked to move and does not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec.robot import Setpoint
from robot_rl.spec.stage import Stuck

Values = NDArray[np.float64]


class StuckWatch:
    """Counts the time for which motion is asked for and none is measured."""

    def __init__(self, stuck: Stuck, setpoint: Setpoint, views: Mapping[str, Values]) -> None:
        """`views` are the newest measurements by signal name."""
        self._spec = stuck
        self._field = setpoint.fields.index(stuck.field)
        self._view = views[stuck.signal]
        self.still_s = 0.0
        """[s] for which it has been stuck so far."""

    def reset(self) -> None:
        """Begin to count anew."""
        self.still_s = 0.0

    def look(self, sent: Values, gap: float) -> bool:
        """Whether it is stuck, `gap` [s] after the last look, having been sent `sent` (size,)."""
        spec = self._spec
        asked = abs(float(sent[self._field])) >= spec.asked
        moves = abs(float(self._view[spec.component])) >= spec.moving
        self.still_s = self.still_s + gap if asked and not moves else 0.0
        return self.still_s >= spec.after_s

    @property
    def text(self) -> str:
        """Why it counts as stuck."""
        spec = self._spec
        return (
            f'stuck: {spec.field} asked for {self.still_s:.1f} s, {spec.signal}[{spec.component}] '
            f'below {spec.moving:g}'
        )
