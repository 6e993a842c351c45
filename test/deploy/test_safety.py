"""Every way in which a flight can go wrong, one by one: safe action, mode and reason."""

from __future__ import annotations

import math

import numpy as np
import pytest

from robot_rl.deploy.takeover import BLEND_S
from robot_rl.robots import crazyflie

DESCEND = 0.95 * crazyflie.HOVER_ROTOR_SPEED


def is_safe(command):
    return command.publish and np.allclose(command.setpoint, DESCEND)


def test_one_late_message_does_not_trip(flight):
    for gap in (1, 2, 4):
        flight.fly(gap, skip=('base_pos_w',))
        assert flight.mode == 'active'
        flight.fly(3)
    assert flight.controller.diagnostics()['recoveries'] == 0


def test_frozen_signal_trips_at_its_watchdog_age(flight):
    ticks = 0
    while flight.mode == 'active' and ticks < 20:
        command = flight.fly(skip=('base_lin_vel_b',))
        ticks += 1
    assert ticks == 5  # 0.05 s of age, a millisecond of it latency
    assert is_safe(command)
    assert flight.reason == 'base_lin_vel_b (topic odom) is 0.051 s old, limit 0.05 s'


def test_all_signals_gone_as_when_the_simulator_is_killed(flight):
    everything = ('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b')
    command = flight.fly(8, skip=everything)
    assert flight.mode == 'recovery'
    assert is_safe(command)
    assert 'base_pos_w (topic odom)' in flight.reason


def test_stamps_that_stand_still_are_stale_though_messages_arrive(flight):
    frozen = flight.now - 0.001
    for _ in range(6):
        flight.now += 0.01
        flight.feed(skip=('base_pos_w',))
        assert flight.controller.feed('base_pos_w', (0, 0, 1), frozen)
        command = flight.controller.tick(flight.now)
    assert is_safe(command)
    assert 'base_pos_w (topic odom) is 0.051 s old' in flight.reason


def test_a_sender_whose_clock_is_ahead_still_goes_stale(flight):
    flight.fly(5)
    flight.feed(stamp=flight.now + 0.4)
    for _ in range(8):
        flight.now += 0.01
        command = flight.controller.tick(flight.now)
    assert is_safe(command)


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize('name', ['base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b'])
def test_a_measurement_that_is_not_finite(flight, name, bad):
    value = [1.0, 0.0, 0.0, 0.0] if name == 'base_quat_w' else [0.0, 0.0, 0.0]
    value[2] = bad
    steps = flight.policy.memory[0]
    command = flight.fly(**{name: value})
    assert flight.mode == 'recovery'
    assert is_safe(command)
    assert flight.reason == f'{name}[2] (topic odom) is {bad}, expected a finite number'
    assert flight.policy.memory[0] == steps  # the policy never saw it


def test_an_implausible_measurement(flight):
    assert is_safe(flight.fly(base_ang_vel_b=(0.0, 101.0, 0.0)))
    said = 'base_ang_vel_b[1] (topic odom) is 101, plausible is [-100, 100] rad/s'
    assert flight.reason == said


@pytest.mark.parametrize('scale', [0.0, 0.5, 1.1])
def test_an_attitude_that_is_no_rotation(flight, scale):
    command = flight.fly(base_quat_w=(scale, 0.0, 0.0, 0.0))
    assert is_safe(command)
    assert flight.mode == 'recovery'
    assert 'base_quat_w' in flight.reason


def test_tilt(flight):
    half = math.radians(86.0) / 2
    command = flight.fly(base_quat_w=(math.cos(half), 0.0, math.sin(half), 0.0))
    assert flight.mode == 'fault'
    assert is_safe(command)
    assert flight.reason == 'the tilt is 86.0 deg, limit 85.0 deg'


def test_yaw_is_no_tilt(flight):
    flight.fly(5, base_quat_w=(0.0, 0.0, 0.0, 1.0))
    assert flight.mode == 'active'


@pytest.mark.parametrize(
    ('position', 'axis'), [((3.1, 0, 1), 'x'), ((0, -3.1, 1), 'y'), ((0, 0, 3.1), 'z')]
)
def test_fence(flight, position, axis):
    command = flight.fly(base_pos_w=position)
    assert flight.mode == 'fault'
    assert is_safe(command)
    assert 'base_pos_w (topic odom) is' in flight.reason
    assert f'm along {axis}, outside the fence' in flight.reason


def test_overrun_one_long_period(flight):
    command = flight.fly(dt=0.0601)  # five deadlines passed without a tick
    assert flight.mode == 'recovery'
    assert is_safe(command)
    assert flight.reason.startswith('5 deadlines missed in a row, limit 5')


def test_overrun_many_periods_in_a_row(flight):
    flight.fly(4, dt=0.02)
    assert flight.mode == 'active'
    flight.fly()
    flight.fly(4, dt=0.02)
    assert flight.mode == 'active'
    flight.fly(dt=0.02)
    assert flight.mode == 'recovery'
    assert flight.controller.diagnostics()['missed_deadlines'] == 9


