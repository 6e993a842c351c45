"""Rays, inflation and footprints against what they are defined by."""

from __future__ import annotations

from dataclasses import replace
import math

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.bench.navigation import costmap as module
from robot_rl.bench.navigation.costmap import CELL, Costmap, padded, radii
from robot_rl.errors import SpecError
from robot_rl.kernels import costmap as kernel

ORIGIN = np.zeros(3)


@pytest.fixture
def grid(sim):
    """A costmap around the origin whose lidar has one beam, along x, from the middle."""
    lidar = replace(sim.LIDAR, beams=1, angle_min=0.0, position=(0.0, 0.0, 0.0))
    made = Costmap(lidar, sim.JACKAL)
    made.reset(ORIGIN, (0.0, 0.0))
    return made


def lethal(grid):
    return {tuple(cell) for cell in np.argwhere(grid.cost == kernel.LETHAL)}


def cell(grid, x, y):
    return tuple(int(index) for index in grid.cell(np.array([x, y])))


def test_a_beam_marks_where_it_ends_and_clears_what_it_passes(grid):
    grid.update(np.array([1.02]), ORIGIN)
    assert lethal(grid) == {cell(grid, 1.02, 0.0)}
    grid.update(np.array([2.52]), ORIGIN)
    assert lethal(grid) == {cell(grid, 2.52, 0.0)}
    grid.update(np.array([1.02]), ORIGIN)  # what lies behind is remembered
    assert lethal(grid) == {cell(grid, 1.02, 0.0), cell(grid, 2.52, 0.0)}


def test_a_beam_that_meets_nothing_clears_as_far_as_beams_count(grid):
    for far in (1.02, 5.52):
        grid.update(np.array([far]), ORIGIN)
    grid.update(np.array([30.0]), ORIGIN)
    assert not lethal(grid)
    grid.update(np.array([1.02]), ORIGIN)
    grid.update(np.array([math.inf]), ORIGIN)
    assert not lethal(grid)
    grid.update(np.array([module.REACH + 0.3]), ORIGIN)
    assert not lethal(grid)


@pytest.mark.parametrize('measured', [math.nan, -1.0, 0.0, 0.05, -math.inf])
def test_what_is_no_measurement_changes_nothing(grid, measured):
    grid.update(np.array([1.02]), ORIGIN)
    before = grid.cost.copy()
    grid.update(np.array([measured]), ORIGIN)
    assert (grid.cost == before).all()


@pytest.mark.parametrize('yaw', np.linspace(-3.1, 3.1, 13))
def test_a_ray_clears_the_cells_it_goes_through_and_no_others(grid, yaw):
    occupied = np.ones(grid.cost.shape, np.uint8)
    lidar, pose = np.array([0.0, 0.0, 0.1, 6.0]), np.array([0.013, -0.021, yaw])
    kernel.trace(occupied, grid.frame, pose, np.array([[1.0, 0.0]]), lidar, np.array([3.0]))
    along = np.linspace(0.0, 3.0, 60001)[:, None]
    points = pose[:2] + along * np.array([math.cos(yaw), math.sin(yaw)])
    passed = {cell(grid, *point) for point in points[::5]} - {cell(grid, *points[-1])}
    cleared = {tuple(index) for index in np.argwhere(occupied == 0)}
    # Sampling may miss a corner that is cut by less than its spacing.
    assert passed <= cleared
    assert len(cleared - passed) <= 3


def test_the_footprint_is_freed(grid):
    grid._occupied[cell(grid, 0.2, 0.2)] = 1
    grid._occupied[cell(grid, 0.2, 0.3)] = 1
    grid.update(np.array([math.nan]), ORIGIN)
    assert lethal(grid) == {cell(grid, 0.2, 0.3)}


