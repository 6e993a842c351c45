"""Intervals against scipy, closed forms and their own promise of coverage."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.bench.statistics import (
    Bin,
    Interval,
    interquartile_mean,
    stratified_bootstrap,
    success_by_parameter,
    weak_bins,
    wilson,
)


@pytest.mark.parametrize(
    ('successes', 'trials'), [(0, 10), (10, 10), (7, 20), (1990, 2000), (1, 1)]
)
@pytest.mark.parametrize('confidence', [0.9, 0.95, 0.99])
def test_wilson_equals_scipy(successes: int, trials: int, confidence: float) -> None:
    stats = pytest.importorskip('scipy.stats')
    expected = stats.binomtest(successes, trials).proportion_ci(confidence, method='wilson')
    got = wilson(successes, trials, confidence)
    assert got.estimate == successes / trials
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert got.low <= got.estimate <= got.high


def test_wilson_textbook_value() -> None:
    # 10 of 10: low = n / (n + z^2) with z = 1.959964.
    assert wilson(10, 10).low == pytest.approx(10.0 / (10.0 + 1.959964**2), abs=1e-6)


@pytest.mark.parametrize(('successes', 'trials'), [(1, 0), (-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_impossible_counts(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match='Expected 0 <= successes'):
        wilson(successes, trials)


@pytest.mark.parametrize('size', [1, 3, 4, 7, 8, 101])
def test_interquartile_mean_equals_trimmed_mean(size: int) -> None:
    stats = pytest.importorskip('scipy.stats')
    values = np.random.default_rng(size).normal(size=(5, size)) ** 3
    expected = stats.trim_mean(values, 0.25, axis=-1)
    np.testing.assert_allclose(interquartile_mean(values), expected, rtol=1e-12)


def test_interquartile_mean_ignores_outliers() -> None:
    assert interquartile_mean([1.0, 2.0, 3.0, 1e9]) == 2.5


def test_bootstrap_interval_is_that_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, 400)
    got = stratified_bootstrap([values], lambda x: x.mean(axis=-1), repetitions=4000)
    half = 1.959964 * values.std() / np.sqrt(values.size)
    assert got.estimate == pytest.approx(values.mean())
    assert got.low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert got.high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_bootstrap_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        strata = [generator.normal(0.0, 1.0, 60), generator.normal(0.0, 1.0, 60)]
        interval = stratified_bootstrap(strata, repetitions=300, seed=trial)
        hits += interval.low <= 0.0 <= interval.high
    assert wilson(hits, 200, 0.999).high > 0.95 > wilson(hits, 200, 0.999).low


def test_bootstrap_keeps_strata_apart() -> None:
    # Values differ between strata but not within: resampling within strata leaves nothing to
    # chance.
    strata = [np.zeros(10), np.ones(30)]
    got = stratified_bootstrap(strata, lambda x: x.mean(axis=-1))
    assert got == Interval(0.75, 0.75, 0.75)


def test_bootstrap_is_deterministic_in_its_seed_and_over_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = [np.random.default_rng(2).normal(size=50)]
    first = stratified_bootstrap(values, repetitions=100, seed=3)
    assert first == stratified_bootstrap(values, repetitions=100, seed=3)
    assert first != stratified_bootstrap(values, repetitions=100, seed=4)
    monkeypatch.setattr('robot_rl.bench.statistics._CHUNK', 50)
    assert first == stratified_bootstrap(values, repetitions=100, seed=3)


@pytest.mark.parametrize('strata', [[], [np.zeros(0)], [np.ones(3), np.zeros(0)]])
def test_bootstrap_refuses_empty_strata(strata: list) -> None:
    with pytest.raises(ValueError, match='stratum'):
        stratified_bootstrap(strata)


def test_bins_hold_every_episode_once_and_find_what_breaks() -> None:
    generator = np.random.default_rng(5)
    mass = generator.uniform(0.8, 1.2, 4000)
    success = mass < 1.1
    bins = success_by_parameter(mass, success, bins=8)
    assert len(bins) == 8
    assert sum(part.count for part in bins) == 4000
    assert {part.count for part in bins} == {500}
    assert [part.low for part in bins[1:]] == [part.high for part in bins[:-1]]
    assert bins[0].rate.estimate == 1.0
    assert bins[-1].rate.estimate == 0.0
    assert weak_bins(bins) == bins[-2:]


def test_no_bin_is_weak_where_the_parameter_does_not_matter() -> None:
    generator = np.random.default_rng(6)
    bins = success_by_parameter(generator.normal(size=4000), np.ones(4000))
    assert weak_bins(bins) == []


def test_many_comparisons_rarely_name_an_innocent_parameter() -> None:
    generator = np.random.default_rng(7)
    alarms, naive = 0, 0
    for _ in range(60):
        success = generator.random(2000) < 0.97
        rows = [success_by_parameter(generator.normal(size=2000), success) for _ in range(10)]
        alarms += any(weak_bins(bins, comparisons=80) for bins in rows)
        naive += any(weak_bins(bins) for bins in rows)
    assert alarms <= 0.15 * 60
    assert naive > 0.5 * 60  # what the correction is for


def test_bins_of_repeated_values_collapse() -> None:
    assert success_by_parameter(np.full(6, 2.0), [1, 1, 1, 0, 0, 0]) == [
        Bin(2.0, 2.0, 6, wilson(3, 6))
    ]
    two = success_by_parameter([0.0] * 5 + [1.0] * 5, [1] * 5 + [0] * 5, bins=4)
    assert sum(part.count for part in two) == 10


def test_bins_refuse_mismatched_rows() -> None:
    with pytest.raises(ValueError, match='one length'):
        success_by_parameter(np.zeros(3), np.zeros(4))
