"""Whole flights: real processes, real DDS."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

pytestmark = pytest.mark.ros

MAX_AGE_S = 0.05
DT = 0.01


def test_killing_the_robots_driver_in_flight_leads_to_the_safe_action(
    nodes, make_peer, hover_policy
):
    peer = make_peer()  # only listens here
    peer.silent = {'odom', 'goal'}
    sim = nodes.start('sim_node', robot='crazyflie')
    nodes.start('goal_node', robot='crazyflie')
    nodes.start('policy_node', policy=hover_policy, autostart=True)
    nodes.until(lambda: len(peer.setpoints) > 30)
    moment, stalled = time.time(), peer.stalled_s
    sim.send_signal(signal.SIGKILL)
    safe = peer.robot.setpoint('motors').safe
    first = nodes.until(
        lambda: next(
            (s for s in list(peer.setpoints) if np.allclose(s[1], safe[0].setpoint)), None
        )
    )
    # The last odometry is up to one sensor period older than the kill, and never younger.
    slack = peer.stalled_s - stalled + peer.node_stalled_s(moment, first[0])
    assert first[0] - moment <= MAX_AGE_S + 3 * DT + slack
    nodes.until(lambda: peer.said('(topic odom) is 0.0'))
    nodes.until(lambda: np.array_equal(peer.setpoints[-1][1], safe[-1].setpoint))


def test_simulated_time_runs_the_loop_as_fast_as_the_answers_come(nodes, make_peer, hover_policy):
    peer = make_peer()
    peer.silent = {'odom', 'goal'}
    nodes.start('goal_node', robot='crazyflie', use_sim_time=True)
    nodes.start('policy_node', policy=hover_policy, autostart=True, use_sim_time=True)
    nodes.start('sim_node', robot='crazyflie', speed=0.0)
    nodes.until(lambda: len(peer.setpoints) > 100)
    stamps = np.array([stamp for stamp, _ in peer.setpoints[50:100]])
    assert stamps[0] < 1000.0, 'stamps must be simulated time'
    assert np.allclose(np.diff(stamps), DT, atol=1e-6), 'one setpoint for every control period'


def test_fly_records_and_scores(hover_policy, tmp_path, ros):
    from robot_rl.nodes.fly import fly

    result = fly(hover_policy, duration_s=2.0, settle_s=0.5, out=tmp_path)
    assert result.error_rms < 0.05
    assert result.tilt_max < 0.1
    assert len(result.position) == pytest.approx(200, abs=10)
    assert result.ticks == pytest.approx(350, abs=60)  # with the landing
    assert result.memory_mb[1] < 150.0
    assert result.reasons[-1].startswith('ready')
    assert set(result.micros) == {'step', 'cycle', 'lateness', 'age'}
    assert result.setpoints.shape[1] == 4


def test_fly_says_why_a_node_refused(forge, tmp_path, ros):
    from robot_rl.errors import FlightError
    from robot_rl.nodes.fly import fly

    edited = forge(lambda _model, metadata: metadata.update(note='mine'), sign=False)
    said = 'policy_node ended with exit code 2.*was changed after it was exported'
    with pytest.raises(FlightError, match=said):
        fly(edited, duration_s=2.0, out=tmp_path / 'flight')


def test_fly_overwrites_nothing(hover_policy, tmp_path, ros):
    from robot_rl.errors import RunFolderError
    from robot_rl.nodes.fly import fly

    for name in ('hover-analytic.mcap', 'policy_node.json'):
        (tmp_path / name).write_text('precious')
    with pytest.raises(RunFolderError, match='Nothing is overwritten'):
        fly(hover_policy, duration_s=2.0, out=tmp_path)
    assert {path.read_text() for path in tmp_path.iterdir()} == {'precious'}


@pytest.fixture
def joint_states():
    """(peer) -> a function that returns the newest message on joint_states, or None."""
    pytest.importorskip('mujoco')
    from sensor_msgs.msg import JointState

    from robot_rl.nodes.qos import profile, quality
    from robot_rl.nodes.subscriptions import TakenByHand

    def hear(peer):
        qos = profile(quality('sensor'))
        heard = TakenByHand().subscribe(peer.node, JointState, 'joint_states', qos)
        return lambda: TakenByHand.newest(heard)

    return hear


def test_an_arm_follows_the_plain_array_of_a_forward_command_controller(
    nodes, make_peer, joint_states
):
    from robot_rl.assets import asset

    kind = 'std_msgs/msg/Float64MultiArray'
    peer = make_peer(robot='panda', message=kind)  # sends the goal, and listens
    peer.silent = {'joint_states'}
    peer.signals['goal_pos_w'][:] = 0.45, 0.25, 0.35
    peer.signals['goal_quat_w'][:] = 0.0, 1.0, 0.0, 0.0
    newest, before = joint_states(peer), peer.robot.rest['joint_pos'][0]
    shared = {'robot': 'panda', 'setpoint_message': kind}
    nodes.start('sim_node', engine='mujoco', noise=False, **shared)
    policy = asset('policies', 'reach-panda.onnx')
    nodes.start('policy_node', policy=policy, autostart=True, **shared)
    nodes.until(lambda: (state := newest()) and abs(state.position[0] - before) > 0.2)
    assert peer.setpoints


def test_a_viewer_is_told_joints_that_the_robot_does_not_measure(nodes, make_peer, joint_states):
    peer = make_peer(robot='racecar')  # only listens here
    peer.silent = set(peer.topics)
    newest = joint_states(peer)
    nodes.start('sim_node', robot='racecar', task='race-racecar', engine='mujoco', dt=0.005)
    state = nodes.until(newest, 180.0)  # it makes a world of tracks first
    assert tuple(state.name) == peer.robot.joint_names
    assert len(state.position) == len(state.name)
