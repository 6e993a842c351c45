"""What a robot does by itself: before the policy, after it, and when it is stuck."""

from __future__ import annotations

from dataclasses import replace
import math

import numpy as np
import pytest

from robot_rl.deploy.modes import Mode
from robot_rl.deploy.stages import FINAL_STAGE_S, Stages
from robot_rl.errors import SpecError
from robot_rl.robots import crazyflie
from robot_rl.spec.robot import Limits
from robot_rl.spec.stage import HOLD, Stage, Stuck

LOW, HIGH = np.array([-1.0, -1.0]), np.array([1.0, 1.0])


def run(stages, dt=0.1, num=10, sent=(0.5, -0.5)):
    """Setpoints of `num` ticks, the first at the start."""
    out, rows = np.array(sent), []
    stages.start()
    for _ in range(num):
        stages.write(out)
        rows.append(out.copy())
        stages.elapsed += dt
    return np.array(rows)


def test_a_held_component_stays_as_the_stage_finds_it():
    rows = run(Stages([Stage('hold', (HOLD, 0.2), math.inf)], LOW, HIGH))
    assert np.allclose(rows, (0.5, 0.2))


def test_a_ramp_moves_in_a_straight_line_and_the_next_stage_begins_where_it_ended():
    stages = Stages(
        [Stage('up', (1.0, 0.0), 0.5, ramp=True), Stage('stay', (HOLD, HOLD), math.inf)],
        LOW,
        HIGH,
    )
    rows = run(stages)
    assert np.allclose(rows[:6, 0], (0.5, 0.6, 0.7, 0.8, 0.9, 1.0))
    assert np.allclose(rows[:6, 1], (-0.5, -0.4, -0.3, -0.2, -0.1, 0.0))
    assert np.allclose(rows[5:], (1.0, 0.0))


def test_a_late_tick_skips_no_goal():
    stages = Stages(
        [Stage('up', (1.0, HOLD), 0.1, ramp=True), Stage('stay', (HOLD, HOLD), math.inf)],
        LOW,
        HIGH,
    )
    assert np.allclose(run(stages, dt=5.0, num=2)[1], (1.0, -0.5))


def test_a_random_change_is_drawn_once_a_stage_and_stays_within_the_limits():
    stages = Stages([Stage('back', (0.9, 0.0), 1.0, spread=(0.4, 0.5))], LOW, HIGH)
    first, second = run(stages), run(stages)
    assert np.ptp(first, axis=0).max() == 0.0
    assert not np.allclose(first[0], second[0])
    assert (np.abs(first) <= 1.0).all()
    assert (np.abs(first[:, 1]) <= 0.5).all()


@pytest.mark.parametrize(
    ('stages', 'end'),
    [
        ([Stage('a', (0.0, 0.0), 0.3), Stage('b', (0.0, 0.0), 0.2)], 0.5),
        ([Stage('a', (0.0, 0.0), 0.3), Stage('b', (0.0, 0.0), math.inf)], 0.3 + FINAL_STAGE_S),
        ([Stage('a', (0.0, 0.0), math.inf)], FINAL_STAGE_S),
    ],
)
def test_a_sequence_ends(stages, end):
    sequence = Stages(stages, LOW, HIGH)
    sequence.elapsed = end - 1e-6
    assert not sequence.finished
    sequence.elapsed = end
    assert sequence.finished


@pytest.mark.parametrize(
    ('stage', 'words'),
    [
        (Stage('a', (0.0,), 1.0), 'every row needs 2'),
        (Stage('a', (0.0, 2.0), 1.0), r'2 lies outside \[-1, 1\]'),
        (Stage('a', (0.0, 0.0), 1.0, stiffness=2.0), 'stiffness must be within'),
        (Stage('a', (0.0, 0.0), 0.0), 'duration positive'),
        (Stage('a', (0.0, 0.0), math.inf, ramp=True), 'a ramp needs an end'),
        (Stage('a', (0.0, 0.0), 1.0, spread=(0.1,)), 'every row needs 2'),
    ],
)
def test_a_stage_that_cannot_be_is_refused(stage, words):
    with pytest.raises(SpecError, match=words):
        stage.check('here', (-1.0, -1.0), (1.0, 1.0))


