"""The dynamic window: what it may choose and what it chooses."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.bench.navigation import dwa
from robot_rl.bench.navigation.costmap import Costmap
from robot_rl.bench.navigation.dwa import DynamicWindow
from robot_rl.bench.navigation.planners import make
from robot_rl.bench.navigation.situation import Situation


@pytest.fixture
def situation(sim):
    """`situation(wall, velocity)`: on the way along x to a goal 8 m ahead, a wall across it."""

    def build(wall, velocity, half=3.0):
        arena = sim.empty(segments=[(wall, -half, wall, half)] if wall else ())
        grid = Costmap(sim.LIDAR, sim.JACKAL)
        grid.reset(np.zeros(3), arena.goal)
        grid.update(sim.cast(arena.circles, arena.segments, np.zeros(3)), np.zeros(3))
        path = np.column_stack((np.arange(0.0, 8.01, 0.05), np.zeros(161)))
        return Situation(grid, np.zeros(3), np.array(velocity), path, 8.0, grid.shape, 0)

    return build


def test_the_window_is_what_accelerations_reach_within_the_limits(sim):
    window = DynamicWindow(sim.LIMITS)
    speeds, turns = window.candidates(np.array([0.0, 0.0]))
    assert (speeds.min(), speeds.max()) == (0.0, 2.0)
    assert (turns.min(), turns.max()) == (-2.0, 2.0)
    assert 0.0 in turns
    speeds, turns = DynamicWindow(sim.LIMITS).candidates(np.array([1.0, 2.0]))
    assert np.abs(turns).max() <= 2.0
    assert (speeds >= 0.0).all()


@pytest.mark.parametrize('wall', [0.7, 1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize('speed', [0.0, 0.8, 1.6])
def test_what_cannot_brake_before_an_obstacle_is_not_admitted(sim, situation, wall, speed):
    window, seen = DynamicWindow(sim.LIMITS), situation(wall, (speed, 0.0))
    command = window.command(seen)
    speeds, turns = window.candidates(seen.velocity)
    pairs = np.array([(v, w) for v in speeds for w in turns])
    total, free, angle = window._out.T
    stop = np.abs(pairs[:, 0]) * dwa.RESERVE + pairs[:, 0] ** 2 / (2.0 * 3.0)
    turn = np.abs(pairs[:, 1]) * dwa.RESERVE + pairs[:, 1] ** 2 / (2.0 * 3.5)
    fits = ((stop <= free) | (pairs[:, 0] == 0.0)) & ((turn <= angle) | (pairs[:, 1] == 0.0))
    assert (np.isfinite(total) == fits).all()
    # Straight on, the free way is that to the wall, as the costmap knows it.
    ahead = free[(pairs[:, 1] == 0.0) & np.isfinite(free)]
    assert (ahead <= wall - 0.254).all()
    gap = wall - 0.254 - 0.02 - 0.05
    if command is not None:
        assert command[0] ** 2 / (2.0 * 3.0) <= gap
    else:
        assert speed * dwa.RESERVE + speed**2 / 6.0 > gap - 0.2


def test_on_a_free_way_it_speeds_up_straight_on(sim, situation):
    command = DynamicWindow(sim.LIMITS).command(situation(None, (1.0, 0.0)))
    assert command is not None
    assert command == pytest.approx((1.15, 0.0), abs=0.02)


def test_it_turns_toward_a_path_that_begins_sideways(sim, situation):
    seen = situation(None, (0.0, 0.0))
    path = np.column_stack((np.zeros(161), np.arange(0.0, 8.01, 0.05)))
    seen = Situation(seen.costmap, seen.pose, seen.velocity, path, 8.0, seen.shape, 0)
    command = DynamicWindow(sim.LIMITS).command(seen)
    assert command is not None
    assert command[1] == pytest.approx(3.5 / 20.0)


def test_before_a_wall_without_an_end_it_stops_unharmed(sim):
    arena = sim.empty(segments=[(3.0, -20.0, 3.0, 20.0)], time_limit_s=8.0)
    run = sim.drive(make('reference:dwa', sim.LIDAR, sim.PLANE), arena)
    assert run.outcome == 'timeout'
    assert run.clearance.min() > 0.0
    assert run.command[:, 0].max() > 1.0


def test_around_a_pillar_in_its_way(sim):
    arena = sim.empty(circles=[(4.0, 0.05, 0.3)])
    run = sim.drive(make('reference:dwa', sim.LIDAR, sim.PLANE), arena)
    assert run.outcome == 'success'
    assert run.time_s < 8.0
    assert math.isfinite(run.clearance.min())
