"""Path integral control against its formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.bench.navigation import mppi
from robot_rl.bench.navigation.costmap import Costmap
from robot_rl.bench.navigation.mppi import PathIntegral
from robot_rl.bench.navigation.planners import make
from robot_rl.bench.navigation.situation import Situation
from robot_rl.kernels.foresee import COLLISION


@pytest.fixture
def situation(sim):
    """`situation(velocity, segments)` on the way along x to a goal 8 m ahead."""

    def build(velocity=(0.0, 0.0), segments=()):
        arena = sim.empty(segments=segments)
        grid = Costmap(sim.LIDAR, sim.JACKAL)
        grid.reset(np.zeros(3), arena.goal)
        grid.update(sim.cast(arena.circles, arena.segments, np.zeros(3)), np.zeros(3))
        path = np.column_stack((np.arange(0.0, 8.01, 0.05), np.zeros(161)))
        return Situation(grid, np.zeros(3), np.array(velocity), path, 8.0, grid.shape, 0)

    return build


def test_weights_are_those_of_information_theory():
    costs = np.array([3.0, 1.0, 1.3, 1e6])
    expected = np.exp(-costs / 0.3)
    assert mppi.weights(costs, 0.3) == pytest.approx(expected / expected.sum())
    # They do not change with what all costs have in common, nor overflow.
    assert mppi.weights(costs + 1e9, 0.3) == pytest.approx(mppi.weights(costs, 0.3), abs=1e-6)


def test_without_noise_it_keeps_its_plan(sim, situation):
    controller = PathIntegral(sim.LIMITS, std=(0.0, 0.0))
    controller.reset(0)
    plan = np.zeros((mppi.STEPS, 2), np.float32)
    plan[:, 0] = np.minimum(1.0 + 0.1 * np.arange(1, mppi.STEPS + 1), 1.8)
    controller.plan = plan.copy()
    command = controller.command(situation((1.0, 0.0)))
    assert command == pytest.approx((1.1, 0.0), abs=1e-4)
    assert controller.plan[:-1] == pytest.approx(plan[1:], abs=1e-4)
    assert controller.plan[-1] == pytest.approx(plan[-1], abs=1e-4)


def test_samples_and_their_mean_keep_to_the_limits(sim, situation):
    controller = PathIntegral(sim.LIMITS)
    velocity = np.array([1.5, 0.5])
    controller.command(situation(velocity))
    first = np.tile(velocity, (mppi.SAMPLES, 1, 1))
    change = np.diff(np.concatenate((first, controller._controls), 1), axis=1)
    assert np.abs(change[..., 0]).max() <= 3.0 * mppi.MODEL_DT + 1e-5
    assert np.abs(change[..., 1]).max() <= 3.5 * mppi.MODEL_DT + 1e-5
    assert controller._controls[..., 0].min() >= -0.5 - 1e-6
    assert controller._controls[..., 0].max() <= 2.0 + 1e-6
    assert np.abs(controller._controls[..., 1]).max() <= 2.0 + 1e-6


def test_rollouts_are_those_of_a_unicycle(sim, situation):
    controller, seen = PathIntegral(sim.LIMITS), situation((1.5, 0.5))
    controller.command(seen)
    for sample in (2, 700, 1999):
        x = y = yaw = 0.0
        for v, w in controller._controls[sample].astype(float):
            x += v * 0.05 * math.cos(yaw + 0.025 * w)
            y += v * 0.05 * math.sin(yaw + 0.025 * w)
            yaw += w * 0.05
        x_end, y_end, yaw_end = controller._ends[sample, :3]
        assert (x_end, y_end) == pytest.approx((x, y), abs=1e-5)
        assert math.remainder(yaw_end - yaw, 2.0 * math.pi) == pytest.approx(0.0, abs=1e-5)


def test_the_effort_is_gamma_times_the_way_off_the_plan(sim, situation):
    controller = PathIntegral(sim.LIMITS)
    controller.command(situation((1.0, 0.0)))
    std = np.array([0.4 * 2.0, 0.4 / 1.9 * 2.0])
    away = controller._controls[5] - controller.plan
    expected = 0.015 * (controller.plan / std**2 * away).sum()
    assert controller._effort()[5] == pytest.approx(expected, rel=1e-3)


def test_who_hits_a_wall_costs_a_collision(sim, situation):
    controller = PathIntegral(sim.LIMITS)
    controller.plan[:, 0] = 2.0
    command = controller.command(situation((2.0, 0.0), [(3.0, -4.0, 3.0, 4.0)]))
    assert controller._costs[0] >= COLLISION  # that on which the plan was
    assert controller._costs[1] < COLLISION  # that which brakes
    assert command is not None


def test_where_all_collide_there_is_no_command(sim, situation):
    controller = PathIntegral(sim.LIMITS)
    assert controller.command(situation((2.0, 0.0), [(0.6, -4.0, 0.6, 4.0)])) is None
    assert not controller.plan.any()


def test_other_rates_shift_the_plan_by_a_part_of_a_step(sim):
    from dataclasses import replace

    controller = PathIntegral(replace(sim.LIMITS, rate_hz=40.0))
    controller.plan[:, 0] = np.arange(mppi.STEPS)
    controller._shift()
    assert controller.plan[:-1, 0] == pytest.approx(np.arange(mppi.STEPS - 1) + 0.5)


def test_around_a_pillar_in_its_way(sim):
    arena = sim.empty(circles=[(4.0, 0.05, 0.3)])
    run = sim.drive(make('reference:mppi', sim.LIDAR, sim.PLANE), arena)
    assert run.outcome == 'success'
    assert run.time_s < 8.0


def test_before_a_wall_without_an_end_it_stays_unharmed(sim):
    arena = sim.empty(segments=[(3.0, -20.0, 3.0, 20.0)], time_limit_s=6.0)
    run = sim.drive(make('reference:mppi', sim.LIDAR, sim.PLANE), arena)
    assert run.outcome == 'timeout'
    assert run.clearance.min() > 0.0
