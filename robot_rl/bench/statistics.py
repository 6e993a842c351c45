"""Uncertainty of what was measured: intervals for rates, means and groups. numpy only.

- Wilson: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
  JASA 22, 1927. Keeps its coverage near 0 and 1, where good policies live and the normal
  interval fails.
- Interquartile mean with a stratified bootstrap: R. Agarwal et al., "Deep reinforcement learning
  at the edge of the statistical precipice", NeurIPS 2021. Less swayed by outliers than the mean
  and less wasteful than the median.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CHUNK = 2_000_000  # numbers resampled at a time: 16 MB


@dataclass(frozen=True)
class Interval:
    """An estimate between two bounds, in the unit of what was estimated."""

    estimate: float
    low: float
    high: float

    def text(self, form: str = '.1f', scale: float = 1.0) -> str:
        """`estimate (low to high)`, each times `scale`."""
        middle, low, high = (scale * value for value in (self.estimate, self.low, self.high))
        return f'{middle:{form}} ({low:{form}} to {high:{form}})'


@dataclass(frozen=True)
class Bin:
    """Success among the episodes whose parameter fell into [low, high]."""

    low: float
    high: float
    count: int
    rate: Interval


def wilson(successes: float, trials: float, confidence: float = 0.95) -> Interval:
    """Success rate with its Wilson score interval; an effective number of trials is a fraction.

    Raises:
        ValueError: Without trials, or with more successes than trials.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(
            f'Expected 0 <= successes <= trials and trials > 0, got {successes}, {trials}.'
        )
    z = NormalDist().inv_cdf(0.5 + 0.5 * confidence)
    rate = successes / trials
    scale = 1.0 / (1.0 + z * z / trials)
    centre = scale * (rate + z * z / (2.0 * trials))
    spread = scale * z * math.sqrt(rate * (1.0 - rate) / trials + (z / (2.0 * trials)) ** 2)
    # At rates 0 and 1 a bound equals the rate; rounding must not push it past.
    return Interval(
        rate, min(rate, max(0.0, centre - spread)), max(rate, min(1.0, centre + spread))
    )


def interquartile_mean(values: ArrayLike) -> NDArray[np.float64]:
    """Mean of the middle half of `values` along the last axis, a quarter cut off at each end.

    The number cut is rounded down, as in the paper's code. Shape (..., n) gives (...).
    """
    array = np.asarray(values, dtype=np.float64)
    size = array.shape[-1]
    if size == 0:
        raise ValueError('Expected at least one value.')
    cut = size // 4
    if cut:
        array = np.partition(array, (cut, size - cut - 1), axis=-1)
    return array[..., cut : size - cut].mean(axis=-1)


def stratified_bootstrap(
    strata: Sequence[ArrayLike],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]] = interquartile_mean,
    *,
    repetitions: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of `statistic` over all values, each stratum resampled within itself.

    Args:
        strata: One array of values per stratum (a training seed, a task, an engine). Resampling
        within
            strata keeps their shares, as the design of the experiment did.
        statistic: Maps (repetitions, n) to (repetitions,).
        repetitions: Bootstrap samples.
        confidence: Mass between the bounds.
        seed: Of the resampling; the same seed gives the same bounds.

    Raises:
        ValueError: Without strata or with an empty one.
    """
    rows = [np.asarray(stratum, dtype=np.float64).ravel() for stratum in strata]
    if not rows or any(row.size == 0 for row in rows):
        raise ValueError('Expected at least one stratum and none of them empty.')
    generator = np.random.default_rng(seed)
    total = sum(row.size for row in rows)
    samples: list[NDArray[np.float64]] = []
    step = max(1, _CHUNK // total)
    for start in range(0, repetitions, step):
        num = min(step, repetitions - start)
        drawn = [row[generator.integers(0, row.size, (num, row.size))] for row in rows]
        samples.append(statistic(np.concatenate(drawn, axis=1)))
    tail = 0.5 * (1.0 - confidence)
    low, high = np.quantile(np.concatenate(samples), (tail, 1.0 - tail))
    estimate = float(statistic(np.concatenate(rows)[None])[0])
    return Interval(estimate, float(low), float(high))


def success_by_parameter(
    values: ArrayLike, success: ArrayLike, *, bins: int = 8, confidence: float = 0.95
) -> list[Bin]:
    """Success rate in quantile bins of one randomized parameter: bins hold alike many episodes.

    Args:
        values: (n,) parameter of each episode.
        success: (n,) bool.
        bins: Most bins wanted; repeated values can leave fewer.
        confidence: Of the Wilson intervals.

    Raises:
        ValueError: When the two differ in length or are empty.
    """
    x, won = np.asarray(values, dtype=np.float64).ravel(), np.asarray(success, dtype=bool).ravel()
    if x.size != won.size or x.size == 0:
        raise ValueError(
            f'Expected two arrays of one length above 0, got {x.size} and {won.size}.'
        )
    edges = np.unique(np.quantile(x, np.linspace(0.0, 1.0, bins + 1)))
    index = np.clip(np.searchsorted(edges, x, side='right') - 1, 0, max(0, edges.size - 2))
    result: list[Bin] = []
    for number in np.unique(index):
        inside = index == number
        low, high = edges[number], edges[min(number + 1, edges.size - 1)]
        count = int(inside.sum())
        rate = wilson(int(won[inside].sum()), count, confidence)
        result.append(Bin(float(low), float(high), count, rate))
    return result


def weak_bins(bins: Sequence[Bin], *, comparisons: int = 1, level: float = 0.05) -> list[Bin]:
    """Return the bins whose whole interval lies below the overall rate: there it hurts.

    Args:
        bins: Of one parameter.
        comparisons: Bins looked at in all; among many, a few look weak by chance, so the interval
            widens with their number (Bonferroni).
        level: Chance of naming any bin where no parameter matters.
    """
    total = sum(part.count for part in bins)
    overall = sum(part.count * part.rate.estimate for part in bins) / total

    def upper(part: Bin) -> float:
        won = round(part.count * part.rate.estimate)
        return wilson(won, part.count, 1.0 - 2.0 * level / comparisons).high

    return [part for part in bins if upper(part) < overall]
