"""Plots of a report as inline SVG that follows the page's light or dark theme.

matplotlib draws in stand-in colours, which are then exchanged for CSS variables of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import functools
from html import escape
import io
import itertools
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.statistics import Bin, weak_bins, wilson
from robot_rl.errors import MissingPackageError

Array = NDArray[Any]

# Stand-in colours in the plot, what they become on the page.
INK, GRID, GOAL = '#000001', '#000002', '#000003'
SERIES = ('#000011', '#000012', '#000013', '#000014', '#000015', '#000016')
BAD = '#000021'
_PAGE = {
    INK: 'currentColor',
    GRID: 'var(--grid)',
    GOAL: 'var(--goal)',
    BAD: 'var(--bad)',
    **{colour: f'var(--series-{number})' for number, colour in enumerate(SERIES)},
}
_STYLE: Any = {
    'svg.fonttype': 'none',  # text stays text: small, selectable, in the page's font
    'font.family': 'sans-serif',
    'font.size': 10.0,
    'axes.titlesize': 10.0,
    'axes.titleweight': 'bold',
    'axes.titlelocation': 'left',
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'axes.axisbelow': True,
    'grid.linewidth': 0.6,
    'lines.linewidth': 1.6,
    'legend.frameon': False,
    'legend.fontsize': 9.0,
    'grid.color': GRID,
    **dict.fromkeys(
        ('text.color', 'axes.edgecolor', 'axes.labelcolor', 'xtick.color', 'ytick.color'), INK
    ),
}
_serial = itertools.count()


@dataclass(frozen=True)
class Learning:
    """How a training run went."""

    seconds: Array
    """(n,) [s] of processor time at each iteration."""
    rewards: Array
    """(n,) mean reward of a control period while exploring."""
    validated: Array
    """(k,) [s] of processor time at each validation."""
    successes: Array
    """(k,) episodes won on the validation seeds."""
    episodes: int
    """Validation episodes each time."""
    best: int
    """Validation of the checkpoint that was kept."""


@dataclass(frozen=True)
class Flight:
    """One flight, sampled as the robot published it."""

    name: str
    time: Array
    """(n,) [s] since the first sample."""
    position: Array
    """(n, 3) [m] measured, world frame."""
    goal: Array
    """(n, 3) [m] asked for at that time."""
    scored: Array | None = None
    """(n,) bool, the part that the RMS error is over; None for all."""

    @property
    def rms(self) -> float:
        """RMS of the error over the scored part [m]."""
        error = self.error if self.scored is None else self.error[self.scored]
        return float(np.sqrt(np.mean(np.square(error))))

    @property
    def error(self) -> Array:
        """(n,) [m] distance to the goal."""
        return np.linalg.norm(self.position - self.goal, axis=1)


@dataclass(frozen=True)
class Durations:
    """Durations of one kind."""

    name: str
    micros: Array
    """(n,) [us]"""

    def percentile(self, share: float) -> float:
        """Duration [us] that `share` percent of all do not exceed."""
        return float(np.percentile(self.micros, share))


def styled(plot: Callable[..., Any]) -> Callable[..., str]:
    """Turn a function that returns (figure, label) into one that returns an inline SVG element."""

    @functools.wraps(plot)
    def draw(*args: Any, **options: Any) -> str:
        try:
            from matplotlib import rc_context
        except ImportError:
            raise MissingPackageError('matplotlib') from None
        # A salt of its own keeps the ids of one plot apart from those of the next on the same
        # page.
        with rc_context({**_STYLE, 'svg.hashsalt': f'plot{next(_serial)}'}):
            return _svg(*plot(*args, **options))

    return draw


def new_figure(width: float, height: float, rows: int, columns: int) -> tuple[Any, list[Any]]:
    """Figure of `width` by `height` [inch] and its axes, row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout='constrained')
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def _svg(figure: Any, label: str) -> str:
    """Serialize a figure as an inline SVG element that a screen reader calls `label`."""
    buffer = io.StringIO()
    figure.savefig(buffer, format='svg', transparent=True, metadata={'Date': None})
    text = buffer.getvalue()
    text = re.sub(r'<metadata>.*?</metadata>', '', text[text.index('<svg') :], flags=re.DOTALL)
    text = re.sub(r' id="[\w.]+_\d+"', '', text)
    text = re.sub(r'#0000[0-9a-f]{2}', lambda match: _PAGE.get(match[0], match[0]), text)
    return re.sub(
        r'<svg [^>]*?(viewBox="[^"]*")[^>]*>',
        rf'<svg \1 role="img" aria-label="{escape(label)}" '
        r'xmlns:xlink="http://www.w3.org/1999/xlink">',
        text,
        count=1,
    )


@styled
def learning_curve(learning: Learning) -> tuple[Any, str]:
    """Reward and validated success over training time; the kept checkpoint is marked."""
    figure, (left, right) = new_figure(9.0, 2.9, 1, 2)
    left.plot(learning.seconds, learning.rewards, color=SERIES[0])
    left.set(xlabel='training, processor time [s]', ylabel='mean reward a step', title='Reward')
    rates = [wilson(int(won), learning.episodes) for won in learning.successes]
    for at, rate in zip(learning.validated, rates, strict=True):
        right.plot((at, at), (rate.low, rate.high), color=SERIES[0], linewidth=1.0)
    right.plot(learning.validated, [rate.estimate for rate in rates], 'o-', color=SERIES[0])
    best, at = rates[learning.best].estimate, learning.validated[learning.best]
    right.plot(at, best, 'o', color=SERIES[1], label=f'kept: {best:.1%} at {at:.1f} s')
    right.set(xlabel='training, processor time [s]', ylabel='success rate')
    right.set(xlim=left.get_xlim(), ylim=(-0.03, 1.03))
    right.set_title(f'Success on {learning.episodes} validation episodes')
    right.legend(loc='lower left')
    return figure, 'Learning curve'