def test_a_clock_that_runs_backwards(flight):
    flight.now -= 0.5
    command = flight.controller.tick(flight.now)
    assert flight.mode == 'fault'
    assert is_safe(command)
    assert flight.reason == 'the clock went back by 0.500 s'


def test_policy_output_that_is_not_finite(flight):
    flight.policy.answer[2] = math.nan
    command = flight.fly()
    assert flight.mode == 'fault'
    assert is_safe(command)
    assert flight.reason == 'the policy asks for nan at m3_joint, expected a finite number'


def refuse(flight, ticks=7, **kwargs):
    """Replace base_pos_w by messages that must be refused, and tick."""
    for _ in range(ticks):
        flight.now += 0.01
        flight.feed(skip=('base_pos_w',))
        offset = kwargs.get('offset', 0.0)
        believed = flight.controller.feed(
            'base_pos_w', kwargs.get('values', (0, 0, 1)), flight.now + offset
        )
        assert not believed
        command = flight.controller.tick(flight.now)
    return command


def test_wrong_size_messages(flight):
    assert refuse(flight, 1, values=(0.0, 1.0)).mode.value == 'active'  # one is no disturbance
    flight.fly()
    command = refuse(flight, values=(0.0, 1.0))
    assert is_safe(command)
    assert 'base_pos_w (topic odom) is 0.051 s old' in flight.reason
    assert 'refused: base_pos_w has 2 components, expected 3' in flight.reason


def test_stamps_that_run_backwards(flight):
    command = refuse(flight, offset=-3.0)
    assert is_safe(command)
    assert 's older than the message before it' in flight.reason


def test_stamps_far_in_the_future(flight):
    command = refuse(flight, offset=30.0)
    assert is_safe(command)
    assert 's in the future, limit 0.5 s' in flight.reason


@pytest.mark.parametrize('stamp', [math.nan, math.inf])
def test_stamps_that_are_not_finite(flight, stamp):
    assert not flight.controller.feed('base_pos_w', (0, 0, 1), stamp)


def test_activation_refuses_stamps_from_the_future(grounded):
    for name in ('goal_pos_w', 'goal_lin_vel_w'):
        grounded.controller.feed(name, (0, 0, 1), grounded.now)
    grounded.feed(stamp=grounded.now + 60.0)
    assert not grounded.controller.activate(grounded.now)
    assert 'base_pos_w (topic odom) has a stamp 60.000 s in the future' in grounded.reason


@pytest.mark.parametrize('goal', [(math.nan, 0, 1), (0, 0, math.inf), (0, 0, 9.0), (0, 0)])
def test_a_bad_goal_is_refused_and_the_last_good_one_holds(flight, goal):
    assert not flight.controller.feed('goal_pos_w', goal, flight.now)
    command = flight.fly(20)
    assert flight.mode == 'active'
    assert command.publish
    np.testing.assert_array_equal(flight.policy.inputs['goal_pos_w'], (0.0, 0.0, 1.0))
    assert 'goal_pos_w' in flight.controller.diagnostics()['signals']['goal_pos_w']['refusal']


def test_a_short_disturbance_clears_and_resets_the_memory(flight):
    flight.fly(base_pos_w=(math.nan, 0, 1))
    assert flight.mode == 'recovery'
    flight.fly(4)
    assert flight.mode == 'recovery'
    command = flight.fly()
    assert flight.mode == 'active'
    assert flight.reason == ''
    assert flight.policy.memory[0] == 1.0
    np.testing.assert_allclose(command.setpoint, 1600.0)


def test_a_disturbance_that_lasts_is_a_latched_fault(flight):
    ticks = 0
    while flight.mode != 'fault' and ticks < 200:
        command = flight.fly(skip=('base_pos_w',))
        ticks += 1
    assert ticks == pytest.approx(55, abs=1)  # watchdog age, then recovery_s
    assert is_safe(command)
    said = 'base_pos_w (topic odom) is 0.051 s old, limit 0.05 s; not cleared within 0.5 s'
    assert flight.reason == said
    flight.fly(300)
    assert flight.mode == 'fault'
    assert flight.reason == said
    assert flight.controller.command.publish
    assert not flight.controller.command.setpoint.any()  # the last stage holds


def test_the_safe_action_goes_on_from_recovery_into_fault(flight):
    values = [flight.fly(skip=('base_pos_w',)).setpoint[0] for _ in range(110)]
    safe = [value for value in values if value == pytest.approx(DESCEND)]
    assert len(safe) == pytest.approx(100, abs=1)  # one second of descent in all, not two


