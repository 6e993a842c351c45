"""Bootstraps against slow ones written out, against theory and their promised coverage."""

from __future__ import annotations

from itertools import product
import time

import numpy as np
import pytest

from robot_rl.bench.navigation.intervals import (
    difference,
    improvement,
    interquartile,
    means,
    profile,
    rate,
    resamples,
)
from robot_rl.bench.navigation.score import score
from robot_rl.bench.navigation.summary import summarize
from robot_rl.bench.statistics import interquartile_mean, stratified_bootstrap, wilson


def _values(worlds: int = 20, seeds: int = 3, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(worlds, 1)) + 0.5 * generator.normal(size=(worlds, seeds))


def test_resamples_draw_worlds_whole_or_seeds_within_worlds() -> None:
    whole = resamples(6, 3, repetitions=100).reshape(100, 6, 3)
    assert (whole == whole[:, :, :1]).all()
    np.testing.assert_array_equal(whole.sum(axis=(1, 2)), 18.0)
    assert set(np.unique(whole)) > {0.0, 1.0, 2.0}
    within = resamples(6, 3, 'seeds', repetitions=100).reshape(100, 6, 3)
    np.testing.assert_array_equal(within.sum(axis=2), 3.0)


def test_means_equal_a_bootstrap_written_out() -> None:
    values, weights = _values(), resamples(20, 3, repetitions=500)
    values[3, 1] = values[5] = np.nan
    drawn = []
    for row in weights[:, ::3].astype(int):
        sample = np.repeat(values, row, axis=0)
        drawn.append(np.nanmean(sample))
    got = means(values[None], weights)[0]
    assert got.estimate == pytest.approx(np.nanmean(values))
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))))


@pytest.mark.parametrize('seeds', [1, 3, 4])
def test_interquartile_means_equal_those_of_samples_built(seeds: int) -> None:
    values, weights = _values(9, seeds), resamples(9, seeds, repetitions=200)
    drawn = [interquartile_mean(np.repeat(values.ravel(), row.astype(int))) for row in weights]
    got = interquartile(values, weights)
    assert got.estimate == pytest.approx(float(interquartile_mean(values.ravel())))
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))))


def test_seeds_drawn_within_worlds_agree_with_the_stratified_bootstrap() -> None:
    values = _values(30, 5)
    got = interquartile(values, resamples(30, 5, 'seeds', repetitions=8000))
    other = stratified_bootstrap(list(values), repetitions=8000, seed=3)
    assert got.estimate == pytest.approx(other.estimate)
    assert (got.low, got.high) == pytest.approx((other.low, other.high), abs=0.02)


def test_a_single_seed_says_nothing_about_seeds() -> None:
    got = means(_values(20, 1)[None], resamples(20, 1, 'seeds'))[0]
    assert (got.low, got.high) == pytest.approx((got.estimate,) * 2)


def test_intervals_over_worlds_keep_their_coverage() -> None:
    inside = {'mean': 0, 'rate': 0, 'naive': 0, 'difference': 0}
    weights = resamples(40, 3, repetitions=400)
    generator = np.random.default_rng(1)
    for _ in range(500):
        easy = generator.beta(2.0, 0.5, (40, 1))  # mean 0.8, seeds of a world much alike
        won = (generator.random((40, 3)) < easy).astype(float)
        other = (generator.random((40, 3)) < easy).astype(float)
        mean, share, naive = means(won[None], weights)[0], rate(won), wilson(won.sum(), won.size)
        apart = difference(won, other, weights)
        for name, got, truth in (
            ('mean', mean, 0.8), ('rate', share, 0.8), ('naive', naive, 0.8),
            ('difference', apart, 0.0),
        ):  # fmt: skip
            inside[name] += got.low <= truth <= got.high
    assert inside['mean'] / 500 > 0.9
    assert inside['rate'] / 500 > 0.92
    assert inside['difference'] / 500 > 0.91
    assert inside['naive'] / 500 < 0.88  # why worlds must be known


def test_a_rate_knows_how_much_its_worlds_tell() -> None:
    alike = np.repeat([[1.0], [1.0], [1.0], [0.0]], 10, axis=1)
    assert rate(alike).low == pytest.approx(wilson(3, 4).low, abs=0.08)
    single = rate(alike[:, :1])
    assert (single.low, single.high) == pytest.approx((wilson(3, 4).low, wilson(3, 4).high))
    assert rate(np.ones((4, 10))) == wilson(4, 4)
    mixed = np.tile([[1.0, 1.0, 1.0, 0.0]], (40, 1))  # worlds do not differ at all
    assert rate(mixed) == wilson(120, 160)
    assert np.isnan(rate(np.full((2, 2), np.nan)).estimate)


def test_pairing_takes_out_what_worlds_have_in_common() -> None:
    generator = np.random.default_rng(0)
    world = 10.0 * generator.normal(size=(50, 1))
    first, second = (world + 0.1 * generator.normal(size=(50, 3)) for _ in range(2))
    first[0, 0] = np.nan
    weights = resamples(50, 3)
    got = difference(first + 0.5, second, weights)
    assert got.estimate == pytest.approx(0.5, abs=0.05)
    assert got.high - got.low < 0.1
    alone = means(first[None], weights)[0]
    assert alone.high - alone.low > 2.0


def test_probability_of_improvement_counts_pairs() -> None:
    generator = np.random.default_rng(5)
    first, second = generator.integers(0, 3, (2, 7, 4)).astype(float)
    first[2, 1] = second[4] = np.nan
    chances = []
    for ours, theirs in zip(first, second, strict=True):
        pairs = [p for p in product(ours, theirs) if not np.isnan(p).any()]
        if pairs:
            chances.append(np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs]))
    weights = resamples(7, 4)
    got = improvement(first, second, weights)
    assert got.estimate == pytest.approx(np.mean(chances))
    assert got.low < got.estimate < got.high
    assert improvement(first, first, weights).estimate == pytest.approx(0.5)
    assert improvement(second + 5.0, second, weights).low == 1.0


def test_profiles_fall_from_all_to_none_within_their_bands() -> None:
    values = np.clip(_values(30, 3), -2.0, 2.0)
    levels = np.linspace(-2.1, 2.1, 50)
    share, low, high = profile(values, levels, resamples(30, 3))
    np.testing.assert_allclose(share, [(values > level).mean() for level in levels])
    assert (np.diff(share) <= 0.0).all()
    assert (share[0], share[-1]) == (1.0, 0.0)
    assert ((low <= share) & (share <= high)).all()
    assert (high - low).max() > 0.1


def test_nothing_measured_gives_no_interval() -> None:
    none, weights = np.full((3, 2), np.nan), resamples(3, 2)
    for got in (means(none[None], weights)[0], interquartile(none, weights)):
        assert np.isnan([got.estimate, got.low, got.high]).all()
    both = means(np.stack((none, np.ones((3, 2)))), weights)
    assert (both[1].low, both[1].high) == (1.0, 1.0)


def test_a_whole_bench_is_summed_up_in_seconds(synthetic) -> None:
    bench = synthetic(150, 3)
    trials = [*bench.trials, *synthetic(150, 3, {'reference:fifth': 0.7}).trials]
    begun = time.process_time()
    summary = summarize(score(trials, bench.arenas))
    assert len(summary.ranking) == 5
    assert time.process_time() - begun < 3.0
