"""The policy node as a process: what it refuses, when it stops, what it says."""

from __future__ import annotations

import math
import re
import signal
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robot_rl.spec.robot import Topic

pytestmark = pytest.mark.ros

MAX_AGE_S = 0.05  # of the Crazyflie's odometry
DT = 0.01


@pytest.fixture
def flying(nodes, peer, hover_policy):
    """A policy node that drives the peer."""
    process = nodes.start('policy_node', policy=hover_policy, autostart=True)
    nodes.until(lambda: len(peer.setpoints) > 20)
    return process


def safe_after(nodes, peer, moment):
    """(time, values) of the first setpoint of the safe action sent after `moment`."""
    safe = peer.robot.setpoint('motors').safe[0].setpoint
    return nodes.until(
        lambda: next(
            (s for s in list(peer.setpoints) if s[0] > moment and np.allclose(s[1], safe)), None
        )
    )


def test_flies_and_lands_when_asked_to_end(nodes, peer, flying, text):
    setpoint = peer.robot.setpoint('motors')
    assert np.allclose(peer.setpoints[-1][1], setpoint.neutral, rtol=1e-5)
    flying.send_signal(signal.SIGINT)
    assert flying.wait(30) == 0
    nodes.until(lambda: np.array_equal(peer.setpoints[-1][1], setpoint.safe[-1].setpoint))
    stages = [tuple(values) for _, values in peer.setpoints]
    assert setpoint.safe[0].setpoint in stages, 'it must descend before the motors stop'
    assert 'Traceback' not in text(flying)


def test_a_second_signal_ends_it_at_once(nodes, peer, flying):
    descend, off = peer.robot.setpoint('motors').safe
    flying.send_signal(signal.SIGINT)
    nodes.until(lambda: np.array_equal(peer.setpoints[-1][1], descend.setpoint))
    flying.send_signal(signal.SIGINT)
    assert flying.wait(30) == 0
    nodes.until(lambda: np.array_equal(peer.setpoints[-1][1], off.setpoint))
    began = next(s for s, values in peer.setpoints if np.array_equal(values, descend.setpoint))
    assert peer.setpoints[-1][0] - began < descend.duration_s, 'it must not finish the descent'


def freeze(peer):
    peer.silent = {'odom'}


def not_a_number(peer):
    peer.signals['base_lin_vel_b'] = np.array([0.0, math.nan, 0.0])


def wrong_frame(peer):
    peer.change = lambda message: setattr(message, 'child_frame_id', 'imu_link')


def old_stamps(peer):
    peer.stamp_offset = -1.0


def same_stamp(peer):
    stamp = peer.first.header.stamp
    seconds, nanoseconds = stamp.sec, stamp.nanosec

    def freeze_stamp(message):
        message.header.stamp.sec, message.header.stamp.nanosec = seconds, nanoseconds

    peer.change = freeze_stamp


def no_stamp(peer):
    def clear(message):
        message.header.stamp.sec = message.header.stamp.nanosec = 0

    peer.change = clear


@pytest.mark.parametrize(
    ('fault', 'words', 'delay'),
    [
        (freeze, 's old, limit 0.05 s', MAX_AGE_S),
        (same_stamp, 's old, limit 0.05 s', MAX_AGE_S),
        (not_a_number, 'base_lin_vel_b', 0.0),
        (
            wrong_frame,
            "child_frame_id of the odometry is 'imu_link', expected 'base_link'",
            MAX_AGE_S,
        ),
        (old_stamps, 'older than the message before it', MAX_AGE_S),
        (no_stamp, 'no time in its header stamp', MAX_AGE_S),
    ],
    ids=lambda value: getattr(value, '__name__', None),
)
def test_a_bad_input_leads_to_the_safe_action_in_time(nodes, peer, flying, fault, words, delay):
    stalled = peer.stalled_s
    good = peer.break_with(fault)
    moment, _ = safe_after(nodes, peer, good)
    slack = peer.stalled_s - stalled + peer.node_stalled_s(good, moment)
    assert moment - good <= delay + 3 * DT + slack
    nodes.until(lambda: peer.said(words))


