"""What the controller does when all is well, and at its edges."""

from __future__ import annotations

from dataclasses import replace
import gc
import json
import math
import re
import tracemalloc

import numpy as np
import pytest

from robot_rl.deploy.controller import Controller
from robot_rl.deploy.modes import Mode
from robot_rl.errors import ContractError, SpecError
from robot_rl.robots import crazyflie


def test_idle_and_ready_publish_nothing(make_flight):
    flight = make_flight()
    fresh = Controller(flight.robot, flight.policy)
    assert fresh.mode is Mode.IDLE
    assert not fresh.tick(1.0).publish
    fresh.configure()
    assert fresh.mode is Mode.READY
    assert not fresh.tick(1.01).publish
    fresh.cleanup()
    assert fresh.mode is Mode.IDLE


def test_configure_runs_the_self_test(grounded):
    assert grounded.policy.tests == 1


def test_a_policy_of_another_robot_is_refused(flight):
    policy = flight.policy
    policy.contract = replace(policy.contract, robot='racecar')
    with pytest.raises(ContractError, match='racecar'):
        Controller(flight.robot, policy)


def test_a_limit_without_its_topic_is_refused(flight):
    policy, robot = flight.policy, flight.robot
    signals = tuple(s for s in policy.contract.signals if s.name != 'base_quat_w')
    policy.contract = replace(policy.contract, signals=signals)
    topic = replace(robot.topics[0], signals=('base_pos_w', 'base_lin_vel_b', 'base_ang_vel_b'))
    with pytest.raises(SpecError, match='no topic supplies'):
        Controller(replace(robot, topics=(topic, robot.topics[1])), policy)


def test_limits_watch_signals_that_the_policy_does_not_read(flight):
    signals = tuple(s for s in flight.contract.signals if s.name != 'base_quat_w')
    flight.policy.contract = replace(flight.contract, signals=signals)
    controller = Controller(flight.robot, flight.policy)
    assert 'base_quat_w' in controller.inputs.sources


def test_active_publishes_what_the_policy_asks(flight):
    flight.policy.answer[:] = (1500.0, 1501.0, 1502.0, 1503.0)
    command = flight.fly()
    assert command.publish
    assert command.mode is Mode.ACTIVE
    assert command.reason == ''
    np.testing.assert_array_equal(command.setpoint, (1500.0, 1501.0, 1502.0, 1503.0))


def test_policy_reads_the_newest_signals(flight):
    flight.fly(base_pos_w=(0.1, 0.2, 0.3))
    np.testing.assert_allclose(flight.policy.inputs['base_pos_w'], (0.1, 0.2, 0.3), rtol=1e-6)
    np.testing.assert_array_equal(flight.policy.inputs['goal_pos_w'], (0.0, 0.0, 1.0))


def test_setpoints_stay_in_range_and_saturation_is_counted(flight):
    flight.policy.answer[:] = (-5.0, 1e6, 1500.0, 1500.0)
    command = flight.fly(30)
    high = crazyflie.MAX_ROTOR_SPEED
    np.testing.assert_allclose(command.setpoint, (0.0, high, 1500.0, 1500.0))
    saturation = flight.controller.diagnostics()['saturation']
    assert saturation == {'m1_joint': 0.75, 'm2_joint': 0.75, 'm3_joint': 0.0, 'm4_joint': 0.0}


def test_a_policy_cannot_widen_the_robots_limits(flight):
    flight.policy.contract = replace(flight.contract, setpoint_high=(1e9,) * 4)
    with pytest.raises(ContractError, match='wider than'):
        Controller(flight.robot, flight.policy)


def test_slew_limits_the_change_in_both_directions(make_flight):
    flight = make_flight(setpoint={'slew': (1000.0, math.inf, 1000.0, 1000.0)})
    neutral = crazyflie.HOVER_ROTOR_SPEED
    flight.policy.answer[:] = (2000.0, 2000.0, 100.0, neutral + 3.0)
    command = flight.fly()
    wanted = (neutral + 10.0, 2000.0, neutral - 10.0, neutral + 3.0)
    np.testing.assert_allclose(command.setpoint, wanted, rtol=1e-6)
    np.testing.assert_allclose(flight.fly().setpoint[:3], (neutral + 20.0, 2000.0, neutral - 20.0))


def test_activation_needs_every_signal(grounded):
    flight = grounded
    assert not flight.controller.activate(flight.now)
    assert flight.mode == 'ready'
    for name in flight.policy.inputs:
        assert f'{name} (topic' in flight.reason
    flight.feed()
    assert not flight.controller.activate(flight.now)
    assert 'goal_pos_w (topic goal) has not arrived' in flight.reason
    assert 'base_pos_w' not in flight.reason
    assert not flight.controller.tick(flight.now).publish


