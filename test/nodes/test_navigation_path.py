"""Geometry of navigation: along a path, at its end, stuck, and from frame to frame."""

from __future__ import annotations

import math

import numpy as np
import pytest

CORNER = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [4.0, 3.0, 0.0]])


def course(points, lookahead: float = 1.0):
    from robot_rl.nodes.navigation_path import Course

    return Course(np.asarray(points, float), lookahead)


@pytest.mark.parametrize(
    ('place', 'target', 'remaining'),
    [
        ((1.0, 0.5), (2.0, 0.0), 6.0),
        ((3.5, -0.2), (4.0, 0.5), 3.5),  # the corner is half a metre on, so the target is beyond
        ((3.9, 2.5), (4.0, 3.0), 0.5),  # less than the lookahead is left
        ((-2.0, 0.0), (1.0, 0.0), 7.0),
        ((9.0, 9.0), (4.0, 3.0), 0.0),
    ],
)
def test_the_target_is_the_lookahead_further_on(place, target, remaining):
    way = course(CORNER)
    way.update(np.array(place))
    assert way.target[:2] == pytest.approx(target)
    assert way.remaining == pytest.approx(remaining)
    assert way.distance == pytest.approx(math.dist(place, (4.0, 3.0)))


def test_a_goal_alone_is_its_own_path():
    way = course([[3.0, 4.0, 0.0]])
    way.update(np.zeros(3))
    assert way.target == pytest.approx((3.0, 4.0, 0.0))
    assert way.remaining == way.distance == pytest.approx(5.0)


def test_repeated_points_do_no_harm():
    way = course(np.repeat(CORNER, 3, axis=0))
    way.update(np.array([1.0, 0.0]))
    assert way.target[:2] == pytest.approx((2.0, 0.0))
    still = course(np.zeros((4, 3)))
    still.update(np.array([1.0, 0.0]))
    assert (still.remaining, still.distance) == pytest.approx((0.0, 1.0))


def test_at_a_crossing_the_robot_stays_on_its_part_of_the_path():
    """An eight whose parts cross at the origin, driven round once."""
    angle = np.linspace(0.0, 2.0 * math.pi, 400)
    eight = np.stack((8.0 * np.sin(angle), 8.0 * np.sin(angle) * np.cos(angle), 0 * angle), 1)
    eight = np.roll(eight[:-1], -20, axis=0)  # begins off the crossing
    way, left = course(eight, 0.5), []
    for point in eight:
        way.update(point + (0.05, -0.05, 0.0))
        left.append(way.remaining)
    assert (np.diff(left) < 0.05).all(), 'what is left grew: it took the other part of the path'
    assert left[-1] == pytest.approx(0.0, abs=0.1)


def test_a_loop_is_not_done_before_it_is_driven():
    from robot_rl.nodes.navigation_path import Arrival

    angle = np.linspace(0.1, 2.0 * math.pi, 100)
    loop = np.stack((3.0 * np.cos(angle), 3.0 * np.sin(angle), 0 * angle), 1)
    way, arrival, when = course(loop), Arrival(0.5, 0.0, True), []
    for number, point in enumerate(loop):
        way.update(point)
        when += [number] if arrival.check(way, 0.0) else []
    assert when[0] > 90


@pytest.mark.parametrize(('stateful', 'still_there'), [(True, True), (False, False)])
def test_a_place_once_reached_counts_while_the_heading_is_sought(stateful, still_there):
    from robot_rl.nodes.navigation_path import Arrival

    way, arrival = course([[0.0, 0.0, 0.0]]), Arrival(0.25, 0.3, stateful)
    way.update(np.array([0.2, 0.0]))
    assert not arrival.check(way, 1.0)
    way.update(np.array([0.4, 0.0]))
    assert arrival.check(way, 2.0 * math.pi - 0.1) == still_there


def test_no_progress_is_noticed_and_progress_starts_the_time_anew():
    from robot_rl.nodes.navigation_path import Progress

    progress = Progress(0.5, 10.0)
    assert progress.check(np.array([0.0, 0.0]), 100.0)
    assert progress.check(np.array([0.0, 0.6]), 109.0)
    assert progress.check(np.array([0.4, 0.6]), 118.9), 'the time counts from the last progress'
    assert not progress.check(np.array([0.3, 0.6]), 119.1)
    progress.reset()
    assert progress.check(np.array([0.3, 0.6]), 130.0)


@pytest.fixture
def frames(ros):
    """The tree map -> odom -> base, odom -> wheel, and another one."""
    from robot_rl.nodes import navigation_frames

    made = navigation_frames.Frames.__new__(navigation_frames.Frames)
    made._links, made._max_age_s = {}, 1.0
    half = math.sqrt(0.5)
    made.keep('map', 'odom', (1.0, 2.0, 0.0, 0.0, 0.0, half, half), 10.0)
    made.keep('/odom', 'base', (3.0, 0.0, 0.5, 0.0, 0.0, 0.0, 1.0), 10.2)
    made.keep('odom', 'wheel', (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0), math.inf)
    made.keep('moon', 'crater', (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0), math.inf)
    return made


def test_frames_are_joined_up_and_down_the_tree(frames):
    point = np.array([[1.0, 1.0, 0.0]])
    assert frames.find('map', 'odom', 10.5)(point)[0] == pytest.approx((0.0, 3.0, 0.0))
    assert frames.find('odom', 'map', 10.5)(np.array([[0.0, 3.0, 0.0]]))[0] == pytest.approx(
        (1.0, 1.0, 0.0)
    )
    assert frames.find('wheel', '/base', 10.5)(point)[0] == pytest.approx((4.0, 0.0, 0.5))
    assert frames.find('map', 'base', 10.5)(np.zeros((1, 3)))[0] == pytest.approx((1.0, 5.0, 0.5))
    assert frames.find('odom', 'odom', 99.0)(point)[0] == pytest.approx(point[0])


def test_a_stale_link_matters_only_on_its_way(frames):
    assert isinstance(frames.find('odom', 'map', 11.1), str)
    assert "from 'map' to 'odom' is 1.100 s old, limit 1 s" in frames.find('odom', 'map', 11.1)
    assert not isinstance(frames.find('odom', 'wheel', 99.0), str), 'it never changes'
    assert not isinstance(frames.find('map', 'odom', 9.0), str), 'AMCL stamps ahead of time'


def test_what_nobody_publishes_is_named_with_what_there_is(frames):
    text = frames.find('odom', 'attic', 10.0)
    assert "from 'attic' to 'odom'" in text
    assert 'base, crater, map, moon, odom, wheel' in text
    assert isinstance(frames.find('odom', 'crater', 10.0), str)


def test_numbers_that_are_no_pose_are_left_aside(frames):
    for numbers in ((math.nan, 0, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 1, 1, 1, 1)):
        frames.keep('map', 'odom', tuple(map(float, numbers)), 20.0)
    assert frames.find('map', 'odom', 10.0).pos == pytest.approx((1.0, 2.0, 0.0))


def test_a_loop_of_frames_ends(frames):
    frames.keep('base', 'map', (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0), 10.0)
    assert isinstance(frames.find('odom', 'crater', 10.0), str)
