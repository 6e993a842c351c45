"""What axes and buttons mean, and what is not believed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.robots import crazyflie, go2, panda, racecar, turtlebot
from robot_rl.teleop.labels import attribute
from robot_rl.teleop.layouts import layout
from robot_rl.teleop.mapping import Axis, Controls, Hand
from robot_rl.teleop.steering import Steering
from robot_rl.teleop.stick import Button

CONTROLS = Controls(
    axes=(Axis(1), Axis(3, sign=-1.0, dead_zone=0.0, expo=0.0, scale=0.5), None),
    dead_man=0,
    clutch=1,
    faster=2,
    slower=3,
    labels={Button.SUCCESS: 4, Button.STOP: 5},
)
REST = (0.0,) * 4


def read(hand: Any, axes=REST, pressed=(), stamp=1.0):
    return hand.read(axes, [int(index in pressed) for index in range(6)], stamp)


@pytest.fixture
def hand():
    """One that was seen with everything let go."""
    found: Any = Hand(CONTROLS, 'anna', share=1.0)
    assert not read(found).held
    return found


def test_an_axis_is_still_in_the_middle_and_whole_at_its_ends():
    axis = Axis(0, dead_zone=0.1, expo=0.5)
    raw = np.linspace(-1.0, 1.0, 401)
    motion = np.array([axis.motion(value) for value in raw])
    np.testing.assert_allclose(motion, -motion[::-1], atol=1e-12)
    assert motion[-1] == 1.0
    assert not motion[np.abs(raw) <= 0.1].any()
    assert (np.diff(motion) >= 0.0).all()
    assert np.abs(np.diff(motion)).max() < 0.02
    assert axis.motion(1.0005) == 1.0, 'drivers round'


def test_a_stick_says_what_is_held_and_by_whom(hand):
    stick = read(hand, (0.0, 1.0, 0.0, 1.0), pressed=(0,), stamp=7.0)
    assert stick.held
    assert stick.motion == (1.0, -0.5, 0.0)
    assert (stick.operator, stick.stamp) == ('anna', 7.0)
    assert read(hand, (0.0, 1.0, 0.0, 1.0), pressed=(0, 1)).motion == (0.0, 0.0, 0.0)
    assert read(hand, pressed=(0, 1)).held, 'the clutch lets nobody go'


def test_each_press_is_told_once(hand):
    assert read(hand, pressed=(4,)).pressed == {Button.SUCCESS}
    assert not read(hand, pressed=(4,)).pressed
    assert not read(hand).pressed
    assert read(hand, pressed=(4, 5)).pressed == {Button.SUCCESS, Button.STOP}


def test_the_speed_goes_in_steps_between_bounds(hand):
    for _ in range(20):
        read(hand, pressed=(3,))
        read(hand)
    assert hand.share == pytest.approx(0.1)
    assert read(hand, (0.0, 1.0, 0.0, 0.0)).motion[0] == pytest.approx(0.1)
    read(hand, pressed=(2,))
    assert hand.share == pytest.approx(0.2)


@pytest.mark.parametrize(
    ('axes', 'buttons', 'problem'),
    [
        ((0.0, math.nan, 0.0, 0.0), 6, 'axis 1 is nan'),
        ((0.0, 0.0, 1.2, 0.0), 6, 'axis 2 is 1.2'),
        ((0.0, 0.0), 6, '2 axes and 6 buttons, needed are 4 and 6'),
        ((0.0,) * 5, 6, 'had 4 axes and 6 buttons and now has 5 and 6'),
        (REST, 3, '4 axes and 3 buttons'),
    ],
)
def test_what_cannot_be_true_lets_go_until_the_dead_man_was_let_go(hand, axes, buttons, problem):
    assert read(hand, pressed=(0,)).held
    assert hand.read(axes, [1] + [0] * (buttons - 1), 1.0) is None
    assert problem in hand.problem
    assert not read(hand, pressed=(0,)).held, 'it may hang'
    assert 'may hang' in hand.problem
    read(hand)
    assert hand.problem == ''
    assert read(hand, pressed=(0,)).held


def test_a_button_is_pressed_or_not(hand):
    assert hand.read(REST, [7, 0, 0, 0, 0, 0], 1.0) is None
    assert 'button 0 is 7' in hand.problem


def test_axes_have_names():
    assert layout('gamepad').axis('right_x') == 2
    assert layout('gamepad').button('button_17') == 17
    with pytest.raises(UnknownNameError, match="Did you mean 'left_y'"):
        layout('gamepad').axis('left_yy')
    with pytest.raises(UnknownNameError, match='layout'):
        layout('wheel')
    with pytest.raises(SpecError, match='expo within'):
        Axis(0, expo=2.0)


@pytest.mark.parametrize(
    ('robot', 'level'),
    [(turtlebot, 'velocity'), (racecar, 'drive'), (crazyflie, 'rates'), (panda, 'cartesian')],
)
def test_a_stick_reaches_neutral_and_both_ends(robot, level):
    robot = robot.robot()
    setpoint, steering = robot.setpoint(level), Steering(robot, level)
    ones = np.ones(setpoint.size)
    assert steering.values(0.0 * ones).tolist() == list(setpoint.neutral)
    assert steering.values(ones).tolist() == pytest.approx(setpoint.high)
    assert steering.values(-ones).tolist() == pytest.approx(setpoint.low)
    half = steering.values(0.5 * ones)
    np.testing.assert_allclose(half, 0.5 * (np.array(setpoint.neutral) + setpoint.high))
    with pytest.raises(SpecError, match='within'):
        steering.values(1.1 * ones)


def test_a_policy_that_may_do_less_leaves_less_to_the_stick():
    steering = Steering(turtlebot.robot(), 'velocity', (0.0, -1.0), (0.1, 1.0))
    assert steering.values((1.0, 1.0)).tolist() == [0.1, 1.0]
    assert steering.values((-1.0, 0.0)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ('robot', 'level', 'others'),
    [
        (go2, 'positions', 'none'),
        (panda, 'positions', 'cartesian'),
        (crazyflie, 'motors', 'rates'),
    ],
)
def test_joints_and_rotors_are_not_for_a_stick(robot, level, others):
    with pytest.raises(SpecError, match=f'levels that it can: {others}'):
        Steering(robot.robot(), level)


@pytest.mark.parametrize(
    ('stamp', 'step'), [(0.29, None), (0.3, 0), (0.39, 0), (0.41, 1), (1.0, 2), (9.0, 2)]
)
def test_a_label_is_about_the_step_before_the_person_could_press(stamp, step):
    assert attribute((0.0, 0.1, 0.2), stamp) == step


def test_a_label_needs_steps_in_order():
    assert attribute((), 1.0) is None
    assert attribute((0.0, 0.1), 0.15, reaction_s=0.0) == 1
    for stamps, stamp in (((0.1, 0.0), 1.0), ((0.0, math.nan), 1.0), ((0.0,), math.inf)):
        with pytest.raises(SpecError, match='in their order'):
            attribute(stamps, stamp)
