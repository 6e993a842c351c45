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
    sim = nodes.start('sim_node')
    nodes.start('goal_node')
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
    nodes.start('goal_node', use_sim_time=True)
    nodes.start('policy_node', policy=hover_policy, autostart=True, use_sim_time=True)
    nodes.start('sim_node', speed=0.0)
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


def test_fly_says_why_a_node_refused(hover_policy, tmp_path, ros):
    from robot_rl.errors import FlightError
    from robot_rl.nodes.fly import fly

    with pytest.raises(
        FlightError, match=r'policy_node ended with exit code 2.*overwritten|engine'
    ):
        fly(hover_policy, engine='warp_drive', duration_s=2.0, out=tmp_path)