@pytest.fixture
def walker(new_flight):
    """A flight whose robot stands up, sits down, damps when it fails, and can be stuck."""

    def build(**changed):
        robot = crazyflie.robot()
        level = replace(
            robot.setpoint('motors'),
            start=(Stage('stand', (1000.0,) * 4, 0.05, ramp=True),),
            stop=(Stage('sit', (500.0,) * 4, 0.1, ramp=True), Stage('rest', (HOLD,) * 4, 0.1)),
            safe=(Stage('damp', (HOLD,) * 4, math.inf, stiffness=0.0),),
            **changed,
        )
        return new_flight(replace(robot, setpoints={'motors': level}))

    return build


def test_it_starts_before_the_policy_drives(walker):
    flight = walker()
    flight.activate()
    assert flight.controller.mode is Mode.STARTING
    assert flight.policy.memory[0] == 0.0
    command = flight.fly(3)
    assert command.mode is Mode.STARTING
    assert command.publish
    assert flight.fly(5).mode is Mode.ACTIVE
    assert flight.policy.memory[0] > 0.0


def test_it_stops_in_its_own_way_and_fails_in_the_safe_one(walker):
    flight = walker()
    flight.activate()
    flight.fly(10)
    flight.controller.deactivate(flight.now)
    command = flight.fly(5)
    assert command.mode is Mode.STOPPING
    assert command.stiffness == 1.0
    assert flight.controller.diagnostics()['stage'] == 'sit'
    tilted = (math.cos(0.8), math.sin(0.8), 0.0, 0.0)
    command = flight.fly(base_quat_w=tilted)
    assert command.mode is Mode.FAULT
    assert 'while stopping: the tilt is' in command.reason
    assert command.stiffness == 0.0


def test_it_comes_to_rest_after_its_own_stop(walker):
    flight = walker()
    flight.activate()
    flight.fly(10)
    flight.controller.deactivate(flight.now)
    assert flight.fly(15).mode is Mode.STOPPING
    assert np.allclose(flight.controller.command.setpoint, 500.0)
    assert flight.fly(10).mode is Mode.READY


def test_a_failure_while_it_starts_is_a_fault(walker):
    flight = walker()
    flight.activate()
    command = flight.fly(base_ang_vel_b=(0.0, math.nan, 0.0))
    assert command.mode is Mode.FAULT
    assert command.reason.startswith('while starting: base_ang_vel_b')


def test_a_stuck_robot_frees_itself_and_the_policy_goes_on(walker):
    action = (Stage('back off', (100.0, HOLD, HOLD, HOLD), 0.1),)
    flight = walker(stuck=Stuck('m1_joint', 1000.0, 'base_lin_vel_b', 0, 0.05, 0.3, action))
    flight.activate()
    flight.fly(20)
    assert flight.fly(8, base_lin_vel_b=(0.2, 0.0, 0.0)).mode is Mode.ACTIVE, 'it moves'
    assert flight.fly(25).mode is Mode.ACTIVE
    command = flight.fly(8)
    assert command.mode is Mode.UNSTICK
    assert 'stuck: m1_joint asked for 0.3 s' in command.reason
    assert command.setpoint[0] == 100.0
    assert flight.fly(12).mode is Mode.ACTIVE


@pytest.mark.parametrize(
    ('limits', 'words'),
    [({'joint_speed': (5.0,) * 4}, 'joint_vel'), ({'joint_effort': (5.0,) * 4}, 'joint_effort')],
)
def test_a_joint_limit_that_nothing_measures_is_refused(new_flight, limits, words):
    robot = crazyflie.robot()
    with pytest.raises(SpecError, match=f"limits what no topic supplies: '{words}'"):
        new_flight(replace(robot, limits=Limits(**limits)))


def test_a_joint_that_is_too_fast_is_a_fault(new_flight):
    robot = crazyflie.robot()
    topics = (replace(robot.topics[0], signals=(*robot.topics[0].signals, 'joint_vel')),)
    flight = new_flight(
        replace(robot, limits=Limits(joint_speed=(5.0,) * 4), topics=topics + robot.topics[1:])
    )
    flight.level['joint_vel'] = (0.0,) * 4
    flight.activate()
    assert flight.fly(5).mode is Mode.ACTIVE
    command = flight.fly(joint_vel=(0.0, -5.1, 0.0, 0.0))
    assert command.mode is Mode.FAULT
    assert 'joint_vel (topic odom) of m2_joint is -5.10 rad/s, limit 5' in command.reason
