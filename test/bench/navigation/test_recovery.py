"""Recoveries one by one, and what bad inputs lead to."""

from __future__ import annotations

from dataclasses import replace
import math

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.bench.navigation import recovery
from robot_rl.bench.navigation.costmap import Costmap
from robot_rl.bench.navigation.planners import NAMES, make
from robot_rl.bench.navigation.recovery import Recovery
from robot_rl.bench.navigation.situation import Situation
from robot_rl.bench.navigation.stack import Stack
from robot_rl.errors import SpecError


@pytest.fixture
def play(sim):
    """`play(recovery, circles)`: (commands, poses) of the recovery begun next."""

    def run(made, circles=(), velocity=(0.0, 0.0)):
        arena = sim.empty(circles=circles)
        grid, pose, last = Costmap(sim.LIDAR, sim.JACKAL), np.zeros(3), np.array(velocity)
        grid.reset(pose, arena.goal)
        for x, y, _ in circles:
            grid._occupied[tuple(grid.cell(np.array([x, y])))] = 1
        grid._grade(pose[:2], math.inf)
        made.begin(pose)
        commands, poses = [], []
        for _ in range(400):
            seen = Situation(grid, pose.copy(), last, np.zeros((2, 2)), 8.0, grid.shape, 0)
            command = made.command(seen)
            if command is None:
                return np.array(commands).reshape(-1, 2), np.array(poses).reshape(-1, 3)
            last = np.array(command)
            pose[0] += last[0] * 0.05 * math.cos(pose[2])
            pose[1] += last[0] * 0.05 * math.sin(pose[2])
            pose[2] = math.remainder(pose[2] + last[1] * 0.05, 2.0 * math.pi)
            commands.append(command)
            poses.append(pose.copy())
        raise AssertionError('It does not end.')

    return run


def test_they_come_in_turn_clear_spin_back_up(sim, play):
    made = Recovery(sim.LIMITS)
    assert len(play(made)[0]) == 0
    commands, poses = play(made)
    assert abs(poses[-1, 2]) == pytest.approx(recovery.SPIN, abs=0.06)
    assert not commands[:, 0].any()
    assert np.abs(commands[:, 1]).max() <= recovery.SPIN_RATE
    commands, poses = play(made)
    assert poses[-1, 0] == pytest.approx(-recovery.BACK, abs=0.02)
    assert commands[:, 0].min() == -recovery.BACK_SPEED
    assert not commands[:, 1].any()
    assert made.count == 3


def test_a_spin_turns_the_other_way_where_one_is_blocked(sim, play):
    made = Recovery(sim.LIMITS)
    play(made)
    corner = math.atan2(0.215, 0.254) + 0.25
    _, poses = play(made, [(0.33 * math.cos(corner), 0.33 * math.sin(corner), 0.05)])
    assert poses[-1, 2] < -0.5


def test_it_neither_spins_nor_backs_up_into_what_is_there(sim, play):
    around = [(0.31 * c, 0.31 * s, 0.05) for c, s in
              ((math.cos(a), math.sin(a)) for a in np.arange(0.0, 6.28, 0.3))
              if abs(0.31 * s) > 0.24 or abs(0.31 * c) > 0.28]  # fmt: skip
    made = Recovery(sim.LIMITS)
    play(made)
    assert len(play(made, around)[0]) == 0
    assert len(play(made, [(-0.32, 0.0, 0.05)])[0]) == 0
    assert made.count == 3


def test_it_comes_to_rest_before_it_begins(sim, play):
    made = Recovery(sim.LIMITS)
    play(made)
    commands, _ = play(made, velocity=(1.0, 0.0))
    assert np.abs(np.diff(commands[:, 0])).max() <= 3.0 / 20.0 + 1e-9
    moving = commands[:, 0] > 1e-6
    assert moving.sum() >= 6
    assert not commands[moving, 1].any()


def test_without_a_speed_backward_it_never_backs_up(sim, play):
    made = Recovery(replace(sim.LIMITS, min_speed=0.0))
    for _ in range(5):
        commands, _ = play(made)
        assert not commands[:, 0].any()