def test_inflation_is_the_formula_of_costmap_2d():
    random = np.random.default_rng(0)
    occupied = (random.random((60, 70)) < 0.01).astype(np.uint8)
    table = kernel.decay(0.7, 0.235, 3.0, 0.05)
    cost = np.full(occupied.shape, 77, np.uint8)
    scratch = np.zeros(occupied.shape, np.int16), np.zeros(70, np.int16)
    kernel.inflate(occupied, np.array([5, 8, 50, 66]), table, *scratch, cost)
    obstacles = np.argwhere(occupied)
    for row in range(60):
        for column in range(70):
            if not (5 <= row < 50 and 8 <= column < 66):
                assert cost[row, column] == 77
                continue
            distance = 0.05 * math.sqrt(((obstacles - (row, column)) ** 2).sum(1).min())
            if distance == 0.0:
                expected = 254
            elif distance <= 0.235:
                expected = 253
            else:
                expected = int(252.0 * math.exp(-3.0 * (distance - 0.235)))
            assert cost[row, column] == (expected if distance <= 0.7 + 1e-9 else 0)


def test_clearance_inverts_the_cost(grid):
    grid.update(np.array([1.025]), ORIGIN)
    for x in (0.425, 0.525, 0.675):
        assert grid.clearance(x, 0.0) == pytest.approx(1.025 - x, abs=0.01)
    assert grid.clearance(1.0, 0.0) == 0.0
    assert grid.clearance(-1.0, 0.0) == grid.inflation


def test_radii_and_padding(sim):
    assert radii(sim.JACKAL) == pytest.approx((0.215, math.hypot(0.254, 0.215)))
    assert radii(padded(sim.JACKAL, 0.1)) == pytest.approx((0.315, math.hypot(0.354, 0.315)))


def test_a_footprint_hits_the_obstacles_that_lie_under_it(grid, sim):
    random, found = np.random.default_rng(1), [0, 0]
    half = padded(sim.JACKAL, module.PADDING).max(0)
    for _ in range(400):
        grid._occupied[:] = 0
        obstacle = grid.cell(random.uniform(-0.6, 0.6, 2))
        row, column = obstacle
        grid._occupied[row : row + 2, column : column + 2] = 1
        grid._grade(np.zeros(2), math.inf)
        pose = np.array([*random.uniform(-0.2, 0.2, 2), random.uniform(-3.1, 3.1)])
        away = grid.place(*obstacle) + 0.5 * CELL - pose[:2]
        cosine, sine = math.cos(pose[2]), math.sin(pose[2])
        own = np.abs([cosine * away[0] + sine * away[1], cosine * away[1] - sine * away[0]])
        outside = np.linalg.norm(np.maximum(own - half, 0.0))
        if (own < half - 0.05).all():
            assert grid.hits(pose) > 0
            found[0] += 1
        elif outside > 1.5 * CELL:  # farther than the half diagonal of two cells
            assert grid.hits(pose) == 0
            found[1] += 1
    assert min(found) > 50


def test_outside_of_the_grid_nobody_drives(grid):
    assert grid.at(1e3, 0.0) == kernel.LETHAL
    assert grid.hits(np.array([1e3, 0.0, 0.0])) >= kernel.MANY


def test_clear_keeps_what_is_near(grid):
    for far in (0.72, 3.02):
        grid.update(np.array([far]), np.array([0.0, 0.0, far]))
    assert len(lethal(grid)) == 2
    grid.clear(ORIGIN)
    near = (0.72 * math.cos(0.72), 0.72 * math.sin(0.72))
    assert lethal(grid) == {cell(grid, *near)}
    assert grid.at(3.02 * math.cos(3.02), 3.02 * math.sin(3.02)) == 0


@pytest.mark.parametrize('goal', [(200.0, 0.0), (math.nan, 0.0)])
def test_a_goal_out_of_reach_is_refused(grid, goal):
    with pytest.raises(SpecError, match=r'within 100 m .* Choose a nearer one'):
        grid.reset(ORIGIN, goal)
