"""Time on a robot: absolute deadlines, and statistics in a fixed amount of memory.

A loop that sleeps `dt` after its work runs slower than it says and drifts. Here the k-th
deadline is `t0 + k * dt`, whatever the work took; a period that was missed is skipped, never
made up in a burst.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import math
import time

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError


def percentiles(values: NDArray[np.float64] | Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile."""
    p50, p99 = np.percentile(values, (50.0, 99.0))
    return float(p50), float(p99)


class Ring:
    """The last `size` numbers, with their percentiles; a push allocates nothing."""

    def __init__(self, size: int = 1024) -> None:
        """Reserve room for `size` numbers."""
        self._values = np.zeros(size)
        self._next = 0
        self.count = 0
        """Numbers pushed since the start; the ring holds the last of them."""

    def push(self, value: float) -> None:
        """Add one number, dropping the oldest when full."""
        self._values[self._next] = value
        self._next = (self._next + 1) % len(self._values)
        self.count += 1

    def clear(self) -> None:
        """Forget everything."""
        self._next = self.count = 0

    def statistics(self) -> dict[str, float]:
        """Return 'mean', 'p50', 'p99' and 'max' of what the ring holds; nan where it is empty."""
        held = self._values[: min(self.count, len(self._values))]
        if not len(held):
            return {'mean': math.nan, 'p50': math.nan, 'p99': math.nan, 'max': math.nan}
        p50, p99 = percentiles(held)
        return {'mean': float(held.mean()), 'p50': p50, 'p99': p99, 'max': float(held.max())}


class Pacer:
    """Waits for the deadlines t0 + k * dt of a loop.

    pacer = Pacer(0.01)
    while running:
        pacer.wait()
        work()
    """

    def __init__(
        self,
        dt: float,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Set the period `dt` [s]. `clock` and `sleep` are replaceable for tests.

        Raises:
            SpecError: `dt` is not a positive, finite number.
        """
        if not (math.isfinite(dt) and dt > 0.0):
            raise SpecError(f'The period of a loop must be positive and finite, got dt = {dt} s.')
        self.dt = dt
        self._clock, self._sleep = clock, sleep
        self._start: float | None = None
        self._period = 0
        self.ticks = 0
        """Calls of `wait` so far."""
        self.missed = 0
        """Deadlines without a tick: the work or the wake-up before came after the next one."""
        self.lateness = Ring()
        """[s] how long after its deadline each tick woke."""

    def reset(self) -> None:
        """Start anew: the next `wait` returns at once and sets t0."""
        self._start = None
        self._period = self.ticks = self.missed = 0
        self.lateness.clear()

    def wait(self) -> int:
        """Sleep until the next deadline. Return how many were missed since the last tick.

        The first call returns at once and defines t0. A deadline counts as missed if the clock
        was past the one after it; those periods are skipped, so the next tick is on the grid
        again.
        """
        now = self._clock()
        if self._start is None:
            self._start, self._period, self.ticks = now, 0, 1
            self.lateness.push(0.0)
            return 0
        due = self._period + 1
        while (remaining := self._start + due * self.dt - now) > 0.0:
            self._sleep(remaining)
            now = self._clock()
        # Past the following deadline as well: land on the newest one that has passed.
        reached = max(due, math.floor((now - self._start) / self.dt))
        missed = reached - due
        self._period = reached
        self.ticks += 1
        self.missed += missed
        self.lateness.push(now - self._start - due * self.dt)
        return missed

    @property
    def deadline(self) -> float:
        """Next deadline on the clock's scale [s]; nan before the first `wait`."""
        if self._start is None:
            return math.nan
        return self._start + (self._period + 1) * self.dt


class TickMeter:
    """Period and latency of control ticks, measured where they happen, whoever calls them."""

    def __init__(self, dt: float) -> None:
        """Expect a tick every `dt` [s]."""
        self._dt = dt
        self._last = math.nan
        self._started = 0.0
        self.period = Ring()
        """[s] between ticks, on the caller's clock."""
        self.latency = Ring()
        """[s] from the begin to the end of a tick, on the machine's clock."""
        self.gap = 0.0
        """[s] since the tick before; 0 for the first."""
        self.ticks = 0
        self.missed = 0
        """Deadlines without a tick since the start."""
        self.streak = 0
        """Deadlines missed one after the other until now."""

    def restart(self) -> None:
        """Forget when the last tick was: a pause before the first tick is no missed deadline."""
        self._last = math.nan
        self.streak = 0

    def begin(self, now: float) -> None:
        """Note a tick at `now` [s]."""
        self._started = time.perf_counter()
        self.ticks += 1
        if math.isnan(self._last):
            self.gap = 0.0
        else:
            self.gap = now - self._last
            self.period.push(self.gap)
            missed = max(0, int(self.gap / self._dt - 0.5))  # late by half a period is a miss
            self.missed += missed
            self.streak = self.streak + missed if missed else 0
        self._last = now

    def end(self) -> None:
        """Note that the tick's work is done."""
        self.latency.push(time.perf_counter() - self._started)