def test_resumes_after_a_short_gap_and_faults_after_a_long_one(nodes, peer, flying):
    peer.silent = {'odom'}
    nodes.until(lambda: peer.said('recovery'))
    peer.silent = set()
    nodes.until(lambda: peer.messages[-1] == 'active')
    peer.silent = {'odom'}
    nodes.until(lambda: peer.said('fault'))
    peer.silent = set()
    time.sleep(0.3)
    assert peer.messages[-1].startswith('fault'), 'a fault must be latched'


def test_refuses_a_sensor_that_is_too_slow(nodes, make_peer, hover_policy, text):
    make_peer(50.0)
    process = nodes.start('policy_node', policy=hover_policy, autostart=True, patience_s=1.0)
    assert process.wait(60) == 2
    rate = re.search(r'odom comes at ([0-9.]+) Hz', text(process))
    assert rate is not None, text(process)
    assert float(rate[1]) == pytest.approx(50.0, rel=0.1)
    assert 'the policy needs 100 Hz' in text(process)
    assert 'Traceback' not in text(process)


@pytest.mark.parametrize(
    ('declared', 'comes', 'fine'),
    [(40.0, 40.0, True), (40.0, 38.0, True), (40.0, 20.0, False), (200.0, 50.0, True),
     (50.0, 40.0, False), (200.0, 40.0, False), (40.0, 0.0, False)],
)  # fmt: skip
def test_a_topic_may_be_as_slow_as_its_robot_declares(declared, comes, fine):
    """With a policy of 50 Hz: training had a slower topic at its own rate."""
    from robot_rl.nodes.policy_inputs import PolicyInputs

    topic = Topic('scan', 'sensor_msgs/msg/LaserScan', ('scan',), declared, 0.2)
    inputs: Any = PolicyInputs.__new__(PolicyInputs)
    stamps = [100.0 + index / comes for index in range(20)] if comes else []
    inputs._inputs = [SimpleNamespace(route=SimpleNamespace(topic=topic, name='s'), stamps=stamps)]
    needed = min(declared, 50.0)
    wanted = [] if fine else [f's comes at {comes:.1f} Hz, the policy needs {needed:g} Hz']
    assert inputs.slow(0.02) == wanted


def test_refuses_to_fly_without_a_goal(nodes, peer, hover_policy, text):
    peer.silent = {'goal'}
    process = nodes.start('policy_node', policy=hover_policy, autostart=True, patience_s=0.5)
    assert process.wait(60) == 2
    assert 'goal_pos_w (topic goal) has not arrived' in text(process)
    assert not peer.setpoints


def test_a_second_policy_node_is_refused(nodes, peer, flying, hover_policy, text):
    second = nodes.start('policy_node', policy=hover_policy, autostart=True)
    assert second.wait(60) == 2
    assert 'already has a publisher' in text(second)
    before = len(peer.setpoints)
    nodes.until(lambda: len(peer.setpoints) > before + 5)
    assert flying.poll() is None


def test_a_goal_without_a_point_changes_nothing(nodes, peer, flying, text):
    publisher, message = peer.topics['goal']
    points = list(message.points)
    peer.silent = {'goal'}
    message.points = []
    publisher.publish(message)
    message.points = points
    nodes.until(lambda: 'at least one point' in text(flying))
    assert peer.messages[-1] == 'active'


