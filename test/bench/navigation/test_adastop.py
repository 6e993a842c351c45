"""AdaStop keeps its level, finds what is there, stops early, and equals tests written out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

from robot_rl.bench.navigation.adastop import AdaStop, Decision, boundaries, compare
from robot_rl.bench.statistics import wilson

LEVEL = 0.05
Draw = Callable[[np.random.Generator, int], np.ndarray]


def _play(draw: Draw, planners: int, seed: int, blocks: int = 20, **options: Any) -> AdaStop:
    """A bench to its end: only what still runs is told to the test."""
    names = [str(number) for number in range(planners)]
    test = AdaStop(names, 5, LEVEL, permutations=1000, seed=seed, **options)
    generator = np.random.default_rng([seed, 1])
    while not test.finished:
        values = draw(generator, blocks)
        test.update({name: values[:, int(name)] for name in test.running})
    return test


def _differ(test: AdaStop) -> set[tuple[str, str]]:
    return {(d.first, d.second) for d in test.decisions if d.verdict in ('larger', 'smaller')}


def _scores(planners: int) -> Draw:
    """Scores like BARN's: zeros, and worlds that are hard for all."""

    def draw(generator: np.random.Generator, blocks: int) -> np.ndarray:
        easy = generator.beta(2.0, 1.0, (blocks, 1))
        won = generator.random((blocks, planners)) < easy
        return won * generator.uniform(0.2, 0.5, (blocks, planners))

    return draw


def _skewed(planners: int) -> Draw:
    def draw(generator: np.random.Generator, blocks: int) -> np.ndarray:
        world = generator.exponential(size=(blocks, 1))
        return world + generator.exponential(size=(blocks, planners)) ** 2

    return draw


def _shifted(draw: Draw, *shifts: float) -> Draw:
    return lambda generator, blocks: draw(generator, blocks) + np.array(shifts)


# The level


@pytest.mark.parametrize('paired', [True, False])
@pytest.mark.parametrize('planners', [2, 4])
@pytest.mark.parametrize('draw', [_scores, _skewed])
def test_chance_of_any_false_difference_is_at_most_the_level(draw, planners, paired) -> None:
    runs, blocks = (300, 20) if paired else (100, 12)
    false = sum(
        bool(_differ(_play(draw(planners), planners, seed, blocks, paired=paired)))
        for seed in range(runs)
    )
    assert wilson(false, runs, 0.99).low <= LEVEL


def test_the_level_of_a_paired_test_is_used_up_not_left_lying() -> None:
    false = sum(bool(_differ(_play(_skewed(3), 3, seed))) for seed in range(500))
    share = wilson(false, 500, 0.99)
    assert share.low <= LEVEL <= share.high + 0.01


def test_true_differences_beside_do_not_make_false_ones() -> None:
    draw, false, found = _shifted(_skewed(4), 0.0, 0.0, 3.0, 3.0), 0, 0
    for seed in range(200):
        differ = _differ(_play(draw, 4, seed))
        false += bool(differ & {('0', '1'), ('2', '3')})
        found += len(differ - {('0', '1'), ('2', '3')})
    assert wilson(false, 200, 0.99).low <= LEVEL
    assert found / (4 * 200) > 0.95


def test_worlds_that_suit_one_or_the_other_are_no_false_difference() -> None:
    def draw(generator: np.random.Generator, blocks: int) -> np.ndarray:
        liking = generator.normal(size=(blocks, 2))  # each planner likes other worlds
        seeds = 0.2 * generator.normal(size=(blocks, 3, 2))
        return (liking[:, None] + seeds).mean(axis=1)  # a block is a world, not a run

    false = sum(bool(_differ(_play(draw, 2, seed))) for seed in range(300))
    assert wilson(false, 300, 0.99).low <= LEVEL


# What it finds, and when


def test_a_clear_difference_is_found_at_once_and_its_sign_is_right() -> None:
    draw = _shifted(_scores(2), 0.0, 0.3)
    tests = [_play(draw, 2, seed) for seed in range(100)]
    assert all(test.decisions[0].verdict == 'smaller' for test in tests)
    assert np.mean([test.interim for test in tests]) < 1.5
    assert tests[0].decisions[0].mean < -0.2


def test_a_moderate_difference_is_found_sooner_than_in_one_go() -> None:
    draw = _shifted(_scores(3), 0.0, 0.0, 0.12)
    tests = [_play(draw, 3, seed) for seed in range(150)]
    power = np.mean([{('0', '2'), ('1', '2')} <= _differ(test) for test in tests])
    assert power > 0.8
    when = [d.interim for test in tests for d in test.decisions if d.second == '2']
    assert np.mean(when) < 3.8


def test_pairing_finds_what_worlds_would_hide() -> None:
    def draw(generator: np.random.Generator, blocks: int) -> np.ndarray:
        return 5.0 * generator.normal(size=(blocks, 1)) + generator.normal(size=(blocks, 2))

    far = _shifted(draw, 0.0, 0.6)
    found = {
        paired: sum(len(_differ(_play(far, 2, seed, paired=paired))) for seed in range(40))
        for paired in (True, False)
    }
    assert found[True] > 36
    assert found[False] < 8


