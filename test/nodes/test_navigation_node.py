"""The navigation node as a process: the contract of both actions, over DDS, with its real types.

A rover that obeys, its sensors and transforms, and the clients are in `driving.py`; the rover's
declaration and a policy that needs no learning are in `rover.py`, a package like anybody's.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
import math
import os
from pathlib import Path
import re
import signal
import time

import numpy as np
import pytest

from robot_rl.errors import MissingPackageError

pytestmark = pytest.mark.ros

HERE = Path(__file__).parent
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6
TOLERANCE_S = 0.6
PARAMETERS = {
    'autostart': True,
    'failure_tolerance_s': TOLERANCE_S,
    'lookahead': 0.8,
    'progress_s': 3.0,
    'transform_age_s': 1.0,
}
ROUND = [(0.5 * n, 0.0) for n in range(6)] + [(2.5, 0.5 * n) for n in range(1, 5)]


def module(name: str):
    """A module beside this one, which is not on the path."""
    spec = spec_from_file_location(name, HERE / f'{name}.py')
    assert spec
    assert spec.loader
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


driving, rover = module('driving'), module('rover')


@pytest.fixture(scope='module')
def place(tmp_path_factory, ros) -> Path:
    """A folder with the rover's package and its policy; skips where nav2_msgs cannot be had."""
    pytest.importorskip('torch')
    pytest.importorskip('onnxscript')
    from robot_rl.nodes.interfaces import interface

    try:
        interface('nav2_msgs/action/FollowPath')
        interface('tf2_msgs/msg/TFMessage')
    except MissingPackageError as error:
        pytest.skip(str(error))
    folder = rover.install(tmp_path_factory.mktemp('outside') / 'package')
    rover.export(folder / 'rover.onnx')
    return folder


def start(nodes, place: Path, **parameters):
    """The node, with the rover on its path."""
    repository = nodes.environment['PYTHONPATH'].split(os.pathsep)[-1]
    nodes.environment['PYTHONPATH'] = f'{place}{os.pathsep}{repository}'
    given = {'policy': place / 'rover.onnx', **PARAMETERS, **parameters}
    return nodes.start('navigation_node', **given)


@pytest.fixture(scope='module')
def drive(lasting_nodes, place):
    """(nodes, world) with a node that is active, for all tests of this file that do not end it."""
    world = driving.World(lasting_nodes, rover.robot())
    process = start(lasting_nodes, place)
    yield lasting_nodes, world, process
    world.close()


@pytest.fixture
def world(drive):
    """A rover at rest at the origin of odom, and a node without a goal."""
    from std_srvs.srv import Trigger

    nodes, world, process = drive
    world.reset()
    world.call(Trigger, '/navigation_node/reset')  # of a fault that a test before has left
    nodes.until(lambda: world.resting)
    yield world
    assert process.poll() is None, 'the node must outlive its goals'


@pytest.fixture
def until(drive):
    return drive[0].until


def ended(until, sent):
    """(status, error code, message) of a goal."""
    until(lambda: sent.accepted is not None)
    assert sent.accepted
    response = until(lambda: sent.result)
    return response.status, response.result.error_code, response.result.error_msg


def moving(until, world) -> None:
    until(lambda: world.commands and world.commands[-1][1] > 0.5)


# What goes well


def test_it_drives_to_a_pose_in_map_and_then_says_no_more(world, until):
    goal = driving.to_map(2.0, 1.0)
    sent = world.go(*goal, 'map')
    assert ended(until, sent) == (SUCCEEDED, 0, '')
    reached = math.dist(world.pose[:2], (2.0, 1.0))
    assert reached < 0.25 + 0.2, 'within the tolerance, and what it rolls until it stands'
    remaining = [feedback.distance_remaining for feedback in sent.feedback]
    assert len(remaining) >= 5
    assert remaining[0] > 1.8
    assert remaining[-1] < 0.6
    assert all(after < before + 1e-3 for before, after in pairwise(remaining))
    pose = sent.feedback[-1].current_pose
    assert pose.header.frame_id == 'map'
    assert math.dist((pose.pose.position.x, pose.pose.position.y), goal) < 0.6
    until(lambda: world.resting)
    assert world.commands[-1][1:] == (0.0, 0.0)
    before = len(world.commands)
    time.sleep(0.5)
    assert len(world.commands) == before, 'without a goal the topic belongs to others'