def test_emergency_stop_latches_until_reset(nodes, peer, flying):
    from std_msgs.msg import Bool
    from std_srvs.srv import Trigger

    publisher = peer.node.create_publisher(Bool, 'estop', 1)
    nodes.until(lambda: publisher.get_subscription_count() > 0)

    def pressed():  # again and again: the node may match the publisher later than we see it
        publisher.publish(Bool(data=True))
        return peer.said('fault: emergency stop')

    nodes.until(pressed)
    answer = peer.call(Trigger, '/policy_node/reset')
    assert not answer.success
    assert 'still pressed' in answer.message
    publisher.publish(Bool(data=False))
    time.sleep(0.1)
    assert peer.messages[-1].startswith('fault')
    assert peer.call(Trigger, '/policy_node/reset').success
    nodes.until(lambda: peer.messages[-1].startswith('ready'))


def test_a_node_that_starts_by_itself_lets_a_person_release_the_emergency_stop(
    nodes, peer, hover_policy, text
):
    from std_msgs.msg import Bool
    from std_srvs.srv import Trigger

    publisher = peer.node.create_publisher(Bool, 'estop', 1)
    peer.silent = {'goal'}
    process = nodes.start('policy_node', policy=hover_policy, autostart=True)
    nodes.until(lambda: publisher.get_subscription_count() > 0)

    def pressed():
        publisher.publish(Bool(data=True))
        return peer.said('fault: emergency stop')

    nodes.until(pressed)
    peer.silent = set()
    nodes.until(lambda: 'Not activated: a fault is latched' in text(process))
    publisher.publish(Bool(data=False))
    nodes.until(lambda: peer.call(Trigger, '/policy_node/reset').success)
    nodes.until(lambda: peer.messages[-1] == 'active')


def test_takeover_needs_a_human_and_starts_from_the_last_setpoint(nodes, peer, flying):
    from sensor_msgs.msg import JointState
    from std_srvs.srv import SetBool

    answer = peer.call(SetBool, '/policy_node/takeover', data=True)
    assert not answer.success, 'nobody is at the controls'
    neutral = peer.robot.setpoint('motors').neutral
    publisher = peer.node.create_publisher(JointState, '/policy_node/takeover_setpoint', 1)
    message = JointState(name=list(peer.robot.joint_names), velocity=[1000.0] * 4)

    def at_the_controls():
        stamp = peer.node.get_clock().now().to_msg()
        message.header.stamp = stamp
        publisher.publish(message)
        return len(peer.setpoints)

    for _ in range(20):
        at_the_controls()
        time.sleep(0.01)
    peer.change = lambda _message: at_the_controls()  # a human as steady as the odometry
    start = len(peer.setpoints)
    assert peer.call(SetBool, '/policy_node/takeover', data=True).success
    nodes.until(lambda: np.allclose(peer.setpoints[-1][1], 1000.0))
    driven = np.array([values[0] for _, values in peer.setpoints[start:]])
    assert np.abs(np.diff(driven)).max() < 0.2 * (neutral[0] - 1000.0), 'it must not jump'
    assert peer.call(SetBool, '/policy_node/takeover', data=False).success
    nodes.until(lambda: np.allclose(peer.setpoints[-1][1], neutral, rtol=1e-5))


def test_lifecycle_refuses_in_the_transition_and_flies_when_all_is_there(
    nodes, peer, hover_policy, text
):
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState, GetState

    process = nodes.start('policy_node', policy=hover_policy)
    peer.silent = {'odom'}

    def change(label):
        transition = Transition(id=getattr(Transition, f'TRANSITION_{label}'))
        return peer.call(ChangeState, '/policy_node/change_state', transition=transition).success

    assert change('CONFIGURE')
    assert not change('ACTIVATE')
    assert 'base_pos_w (topic odom) has not arrived' in text(process)
    assert peer.call(GetState, '/policy_node/get_state').current_state.label == 'inactive'
    peer.silent = set()
    nodes.until(lambda: change('ACTIVATE'))
    nodes.until(lambda: len(peer.setpoints) > 10)
    assert change('DEACTIVATE')
    assert np.array_equal(peer.setpoints[-1][1], peer.robot.setpoint('motors').safe[-1].setpoint)
    assert change('CLEANUP')
    assert change('CONFIGURE')