@styled
def success_bins(
    parameters: Mapping[str, Sequence[Bin]], comparisons: int, columns: int = 4
) -> tuple[Any, str]:
    """Success by quantile of each parameter, with Wilson intervals; weak bins in red.

    `comparisons` is the number of bins that were looked at to choose these, see `weak_bins`.
    """
    rows = -(-len(parameters) // columns)
    figure, axes = new_figure(9.0, 0.3 + 1.9 * rows, rows, columns)
    lowest = min(part.rate.low for bins in parameters.values() for part in bins)
    for axis, (name, bins) in zip(axes, parameters.items(), strict=False):
        weak = weak_bins(bins, comparisons=comparisons)
        for part in bins:
            colour = BAD if part in weak else SERIES[0]
            middle, rate = 0.5 * (part.low + part.high), part.rate
            axis.plot((part.low, part.high), (rate.estimate,) * 2, color=colour)
            axis.plot((middle, middle), (rate.low, rate.high), color=colour, linewidth=1.0)
        title, _, unit = name.partition(' [')
        axis.set_title(title, fontsize=9.0, fontweight='normal')
        axis.set_xlabel(f'[{unit}' if unit else '', fontsize=8.0)
        axis.set_ylim(max(0.0, lowest - 0.03), 1.0 + 0.05 * (1.0 - max(0.0, lowest - 0.03)))
        axis.tick_params(labelsize=8.0)
        axis.locator_params(axis='x', nbins=4)
        axis.ticklabel_format(axis='x', style='sci', scilimits=(-2, 3))
        axis.xaxis.get_offset_text().set_fontsize(8.0)
    for axis in axes[len(parameters) :]:
        axis.set_visible(False)
    for axis in axes[::columns]:
        axis.set_ylabel('success rate', fontsize=9.0)
    return figure, 'Success by randomized parameter'


@styled
def flight(log: Flight) -> tuple[Any, str]:
    """Path from above and from the side, and the error over time."""
    figure, (above, side, error) = new_figure(9.0, 2.9, 1, 3)
    moves = float(np.ptp(log.goal, axis=0).max()) > 1e-6
    for axis, (first, second), title in (
        (above, (0, 1), 'From above'),
        (side, (0, 2), 'From the side'),
    ):
        axis.plot(log.position[:, first], log.position[:, second], color=SERIES[0], label='flown')
        asked = log.goal[:, [first, second]].T if moves else log.goal[:1, [first, second]].T
        look = {'linestyle': '--', 'color': GOAL} if moves else {'marker': 'x', 'color': SERIES[1]}
        axis.plot(*asked, **look, label='asked', linewidth=1.2 if moves else 0.0)
        axis.set(xlabel=f'{"xyz"[first]} [m]', ylabel=f'{"xyz"[second]} [m]', title=title)
        _square(axis)
    above.legend(loc='best')
    error.plot(log.time, 100.0 * log.error, color=SERIES[0], linewidth=1.0)
    span = log.time if log.scored is None else log.time[log.scored]
    rms = 100.0 * log.rms
    error.plot(span[[0, -1]], (rms, rms), '--', color=SERIES[1], label=f'RMS {rms:.1f} cm')
    error.set(xlabel='time [s]', ylabel='distance to goal [cm]', title='Error')
    error.set_ylim(bottom=0.0)
    error.legend(loc='best')
    return figure, f'Flight: {log.name}'


def _square(axis: Any) -> None:
    """Give both axes one scale and at least 20 cm, so that noise does not fill the plot."""
    (x0, x1), (y0, y1) = axis.get_xlim(), axis.get_ylim()
    half = 0.5 * max(x1 - x0, y1 - y0, 0.2)
    axis.set_xlim(0.5 * (x0 + x1) - half, 0.5 * (x0 + x1) + half)
    axis.set_ylim(0.5 * (y0 + y1) - half, 0.5 * (y0 + y1) + half)
    axis.set_aspect('equal', adjustable='box')


def duration(micros: float) -> str:
    """Duration with three figures, never as a power of ten."""
    return f'{micros:.0f}' if micros >= 100.0 else f'{micros:.3g}'


@styled
def latency_histogram(latencies: Sequence[Durations]) -> tuple[Any, str]:
    """Histograms on a logarithmic axis with median and 99th percentile, one panel a kind."""
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = new_figure(9.0, 2.7, 1, len(latencies))
    for axis, latency, colour in zip(axes, latencies, itertools.cycle(SERIES), strict=False):
        low, high = np.percentile(latency.micros, (0.0, 99.9))
        edges = np.geomspace(max(0.5 * low, 1e-2), 1.3 * high, 80)
        axis.hist(
            np.clip(latency.micros, edges[0], edges[-1]), bins=edges, color=colour, alpha=0.8
        )
        p50, p99 = latency.percentile(50.0), latency.percentile(99.0)
        axis.axvline(p50, color=INK, linewidth=1.0, label=f'median {duration(p50)} µs')
        axis.axvline(
            p99, color=INK, linewidth=1.0, linestyle=':', label=f'99 % {duration(p99)} µs'
        )
        axis.set_xscale('log')
        axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.xaxis.set_major_formatter('{x:g}')
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set(xlabel='duration [µs]', ylabel='ticks', title=latency.name)
        axis.legend(loc='best')
    return figure, 'Latency'
