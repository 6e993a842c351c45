"""Regulated pure pursuit against its formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.bench.navigation import pursuit
from robot_rl.bench.navigation.costmap import Costmap
from robot_rl.bench.navigation.planners import make
from robot_rl.bench.navigation.pursuit import RegulatedPurePursuit, carrot_of, curvature, regulated
from robot_rl.bench.navigation.situation import Situation


@pytest.mark.parametrize('radius', [0.4, 1.0, 5.0, -0.7])
@pytest.mark.parametrize('turn', [0.1, 0.5, 1.2])
def test_the_circle_leads_through_the_carrot(radius, turn):
    carrot = radius * np.array([math.copysign(math.sin(turn), radius), 1.0 - math.cos(turn)])
    assert curvature(carrot) == pytest.approx(1.0 / radius)


def test_straight_ahead_and_at_the_carrot_it_does_not_turn():
    assert curvature(np.array([1.0, 0.0])) == 0.0
    assert curvature(np.zeros(2)) == 0.0


def test_curves_and_obstacles_take_speed_off():
    assert regulated(2.0, 0.5, 1.0) == 2.0
    assert regulated(2.0, 1.0 / 0.45, 1.0) == pytest.approx(1.0)  # half the radius, half the speed
    assert regulated(2.0, -1.0 / 0.45, 1.0) == pytest.approx(1.0)
    assert regulated(2.0, 0.0, 0.3) == pytest.approx(1.0)
    assert regulated(2.0, 1.0 / 0.45, 0.15) == pytest.approx(0.5)
    assert regulated(2.0, 100.0, 0.0) == pursuit.LEAST
    assert regulated(0.1, 100.0, 0.0) == 0.1


def test_the_carrot_is_where_the_path_leaves_the_circle():
    path = np.array([[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [1.0, 1.0]])
    assert carrot_of(path, np.zeros(2), 0.8) == pytest.approx([0.8, 0.0])
    assert carrot_of(path, np.zeros(2), math.sqrt(1.25)) == pytest.approx([1.0, 0.5])
    assert carrot_of(path, np.zeros(2), 3.0).tolist() == [1.0, 1.0]
    assert carrot_of(path, np.array([-2.0, 0.0]), 1.0).tolist() == [0.0, 0.0]


@pytest.fixture
def situation(sim):
    def build(velocity, path, wall=None):
        arena = sim.empty(segments=[(wall, -4.0, wall, 4.0)] if wall else ())
        grid = Costmap(sim.LIDAR, sim.JACKAL)
        grid.reset(np.zeros(3), arena.goal)
        grid.update(sim.cast(arena.circles, arena.segments, np.zeros(3)), np.zeros(3))
        length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
        return Situation(grid, np.zeros(3), np.array(velocity), path, length, grid.shape, 0)

    return build


def straight(length):
    x = np.arange(0.0, length + 0.01, 0.05)
    return np.column_stack((x, np.zeros(len(x))))


def test_it_speeds_up_by_its_acceleration(sim, situation):
    controller = RegulatedPurePursuit(sim.LIMITS)
    assert controller.command(situation((1.0, 0.0), straight(8.0))) == pytest.approx((1.15, 0.0))
    assert controller.command(situation((2.0, 0.0), straight(8.0))) == pytest.approx((2.0, 0.0))


def test_near_the_goal_it_slows_down(sim, situation):
    controller = RegulatedPurePursuit(sim.LIMITS)
    command = controller.command(situation((0.9, 0.0), straight(0.3)))
    assert command == pytest.approx((1.0, 0.0), abs=0.02)  # half of APPROACH, half of 2 m/s


def test_it_turns_on_the_spot_toward_a_path_that_begins_sideways(sim, situation):
    path = np.fliplr(straight(8.0)).copy()
    command = RegulatedPurePursuit(sim.LIMITS).command(situation((0.0, 0.0), path))
    assert command == pytest.approx((0.0, 3.5 / 20.0))


def test_it_stops_rather_than_drives_into_what_stands_on_its_arc(sim, situation):
    controller = RegulatedPurePursuit(sim.LIMITS)
    assert controller.command(situation((1.0, 0.0), straight(8.0), 0.9)) is None
    assert controller.command(situation((1.0, 0.0), straight(8.0), 3.0)) is not None


def test_around_a_pillar_in_its_way(sim):
    arena = sim.empty(circles=[(4.0, 0.05, 0.3)])
    run = sim.drive(make('reference:pure_pursuit', sim.LIDAR, sim.PLANE), arena)
    assert run.outcome == 'success'
    assert run.time_s < 8.0
