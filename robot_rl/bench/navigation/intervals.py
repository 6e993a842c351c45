"""How sure the numbers of a navigation bench are: every bootstrap as one product of matrices.

Two questions, two ways to draw again:

- `worlds`: worlds with all their seeds. How would it go in other worlds of this kind? Runs in one
  world are alike, so this is the honest width, and what the report shows.
- `seeds`: seeds within each world, as R. Agarwal et al., "Deep reinforcement learning at the edge
  of the statistical precipice", NeurIPS 2021 (rliable), who take tasks as given. How would it go
  in these very worlds? With one seed a world it cannot say, and has no width.

Interquartile mean, probability of improvement and performance profile are that paper's.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.statistics import Interval, wilson

Array = NDArray[np.float64]
Drawn = Literal['worlds', 'seeds']

REPETITIONS = 2000


def resamples(
    worlds: int,
    seeds: int,
    drawn: Drawn = 'worlds',
    *,
    repetitions: int = REPETITIONS,
    seed: int = 0,
) -> Array:
    """(repetitions, worlds * seeds): how often each trial is in each resample.

    Args:
        worlds: How many.
        seeds: Of each world.
        drawn: What is drawn again, see above.
        repetitions: Bootstrap samples.
        seed: The same seed gives the same resamples, so that planners are compared on them.
    """
    generator = np.random.default_rng(seed)
    if drawn == 'worlds':
        counts = generator.multinomial(worlds, np.full(worlds, 1.0 / worlds), repetitions)
        return np.repeat(counts, seeds, axis=1).astype(np.float64)
    counts = generator.multinomial(seeds, np.full(seeds, 1.0 / seeds), (repetitions, worlds))
    return counts.reshape(repetitions, -1).astype(np.float64)


def _bounds(samples: Array, confidence: float) -> Array:
    """Percentile bounds (2, ...) over the first axis; resamples without a value are left out."""
    tail = 0.5 * (1.0 - confidence)
    some = ~np.isnan(samples).all(axis=0)
    bounds = np.full((2, *samples.shape[1:]), np.nan)
    if some.any():
        kept = samples[:, some] if samples.ndim > 1 else samples
        quantile = np.nanquantile if np.isnan(kept).any() else np.quantile
        bounds[:, some] = quantile(kept, (tail, 1.0 - tail), axis=0).reshape(2, -1)
    return bounds


def _ratio(top: Array, bottom: Array) -> Array:
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0.0)


def _means(columns: Array, weights: Array) -> Array:
    """Weighted means (repetitions, k) of the columns (n, k), each over what is no NaN in it."""
    present = ~np.isnan(columns)
    sums = weights @ np.where(present, columns, 0.0)
    return _ratio(sums, weights @ present.astype(np.float64))


def means(values: Array, weights: Array, confidence: float = 0.95) -> list[Interval]:
    """Mean of each row with its interval; NaN where a row has no value.

    Args:
        values: (k, worlds, seeds), NaN where there is none.
        weights: From `resamples`.
        confidence: Mass between the bounds.
    """
    columns = values.reshape(len(values), -1).T
    low, high = _bounds(_means(columns, weights), confidence)
    middle = _means(columns, np.ones((1, len(columns))))[0]
    return [Interval(*map(float, row)) for row in zip(middle, low, high, strict=True)]


def interquartile(values: Array, weights: Array, confidence: float = 0.95) -> Interval:
    """Interquartile mean of (worlds, seeds) with its interval; a quarter is cut off at each end.

    As statistics.interquartile_mean on each resample, without building it: sorted once, the
    weights of the middle half say all.
    """
    flat = values.ravel()
    order = np.flatnonzero(~np.isnan(flat))
    order = order[np.argsort(flat[order], kind='stable')]
    if not order.size:
        return Interval(np.nan, np.nan, np.nan)
    middle = float(_trimmed(flat[order], np.ones((1, order.size)))[0])
    low, high = _bounds(_trimmed(flat[order], weights[:, order]), confidence)
    return Interval(middle, float(low), float(high))


def _trimmed(ordered: Array, weights: Array) -> Array:
    upto = np.cumsum(weights, axis=1)
    total = upto[:, -1:]
    cut = np.floor(total / 4.0)
    kept = np.diff(np.clip(upto, cut, total - cut), axis=1, prepend=cut)
    return _ratio(kept @ ordered, (total - 2.0 * cut)[:, 0])


def rate(values: Array, confidence: float = 0.95) -> Interval:
    """Share of ones among (worlds, seeds), with a Wilson interval that knows of worlds.

    Trials of one world are alike and tell less than as many worlds would. The interval is Wilson's
    for the number of independent trials that would be as telling (E. L. Korn and B. I. Graubard,
    "Confidence intervals for proportions with small expected number of positive counts estimated
    from survey data", Survey Methodology 24, 1998), at most those there are. Where all went one
    way, worlds are what counts.
    """
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    total, used = int(count.sum()), int((count > 0).sum())
    if total == 0:
        return Interval(np.nan, np.nan, np.nan)
    share = float(np.nansum(values)) / total
    excess = np.where(present, values - share, 0.0).sum(axis=1) / total
    variance = float(np.square(excess).sum()) * used / max(used - 1, 1)
    spread = share * (1.0 - share)
    telling = min(1.0 + spread / variance, total) if variance > 0.0 else total
    if spread == 0.0 or used == 1:
        telling = used
    return wilson(share * telling, telling, confidence)


def difference(first: Array, second: Array, weights: Array, confidence: float = 0.95) -> Interval:
    """Mean of first - second over the (world, seed) that both have, with its interval.

    Both (worlds, seeds). What worlds have in common falls out of the difference.
    """
    return means((first - second)[None], weights, confidence)[0]


def improvement(first: Array, second: Array, weights: Array, confidence: float = 0.95) -> Interval:
    """Probability that a run of `first` has more than one of `second` in the same world.

    Ties count half, worlds alike. Both (worlds, seeds); weights from `resamples` of worlds.
    """
    ours, theirs = first[:, :, None], second[:, None, :]
    won = (ours > theirs) + 0.5 * (ours == theirs)
    pairs = ~np.isnan(ours) & ~np.isnan(theirs)
    count = pairs.sum(axis=(1, 2))
    chance = _ratio(np.where(pairs, won, 0.0).sum(axis=(1, 2)), count.astype(np.float64))
    return means(chance[None, :, None], weights[:, :: first.shape[1]], confidence)[0]


def profile(
    values: Array, levels: Array, weights: Array, confidence: float = 0.95
) -> tuple[Array, Array, Array]:
    """Performance profile: the share of trials with more than each level, pointwise bounds.

    Args:
        values: (worlds, seeds), NaN where there is none.
        levels: (t,)
        weights: From `resamples`.
        confidence: Of each level by itself, not of the whole curve.

    Returns:
        Share, lower and upper bound, each (t,).
    """
    flat = values.reshape(-1, 1)
    above = np.where(np.isnan(flat), np.nan, flat > levels)
    low, high = _bounds(_means(above, weights), confidence)
    return _means(above, np.ones((1, len(flat))))[0], low, high
