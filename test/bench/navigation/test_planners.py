"""Whole episodes of the reference planners."""

from __future__ import annotations

from dataclasses import replace
import math

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.bench.navigation.planners import NAMES, make
from robot_rl.errors import UnknownNameError

SEEDS = (200, 201, 202)
"""Of worlds for tests; the planners were written looking at 0 to 9 and 100 to 124."""
FILL = 0.27


@pytest.fixture(scope='module')
def runs(sim):
    """Episodes in clutter with noisy scans, by planner."""
    found = {}
    for name in NAMES:
        planner = make(name, sim.LIDAR, sim.LIMITS)
        arenas = [sim.clutter(seed, FILL) for seed in SEEDS]
        found[name] = [sim.drive(planner, arena, noise=0.01) for arena in arenas]
    return found


@pytest.mark.parametrize('name', NAMES)
def test_clutter_is_driven_through(runs, name):
    assert [run.outcome for run in runs[name]] == ['success'] * len(SEEDS)
    # 9 m to where the goal counts as reached, at 1 m/s or so in the mean.
    assert np.mean([run.time_s for run in runs[name]]) < 12.0


@pytest.mark.parametrize('name', NAMES)
def test_limits_hold_over_whole_episodes(sim, runs, name):
    reach = make(name, sim.LIDAR, sim.LIMITS).reach
    for run in runs[name]:
        speed, turn = np.concatenate((np.zeros((1, 2)), run.command)).T
        assert reach.min_speed - 1e-6 <= speed.min()
        assert speed.max() <= reach.max_speed + 1e-6
        assert np.abs(turn).max() <= reach.max_yaw_rate + 1e-6
        assert np.abs(np.diff(speed)).max() <= reach.acceleration / reach.rate_hz + 1e-6
        assert np.abs(np.diff(turn)).max() <= reach.yaw_acceleration / reach.rate_hz + 1e-6


@pytest.mark.parametrize('name', NAMES)
def test_slower_tables_are_obeyed(sim, name):
    slow = replace(
        sim.PLANE, max_speed=0.5, min_speed=0.0, max_yaw_rate=1.0, acceleration=1.0, rate_hz=10.0
    )
    arena = sim.empty((3.0, 1.0), [(1.5, 0.6, 0.2)])
    run = sim.drive(make(name, sim.LIDAR, slow), arena, limits=slow)
    assert run.outcome == 'success'
    assert run.command[:, 0].min() >= 0.0
    assert run.command[:, 0].max() <= 0.5 + 1e-6
    assert np.abs(run.command[:, 1]).max() <= 1.0 + 1e-6
    assert np.abs(np.diff(run.command[:, 0])).max() <= 0.1 + 1e-6


@pytest.mark.parametrize('name', NAMES)
def test_what_it_may_command_lies_within_the_table(sim, name):
    reach = make(name, sim.LIDAR, sim.LIMITS).reach
    assert sim.LIMITS.min_speed <= reach.min_speed <= 0.0
    assert reach.max_speed <= sim.LIMITS.max_speed
    assert reach.max_yaw_rate <= sim.LIMITS.max_yaw_rate
    assert make(name, sim.LIDAR, replace(sim.LIMITS, min_speed=0.0)).reach.min_speed == 0.0


@pytest.mark.parametrize('name', NAMES)
def test_where_nothing_is_it_drives_straight_to_the_goal(sim, name):
    run = sim.drive(make(name, sim.LIDAR, sim.PLANE), sim.empty((8.0, 0.0)))
    assert run.outcome == 'success'
    assert np.abs(run.pose[:, 1]).max() < 0.1
    assert run.time_s < 6.5  # 4.6 s at full speed, and the way down from it
    assert run.recoveries == 0


@pytest.mark.parametrize('name', NAMES)
def test_a_goal_behind_is_turned_to(sim, name):
    run = sim.drive(make(name, sim.LIDAR, sim.PLANE), sim.empty((-4.0, 0.5)))
    assert run.outcome == 'success'
    assert run.time_s < 8.0


@pytest.mark.parametrize('name', NAMES)
def test_the_same_seed_is_the_same_episode(sim, name):
    planner = make(name, sim.LIDAR, sim.LIMITS)
    arena = replace(sim.clutter(203), time_limit_s=2.0)
    first, again = (sim.drive(planner, arena, seed=5).command for _ in range(2))
    assert (first == again).all()
    other = sim.drive(planner, arena, seed=6).command
    assert (first == other).all() == (name != 'reference:mppi')


@pytest.mark.parametrize('name', NAMES)
def test_at_the_goal_it_rests(sim, name):
    planner = make(name, sim.LIDAR, sim.LIMITS)
    planner.reset((0.5, 0.0), (0.0, 0.0, 0.0), 0)
    scan = np.full(sim.LIDAR.beams, sim.LIDAR.range_max)
    commands = [planner.command(scan, np.zeros(3), np.array([1.0, 0.5])) for _ in range(10)]
    assert commands[-1] == (0.0, 0.0)
    assert planner.recoveries == 0


def test_what_closes_the_way_is_driven_around(sim):
    """A wall that the lidar sees only from near; the old way is left before the next second."""
    arena = sim.empty((8.0, 0.0), segments=[(4.0, -1.0, 4.0, 2.0)])

    def disturb(step, scan):
        return np.where(scan < 6.0, scan, 30.0) if step >= 30 else np.full_like(scan, 30.0)

    for name in NAMES:
        run = sim.drive(make(name, sim.LIDAR, sim.PLANE), arena, disturb=disturb)
        assert run.outcome == 'success', name


def test_an_unknown_planner_is_refused(sim):
    with pytest.raises(UnknownNameError, match="Did you mean 'reference:dwa'"):
        make('reference:dwb', sim.LIDAR, sim.LIMITS)


@pytest.mark.parametrize('name', NAMES)
def test_a_world_of_barn(sim, name):
    """Whether the whole works in such a place; how well is for the bench."""
    run = sim.drive(make(name, sim.LIDAR, sim.LIMITS), sim.barn(0))
    assert run.outcome == 'success'
    assert math.isfinite(run.time_s)
