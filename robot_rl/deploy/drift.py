"""How far the signals have gone from what training saw.

`Drift` keeps mean, spread and extremes of every component of every signal and compares them with
the contract's statistics. `Window` keeps the last few seconds as they were, for
`diagnosis.diagnose`. Both are filled once a control period, after the command has gone out, and
allocate nothing then.
"""

from __future__ import annotations

from collections.abc import Mapping
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_rl.deploy.hypotheses import Flight
from robot_rl.spec.contract import Contract
from robot_rl.spec.signal import Signal

BLOCK_S = 10.0
"""[s] statistics cover the last one to two blocks of so long: an hour of calm must not hide a
drift."""
MARGIN = 0.25
"""How far beyond training's extremes, as a part of their distance, is still the same."""
MEAN_SHIFT = 4.0
"""How many of training's standard deviations the mean may be away."""
SPREAD = 3.0
"""How many times training's standard deviation the standard deviation may be."""


class Excess(NamedTuple):
    """One component of a signal that left what training saw."""

    signal: str
    component: int
    kind: str
    """'above', 'below', 'mean' or 'spread'."""
    value: float
    """What it is [SI]."""
    bound: float
    """What training saw [SI]: the highest, lowest, mean or standard deviation."""
    text: str
    """A sentence for a person."""


class _Block:
    """Sums over one stretch of time."""

    def __init__(self, size: int) -> None:
        self.count = 0
        self.total, self.square = np.zeros(size), np.zeros(size)
        self.low, self.high = np.full(size, math.inf), np.full(size, -math.inf)

    def clear(self) -> None:
        self.count = 0
        self.total.fill(0.0)
        self.square.fill(0.0)
        self.low.fill(math.inf)
        self.high.fill(-math.inf)


class Drift:
    """Running mean, spread and extremes of the policy's signals, against training's."""

    def __init__(self, contract: Contract) -> None:
        """Lay the statistics of `contract` side by side; signals without any are not judged."""
        self._signals = contract.signals
        self.size = sum(signal.watched for signal in contract.signals)
        """Components of all signals of the policy, in order."""
        self._seen = {
            key: np.concatenate([_row(contract.statistics, s, key) for s in contract.signals])
            for key in ('mean', 'std', 'low', 'high')
        }
        # Sums are taken about training's mean, so that a square keeps its digits far from zero.
        self._centre = np.nan_to_num(self._seen['mean'])
        self._ticks = max(1, round(BLOCK_S / contract.control_dt))
        self._now, self._before = _Block(self.size), _Block(self.size)
        self._scratch = np.zeros(self.size)

    def push(self, values: NDArray[np.float64]) -> None:
        """Add the signals (size,) of one control period."""
        block, scratch = self._now, self._scratch
        np.minimum(block.low, values, out=block.low)
        np.maximum(block.high, values, out=block.high)
        np.subtract(values, self._centre, out=scratch)
        np.add(block.total, scratch, out=block.total)
        np.multiply(scratch, scratch, out=scratch)
        np.add(block.square, scratch, out=block.square)
        block.count += 1
        if block.count >= self._ticks:
            self._now, self._before = self._before, block
            self._now.clear()

    def clear(self) -> None:
        """Forget everything, for a new flight."""
        self._now.clear()
        self._before.clear()

    def statistics(self) -> dict[str, NDArray[np.float64]]:
        """'mean', 'std', 'low', 'high' (size,) of the last one or two blocks; nan if none."""
        now, before = self._now, self._before
        count = now.count + before.count
        if count == 0:
            return {key: np.full(self.size, math.nan) for key in self._seen}
        offset = (now.total + before.total) / count
        variance = (now.square + before.square) / count - offset**2
        return {
            'mean': self._centre + offset,
            'std': np.sqrt(np.maximum(variance, 0.0)),
            'low': np.minimum(now.low, before.low),
            'high': np.maximum(now.high, before.high),
        }

    def excesses(self) -> list[Excess]:
        """What left what training saw: of each signal and kind the worst component."""
        here, seen = self.statistics(), self._seen
        tiny = 1e-6 + 1e-6 * np.abs(self._centre)  # float32 rounding of a constant is no drift
        margin = MARGIN * (seen['high'] - seen['low']) + tiny
        far = np.stack(
            (
                here['high'] - seen['high'] - margin,
                seen['low'] - margin - here['low'],
                np.abs(here['mean'] - seen['mean']) - MEAN_SHIFT * seen['std'] - margin,
                here['std'] - SPREAD * seen['std'] - margin,
            )
        )
        kinds = (('above', 'high'), ('below', 'low'), ('mean', 'mean'), ('spread', 'std'))
        found: list[Excess] = []
        for (kind, key), excess in zip(kinds, far, strict=True):
            start = 0
            for signal in self._signals:
                part = excess[start : start + signal.watched]
                worst = int(np.argmax(np.nan_to_num(part, nan=-math.inf)))
                if part[worst] > 0.0:
                    at = start + worst
                    found.append(_excess(signal, worst, kind, here[key][at], seen, key, at))
                start += signal.watched
        return found


class Window:
    """The last control periods: time, signals and setpoints, in a fixed amount of memory."""

    def __init__(self, signals: Mapping[str, slice], setpoint_size: int, rows: int) -> None:
        """Hold `rows` periods of `signals`, each a slice of the values that `push` gets."""
        self._signals = dict(signals)
        width = max((part.stop for part in signals.values()), default=0)
        self._time = np.zeros(rows)
        self._values = np.zeros((rows, width))
        self._setpoints = np.zeros((rows, setpoint_size))
        self._next = self._count = 0

    def push(
        self, time: float, values: NDArray[np.float64], setpoint: NDArray[np.float64]
    ) -> None:
        """Add one period at `time` [s]: values (width,) and the setpoint sent on them."""
        row = self._next
        self._time[row] = time
        self._values[row] = values
        self._setpoints[row] = setpoint
        self._next = (row + 1) % len(self._time)
        self._count = min(self._count + 1, len(self._time))

    def clear(self) -> None:
        """Forget everything."""
        self._next = self._count = 0

    def flight(self) -> Flight:
        """Copy what is held, oldest first."""
        order = (self._next - self._count + np.arange(self._count)) % len(self._time)
        values = self._values[order]
        signals = {name: values[:, part] for name, part in self._signals.items()}
        return Flight(self._time[order], signals, self._setpoints[order])


def _row(statistics: Mapping[str, Mapping[str, Any]], signal: Signal, key: str) -> Any:
    """One row of a signal's statistics in the contract; nan, which nothing exceeds, if absent."""
    return np.array(
        statistics.get(signal.name, {}).get(key, [math.nan] * signal.watched), dtype=float
    )


def _excess(
    signal: Signal,
    component: int,
    kind: str,
    value: Any,
    seen: Mapping[str, NDArray[np.float64]],
    key: str,
    at: int,
) -> Excess:
    """Put one finding into words."""
    bound, std = float(seen[key][at]), float(seen['std'][at])
    words = {
        'above': ('reached', 'the highest in training was'),
        'below': ('reached', 'the lowest in training was'),
        'mean': ('has the mean', 'in training it was'),
        'spread': ('has the standard deviation', 'in training it was'),
    }
    has, was = words[kind]
    text = f'{signal.name}[{component}] {has} {value:.3g} {signal.unit}, {was} {bound:.3g}'
    if std > 0.0 and kind != 'spread':
        text += f' ({abs(value - bound) / std:.1f} standard deviations beyond)'
    return Excess(signal.name, component, kind, float(value), bound, text)