@pytest.mark.parametrize(
    ('values', 'said'),
    [
        ({'base_lin_vel_b': (0.0, math.nan, 0.0)}, r'base_lin_vel_b\[1\] .* is nan'),
        ({'base_lin_vel_b': (0.0, 0.0, 51.0)}, r'base_lin_vel_b\[2\] .* is 51, plausible'),
        ({'base_quat_w': (0.9, 0.0, 0.0, 0.0)}, 'norm 0.900'),
        ({'base_quat_w': (0.707, 0.707, 0.0, 0.0)}, 'tilt is 90.0 deg, limit 85.0'),
        ({'base_pos_w': (0.0, 0.0, 4.0)}, r'4.000 m along z, outside the fence \[-0.1, 3\]'),
    ],
)
def test_activation_needs_values_within_limits(grounded, values, said):
    flight = grounded
    flight.controller.feed('goal_pos_w', (0, 0, 1), flight.now)
    flight.controller.feed('goal_lin_vel_w', (0, 0, 0), flight.now)
    flight.feed(**values)
    assert not flight.controller.activate(flight.now)
    assert flight.mode == 'ready'
    assert flight.reason.startswith('not activated: ')
    assert re.search(said, flight.reason)
    flight.feed()
    assert flight.controller.activate(flight.now)
    assert flight.reason == ''


def test_activation_needs_fresh_signals(flight):
    flight.controller.deactivate(flight.now)
    flight.fly(200)
    assert flight.mode == 'ready'
    assert not flight.controller.activate(flight.now + 0.06)
    assert 'base_pos_w (topic odom) is 0.061 s old, limit 0.05 s' in flight.reason


def test_activation_on_the_ground_and_in_flight(make_flight):
    for height in (0.0, 2.5):
        flight = make_flight()
        flight.controller.deactivate(flight.now)
        flight.fly(200, base_pos_w=(0.0, 0.0, height))
        assert flight.controller.activate(flight.now)


def test_memory_is_reset_by_activation_but_not_by_goals(flight):
    assert flight.policy.memory[0] == 10.0
    for _ in range(5):
        flight.controller.feed('goal_pos_w', (0.1, 0.0, 1.0), flight.now)
        flight.fly()
    assert flight.policy.memory[0] == 15.0
    flight.controller.deactivate(flight.now)
    flight.fly(200)
    assert flight.controller.activate(flight.now)
    assert flight.policy.memory[0] == 0.0


def test_stop_runs_the_safe_action_to_its_end_then_is_ready(flight):
    flight.controller.deactivate(flight.now)
    hover = crazyflie.HOVER_ROTOR_SPEED
    seen = [(flight.fly().setpoint[0], flight.mode, flight.controller.command.publish)]
    while flight.mode == 'stopping' and len(seen) < 1000:
        seen.append((flight.fly().setpoint[0], flight.mode, flight.controller.command.publish))
    descend = [row for row in seen if row[0] == pytest.approx(0.95 * hover)]
    off = [row for row in seen if row[0] == 0.0 and row[2]]
    assert len(descend) in (99, 100)
    assert len(off) in (50, 51)
    assert seen[-1][1:] == ('ready', False)
    assert all(publish for _, mode, publish in seen if mode == 'stopping')
    assert flight.reason == 'asked to stop'


def test_diagnostics_are_plain(flight):
    flight.fly(50)
    diagnostics = flight.controller.diagnostics()
    json.dumps(diagnostics)
    assert diagnostics['mode'] == 'active'
    assert diagnostics['rate_hz'] == pytest.approx(100.0)
    assert diagnostics['ticks'] == 60
    assert diagnostics['missed_deadlines'] == 0
    assert 0.0 < diagnostics['latency_p50_us'] <= diagnostics['latency_p99_us']
    signal = diagnostics['signals']['base_pos_w']
    assert (signal['topic'], signal['age_s'], signal['max_age_s']) == (
        'odom',
        pytest.approx(0.001),
        0.05,
    )
    assert signal['messages'] == 61


def test_signals_that_nothing_needs_are_ignored(flight):
    assert flight.controller.feed('goal_lin_acc_w', (0.0, 0.0, 0.0), flight.now)


def test_the_same_command_and_setpoint_are_reused(flight):
    first = flight.fly()
    setpoint = first.setpoint
    assert flight.fly() is first
    assert first.setpoint is setpoint


def test_a_long_flight_allocates_nothing_that_stays(flight):
    values = {
        name: np.array(v)
        for name, v in (('base_pos_w', (0.0, 0.0, 1.0)), ('base_quat_w', (1, 0, 0, 0)))
    }
    values |= {name: np.zeros(3) for name in ('base_lin_vel_b', 'base_ang_vel_b')}

    def run(ticks):
        for _ in range(ticks):
            flight.now += 0.01
            for name, value in values.items():
                flight.controller.feed(name, value, flight.now)
            flight.controller.tick(flight.now)
            flight.controller.measure()

    run(2000)
    gc.collect()
    tracemalloc.start()
    run(100)
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    run(3000)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert flight.mode == 'active'
    assert after - before < 512
    assert peak - before < 4096  # what one tick holds at a time, floats and nothing else
