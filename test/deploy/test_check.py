"""The self-test's report, and the contract as tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
import re

import numpy as np
import pytest

from robot_rl.deploy import check as module
from robot_rl.deploy.check import check
from robot_rl.deploy.describe import contract_tables, contract_text
from robot_rl.errors import UnknownNameError
from robot_rl.spec import registry

pytest.importorskip('onnxruntime')

NAMES = ['file', 'weights', 'digest', 'contract', 'interface', 'golden rows', 'robot', 'step time']


def test_a_sound_file_passes_every_check(policy_file: Path):
    report = check(policy_file)
    assert report.ok, report.text()
    assert [c.name for c in report.checks] == NAMES
    assert 'may run' in report.text()
    assert report.contract is not None


@pytest.mark.parametrize('robot', ['crazyflie', registry.robot('crazyflie')])
def test_a_robot_can_be_named_or_given(policy_file: Path, robot):
    assert check(policy_file, robot).ok


def test_a_missing_file_fails_the_first_check(tmp_path: Path):
    report = check(tmp_path / 'none.onnx')
    assert not report.ok
    assert [c.name for c in report.checks] == ['file']
    assert report.contract is None
    assert 'must not run' in report.text()


def _failed(path: Path, robot=None) -> tuple[str, str]:
    """Name and detail of the check that failed; it must be the last and the only one."""
    report = check(path, robot)
    failed = [c for c in report.checks if not c.ok]
    assert failed == [report.checks[-1]]
    return failed[0].name, failed[0].detail


def test_an_edited_file_fails_its_digest(forge: Callable):
    def edit(model, metadata):
        model.producer_name = 'me'

    assert _failed(forge(edit, sign=False))[0] == 'digest'


def test_another_robot_fails_the_robot_check(policy_file: Path):
    robot = registry.robot('crazyflie')
    other = replace(robot, name='bigger', joint_names=robot.joint_names[::-1])
    name, detail = _failed(policy_file, other)
    assert name == 'robot'
    assert "'bigger'" in detail
    assert 'another order' in detail


def test_a_contract_of_an_unknown_robot_fails_the_robot_check(forge: Callable):
    def rename(model, metadata):
        key = 'robot_rl.contract'
        metadata[key] = metadata[key].replace('"robot": "crazyflie"', '"robot": "crazyfly"')

    name, detail = _failed(forge(rename))
    assert name == 'robot'
    assert "Did you mean 'crazyflie'?" in detail


def test_an_unknown_robot_is_the_callers_error(policy_file: Path):
    with pytest.raises(UnknownNameError, match='crazyflie'):
        check(policy_file, 'crazyfly')


def test_a_step_longer_than_the_period_fails(policy_file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, 'time_steps', lambda policy, num: np.full(num, 0.02))
    name, detail = _failed(policy_file)
    assert name == 'step time'
    assert '20000.0 us' in detail


def test_tables_name_every_signal_and_field(policy_file: Path):
    contract = check(policy_file).contract
    assert contract is not None
    text = contract_text(contract)
    for name in (*contract.input_sizes, *contract.setpoint_fields, 'rad/s', '100 Hz', 'untrained'):
        assert name in text
    old = replace(contract, training={'git_revision': '', 'seed': 0})
    assert re.search(r'^git_revision +not recorded$', contract_text(old), re.MULTILINE)
    for table in contract_tables(contract):
        assert table.rows
        assert all(len(row) == len(table.header) for row in table.rows)
