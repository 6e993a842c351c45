"""Metrics against hand-computed cases, and the BARN score against runs of the challenge itself."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from robot_rl.bench.navigation.score import (
    BARN_LOWER_OLD,
    METRICS,
    barn_score,
    driven,
    jerk,
    measure,
    mssd,
    score,
    spl,
)
from robot_rl.bench.navigation.trial import Trial
from robot_rl.spec.arena import Arena
from robot_rl.spec.ending import STUCK_M, STUCK_S, Progress

BARN = Path(__file__).parents[4] / 'shared/barn'


def _trial(outcome: str = 'success', time_s: float = 10.0, **changes: object) -> Trial:
    """Four steps: 3 m ahead, a quarter turn, then 4 m to the left."""
    half = 0.5 * math.pi
    pose = np.array([[0, 0, 0], [3, 0, 0], [3, 0, half], [3, 4, half]], float)
    command = np.array([[0, 0], [1, 0], [1, 2], [3, 2]], float)
    trial = Trial(
        'a', 'w', 0, outcome, time_s, 0.5, 6.0, pose, command, 0.5 * command,
        np.array([0.5, 0.25, 0.75, 0.5]), np.array([1.0, 2.0, 3.0, 2.0]) * 1e-3, 3, 1,
    )  # fmt: skip
    return dataclasses.replace(trial, **changes)


def _arena(name: str = 'w') -> Arena:
    return Arena(name, (0.0, 0.0, 0.0), (3.0, 4.0), 6.0)


# The BARN score


@pytest.fixture(scope='module')
def runs() -> tuple[np.ndarray, np.ndarray]:
    """Runs of the challenge's DWA (500, 5), and the reference path of each (500,) [m]."""
    if not BARN.exists():
        pytest.skip('shared/barn is not here')
    rows = np.loadtxt(BARN / 'dwa_runs.txt')
    worlds = json.loads((BARN / 'worlds.json').read_text())['worlds']
    return rows, np.array([worlds[str(int(row[0]))]['path_length'] for row in rows])


def test_the_runs_of_the_challenge_score_as_they_did(runs) -> None:
    rows, paths = runs
    won, time = rows[:, 1], rows[:, 4]
    assert len(rows) == 500
    assert barn_score(won, time, paths).mean() == pytest.approx(0.1586, abs=5e-5)
    old = barn_score(won, time, paths, lower=BARN_LOWER_OLD).mean()
    assert old == pytest.approx(0.1575, abs=5e-5)
    assert rows[:, 1:4].mean(axis=0) == pytest.approx([0.85, 0.056, 0.094])
    assert time[won == 1.0].mean() == pytest.approx(33.15, abs=5e-3)
    assert paths.mean() == pytest.approx(11.56, abs=5e-3)


def test_those_runs_as_trials_give_the_same_through_all_of_the_scoring(runs) -> None:
    rows, paths = runs
    count: dict[int, int] = {}
    trials: list[Trial] = []
    for (world, won, hit, _, time), path in zip(rows, paths, strict=True):
        seed = count[int(world)] = count.get(int(world), -1) + 1
        outcome = 'success' if won else 'collision' if hit else 'timeout'
        trials.append(
            _trial(outcome, time, world=str(int(world)), seed=seed, path_length=float(path))
        )
    table = score(trials, {trial.world: _arena(trial.world) for trial in trials})
    assert table.values['barn'].shape == (1, 50, 10)
    assert table.values['barn'].mean() == pytest.approx(0.1586, abs=5e-5)
    assert table.values['success'].mean() == pytest.approx(0.85)
    assert table.values['collision'].mean() == pytest.approx(0.056)
    assert table.values['timeout'].mean() == pytest.approx(0.094)
    assert np.nanmean(table.values['time']) == pytest.approx(33.15, abs=5e-3)


@pytest.mark.parametrize(
    ('time', 'lower', 'expected'),
    [
        (1.0, 2.0, 0.5),  # faster than the clip: OT = 10 m / 2 m/s = 5 s
        (10.0, 2.0, 0.5),
        (16.0, 2.0, 5.0 / 16.0),
        (16.0, 4.0, 0.25),
        (25.0, 4.0, 0.2),
        (99.0, 2.0, 0.125),
        (99.0, 4.0, 0.125),
    ],
)
def test_barn_score_by_hand(time: float, lower: float, expected: float) -> None:
    assert barn_score(True, time, 10.0, lower=lower) == pytest.approx(expected)
    assert barn_score(False, time, 10.0, lower=lower) == 0.0


# Other metrics


def test_spl_by_hand() -> None:
    won, driven_m = [True, True, True, False], [5.0, 10.0, 20.0, 10.0]
    np.testing.assert_allclose(spl(won, 10.0, driven_m), [1.0, 1.0, 0.5, 0.0])


