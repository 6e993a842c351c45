"""Who did how well in a navigation bench, and what may be said about who is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.navigation import intervals
from robot_rl.bench.navigation.adastop import Decision, compare
from robot_rl.bench.navigation.score import METRICS, Table
from robot_rl.bench.statistics import Interval

Array = NDArray[np.float64]

LEVEL = 0.05
FEWEST_WORLDS = 6
"""With fewer, 2 ** (1 - worlds) > LEVEL: not even the clearest outcome can pass the test."""


@dataclass(frozen=True)
class Pair:
    """Two planners, the one ranked higher first."""

    first: str
    second: str
    difference: Interval
    """Mean of first - second over the (world, seed) that both have."""
    improvement: Interval
    """Probability that first does better than second in the same world."""
    shown: bool
    """Whether the test of all pairs says that first is better."""
    decision: Decision
    """As the test put it, maybe the other way round."""


@dataclass(frozen=True)
class Summary:
    """All that is said of a bench."""

    table: Table
    metric: str
    """What planners are ranked by."""
    intervals: dict[str, dict[str, Interval]]
    """Metric, then planner: mean or rate; as other worlds of this kind would have it."""
    interquartile: dict[str, Interval]
    """Of the metric that ranks; worlds drawn again."""
    seeds: dict[str, Interval]
    """Mean of the metric that ranks; seeds drawn again within these very worlds."""
    ranking: list[str]
    """Planners, best first."""
    pairs: list[Pair]
    """All, in the order of the ranking."""

    def value(self, planner: str, metric: str = '') -> Interval:
        """Interval of a metric, by default of the one that ranks."""
        return self.intervals[metric or self.metric][planner]

    @property
    def worlds(self) -> int:
        """Worlds in which anything was measured."""
        return int((self.table.outcomes >= 0).any(axis=(0, 2)).sum())


def by_world(values: Array) -> Array:
    """Mean over seeds of (worlds, seeds), NaN for a world without any: the blocks of AdaStop."""
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    sums = np.where(present, values, 0.0).sum(axis=1)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)


def summarize(
    table: Table,
    metric: str = 'barn',
    decisions: Sequence[Decision] | None = None,
    repetitions: int = intervals.REPETITIONS,
) -> Summary:
    """Work out all intervals, and who is better than whom.

    Args:
        table: From score.
        metric: What planners are ranked by: one of which it is known what is better.
        decisions: Of AdaStop, where it chose how much was run; by default the same test is made of
            all there is. Its values are those of `by_world`.
        repetitions: Bootstrap samples.
    """
    shape = len(table.worlds), len(table.seeds)
    weights = intervals.resamples(*shape, repetitions=repetitions)
    smooth = [name for name, what in METRICS.items() if not what.rate]
    found: dict[str, dict[str, Interval]] = {name: {} for name in METRICS}
    for planner in table.planners:
        stack = np.stack([table.of(name, planner) for name in smooth])
        for name, interval in zip(smooth, intervals.means(stack, weights), strict=True):
            found[name][planner] = interval
        for name, what in METRICS.items():
            if what.rate:
                found[name][planner] = intervals.rate(table.of(name, planner))
    again = intervals.resamples(*shape, 'seeds', repetitions=repetitions)
    mine = {planner: table.of(metric, planner) for planner in table.planners}
    sign = METRICS[metric].better
    ranking = sorted(mine, key=lambda planner: _rank(found[metric][planner], sign))
    if decisions is None and len(ranking) > 1:
        decisions = compare({name: by_world(values) for name, values in mine.items()}, LEVEL)
    return Summary(
        table,
        metric,
        found,
        {name: intervals.interquartile(values, weights) for name, values in mine.items()},
        {name: intervals.means(values[None], again)[0] for name, values in mine.items()},
        ranking,
        _pairs(mine, ranking, sign, decisions or [], weights),
    )


def _rank(value: Interval, sign: int) -> tuple[bool, float]:
    return bool(np.isnan(value.estimate)), -sign * value.estimate


def _pairs(
    values: dict[str, Array],
    ranking: Sequence[str],
    sign: int,
    decisions: Sequence[Decision],
    weights: Array,
) -> list[Pair]:
    place = {name: index for index, name in enumerate(ranking)}
    found: list[Pair] = []
    for decision in decisions:
        first, second = sorted((decision.first, decision.second), key=place.__getitem__)
        ours, theirs = values[first], values[second]
        more = 'larger' if (decision.first == first) == (sign > 0) else 'smaller'
        found.append(
            Pair(
                first,
                second,
                intervals.difference(ours, theirs, weights),
                intervals.improvement(sign * ours, sign * theirs, weights),
                decision.verdict == more,
                decision,
            )
        )
    return sorted(found, key=lambda pair: (place[pair.first], place[pair.second]))


def verdict(summary: Summary) -> tuple[str, str]:
    """Who won in a few words; then by how much and how sure that is, claiming no more."""
    best, what = summary.ranking[0], METRICS[summary.metric]
    score = f'{what.label} of {_text(summary, summary.value(best))}'
    if len(summary.ranking) == 1:
        return f'{best} ran alone.', f'It has a {score}; there was nobody to compare it with.'
    mine = [pair for pair in summary.pairs if pair.first == best]
    behind = [pair for pair in mine if pair.shown]
    level = [pair for pair in mine if not pair.shown]
    if not level:
        rest = '' if len(mine) == 1 else ', the next best, and ahead of the rest'
        return f'{best} won.', (
            f'Its {score} is {_gap(summary, mine[0], " than that of ")}{rest}; the chance that '
            f'the test behind this shows a difference that is not there is at most {LEVEL:.0%}.'
        )
    gaps = _listed([_gap(summary, pair, ' than ') for pair in level])
    if any(pair.decision.verdict == 'continue' for pair in level):
        why = f'the bench has not run far enough to say whether that differs: {gaps}'
    elif summary.worlds < FEWEST_WORLDS:
        why = f'{summary.worlds} worlds are too few for any test to show a difference: {gaps}'
    else:
        why = (
            f'no difference could be shown from {_listed([pair.second for pair in level])}: {gaps}'
        )
    lead = [_gap(summary, pair, ' than ') for pair in behind]
    better = f'. Shown is that it is better than others: {_listed(lead)}' if lead else ''
    most = 'highest' if what.better > 0 else 'lowest'
    score = f'{what.label}, {_text(summary, summary.value(best))}'
    return 'No winner could be shown.', f'{best} has the {most} {score}, but {why}{better}.'


def _text(summary: Summary, value: Interval) -> str:
    what = METRICS[summary.metric]
    unit = f' {what.unit}' if what.unit else ''
    return value.text(f'.{what.digits}f', 100.0 if what.rate else 1.0) + unit


def _gap(summary: Summary, pair: Pair, than: str) -> str:
    size = pair.difference
    if METRICS[summary.metric].better < 0:
        size = Interval(-size.estimate, -size.high, -size.low)
    word = 'more' if METRICS[summary.metric].better > 0 else 'less'
    return f'{_text(summary, size)} {word}{than}{pair.second}'


def _listed(parts: Sequence[str]) -> str:
    return ', '.join(parts[:-1]) + ' and ' * (len(parts) > 1) + parts[-1]