def follow_round(world, until):
    """What was sent, and how far it came from the path, or from its corner at the nearest."""
    world.reset()
    time.sleep(0.3)  # the node still has transforms of before, to which a goal may be reached
    world.trace.clear()
    sent = world.follow(ROUND)
    assert ended(until, sent) == (SUCCEEDED, 0, '')
    until(lambda: world.resting)
    trace = np.array(world.trace)[:, :2]
    off = np.minimum(np.abs(trace[:, 1]), np.abs(trace[:, 0] - 2.5)).max()
    return sent, max(off, np.linalg.norm(trace - (2.5, 0.0), axis=1).min())


def test_it_follows_a_path_round_its_corner(world, until):
    sent, off = follow_round(world, until)
    for _ in range(2):  # a machine that stops for half a second lets the rover drive on
        if off > 0.6:
            sent, off = follow_round(world, until)
    assert off < 0.6, 'lookahead 0.8 m cuts the corner, but not by more'
    assert math.dist(world.pose[:2], ROUND[-1]) < 0.25 + 0.3
    left = [feedback.distance_to_goal for feedback in sent.feedback]
    assert left[0] > 4.0
    assert max(feedback.speed for feedback in sent.feedback) > 0.8


def test_a_goal_where_it_stands_is_reached_at_once(world, until):
    begun = time.monotonic()
    assert ended(until, world.go(0.1, 0.0)) == (SUCCEEDED, 0, '')
    assert all(v == w == 0.0 for _, v, w in world.commands_after(begun))


def test_a_goal_is_answered_fast_also_while_it_drives(world, until):
    """A behaviour tree waits default_server_timeout, 20 ms, and calls an answer that comes later
    a failure; a busy machine gets some tries."""
    moving_goal, waits = world.go(30.0, 0.0), []
    moving(until, world)
    while len(waits) < 10:
        begun = time.perf_counter()
        sent = world.go(30.0, 0.0)
        while sent.accepted is None:
            time.sleep(0.0005)
        waits.append(time.perf_counter() - begun)
    assert sorted(waits)[2] < 0.02, f'{np.round(waits, 4)} s'
    sent.handle.cancel_goal_async()
    assert ended(until, sent)[0] == CANCELED
    assert ended(until, moving_goal)[0] == ABORTED


def test_cancel_stops_the_robot(world, until):
    sent = world.go(20.0, 0.0)
    moving(until, world)
    begun = time.monotonic()
    sent.handle.cancel_goal_async()
    assert ended(until, sent) == (CANCELED, 0, '')
    stopped = until(lambda: next((c for c in world.commands_after(begun) if c[1] == 0.0), None))
    assert stopped[0] - begun < 2.0
    until(lambda: world.resting)
    assert all(v == 0.0 for _, v, _ in world.commands_after(stopped[0]))


def test_a_new_goal_replaces_the_old_one_without_a_stop(world, until):
    first = world.go(20.0, 0.0)
    moving(until, world)
    begun = time.monotonic()
    second = world.follow([(world.pose[0] + 0.5 * n, 0.0) for n in range(8)])
    assert ended(until, first) == (ABORTED, 0, 'a newer goal has taken its place')
    replaced = time.monotonic()
    time.sleep(0.3)
    between = [c for c in world.commands_after(begun) if c[0] < replaced + 0.3]
    assert between
    assert all(v > 0.3 for _, v, _ in between), 'it drives on'
    assert ended(until, second) == (SUCCEEDED, 0, '')


def test_a_short_gap_of_a_sensor_costs_a_stop_and_no_goal(world, until):
    sent = world.go(4.0, 0.0)
    moving(until, world)
    begun = time.monotonic()
    world.silent = {'scan'}
    until(lambda: any(c[1] == 0.0 for c in world.commands_after(begun)))
    world.silent = set()
    assert ended(until, sent) == (SUCCEEDED, 0, '')


def test_a_speed_limit_slows_it_on_its_arc(world, until):
    from robot_rl.nodes.interfaces import interface

    kind = interface('nav2_msgs/msg/SpeedLimit')
    publisher = world.node.create_publisher(kind, 'speed_limit', 1)
    sent = world.go(40.0, 0.0)
    moving(until, world)
    for message, most in (
        (kind(percentage=True, speed_limit=50.0), 0.5 * rover.MAX_SPEED),
        (kind(percentage=False, speed_limit=0.3), 0.3),
        (kind(percentage=False, speed_limit=0.0), rover.MAX_SPEED),
    ):

        def obeyed(message=message, most=most):
            publisher.publish(message)
            time.sleep(0.05)
            return abs(world.commands[-1][1] - most) < 1e-6

        until(obeyed)
    sent.handle.cancel_goal_async()
    assert ended(until, sent)[0] == CANCELED
    world.node.destroy_publisher(publisher)


