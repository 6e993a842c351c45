"""A human takes over, drives and hands back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from robot_rl.spec.stage import Stage

HUMAN = (1300.0, 1400.0, 1500.0, 1600.0)


def drive(flight, ticks=1, command=HUMAN, **values):
    for _ in range(ticks):
        flight.now += 0.01
        flight.feed(**values)
        flight.controller.drive(command, flight.now - 0.001)
        flight.controller.tick(flight.now)
    return flight.controller.command


def take_over(flight):
    drive(flight)
    assert flight.mode == 'active'
    assert flight.controller.take_over(flight.now), flight.reason
    return flight


def test_takeover_needs_a_living_human(flight):
    assert not flight.controller.take_over(flight.now)
    assert flight.mode == 'active'
    assert flight.reason == 'no takeover: no command from the human has arrived'


def test_a_refused_takeover_leaves_no_reason_behind(flight):
    flight.controller.take_over(flight.now)
    flight.fly()
    assert flight.reason == ''


def test_takeover_starts_from_the_last_setpoint_and_blends(flight):
    before = flight.fly().setpoint.copy()
    take_over(flight)
    first = drive(flight).setpoint.copy()
    step = np.abs(first - before)
    assert (step <= np.abs(np.array(HUMAN) - before) * 0.01 / 0.3 + 1e-6).all()
    last = first
    for _ in range(28):
        now = drive(flight).setpoint.copy()
        assert (np.abs(now - last) <= np.abs(np.array(HUMAN) - before) * 0.01 / 0.3 + 1e-6).all()
        last = now
    np.testing.assert_allclose(drive(flight, 3).setpoint, HUMAN)
    assert flight.mode == 'takeover'


def test_takeover_only_from_active(flight):
    flight.controller.deactivate(flight.now)
    drive(flight)
    assert not flight.controller.take_over(flight.now)
    assert flight.mode == 'stopping'


def test_limits_hold_for_a_human_too(flight):
    take_over(flight)
    assert drive(flight, 50, command=(1e6, -1e6, 0.0, 0.0)).setpoint.tolist()[1] == 0.0
    assert flight.controller.command.setpoint[0] < 2300.0


def test_release_gives_back_to_a_policy_with_zero_memory(flight):
    take_over(flight)
    drive(flight, 40)
    flight.controller.release(flight.now)
    assert flight.mode == 'active'
    assert flight.policy.memory[0] == 0.0
    last, farthest = np.array(HUMAN), np.abs(1600.0 - np.array(HUMAN))
    for _ in range(31):
        now = flight.fly().setpoint.copy()
        assert (np.abs(now - last) <= farthest * 0.01 / 0.3 + 1e-6).all()
        last = now
    np.testing.assert_allclose(last, 1600.0)
    assert flight.controller.command.pilot == 'policy'


def test_a_policy_that_takes_over_answers_in_full_at_once(flight):
    take_over(flight)
    drive(flight, 40)
    flight.controller.release(flight.now)
    before = flight.fly().setpoint.copy()
    flight.policy.answer += 100.0
    change = flight.fly().setpoint - before
    np.testing.assert_allclose(change, 100.0 + (1600.0 - np.array(HUMAN)) * 0.01 / 0.3, atol=1e-6)


def test_release_of_nothing_keeps_the_memory(flight):
    flight.controller.release(flight.now)
    assert flight.policy.memory[0] == 10.0


SILENT = "the human's command is 0.021 s old, limit 0.0175 s"


def test_silence_of_the_human_starts_the_safe_action_within_three_periods(flight):
    take_over(flight)
    drive(flight, 40)
    flight.fly(1)
    assert flight.mode == 'takeover'
    flight.fly(1)
    assert flight.mode == 'recovery'
    assert flight.reason == SILENT
    assert flight.controller.command.pilot == 'robot'
    flight.fly(51)
    assert flight.mode == 'stopping'
    assert flight.reason == f'{SILENT}; not cleared within 0.5 s'
    assert flight.controller.command.publish


def test_a_human_who_is_heard_again_goes_on_from_the_safe_action(flight):
    take_over(flight)
    drive(flight, 40)
    safe = flight.fly(10).setpoint.copy()
    drive(flight, 4)
    assert flight.mode == 'recovery'
    first = drive(flight).setpoint
    assert flight.mode == 'takeover'
    assert (np.abs(first - safe) <= np.abs(np.array(HUMAN) - safe) * 0.01 / 0.3 + 1e-6).all()


def test_who_is_silent_too_often_has_a_fault(flight):
    take_over(flight)
    for _ in range(4):
        drive(flight, 10)
        flight.fly(2)
    assert flight.mode == 'fault'
    assert 'more than 3 disturbances within 10 s' in flight.reason


def test_a_human_who_fell_silent_may_hand_back(flight):
    take_over(flight)
    drive(flight, 40)
    flight.fly(2)
    flight.controller.release(flight.now)
    flight.fly(10)
    assert flight.mode == 'active'


def test_a_robot_that_sits_down_does_that_when_the_human_is_silent(make_flight):
    flight = make_flight(setpoint={'stop': (Stage('sit', (900.0,) * 4, math.inf),)})
    flight.fly(5)
    take_over(flight)
    drive(flight, 40)
    flight.fly(2)
    assert flight.mode == 'stopping'
    assert flight.controller.command.setpoint.tolist() == [900.0] * 4


@pytest.mark.parametrize('bad', [(math.nan,) * 4, (1.0, 2.0)])
def test_bad_commands_of_the_human_are_refused(flight, bad):
    take_over(flight)
    drive(flight, 40)
    assert not flight.controller.drive(bad, flight.now)
    np.testing.assert_allclose(flight.fly().setpoint, HUMAN)
    for _ in range(60):
        flight.controller.drive(bad, flight.now)
        flight.fly()
    assert flight.mode == 'stopping'
    assert "the human's setpoint" in flight.reason


def test_stale_inputs_do_not_stop_a_human_but_are_reported(flight):
    take_over(flight)
    for _ in range(30):
        flight.now += 0.01
        flight.controller.drive(HUMAN, flight.now)
        flight.controller.tick(flight.now)
    assert flight.mode == 'takeover'
    assert 'base_pos_w (topic odom) is' in flight.reason
    flight.controller.release(flight.now)
    flight.now += 0.01
    flight.controller.tick(flight.now)
    assert flight.mode == 'recovery'


def test_fence_and_tilt_stop_a_human_too(flight):
    take_over(flight)
    drive(flight, base_pos_w=(0.0, 0.0, 3.5))
    assert flight.mode == 'fault'
    assert 'outside the fence' in flight.reason


def test_a_takeover_can_be_stopped(flight):
    take_over(flight)
    flight.controller.deactivate(flight.now)
    assert flight.mode == 'stopping'