def test_whoever_is_decided_runs_no_longer() -> None:
    draw = _shifted(_skewed(3), 0.0, 0.0, 30.0)
    test = AdaStop(['a', 'b', 'c'], 4, permutations=2000)
    values = draw(np.random.default_rng(0), 25)
    test.update(dict(zip('abc', values.T, strict=True)))
    assert [d.verdict for d in test.decisions] == ['continue', 'smaller', 'smaller']
    assert [d.interim for d in test.decisions] == [0, 1, 1]
    assert test.running == ['a', 'b']
    for number in range(3):
        values = draw(np.random.default_rng(number + 1), 25)
        test.update({'a': values[:, 0], 'b': values[:, 1]})
    assert test.finished
    assert test.decisions[0].verdict == 'equal'
    assert test.decisions[0].interim == 4
    with pytest.raises(ValueError, match='last decision'):
        test.update({'a': [0.0], 'b': [0.0]})


def test_alike_planners_are_called_equal_early_within_a_margin_only() -> None:
    noise = _shifted(_scores(2), 0.0, 0.0)
    tests = [_play(noise, 2, seed, 60, margin=0.2) for seed in range(60)]
    assert np.mean([test.interim for test in tests]) < 2.0
    assert sum(test.decisions[0].verdict == 'equal' for test in tests) >= 54
    assert all(_play(noise, 2, seed, 60).interim == 5 for seed in range(5))
    apart = _shifted(_scores(2), 0.0, 0.2)  # at the margin: equal is the error
    called = sum(
        _play(apart, 2, seed, 60, margin=0.2).decisions[0].verdict == 'equal'
        for seed in range(200)
    )
    assert wilson(called, 200, 0.99).low <= LEVEL


# Against tests written out


def _sign_flips(apart: np.ndarray) -> float:
    """Exact p-value of a paired permutation test."""
    signs = np.array(list(product((1.0, -1.0), repeat=len(apart))))
    return float((np.abs(signs @ apart) >= abs(apart.sum()) - 1e-9).mean())


def _shuffles(first: np.ndarray, second: np.ndarray) -> float:
    """Exact p-value of a permutation test of two samples."""
    both, size = np.concatenate((first, second)), len(first)
    total = both.sum()
    sums = [2.0 * both[list(p)].sum() - total for p in combinations(range(2 * size), size)]
    return float((np.abs(sums) >= abs(first.sum() - second.sum()) - 1e-9).mean())


@pytest.mark.parametrize('seed', range(12))
def test_two_planners_in_one_go_equal_the_exact_tests(seed: int) -> None:
    generator = np.random.default_rng(seed)
    first = generator.integers(0, 9, 9).astype(float)  # with ties
    second = first + generator.integers(-2, 5, 9)
    exact = {True: _sign_flips(first - second), False: _shuffles(first, second)}
    for paired, p in exact.items():
        if abs(p - LEVEL) < 0.008:  # as sampled permutations may have it
            continue
        test = AdaStop(['a', 'b'], 1, LEVEL, paired=paired, permutations=20_000)
        test.update({'a': first, 'b': second})
        assert (test.decisions[0].verdict != 'equal') == (p < LEVEL), p


def test_boundaries_spend_what_is_due_and_no_more() -> None:
    rows = np.abs(np.cumsum(np.random.default_rng(0).normal(size=(4, 5000)), axis=0))
    limits = boundaries(rows, 0.1, 4)
    alive, spent = np.ones(5000, bool), []
    for row, limit in zip(rows, limits, strict=True):
        alive &= row < limit
        spent.append(1.0 - alive.mean())
    np.testing.assert_allclose(spent, [0.025, 0.05, 0.075, 0.1], atol=1e-9)
    np.testing.assert_array_equal(boundaries(rows[:2], 0.1, 4), limits[:2])


def test_ties_are_passed_all_or_none() -> None:
    row = np.repeat([3.0, 2.0, 1.0], (30, 30, 940))[None]
    assert boundaries(row, 0.05, 1)[0] == 3.0
    assert boundaries(row, 0.06, 1)[0] == 2.0
    assert boundaries(row, 0.02, 1)[0] == np.inf
    assert boundaries(np.zeros((1, 100)), 0.05, 1)[0] == np.inf


def test_few_worlds_show_nothing_however_clear() -> None:
    for worlds, verdict in ((5, 'equal'), (6, 'larger')):
        (found,) = compare({'a': np.arange(worlds) + 9.0, 'b': np.zeros(worlds)})
        assert found.verdict == verdict, worlds


def test_a_missing_value_leaves_its_block_out_of_its_own_pairs() -> None:
    generator = np.random.default_rng(0)
    values = {name: generator.normal(size=40) + 3.0 * (name == 'c') for name in 'abc'}
    values['a'][:5] = np.nan
    ab, ac, bc = compare(values)
    assert (ab.verdict, ac.verdict, bc.verdict) == ('equal', 'smaller', 'smaller')
    assert bc.mean == pytest.approx(np.mean(values['b'] - values['c']))
    assert ac.mean == pytest.approx(np.mean(values['a'][5:] - values['c'][5:]))


def test_the_same_seed_decides_the_same() -> None:
    first, second = (_play(_scores(3), 3, 4).decisions for _ in range(2))
    assert first == second
    assert all(isinstance(decision, Decision) for decision in first)


@pytest.mark.parametrize('names', [[], ['a'], ['a', 'a']])
def test_it_takes_two(names: list[str]) -> None:
    with pytest.raises(ValueError, match='two names'):
        AdaStop(names)


def test_values_must_be_of_one_length() -> None:
    with pytest.raises(ValueError, match='as many values'):
        AdaStop(['a', 'b']).update({'a': [1.0, 2.0], 'b': [1.0]})