# What does not


@pytest.mark.parametrize(
    ('send', 'code', 'words'),
    [
        (lambda world: world.follow([]), 103, 'the path is empty'),
        (lambda world: world.follow([(0.0, 0.0), (math.nan, 1.0)]), 103, 'not finite'),
        (lambda world: world.follow([(1.0, 0.0)], frame=''), 103, 'names no frame'),
        (lambda world: world.follow([(1.0, 0.0)], controller='MPPI'), 101, "'MPPI'"),
        (lambda world: world.follow([(1.0, 0.0)], frame='attic'), 102, "from 'attic' to 'odom'"),
        (lambda world: world.go(1.0, 0.0, frame='attic'), 9002, "from 'attic' to 'odom'"),
        (lambda world: world.go(math.inf, 0.0), 9000, 'not finite'),
        (lambda world: world.go(1.0, 0.0, frame=''), 9000, 'names no frame'),
        (lambda world: world.go(2000.0, 0.0), 9000, 'goal_pos_w[0] is 2000, allowed is'),
    ],
)
def test_a_goal_that_cannot_be_met_is_given_up_with_its_code(world, until, send, code, words):
    begun = time.monotonic()
    status, got, text = ended(until, send(world))
    assert (status, got) == (ABORTED, code)
    assert words in text
    assert all(v == w == 0.0 for _, v, w in world.commands_after(begun))


def test_there_are_no_behaviour_trees_here(world, until):
    goal = world.kinds['navigate_to_pose'].Goal(behavior_tree='replan.xml')
    goal.pose = world.pose_message(1.0, 0.0, 'odom')
    status, code, text = ended(until, world.send('navigate_to_pose', goal))
    assert (status, code) == (ABORTED, 9001)
    assert 'replan.xml' in text


@pytest.mark.parametrize(
    ('topic', 'code', 'words', 'limit_s'),
    [('scan', 104, 'scan', 0.3), ('odom', 104, 'base_', 0.3), ('tf', 102, "'map' to 'odom'", 1.0)],
)
def test_a_topic_that_falls_silent_stops_it_and_then_ends_the_goal(
    world, until, topic, code, words, limit_s
):
    sent = world.follow([driving.to_map(0.5 * n, 0.0) for n in range(80)], 'map')
    moving(until, world)
    begun = time.monotonic()
    world.silent = {topic}
    stopped = until(lambda: next((c for c in world.commands_after(begun) if c[1] == 0.0), None))
    status, got, text = ended(until, sent)
    assert (status, got) == (ABORTED, code)
    assert words in text
    assert time.monotonic() - begun > limit_s, 'it may come back'
    assert stopped[0] - begun < limit_s + 2.0
    assert all(v == 0.0 for _, v, _ in world.commands_after(stopped[0]))
    world.silent = set()
    assert ended(until, world.go(world.pose[0] + 1.0, world.pose[1]))[0] == SUCCEEDED


def short(message) -> None:
    message.ranges = message.ranges[:20]


def blind(message) -> None:
    message.ranges = [math.nan] * len(message.ranges)


def still(message) -> None:
    message.angle_increment = 0.0


@pytest.mark.parametrize(
    ('change', 'words'),
    [(short, '20 beams'), (blind, 'no measurement'), (still, 'beams from')],
)
def test_a_scan_that_cannot_be_right_is_no_scan(world, until, change, words):
    sent = world.go(20.0, 0.0)
    moving(until, world)
    world.change_scan = change
    status, code, text = ended(until, sent)
    assert (status, code) == (ABORTED, 104)
    assert words in text
    until(lambda: world.resting)


def test_a_goal_without_any_scan_never_moves_it(world, until):
    world.silent = {'scan'}
    time.sleep(0.4)
    begun = time.monotonic()
    status, code, text = ended(until, world.go(2.0, 0.0))
    assert (status, code) == (ABORTED, 104)
    assert 'scan' in text
    assert not world.commands_after(begun)


def test_blocked_wheels_are_no_progress(world, until):
    world.held = True
    for _ in range(2):  # the second is sent at once, and has its time for itself
        begun = time.monotonic()
        status, code, text = ended(until, world.follow(ROUND))
        assert (status, code) == (ABORTED, 105)
        assert '0.5 m within 3 s' in text
        assert time.monotonic() - begun >= 2.9
    until(lambda: world.resting)


