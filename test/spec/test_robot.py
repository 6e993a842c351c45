"""What contradicts itself in a robot's declaration is refused when it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import math

import numpy as np
import pytest

from robot_rl.errors import RobotRLError, SpecError, UnknownNameError
from robot_rl.spec import registry
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Limits, Parameter, Topic
from robot_rl.spec.signal import Signal
from robot_rl.spec.terrain import Terrain

ROBOT = registry.robot('go2')
SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
STAR = tuple(
    (math.cos(4.0 * math.pi / 5.0 * k), math.sin(4.0 * math.pi / 5.0 * k)) for k in range(5)
)
LEVEL, SETPOINT = next(iter(ROBOT.setpoints.items()))
FAULTS: dict[str, tuple[Callable[[], object], type[RobotRLError], str]] = {
    'limits of speed': (
        lambda: replace(ROBOT, limits=Limits(joint_speed=(9.0,) * 4)),
        SpecError,
        "'joint_speed' needs 12 numbers, got 4",
    ),
    'limits of effort': (
        lambda: replace(ROBOT, limits=Limits(joint_effort=(9.0,) * 13)),
        SpecError,
        "'joint_effort' needs 12 numbers, got 13",
    ),
    'rest': (
        lambda: replace(ROBOT, rest={**ROBOT.rest, 'base_pos_w': (0.0, 0.0)}),
        SpecError,
        "'base_pos_w' needs 3 numbers, got 2",
    ),
    'rest of nothing': (
        lambda: replace(ROBOT, rest={'base_position_w': (0.0, 0.0, 0.0)}),
        UnknownNameError,
        "Did you mean 'base_pos_w'",
    ),
    'two topics': (
        lambda: replace(ROBOT, topics=(*ROBOT.topics, replace(ROBOT.topics[0], name='again'))),
        SpecError,
        'more than one topic supplies the signal',
    ),
    'joints': (
        lambda: replace(
            ROBOT,
            setpoints={LEVEL: replace(SETPOINT, fields=('FL_hip', *SETPOINT.fields[1:]))},
        ),
        UnknownNameError,
        "Unknown joint of go2 'FL_hip'",
    ),
    'what slides': (
        lambda: replace(ROBOT, sliding=('FL_toe',)),
        UnknownNameError,
        "Unknown touching link of go2 'FL_toe'",
    ),
    'a footprint of two corners': (
        lambda: replace(ROBOT, footprint=((0.0, 0.0), (1.0, 0.0))),
        SpecError,
        'at least 3 corners, got 2',
    ),
    'a clockwise footprint': (
        lambda: replace(ROBOT, footprint=SQUARE[::-1]),
        SpecError,
        'must be convex and counter-clockwise',
    ),
    'a dented footprint': (
        lambda: replace(ROBOT, footprint=(*SQUARE[:3], (0.6, 0.6), SQUARE[3])),
        SpecError,
        r'does not turn left at its corner \(0.6, 0.6\)',
    ),
    'a corner on a side': (
        lambda: replace(ROBOT, footprint=((0.0, 0.0), (0.5, 0.0), *SQUARE[1:])),
        SpecError,
        r'does not turn left at its corner \(0.5, 0.0\)',
    ),
    'a star': (
        lambda: replace(ROBOT, footprint=STAR),
        SpecError,
        'goes around more than once',
    ),
    'row of a setpoint': (
        lambda: replace(ROBOT, setpoints={LEVEL: replace(SETPOINT, neutral=(0.0,))}),
        SpecError,
        "every row needs 12 components, got 1 in 'neutral'",
    ),
    'no safe action': (
        lambda: replace(ROBOT, setpoints={LEVEL: replace(SETPOINT, safe=())}),
        SpecError,
        'has no safe action',
    ),
    'nothing of it': (
        lambda: replace(
            ROBOT, parameters={**ROBOT.parameters, 'mass': Parameter((0.0,), 'kg', '')}
        ),
        SpecError,
        "parameter 'mass' must be positive",
    ),
    'a scan without lidar': (
        lambda: replace(ROBOT, topics=(*ROBOT.topics, Topic('scan', 'x', ('scan',), 40.0, 0.1))),
        SpecError,
        "has no beam for the signal 'scan'",
    ),
    'no goal': (
        lambda: replace(ROBOT, topics=ROBOT.topics[:1]).goal,
        SpecError,
        'has no topic for a goal',
    ),
    'no topic': (
        lambda: ROBOT.topic('goal_quat_w'),
        SpecError,
        "no topic that supplies the signal 'goal_quat_w'",
    ),
    'beams beyond a turn': (
        lambda: Lidar(361, 0.0, 0.02, 0.1, 10.0, (0.0, 0.0, 0.0), 'test'),
        SpecError,
        'all of them within one turn',
    ),
    'a range that holds nothing': (
        lambda: Lidar(360, 0.0, 0.01, 10.0, 10.0, (0.0, 0.0, 0.0), 'test'),
        SpecError,
        '0 <= range_min < range_max',
    ),
    'ground without a cell': (
        lambda: Terrain(np.zeros((1, 4), np.float32), 0.1),
        SpecError,
        'at least 2 x 2 heights',
    ),
    'a signal that nothing satisfies': (
        lambda: Signal('mass', (1,), 'kg', 'none', 2.0, 2.0),
        SpecError,
        'low must be below high',
    ),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_a_robot_that_contradicts_itself_is_refused(fault: str) -> None:
    make, error, message = FAULTS[fault]
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize('footprint', [(), SQUARE, SQUARE[1:], (*SQUARE[2:], *SQUARE[:2])])
def test_a_convex_footprint_is_taken_whichever_corner_is_first(footprint) -> None:
    assert replace(ROBOT, footprint=footprint).footprint == footprint


def test_a_topic_without_a_rate_is_a_request() -> None:
    asked = {topic.name: topic.signals for topic in ROBOT.topics if topic.requested}
    assert asked == {ROBOT.goal.name: ('goal_lin_vel_b', 'goal_ang_vel_b')}
    assert not replace(ROBOT, topics=ROBOT.topics[:1]).has_goal


def test_ranges_are_where_the_robot_says() -> None:
    assert ROBOT.ranges == 'randomization/go2.yaml'
    assert replace(ROBOT, randomization='/elsewhere/own.yaml').ranges == '/elsewhere/own.yaml'
