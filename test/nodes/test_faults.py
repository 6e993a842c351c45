"""Every robot's own safe action, in time, when its sensors fall silent, lie or die."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

from robot_rl.spec import registry

pytestmark = pytest.mark.ros

ENGINES = {'race-racecar': 'analytic', 'reach-panda': 'mujoco', 'walk-go2': 'mujoco'}
"""Task to the engine that plays its robot."""


def safe_setpoints(peer):
    """Times [s] of setpoints that are those of the first stage of the safe action."""
    stage = peer.setpoint.safe[0]
    sent, stiffness = list(peer.setpoints), list(peer.stiffness)
    times = []
    for index in range(1, min(len(sent), len(stiffness))):
        moment, values = sent[index]
        wanted = np.where(np.isnan(stage.setpoint), sent[index - 1][1], stage.setpoint)
        if np.allclose(values, wanted, atol=1e-9) and stiffness[index] == stage.stiffness:
            times.append(moment)
    return times


def drive(nodes, peer, policy, text):
    """Start a policy node and wait until the policy drives, after the stages before it."""
    process = nodes.start('policy_node', policy=policy, robot=peer.robot.name, autostart=True)
    nodes.until(lambda: '] [policy_node]: active' in text(process))
    count = len(peer.setpoints)
    nodes.until(lambda: len(peer.setpoints) > count + 20)
    assert not [moment for moment in safe_setpoints(peer) if moment > peer.setpoints[count][0]]


def check_in_time(nodes, peer, since, age, stalled):
    """The safe action must come within `age` [s] and three control periods of `since`."""
    dt = registry.task(peer.task).control_dt
    moment = nodes.until(lambda: next((t for t in safe_setpoints(peer) if t > since), None))
    slack = peer.stalled_s - stalled + peer.node_stalled_s(since, moment, dt)
    assert moment - since <= age + 3 * dt + slack


@pytest.fixture
def start(nodes, make_peer, creeping_policy, text):
    """(task) -> its robot as a peer, and a policy node that drives it."""

    def begin(task):
        robot = registry.task(task).robot
        peer = make_peer(max(topic.rate_hz for topic in robot.topics), robot.name)
        peer.task = task
        drive(nodes, peer, creeping_policy(task), text)
        return peer

    return begin


@pytest.mark.parametrize(
    ('task', 'topic'),
    [
        ('race-racecar', 'scan'),
        ('race-racecar', 'odom'),
        ('reach-panda', 'joint_states'),
        ('walk-go2', 'imu'),
        ('walk-go2', 'joint_states'),
    ],
)
def test_a_topic_that_falls_silent(nodes, start, task, topic):
    peer = start(task)
    age = next(t.max_age_s for t in peer.robot.topics if t.name == topic)
    stalled = peer.stalled_s
    since = peer.break_with(lambda peer: peer.silent.add(topic))
    check_in_time(nodes, peer, since, age, stalled)
    nodes.until(lambda: peer.said(f'(topic {topic}) is'))


@pytest.mark.parametrize(
    ('task', 'name'),
    [
        ('race-racecar', 'base_lin_vel_b'),
        ('reach-panda', 'joint_pos'),
        ('walk-go2', 'base_ang_vel_b'),
    ],
)
def test_a_signal_that_is_not_a_number(nodes, start, task, name):
    peer = start(task)
    stalled = peer.stalled_s
    since = peer.break_with(lambda peer: peer.signals[name].fill(np.nan))
    check_in_time(nodes, peer, since, 0.0, stalled)
    nodes.until(lambda: peer.said(name))


@pytest.mark.parametrize('task', ENGINES)
def test_a_driver_that_is_killed(nodes, make_peer, creeping_policy, text, task):
    from robot_rl.nodes.description import parameter_file

    robot = registry.task(task).robot
    peer = make_peer(robot=robot.name)  # only listens here
    peer.task, peer.silent = task, {topic.name for topic in robot.topics if topic.rate_hz}
    own = ('--params-file', str(parameter_file(robot)))
    sim = nodes.start('sim_node', *own, robot=robot.name, engine=ENGINES[task], task=task)
    drive(nodes, peer, creeping_policy(task), text)
    since, stalled = time.time(), peer.stalled_s
    sim.send_signal(signal.SIGKILL)
    age = min(topic.max_age_s for topic in robot.topics if topic.rate_hz)
    check_in_time(nodes, peer, since, age, stalled)