def test_a_path_planned_anew_is_no_progress(world, until):
    """Nav2 sends one a second."""
    world.held = True
    begun = time.monotonic()
    sent = world.follow(ROUND)
    while time.monotonic() - begun < 2.4:
        time.sleep(0.4)
        sent = world.follow(ROUND)
    assert ended(until, sent)[1] == 105
    assert time.monotonic() - begun < 3.0 + 1.5


def test_a_fault_is_latched_until_a_person_resets_it(world, until):
    from std_srvs.srv import Trigger

    sent = world.go(20.0, 0.0)
    moving(until, world)
    world.roll = 1.0  # beyond the 30 degrees that the rover declares
    status, code, text = ended(until, sent)
    assert (status, code) == (ABORTED, 106)
    assert 'tilt' in text
    world.roll = 0.0
    time.sleep(0.2)
    status, code, text = ended(until, world.go(world.pose[0] + 1.0, 0.0))
    assert (status, code) == (ABORTED, 106)
    assert '/navigation_node/reset' in text
    assert world.call(Trigger, '/navigation_node/reset').success
    until(lambda: world.resting)
    assert ended(until, world.go(world.pose[0] + 1.0, 0.0))[0] == SUCCEEDED


# Start and end


def test_another_type_on_the_topic_is_refused_at_the_start(lasting_nodes, nodes, place, text):
    """Nothing else would say so: DDS leaves the two apart without a word."""
    world = driving.World(nodes, rover.robot(), command='Twist')
    try:
        process = start(nodes, place, stamped=True)
        assert process.wait(60) == 2
        assert 'cmd_vel_nav must have one type' in text(process)
        assert '(geometry_msgs/msg/Twist). The robot would not move' in text(process)
        assert 'stamped' in text(process)
        second = start(nodes, place, stamped=False)
        assert ended(nodes.until, world.go(1.0, 0.0)) == (SUCCEEDED, 0, '')
        assert world.commands
        third = start(nodes, place, stamped=False, failure_tolerance_s=0.1)
        assert third.wait(60) == 2
        assert re.search('served already|published on by process', text(third))
        sent = world.go(30.0, 0.0)
        nodes.until(lambda: world.commands[-1][1] > 0.5)
        second.send_signal(signal.SIGINT)
        assert ended(nodes.until, sent)[0] == ABORTED, 'whoever sent a goal is told'
        assert second.wait(30) == 0
        assert world.commands[-1][1:] == (0.0, 0.0)
        assert 'Traceback' not in text(second)
    finally:
        world.close()


def test_a_lifecycle_manager_has_the_last_word(nodes, place, text):
    from lifecycle_msgs.srv import ChangeState

    world = driving.World(nodes, rover.robot())
    try:
        process = start(nodes, place, autostart=False, actions="['follow_path']")

        def change(number: int) -> bool:
            request = ChangeState.Request().transition
            request.id = number
            return world.call(
                ChangeState, '/navigation_node/change_state', transition=request
            ).success

        configure, activate, deactivate = 1, 3, 4
        nodes.until(lambda: change(configure))  # refused while discovery shows a rival of before
        refused = world.follow(ROUND)
        nodes.until(lambda: refused.accepted is False)
        assert change(activate)
        time.sleep(0.3)
        assert not world.commands, 'it does not drive off by itself'
        sent = world.follow(ROUND)
        nodes.until(lambda: world.commands and world.commands[-1][1] > 0.5)
        assert change(deactivate)
        status, code, said = ended(nodes.until, sent)
        assert (status, code, said) == (ABORTED, 100, 'deactivated')
        assert world.commands[-1][1:] == (0.0, 0.0)
        served = world.client.get_publishers_info_by_topic
        assert len(served('/follow_path/_action/status')) == 1
        assert not served('/navigate_to_pose/_action/status'), 'left to the bt_navigator'
        assert 'Traceback' not in text(process)
    finally:
        world.close()


def test_what_does_not_fit_is_refused(nodes, place, text):
    race = Path(__file__).resolve().parents[2] / 'policies/race-racecar.onnx'
    cases = (
        ({'policy': race}, 'does not navigate: it takes no goal_pos_w'),
        ({'actions': "['follow_path', 'navigate_to_pos']"}, "Did you mean 'navigate_to_pose'"),
        ({'lookahead': 0.0}, "'lookahead' of the navigation node must be above 0, got 0.0"),
        ({'lookahed': 1.0}, "Did you mean 'lookahead'"),
    )
    processes = [start(nodes, place, **parameters) for parameters, _ in cases]
    for process, (_, words) in zip(processes, cases, strict=True):
        assert process.wait(60) == 2
        assert words in text(process)
