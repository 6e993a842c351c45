"""The contract: exact through JSON, and its differences from a robot named."""

from __future__ import annotations

from dataclasses import replace
import json
from typing import Any

import pytest

from robot_rl.errors import ContractError, PolicyFileError, SpecError
from robot_rl.spec import registry
from robot_rl.spec.contract import SLOW, Contract, contract_of, differences, require_fit
from robot_rl.spec.contract_json import STATISTICS as STATISTICS_ROWS
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Task

STATISTICS = {
    'base_pos_w': {
        'mean': [0.1, 0.2, 1 / 3],
        'std': [1e-9, 1.0, 2.0],
        'low': [-1.0] * 3,
        'high': [3e7] * 3,
    }
}


@pytest.fixture(scope='module')
def task() -> Task:
    pytest.importorskip('torch')
    return registry.task('hover-crazyflie')


@pytest.fixture
def contract(task: Task) -> Contract:
    return contract_of(
        task,
        versions={'torch': '2'},
        training={'seed': 3, 'learning_rate': 0.1 + 0.2},
        evaluation={'success': 0.1},
        statistics=STATISTICS,
    )


@pytest.fixture(scope='module')
def robot() -> Robot:
    return registry.robot('crazyflie')


def test_json_keeps_every_field_exactly(contract: Contract):
    read = Contract.from_json(contract.to_json())
    assert read == contract
    assert read.training['learning_rate'] == 0.1 + 0.2
    assert read.setpoint_high == contract.setpoint_high
    assert isinstance(read.signals, tuple)


def test_digest_ignores_the_order_of_dictionaries_and_nothing_else(contract: Contract):
    turned = replace(contract, training=dict(reversed(contract.training.items())))
    assert turned.digest() == contract.digest()
    assert replace(contract, control_dt=0.011).digest() != contract.digest()
    assert replace(contract, training={}).digest() != contract.digest()


def test_infinity_is_refused_when_writing(contract: Contract):
    with pytest.raises(SpecError, match='hover-crazyflie'):
        replace(contract, evaluation={'error': float('inf')}).to_json()


def test_sizes_follow_the_task(contract: Contract, task: Task):
    assert list(contract.input_sizes) == [*task.signal_names, 'memory']
    assert contract.output_sizes == {'setpoint': 4, 'memory_out': task.memory_size}
    assert 'memory' not in replace(contract, memory_size=0).input_sizes


def test_own_robot_fits(contract: Contract, robot: Robot):
    assert differences(contract, robot) == []
    require_fit(contract, robot)


def _signal_changed(contract: Contract, which: str, **changes) -> Contract:
    signals = tuple(replace(s, **changes) if s.name == which else s for s in contract.signals)
    return replace(contract, signals=signals)


MUTATIONS = {
    'joint order': (
        lambda c: replace(c, joint_names=c.joint_names[::-1]),
        'Joints are in another order',
    ),
    'other joints': (lambda c: replace(c, joint_names=('a', 'b')), 'Joints differ'),
    'other robot': (lambda c: replace(c, robot='racecar'), "trained for robot 'racecar'"),
    'level': (lambda c: replace(c, level='torques'), "setpoint level 'torques'"),
    'field order': (
        lambda c: replace(c, setpoint_fields=c.setpoint_fields[::-1]),
        'Setpoint fields are in another order',
    ),
    'setpoint unit': (lambda c: replace(c, setpoint_units=('rpm',) * 4), "'m1_joint' is in 'rpm'"),
    'wider low': (lambda c: replace(c, setpoint_low=(-1.0,) * 4), 'wider than'),
    'wider high': (lambda c: replace(c, setpoint_high=(1e5,) * 4), 'wider than'),
    'rate': (lambda c: replace(c, control_dt=0.005), "200 Hz but topic 'odom' arrives at 100 Hz"),
    'unit': (
        lambda c: _signal_changed(c, 'base_ang_vel_b', unit='deg/s'),
        "'base_ang_vel_b' has unit 'deg/s'",
    ),
    'frame': (lambda c: _signal_changed(c, 'base_lin_vel_b', frame='world'), "frame 'world'"),
    'shape': (lambda c: _signal_changed(c, 'base_pos_w', shape=(2,)), 'shape (2,)'),
    'unknown signal': (
        lambda c: _signal_changed(c, 'base_pos_w', name='radar'),
        "'radar' is unknown",
    ),
    'privileged': (
        lambda c: _signal_changed(c, 'base_pos_w', name='external_force_w'),
        'privileged',
    ),
}


