"""Beams and clearances in an arena, against geometry done without a grid."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.kernels import arena, arena_build, arena_scan

SQUARE = np.array([(0.3, -0.2), (0.3, 0.2), (-0.3, 0.2), (-0.3, -0.2)], np.float32)


def filled(circles=(), segments=(), low=(-1.0, -1.0), high=(6.0, 6.0)):
    """A bank of one arena."""
    bank = arena_build.bank(1, max(len(circles), 1), max(len(segments), 1), 2)
    bank.frame[0] = (
        *low,
        *(math.ceil((h - a) / arena.CELL) for a, h in zip(low, high, strict=True)),
    )
    for i, circle in enumerate(circles):
        bank.circles[0, i] = circle
    for i, (ax, ay, bx, by) in enumerate(segments):
        bank.segments[0, i] = (ax, ay, bx - ax, by - ay)
    assert arena_build.index(bank, 0, len(circles), len(segments))
    return bank


def ranges(bank, pose, angles, most=30.0, time=0.0):
    beams = np.stack((np.cos(angles), np.sin(angles)), 1).astype(np.float32)
    out = np.empty((1, len(angles)), np.float32)
    arena_scan.cast(
        bank,
        np.zeros(1, np.int64),
        np.array([pose], np.float32),
        np.array([time], np.float32),
        beams,
        np.array((0.0, 0.0, 0.1, most), np.float32),
        out,
    )
    return out[0]


def clear(bank, pose, time=0.0, most=3.0):
    out = np.empty(1, np.float32)
    arena.clearances(
        bank,
        np.zeros(1, np.int64),
        np.array([pose], np.float32),
        np.array([time], np.float32),
        SQUARE,
        most,
        out,
    )
    return float(out[0])


def scene(seed):
    generator = np.random.default_rng(seed)
    circles = np.column_stack((generator.uniform(0, 5, (25, 2)), generator.uniform(0.03, 0.4, 25)))
    segments = generator.uniform(0.0, 5.0, (12, 4))
    return circles, segments


def by_hand(circles, segments, x, y, angle):
    """Distance along a beam to the nearest thing, everything looked at."""
    dx, dy, found = math.cos(angle), math.sin(angle), math.inf
    for cx, cy, r in circles:
        along = (cx - x) * dx + (cy - y) * dy
        across = (cx - x) * dy - (cy - y) * dx
        if math.hypot(cx - x, cy - y) <= r:
            return 0.0
        if along > 0.0 and abs(across) <= r:
            found = min(found, along - math.sqrt(r * r - across * across))
    for ax, ay, bx, by in segments:
        matrix = np.array([[dx, ax - bx], [dy, ay - by]])
        if abs(np.linalg.det(matrix)) > 1e-12:
            along, share = np.linalg.solve(matrix, (ax - x, ay - y))
            if along >= 0.0 and 0.0 <= share <= 1.0:
                found = min(found, along)
    return found


@pytest.mark.parametrize('seed', range(6))
def test_beams_end_where_geometry_says(seed):
    circles, segments = scene(seed)
    bank = filled(circles, segments)
    generator = np.random.default_rng(seed + 100)
    angles = generator.uniform(-math.pi, math.pi, 60)
    for x, y in generator.uniform(-3.0, 8.0, (8, 2)):  # also from outside of the grid
        wanted = [min(max(by_hand(circles, segments, x, y, a), 0.1), 30.0) for a in angles]
        np.testing.assert_allclose(ranges(bank, (x, y, 0.0), angles), wanted, atol=2e-3)


def test_beams_along_the_axes_of_the_grid_are_exact():
    bank = filled([(3.0, 1.0, 0.5)], [(0.0, 4.0, 5.0, 4.0)])
    found = ranges(bank, (1.0, 1.0, 0.0), np.array([0.0, math.pi / 2, math.pi, -math.pi / 2]), 9.0)
    np.testing.assert_allclose(found, [1.5, 3.0, 9.0, 9.0], atol=1e-5)


def test_nothing_is_as_far_as_the_lidar_sees():
    angles = np.linspace(-math.pi, math.pi, 33)
    np.testing.assert_allclose(ranges(filled(), (1.0, 1.0, 0.3), angles, 7.0), 7.0)


def test_many_scans_at_once_are_those_of_each_alone():
    circles, segments = scene(7)
    bank = filled(circles, segments)
    angles = np.linspace(-2.0, 3.0, 91)
    poses = np.random.default_rng(7).uniform((-1.0, -1.0, -3.0), (6.0, 6.0, 3.0), (37, 3))
    beams = np.stack((np.cos(angles), np.sin(angles)), 1).astype(np.float32)
    out = np.empty((91, 37), np.float32).T
    arena_scan.cast(
        bank,
        np.zeros(37, np.int64),
        poses.astype(np.float32),
        np.zeros(37, np.float32),
        beams,
        np.array((0.0, 0.0, 0.1, 30.0), np.float32),
        out,
    )
    alone = [ranges(bank, pose, angles) for pose in poses]
    np.testing.assert_array_equal(out, alone)


def test_a_lidar_in_a_wall_sees_nothing_else_and_none_from_its_end():
    bank = filled([(5.0, 1.0, 0.5)], [(0.0, 1.0, 2.0, 1.0)])
    angles = np.linspace(-math.pi, math.pi, 17)
    np.testing.assert_allclose(ranges(bank, (1.0, 1.0, 0.0), angles), 0.1)
    assert ranges(bank, (-1.0, 1.0, 0.0), np.array([0.0]))[0] == pytest.approx(5.5, abs=1e-4)


def test_a_beam_turns_with_the_robot():
    bank = filled([(3.0, 1.0, 0.5)])
    assert ranges(bank, (1.0, 1.0, 0.7), np.array([-0.7]))[0] == pytest.approx(1.5, abs=1e-4)


@pytest.mark.parametrize('seed', range(4))
def test_clearance_is_the_distance_of_the_outline(seed):
    """Against points set densely on outline and obstacles."""
    circles, segments = scene(seed)
    bank = filled(circles, segments)
    share = np.linspace(0.0, 1.0, 400)[:, None]
    walls = np.concatenate([s[:2] + share * (s[2:] - s[:2]) for s in segments])
    edge = np.concatenate(
        [a + share[::8] * (b - a) for a, b in zip(SQUARE, np.roll(SQUARE, -1, 0), strict=True)]
    )
    for x, y, yaw in np.random.default_rng(seed).uniform(
        (-0.5, -0.5, -3.0), (5.5, 5.5, 3.0), (9, 3)
    ):
        cosine, sine = math.cos(yaw), math.sin(yaw)
        points = edge @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y)
        away = np.linalg.norm(points[:, None] - walls[None], axis=2).min()
        for cx, cy, r in circles:
            away = min(away, np.linalg.norm(points - (cx, cy), axis=1).min() - r)
        got = clear(bank, (x, y, yaw))
        assert (got <= 0.02) if away < 0.01 else got <= away + 1e-3  # points may lie within
        if got > 0.0:
            assert got == pytest.approx(min(away, 3.0), abs=0.02)


def test_an_outline_that_touches_has_no_clearance():
    wall = filled(segments=[(2.0, -1.0, 2.0, 3.0)])
    assert clear(wall, (1.6, 1.0, 0.0)) == pytest.approx(0.1, abs=1e-5)
    assert clear(wall, (1.75, 1.0, 0.0)) <= 0.0
    assert clear(wall, (2.0, 1.0, 0.4)) <= 0.0


def test_people_walk_and_turn_round():
    bank = filled()
    bank.walkers[0, 0] = (1.0, 2.0, 0.5, 0.0, 0.25)
    bank.room[0] = (0.5, 0.5, 3.0, 3.0)
    straight = np.array([0.0])
    for time, x in ((0.0, 1.0), (2.0, 2.0), (4.0, 3.0), (6.0, 2.0), (10.0, 1.0)):
        found = ranges(bank, (0.0, 2.0, 0.0), straight, time=time)[0]
        assert found == pytest.approx(x - 0.25, abs=1e-4)
        assert clear(bank, (0.0, 2.0, 0.0), time) == pytest.approx(x - 0.25 - 0.3, abs=1e-4)


def test_too_many_obstacles_are_not_half_listed():
    bank = arena_build.bank(1, 200, 1, 1)
    bank.frame[0] = (0.0, 0.0, 40, 40)
    bank.circles[0, :] = (6.0, 6.0, 5.0)
    assert not arena_build.index(bank, 0, 200, 0)


def test_the_way_to_the_goal_goes_round_a_wall():
    bank = filled(segments=[(2.0, -1.0, 2.0, 3.0)], high=(6.0, 5.0))
    frame = bank.frame[0]
    blocked = np.zeros(arena_build.NODES, np.uint8)
    arena_build.block(bank, 0, 0, 1, 0.2, blocked)
    lengths = np.zeros(arena_build.NODES, np.float32)
    arena_build.spread(frame, 4.0, 0.0, blocked, lengths)
    free = arena_build.lookup(frame, lengths, 3.0, 0.0)
    assert free == pytest.approx(1.0, abs=0.1)
    around = 2.0 * math.hypot(2.0, 3.2)  # by the end of the wall
    assert around < arena_build.lookup(frame, lengths, 0.0, 0.0) < 1.15 * around
    closed = filled(segments=[(2.0, -1.0, 2.0, 5.2)], high=(6.0, 5.0))
    arena_build.block(closed, 0, 0, 1, 0.2, blocked)
    arena_build.spread(frame, 4.0, 0.0, blocked, lengths)
    assert arena_build.lookup(frame, lengths, 0.0, 0.0) >= arena.FAR