def test_path_counts_what_was_driven_not_turned() -> None:
    assert driven(_trial().pose) == pytest.approx(7.0)
    assert driven(_trial().pose[:1]) == 0.0


def test_jerk_of_motions_with_known_derivatives() -> None:
    dt = 0.05
    time = np.arange(0.0, 4.0, dt)
    for heading in (0.0, 2.0, -3.1):
        way = 0.7 * time**3 / 6.0
        pose = np.stack((way * np.cos(heading), way * np.sin(heading), 0.0 * time + heading), 1)
        assert jerk(pose, dt) == pytest.approx((0.7, 0.0), abs=1e-6)
    yaw = -0.3 * time**3 / 6.0
    wrapped = np.arctan2(np.sin(3.0 + yaw), np.cos(3.0 + yaw))  # crosses pi
    pose = np.stack((0.0 * time, 0.0 * time, wrapped), 1)
    assert jerk(pose, dt) == pytest.approx((0.0, 0.3), abs=1e-6)


def test_steady_turning_has_no_jerk_and_backing_up_counts_as_backward() -> None:
    time = np.arange(0.0, 4.0, 0.05)
    circle = np.stack((np.sin(time), 1.0 - np.cos(time), time), 1)
    assert jerk(circle, 0.05) == pytest.approx((0.0, 0.0), abs=1e-6)
    # Along the heading 1, 0, -1 m: one third difference apart from a way without sign.
    pose = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]], float)
    assert jerk(pose, 1.0)[0] == pytest.approx(0.0)
    assert all(map(math.isnan, jerk(pose[:3], 1.0)))


def test_mssd_by_hand() -> None:
    assert mssd(_trial().command) == pytest.approx(((1 + 0 + 4) / 3, (0 + 4 + 0) / 3))
    assert all(map(math.isnan, mssd(np.zeros((1, 2)))))


def test_a_success_has_every_metric() -> None:
    found = measure(_trial(), 100.0)
    assert list(found) == list(METRICS)
    assert found['barn'] == pytest.approx(0.3)  # OT 3 s in 10 s
    assert found['spl'] == pytest.approx(6.0 / 7.0)
    assert (found['success'], found['collision']) == (1.0, 0.0)
    assert (found['time'], found['time_capped'], found['path']) == (10.0, 10.0, 7.0)
    assert (found['clearance_min'], found['clearance_mean']) == (0.25, 0.5)
    assert found['mssd_v'] == pytest.approx(4.0 * found['mssd_v_sent'])
    assert found['compute_p50'] == pytest.approx(2.0)
    assert found['compute_p99'] == pytest.approx(2.97)
    assert (found['missed'], found['recoveries']) == (3.0, 1.0)
    assert measure(_trial(time_s=9.0), 100.0, BARN_LOWER_OLD)['barn'] == 0.25


@pytest.mark.parametrize('outcome', ['collision', 'timeout', 'stuck'])
def test_a_failure_counts_where_it_should_and_nowhere_else(outcome: str) -> None:
    found = measure(_trial(outcome), 40.0)
    assert found[outcome] == 1.0
    assert sum(found[name] for name in ('success', 'collision', 'timeout', 'stuck')) == 1.0
    assert (found['barn'], found['spl'], found['time_capped']) == (0.0, 0.0, 40.0)
    assert found['missed'] == 3.0
    alone = 'time', 'path', 'jerk', 'jerk_yaw', 'mssd_v', 'mssd_w_sent', 'clearance_min'
    assert all(math.isnan(found[name]) for name in alone)


def test_what_was_no_planners_doing_counts_nowhere() -> None:
    trials = [_trial(seed=seed) for seed in range(3)] + [_trial('infrastructure', seed=3)]
    table = score([*trials, _trial('collision', planner='b')], {'w': _arena()})
    assert all(np.isnan(values[0, 0, 3]) for values in table.values.values())
    assert (table.trials('a'), table.count('a', 'infrastructure')) == (3, 1)
    assert np.nanmean(table.of('success', 'a')) == 1.0
    np.testing.assert_array_equal(table.outcomes[1, 0], [1, -1, -1, -1])
    assert table.trials('b') == 1


def test_a_robot_without_progress_is_stuck() -> None:
    progress = Progress()
    times = np.arange(0.0, STUCK_S, 0.05)
    assert not any(progress.stuck(t, 0.0, 0.9 * STUCK_M * math.sin(t)) for t in times)
    assert progress.stuck(STUCK_S, 0.0, 0.0)
    slow = Progress()  # just fast enough, on a circle that it comes back on
    speed = 1.02 * STUCK_M / (STUCK_S - 0.5)
    angles = np.arange(0.0, 200.0, 0.5) * speed
    places = zip(np.arange(0.0, 200.0, 0.5), np.sin(angles), np.cos(angles), strict=True)
    assert not any(slow.stuck(t, x, y) for t, x, y in places)