@pytest.mark.parametrize('mutation', MUTATIONS)
def test_each_difference_is_named(contract: Contract, robot: Robot, mutation: str):
    change, sentence = MUTATIONS[mutation]
    found = differences(change(contract), robot)
    assert any(sentence in line for line in found), found
    with pytest.raises(ContractError) as error:
        require_fit(change(contract), robot)
    assert sentence in str(error.value)


def test_a_topic_may_be_as_slow_as_in_training_and_no_slower(robot: Robot, task: Task):
    def made(rate: float) -> Robot:
        topics = [t if t.requested else replace(t, rate_hz=rate) for t in robot.topics]
        return replace(robot, topics=tuple(topics))

    none: dict[str, Any] = {'versions': {}, 'training': {}, 'evaluation': {}, 'statistics': {}}
    trained = contract_of(replace(task, robot=made(80.0)), **none)
    assert trained.training == {SLOW: {'odom': 80.0}}
    for rate in (80.0, 100.0):
        assert differences(Contract.from_json(trained.to_json()), made(rate)) == []
    (found,) = differences(trained, made(75.0))
    assert "needs 80 Hz but topic 'odom' arrives at 75 Hz" in found
    (found,) = differences(contract_of(task, **none), made(80.0))
    assert "needs 100 Hz but topic 'odom' arrives at 80 Hz" in found
    for broken in ('x', {'odom': 'x'}, {'odom': 0.0}, {'odom': None}):
        worse = replace(trained, training={SLOW: broken})
        assert "needs 100 Hz but topic 'odom'" in differences(worse, made(80.0))[0]


def test_a_signal_without_a_topic_is_named(contract: Contract, robot: Robot):
    deaf = replace(robot, topics=robot.topics[1:])
    found = differences(contract, deaf)
    assert any("no topic that supplies the signal 'base_quat_w'" in line for line in found)


def test_narrower_limits_and_a_slower_rate_fit(contract: Contract, robot: Robot):
    gentle = replace(
        contract, setpoint_high=tuple(0.9 * v for v in contract.setpoint_high), control_dt=0.02
    )
    assert differences(gentle, robot) == []


BROKEN = {
    'no JSON': (lambda raw: None, 'not valid JSON'),
    'schema': (lambda raw: raw | {'schema': 99}, 'schema 99'),
    'missing': (
        lambda raw: {k: v for k, v in raw.items() if k != 'robot'},
        "lacks the field 'robot'",
    ),
    'unknown': (lambda raw: raw | {'colour': 1}, "unknown field 'colour'"),
    'type': (lambda raw: raw | {'robot': 3}, "'robot'"),
    'bool for a number': (lambda raw: raw | {'control_dt': True}, "'control_dt'"),
    'period': (lambda raw: raw | {'control_dt': 0.0}, "'control_dt'"),
    'memory': (lambda raw: raw | {'memory_size': -1}, "'memory_size'"),
    'no signals': (lambda raw: raw | {'signals': []}, "'signals'"),
    'twice': (lambda raw: raw | {'signals': raw['signals'] + raw['signals'][:1]}, "'signals'"),
    'signal key': (lambda raw: raw | {'signals': [{'name': 'x'}]}, "'signals', item 0"),
    'limits': (lambda raw: raw | {'setpoint_low': raw['setpoint_high']}, "'setpoint_low'"),
    'row length': (lambda raw: raw | {'setpoint_units': ['rad/s']}, "'setpoint_units'"),
    'row item': (lambda raw: raw | {'setpoint_low': [0, 0, 0, None]}, 'item 3'),
    'statistics': (
        lambda raw: raw | {'statistics': {'base_pos_w': {'mean': [1.0]}}},
        "'base_pos_w', 'std'",
    ),
    'statistics size': (
        lambda raw: raw | {'statistics': {'base_pos_w': {k: [1.0] for k in STATISTICS_ROWS}}},
        "'base_pos_w', 'mean'",
    ),
}


@pytest.mark.parametrize('fault', BROKEN)
def test_malformed_json_is_named(contract: Contract, fault: str):
    change, named = BROKEN[fault]
    changed = change(json.loads(contract.to_json()))
    text = '{"schema": 1,' if changed is None else json.dumps(changed)
    with pytest.raises(PolicyFileError) as error:
        Contract.from_json(text)
    assert named in str(error.value)


@pytest.mark.parametrize('text', ['[]', '3', '"x"', '{"schema": NaN}', '[' * 100000])
def test_other_json_is_refused(text: str):
    with pytest.raises(PolicyFileError):
        Contract.from_json(text)