def test_too_many_disturbances_are_a_fault(flight):
    for _ in range(3):
        flight.fly(base_pos_w=(math.nan, 0, 1))
        flight.fly(10)
        assert flight.mode == 'active'
    flight.fly(base_pos_w=(math.nan, 0, 1))
    assert flight.mode == 'fault'
    assert 'more than 3 disturbances within 10 s' in flight.reason


def test_whoever_lets_it_drive_again_starts_the_count_anew(flight):
    for _ in range(3):
        flight.fly(base_pos_w=(math.nan, 0, 1))
        flight.fly(10)
    flight.controller.deactivate(flight.now)
    flight.fly(400)
    assert flight.mode == 'ready'
    assert flight.controller.activate(flight.now)
    flight.fly(base_pos_w=(math.nan, 0, 1))
    assert flight.mode == 'recovery'
    assert flight.controller.diagnostics()['recoveries'] == 4


def test_rare_disturbances_are_not_a_fault(flight):
    for _ in range(6):
        flight.fly(base_pos_w=(math.nan, 0, 1))
        flight.fly(400)
        assert flight.mode == 'active'


def test_a_tilt_during_recovery_is_a_fault_with_both_reasons(flight):
    flight.fly(base_pos_w=(math.nan, 0, 1))
    flight.fly(base_quat_w=(0.0, 1.0, 0.0, 0.0))
    assert flight.mode == 'fault'
    assert 'base_pos_w[0] (topic odom) is nan' in flight.reason
    assert 'then the tilt is 180.0 deg' in flight.reason


def test_fault_needs_a_reset_and_the_reset_finishes_the_safe_action(flight):
    flight.fly(base_pos_w=(9, 0, 1))
    flight.fly(50)
    assert not flight.controller.activate(flight.now)
    flight.controller.deactivate(flight.now)
    flight.controller.release(flight.now)
    assert flight.mode == 'fault'
    assert 'outside the fence' in flight.reason
    flight.controller.reset(flight.now)
    assert flight.mode == 'stopping'
    assert is_safe(flight.fly())
    flight.fly(200)
    assert flight.mode == 'ready'
    assert flight.controller.activate(flight.now)


def test_an_emergency_stop_before_activation_publishes_nothing(grounded):
    grounded.controller.fail(grounded.now, 'emergency stop pressed')
    assert grounded.mode == 'fault'
    assert not grounded.controller.tick(grounded.now).publish
    assert not grounded.controller.activate(grounded.now)
    assert grounded.reason == 'emergency stop pressed'
    grounded.controller.reset(grounded.now)
    assert not grounded.controller.tick(grounded.now).publish
    assert grounded.mode == 'ready'


def test_an_emergency_stop_in_flight(flight):
    flight.controller.fail(flight.now, 'emergency stop pressed')
    assert is_safe(flight.fly())
    assert flight.mode == 'fault'


def test_a_source_may_restart_its_stamps_while_nothing_runs(flight):
    flight.controller.deactivate(flight.now)
    flight.fly(200)
    flight.now = 1.0  # a simulator that starts anew
    flight.feed()
    for name in ('goal_pos_w', 'goal_lin_vel_w'):
        flight.controller.feed(name, (0, 0, 1), flight.now)
    assert flight.controller.activate(flight.now), flight.reason
    flight.fly(10)
    assert flight.mode == 'active'


REQUESTS = ('deactivate', 'activate', 'activate', 'activate', 'reset', 'take_over', 'release')


def check_published(command, blending):
    """1600 rad/s is the policy's answer and nobody else's; a human's goes over into it."""
    mode, policy = command.mode.value, bool((command.setpoint == 1600.0).all())
    actors = {'active': 'policy', 'takeover': 'human'}
    assert command.actor.value == (actors.get(mode, 'robot') if command.publish else 'nobody')
    if mode == 'active':
        assert policy or blending
    elif mode != 'takeover' and command.publish:
        assert not policy
    if mode != 'stopping' and mode != 'fault':
        assert command.publish == (mode in ('active', 'takeover', 'recovery'))


def test_only_active_publishes_the_policys_setpoint(flight):
    rng = np.random.default_rng(0)
    seen, released = set(), -math.inf
    for _ in range(20000):
        event = int(rng.integers(60))
        if event < len(REQUESTS):
            if REQUESTS[event] == 'release' and flight.mode == 'takeover':
                released = flight.now
            getattr(flight.controller, REQUESTS[event])(flight.now)
        bad = {'base_pos_w': (math.nan, 0, 1)} if event == 8 else {}
        bad = {'base_pos_w': (0, 9, 1)} if event == 9 and rng.integers(10) == 0 else bad
        flight.controller.drive((1400.0,) * 4, flight.now)
        flight.now += 0.01
        flight.feed(**bad)
        command = flight.controller.tick(flight.now)
        seen.add(command.mode.value)
        check_published(command, flight.now - released < BLEND_S)
    assert seen == {'ready', 'active', 'takeover', 'recovery', 'stopping', 'fault'}
