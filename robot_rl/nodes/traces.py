"""How long each control period took, in a fixed amount of memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CAPACITY = 36_000
"""Control periods kept: six minutes at 100 Hz; older ones are overwritten."""
KINDS = ('step', 'cycle', 'lateness', 'age')


class Traces:
    """Durations of every control period [us].

    - 'step': signals to setpoint, inside the controller.
    - 'cycle': wake-up to published, with taking and decoding the messages.
    - 'lateness': deadline to wake-up.
    - 'age': oldest measurement in use, since it was made.
    """

    def __init__(self) -> None:
        """Reserve the memory."""
        self._rows: NDArray[np.float32] = np.zeros((CAPACITY, len(KINDS)), np.float32)
        self._rows.fill(0.0)  # touch the pages now: memory use is then flat
        self.count = 0

    def push(self, step: float, cycle: float, lateness: float, age: float) -> None:
        """Add one control period, in seconds."""
        row = self._rows[self.count % CAPACITY]
        row[0], row[1], row[2], row[3] = 1e6 * step, 1e6 * cycle, 1e6 * lateness, 1e6 * age
        self.count += 1

    def micros(self) -> dict[str, list[float]]:
        """Kind to the durations kept [us], oldest first."""
        rows = self._rows[: self.count]
        if self.count > CAPACITY:
            rows = np.roll(self._rows, -(self.count % CAPACITY), axis=0)
        return {name: [round(float(v), 1) for v in rows[:, i]] for i, name in enumerate(KINDS)}
