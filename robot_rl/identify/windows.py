"""Short windows of a flight, ready to be simulated side by side.

A window begins with a warm-up: the engine is put into the measured state at every step and obeys
the setpoints, so that states that no sensor reports (rotor speeds, say) find their values. Then it
runs free from an initial state and is held against what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
import math

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import RecordingError
from robot_rl.identify.flight import RecordedFlight, Samples
from robot_rl.spec.signal import signal

Array = NDArray[np.float64]
STEP_S = 0.005
"""[s] longest step of the simulation; predictions are interpolated linearly in between."""
WARM_UP_S = 2.0
"""[s] of warm-up: ten times the time constant of a slow actuator."""
DELAYS_S = (-0.02, 0.1)
"""[s] smallest and largest delay from a setpoint to its effect in a measurement."""
MIN_WINDOWS = 12
"""Fewer say too little about how far the estimate scatters."""
MAX_WINDOWS = 200
"""A longer recording is thinned out evenly."""


@dataclass(frozen=True)
class Windows:
    """Windows of one recording, w of them."""

    step_s: float
    """[s] of the simulation."""
    start: Array
    """(w,) [s] when the free run begins."""
    setpoint: Array
    """(warm + free, w, size) mean setpoint of each step."""
    forced: Mapping[str, Array]
    """Signal to (warm + 1, w, size): measured at each step of the warm-up, then at `start`."""
    times: Mapping[str, Array]
    """Signal to (w, s) [s] from `start` to each sample that counts."""
    values: Mapping[str, Array]
    """Signal to (w, s, size) measured then."""
    counts: Mapping[str, NDArray[np.bool_]]
    """Signal to (w, s): False where a window has fewer samples than others."""

    @property
    def num(self) -> int:
        """Number of windows."""
        return len(self.start)

    @property
    def warm(self) -> int:
        """Steps of the warm-up."""
        return len(next(iter(self.forced.values()))) - 1

    @property
    def free(self) -> int:
        """Steps of the free run."""
        return len(self.setpoint) - self.warm


def windows(flight: RecordedFlight, horizon_s: float) -> Windows:
    """Cut a flight into windows whose measurements count for `horizon_s`.

    Raises RecordingError for a recording too short for MIN_WINDOWS.
    """
    step = horizon_s / math.ceil(horizon_s / STEP_S - 1e-9)
    warm = math.ceil(WARM_UP_S / step)
    free = math.ceil((horizon_s + DELAYS_S[1] - DELAYS_S[0]) / step)
    start = _starts(flight.gaps, warm * step, free * step, horizon_s)
    if len(start) < MIN_WINDOWS:
        raise RecordingError(
            f'{flight.name} is too short: {len(start)} windows of {horizon_s:g} s without a gap, '
            f'at least {MIN_WINDOWS} are needed. It spans {flight.duration_s:.1f} s; about '
            f'{WARM_UP_S + 2.0 * MIN_WINDOWS * horizon_s:.0f} s of unbroken flight will do.'
        )
    if len(start) > MAX_WINDOWS:
        start = start[np.linspace(0, len(start) - 1, MAX_WINDOWS).round().astype(int)]
    grid = start + step * np.arange(-warm, free + 1)[:, None]
    forced = {
        name: _unit(name, samples.at(grid[: warm + 1]))
        for name, samples in flight.measured.items()
    }
    scored = (start + DELAYS_S[1], start + DELAYS_S[1] + horizon_s)
    cut = {name: _cut(samples, *scored) for name, samples in flight.measured.items()}
    return Windows(
        step,
        start,
        _held(flight.setpoints, grid),
        forced,
        {name: part[0] - start[:, None] for name, part in cut.items()},
        {name: part[1] for name, part in cut.items()},
        {name: part[2] for name, part in cut.items()},
    )


def _starts(gaps: Array, before: float, after: float, stride: float) -> Array:
    """Start times [s], `stride` apart, with no gap from `before` a start to `after` it."""
    found: list[float] = []
    for (_, begin), (end, _) in pairwise(gaps.tolist()):
        room = end - after - (begin + before)
        if room >= 0.0:
            found += [begin + before + stride * index for index in range(int(room / stride) + 1)]
    return np.array(found)


def _held(setpoints: Samples, grid: Array) -> Array:
    """Mean setpoint (steps, w, size) between the rows of `grid`, each held until the next."""
    held = np.diff(setpoints.time)[:, None] * setpoints.values[:-1]
    total = np.vstack((np.zeros(setpoints.values.shape[1]), np.cumsum(held, axis=0)))
    return (
        np.diff(Samples(setpoints.time, total).at(grid), axis=0) / np.diff(grid, axis=0)[..., None]
    )


def _cut(samples: Samples, low: Array, high: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Times (w, s), values (w, s, size) and which count (w, s) between `low` and `high` (w,)."""
    first, last = np.searchsorted(samples.time, low), np.searchsorted(samples.time, high)
    index = first[:, None] + np.arange(max(1, int((last - first).max())))
    counts = index < last[:, None]
    index = np.minimum(index, len(samples.time) - 1)
    return np.where(counts, samples.time[index], high[:, None]), samples.values[index], counts


def _unit(name: str, values: Array) -> Array:
    if not signal(name).is_quaternion:
        return values
    return values / np.linalg.norm(values, axis=-1, keepdims=True)
