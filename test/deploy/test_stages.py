"""What a robot does by itself: before the policy, after it, and when it is stuck."""

from __future__ import annotations

from dataclasses import replace
import math

import numpy as np
import pytest

from robot_rl.deploy.modes import Mode
from robot_rl.deploy.stages import FINAL_STAGE_S, Stages, landing_s
from robot_rl.errors import SpecError
from robot_rl.robots import crazyflie
from robot_rl.spec import registry
from robot_rl.spec.robot import Limits
from robot_rl.spec.stage import HOLD, Stage, Stuck

LOW, HIGH = np.array([-1.0, -1.0]), np.array([1.0, 1.0])
DT = 0.01  # [s] of the flights


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


def test_landing_takes_as_long_as_stopping_and_the_safe_action_after_it():
    go2, drone = registry.robot('go2'), registry.robot('crazyflie')
    assert landing_s(go2.setpoint('positions')) == 0.5 + 2.0 + FINAL_STAGE_S + FINAL_STAGE_S
    assert landing_s(drone.setpoint('motors')) == 1.0 + FINAL_STAGE_S
    slow = replace(go2.setpoint('positions'), stop=(Stage('sit', (HOLD,) * 12, 30.0),))
    assert landing_s(slow) == 30.0 + FINAL_STAGE_S


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


def test_a_stuck_racing_car_backs_off_for_a_second_with_random_steering(new_flight):
    robot = registry.robot('racecar')
    flight = new_flight(robot, ('scan', 'base_lin_vel_b', 'base_ang_vel_b'), 0.02)
    sizes = {name: robot.signal(name).size for topic in robot.topics for name in topic.signals}
    flight.level = {name: robot.rest.get(name, (3.0,) * size) for name, size in sizes.items()}
    flight.policy.answer[:] = (2.0, 0.1)
    flight.activate()
    angles = []
    for _ in range(3):
        assert flight.fly(60, base_lin_vel_b=(2.0, 0.0, 0.0)).mode is Mode.ACTIVE, 'it drives'
        assert flight.fly(48).mode is Mode.ACTIVE, 'it stands, but not for a second yet'
        assert flight.fly(4).mode is Mode.UNSTICK
        assert 'stuck: speed asked for 1.0 s, base_lin_vel_b[0] below 0.1' in flight.reason
        speed, angle = flight.controller.command.setpoint
        for _ in range(44):
            assert flight.fly().setpoint.tolist() == [speed, angle]
        assert speed == -1.0
        angles.append(angle)
        command = flight.fly(6)
        assert command.mode is Mode.ACTIVE
        assert command.setpoint == pytest.approx((2.0, 0.1)), 'the policy drives again'
        assert flight.policy.memory[0] <= 4.0, 'and starts anew'
    assert len(set(angles)) == 3
    assert max(map(abs, angles)) <= 0.4


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


@pytest.fixture
def walking(new_flight):
    """A Go2 as it is declared that stands up, measured at rest."""
    robot = registry.robot('go2')
    names = [name for topic in robot.topics for name in topic.signals]
    flight = new_flight(robot, names)
    flight.level = {n: robot.rest.get(n, (0.0,) * robot.signal(n).size) for n in names}
    flight.policy.answer[:] = robot.setpoint('positions').neutral
    return flight.activate()


def beyond(limits):
    """The last joint of the first leg, a little over its limit, backwards."""
    return tuple(-1.01 * limit if index == 2 else 0.0 for index, limit in enumerate(limits))


LIMITS = registry.robot('go2').limits
HALF = 0.5 * (LIMITS.tilt + 0.02)
JOINTS = registry.robot('go2').topic('joint_pos')
BROKEN = {
    'tilt': ({'base_quat_w': (math.cos(HALF), math.sin(HALF), 0.0, 0.0)}, 'the tilt is'),
    'joint speed': ({'joint_vel': beyond(LIMITS.joint_speed)}, 'of FL_calf_joint is -'),
    'joint effort': ({'joint_effort': beyond(LIMITS.joint_effort)}, 'of FL_calf_joint is -'),
    'stale joints': ({'skip': JOINTS.signals}, f'old, limit {JOINTS.max_age_s:g} s'),
}
"""Fault to what is fed, and words of the reason."""


@pytest.mark.parametrize('name', list(BROKEN))
@pytest.mark.parametrize('up', [True, False], ids=['walking', 'standing up'])
def test_a_go2_that_breaks_a_limit_damps_its_joints(walking, name, up):
    broken, words = BROKEN[name]
    flight, stages = walking, walking.robot.setpoint('positions').start
    rise = sum(stage.duration_s for stage in stages) if up else 0.5
    sent = flight.fly(round(rise / DT) + 5).setpoint.copy()
    assert flight.mode == ('active' if up else 'starting')
    passes = name == 'stale joints'
    command = flight.fly(round(JOINTS.max_age_s / DT) + 1 if passes else 1, **broken)
    assert flight.mode == ('recovery' if passes and up else 'fault')
    assert words in flight.reason
    assert (command.publish, command.stiffness) == (True, 0.0)
    if up:
        assert np.array_equal(command.setpoint, sent), 'damping holds what was sent last'
    command = flight.fly(round(flight.robot.limits.recovery_s / DT) + 1, **broken)
    assert flight.mode == 'fault'
    assert flight.controller.diagnostics()['stage'] == 'damp'
    assert (command.publish, command.stiffness) == (True, 0.0)
    flight.fly(100)
    assert flight.mode == 'fault', 'latched'
    assert flight.controller.command.stiffness == 0.0


def test_a_go2_stands_still_when_nobody_says_how_fast_to_walk(walking):
    request = walking.robot.topic('goal_lin_vel_b')
    for name in request.signals:
        del walking.level[name]
    asked = walking.controller.inputs.sources['goal_lin_vel_b'].view
    walking.fly(300)
    assert walking.mode == 'active'
    walking.fly(goal_lin_vel_b=(0.5, 0.0, 0.0))
    walking.fly(round(request.max_age_s / DT) - 1)
    assert asked.tolist() == [0.5, 0.0, 0.0]
    walking.fly(2)
    assert asked.tolist() == [0.0, 0.0, 0.0]
    assert walking.mode == 'active'
    walking.fly(goal_lin_vel_b=(0.2, 0.0, 0.0))
    assert asked.tolist() == [0.2, 0.0, 0.0]


def test_a_go2_stands_up_though_it_was_never_told_a_velocity(new_flight, walking):
    fresh = new_flight(walking.robot, list(walking.level))
    fresh.level = {n: v for n, v in walking.level.items() if not n.startswith('goal_')}
    assert fresh.activate().mode == 'starting'
