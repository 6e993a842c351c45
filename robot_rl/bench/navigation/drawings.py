"""Plots of a navigation bench as inline SVG in the page's colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from robot_rl.bench.navigation import intervals
from robot_rl.bench.navigation.score import METRICS
from robot_rl.bench.navigation.summary import Summary
from robot_rl.bench.plots import INK, SERIES, new_figure, styled

DASHES = ('-', (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1)), (0, (8, 3)))
MARKS = 'osD^vP'


def look(index: int) -> dict[str, Any]:
    """Colour, dashes and mark of a planner: any one of them tells it from others."""
    return {
        'color': SERIES[index % len(SERIES)],
        'linestyle': DASHES[(index + index // len(SERIES)) % len(DASHES)],
    }


@styled
def forest(summary: Summary) -> tuple[Any, str]:
    """Score and success of each planner with their intervals, best first."""
    names = (summary.metric, 'success') if summary.metric != 'success' else ('success',)
    height = 0.75 + 0.32 * len(summary.ranking)
    figure, axes = new_figure(9.0, height, 1, len(names))
    for axis, name in zip(axes, names, strict=True):
        what = METRICS[name]
        scale = 100.0 if what.rate else 1.0
        for row, planner in enumerate(summary.ranking):
            index = summary.table.planners.index(planner)
            value, colour = summary.value(planner, name), look(index)['color']
            axis.plot((scale * value.low, scale * value.high), (row, row), color=colour, lw=2.2)
            axis.plot(scale * value.estimate, row, MARKS[index % len(MARKS)], color=colour, ms=7)
        axis.set_yticks(range(len(summary.ranking)), summary.ranking)
        axis.set(xlabel=f'{what.label} [{what.unit}]' if what.unit else what.label)
        axis.set_ylim(len(summary.ranking) - 0.5, -0.5)
        axis.tick_params(axis='y', length=0)
        axis.grid(visible=False, axis='y')
    for axis in axes[1:]:
        axis.tick_params(labelleft=False)
    return figure, 'Planners beside each other with 95 % intervals'


@styled
def profiles(summary: Summary) -> tuple[Any, str]:
    """Performance profile of the BARN score, and who had arrived by when; pointwise bands."""
    figure, (left, right) = new_figure(9.0, 3.6, 1, 2)
    table = summary.table
    weights = intervals.resamples(len(table.worlds), len(table.seeds))
    most = float(np.nanmax(table.values['time_capped'], initial=1.0))
    for index, planner in enumerate(table.planners):
        style = look(index)
        levels = np.linspace(0.0, 0.5, 101)
        share, low, high = intervals.profile(table.of('barn', planner), levels, weights)
        left.plot(levels, 100.0 * share, **style, label=planner)
        left.fill_between(
            levels, 100.0 * low, 100.0 * high, color=style['color'], alpha=0.14, lw=0
        )
        # Who failed has not arrived: its time is beyond every level.
        won, time = table.of('success', planner), table.of('time', planner)
        late = np.where(np.isnan(won), np.nan, np.where(won > 0.0, time, np.inf))
        levels = np.linspace(0.0, most, 121)
        share, low, high = (
            100.0 * (1.0 - part) for part in intervals.profile(late, levels, weights)
        )
        right.plot(levels, share, **style, label=planner)
        right.fill_between(levels, low, high, color=style['color'], alpha=0.14, lw=0)
    left.set(xlabel='BARN score x', ylabel='trials with a score above x [%]')
    left.set_title('How often how good')
    right.set(xlabel='time [s]', ylabel='trials that have arrived [%]')
    right.set_title('How many by when')
    for axis in (left, right):
        axis.set(xlim=(0.0, None), ylim=(-1.0, 101.0))
    handles, labels = left.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc='outside lower center', ncols=min(5, len(labels)), labelcolor=INK
    )
    return figure, 'Performance profiles'