def test_six_in_a_row_and_it_gives_up_unless_it_drove_on(sim, play):
    made = Recovery(sim.LIMITS)
    for _ in range(recovery.TRIES):
        assert not made.given_up
        play(made)
    assert made.given_up
    made.begin(np.zeros(3))
    assert made.count == recovery.TRIES
    assert not made.running
    made.drove_on()
    assert not made.given_up
    made.reset()
    assert made.count == 0


@pytest.mark.parametrize('name', NAMES)
def test_who_sees_nothing_stops_until_it_sees_again(sim, name):
    def disturb(step, scan):
        if 20 <= step < 40:
            return np.full_like(scan, (math.nan, 0.0)[step % 2])
        return np.where(np.arange(len(scan)) % 3 == 0, math.nan, scan)  # a third is lost always

    run = sim.drive(make(name, sim.LIDAR, sim.PLANE), sim.empty(), disturb=disturb)
    speed = run.command[:, 0]
    assert speed[19] > 1.0
    assert speed[36:40].max() == 0.0
    assert (np.diff(speed[20:37]) <= 0.0).all()
    assert run.outcome == 'success'
    assert run.recoveries == 0


@pytest.mark.parametrize('name', NAMES)
def test_a_goal_in_a_block_is_given_up_unharmed(sim, name):
    block = [(3, -1, 5, -1), (5, -1, 5, 1), (5, 1, 3, 1), (3, 1, 3, -1)]
    hall = [(-2, -2, 3, -2), (3, -2, 3, 2), (3, 2, -2, 2), (-2, 2, -2, -2)]  # no way behind it
    planner = make(name, sim.LIDAR, sim.PLANE)
    run = sim.drive(planner, sim.empty((4.0, 0.0), segments=block + hall, time_limit_s=30.0))
    assert run.outcome == 'timeout'
    assert run.clearance.min() > 0.0
    assert isinstance(planner, Stack)
    assert planner.given_up
    assert run.recoveries >= recovery.TRIES
    assert np.abs(run.command[-1]).max() == 0.0


@pytest.mark.parametrize('name', NAMES[:2])
def test_a_pole_on_the_goal_is_not_run_into(sim, name):
    arena = sim.empty((4.0, 0.0), [(4.0, 0.0, 0.22)], time_limit_s=12.0)
    run = sim.drive(make(name, sim.LIDAR, sim.PLANE), arena)
    assert run.outcome == 'timeout'
    assert run.clearance.min() > 0.0


@pytest.mark.parametrize('name', NAMES)
def test_who_is_shut_in_gives_up_unharmed(sim, name):
    box = [(-1, -1, 2, -1), (2, -1, 2, 1), (2, 1, -1, 1), (-1, 1, -1, -1)]
    planner = make(name, sim.LIDAR, sim.PLANE)
    run = sim.drive(planner, sim.empty(segments=box, time_limit_s=40.0))
    assert isinstance(planner, Stack)
    assert planner.given_up
    assert run.clearance.min() > 0.0
    assert np.abs(run.command[-1]).max() == 0.0


def test_a_pose_that_is_none_brakes(sim):
    planner = make('reference:dwa', sim.LIDAR, sim.LIMITS)
    planner.reset((8.0, 0.0), (0.0, 0.0, 0.0), 0)
    scan = np.full(720, 30.0)
    v, _ = planner.command(scan, np.array([0.0, 0.0, 0.0]), np.array([1.0, 0.0]))
    lost = planner.command(scan, np.array([math.nan, 0.0, 0.0]), np.array([1.0, 0.0]))
    assert lost[0] == pytest.approx(v - 3.0 / 20.0)


def test_the_scan_of_another_lidar_is_refused(sim):
    planner = make('reference:dwa', sim.LIDAR, sim.LIMITS)
    planner.reset((8.0, 0.0), (0.0, 0.0, 0.0), 0)
    with pytest.raises(SpecError, match='expected 720 beams in a scan, got 360'):
        planner.command(np.ones(360), np.zeros(3), np.zeros(2))
