"""The way to the goal against a textbook Dijkstra."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.bench.navigation.costmap import CELL, Costmap
from robot_rl.bench.navigation.plan import Plan
from robot_rl.kernels import gridsearch
from robot_rl.kernels.costmap import INSCRIBED


def search(cost, start, goal, leave=0):
    cells = cost.size
    spent, parent = np.empty(cells, np.int64), np.empty(cells, np.int32)
    heap = np.empty((8 * cells, 2), np.int64)
    ends = np.array(start), np.array(goal)
    return gridsearch.search(cost, *ends, leave, spent, parent, heap), spent, parent


def dijkstra(cost, start):
    """Least cost to every cell, with a heap of Python and no heuristic."""
    least, queue = {start: 0}, [(0, start)]
    while queue:
        spent, (row, column) = heapq.heappop(queue)
        if spent > least[row, column]:
            continue
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                r, c = row + i, column + j
                if not (0 <= r < cost.shape[0] and 0 <= c < cost.shape[1]):
                    continue
                if cost[r, c] >= INSCRIBED:
                    continue
                length = 99 if i and j else 70
                total = spent + length * (50 + int(0.8 * int(cost[r, c])))
                if total < least.get((r, c), math.inf):
                    least[r, c] = total
                    heapq.heappush(queue, (total, (r, c)))
    return least


@pytest.mark.parametrize('seed', range(12))
def test_no_way_is_cheaper(seed):
    random = np.random.default_rng(seed)
    cost = random.integers(0, 253, (23, 31)).astype(np.uint8)
    cost[random.random(cost.shape) < 0.3] = 254
    start, goal = (2, 3), (20, 27)
    cost[start] = cost[goal] = 0
    expected = dijkstra(cost, start)
    found, spent, parent = search(cost, start, goal)
    if goal in expected:
        assert found == goal[0] * 31 + goal[1]
        assert spent[found] == expected[goal]
    else:  # the reachable cell nearest to the goal
        gap = min(math.dist(place, goal) for place in expected)
        assert math.dist(divmod(int(found), 31), goal) == pytest.approx(gap)
    while parent[found] >= 0:
        assert cost[divmod(int(found), 31)] < INSCRIBED
        steps = np.subtract(divmod(int(found), 31), divmod(int(parent[found]), 31))
        assert np.abs(steps).max() == 1
        found = parent[found]
    assert divmod(int(found), 31) == start


@pytest.fixture
def grid(sim):
    made = Costmap(sim.LIDAR, sim.JACKAL)
    made.reset(np.zeros(3), (6.0, 0.0))
    return made


def wall(grid, low, high, x=3.0):
    """Mark a wall along y."""
    for y in np.arange(low, high, CELL):
        grid._occupied[tuple(grid.cell(np.array([x, y])))] = 1
    grid._grade(np.zeros(2), math.inf)


def test_where_nothing_is_known_the_way_is_straight(grid):
    path = Plan()(grid, np.zeros(2), (6.0, 0.0), 0.1)
    assert path is not None
    assert np.abs(path[:, 1]).max() < CELL
    assert path[0].tolist() == [0.0, 0.0]
    assert path[-1].tolist() == [6.0, 0.0]


def test_a_wall_is_gone_around_without_corners(grid):
    wall(grid, -3.0, 0.5)
    path = Plan()(grid, np.zeros(2), (6.0, 0.0), 0.1)
    assert path is not None
    assert all(grid.at(*point) < INSCRIBED for point in path)
    turn = np.diff(np.unwrap(np.arctan2(*np.diff(path[2:-2], axis=0).T[::-1])))
    assert np.abs(turn).max() < 0.2  # a grid's corners are of 0.79 rad
    length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    assert 6.0 < length < 7.0


def test_a_goal_in_an_obstacle_is_gone_near_to_or_refused(grid):
    wall(grid, -0.5, 0.5, x=6.0)
    path = Plan()(grid, np.zeros(2), (6.0, 0.0), 0.5)
    assert path is not None
    assert 0.2 < math.dist(path[-1], (6.0, 0.0)) < 0.35
    assert Plan()(grid, np.zeros(2), (6.0, 0.0), 0.1) is None


def test_who_is_shut_in_has_no_way(grid):
    for angle in np.arange(0.0, 6.3, 0.01):
        place = 1.5 * np.array([math.cos(angle), math.sin(angle)])
        grid._occupied[tuple(grid.cell(place))] = 1
    grid._grade(np.zeros(2), math.inf)
    assert Plan()(grid, np.zeros(2), (6.0, 0.0), 1.0) is None


def test_who_stands_too_near_an_obstacle_may_leave(grid):
    wall(grid, -0.2, 0.2, x=0.2)
    assert grid.at(0.0, 0.0) == INSCRIBED
    path = Plan()(grid, np.zeros(2), (6.0, 0.0), 0.1)
    assert path is not None
    bad = [math.hypot(*point) for point in path if grid.at(*point) >= INSCRIBED]
    assert max(bad) < 0.45


def test_one_plan_serves_grids_of_any_size(sim, grid):
    plan = Plan()
    for goal in ((6.0, 0.0), (3.0, 0.0), (9.0, 2.0)):
        grid.reset(np.zeros(3), goal)
        path = plan(grid, np.zeros(2), goal, 0.1)
        assert path is not None
        assert tuple(path[-1]) == goal
