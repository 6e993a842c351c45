"""docs/change-a-policy.md, held to the code: its table, its changes to a task, its ranges."""

from __future__ import annotations

import dataclasses
from pathlib import Path
import re
from types import ModuleType

import pytest

for needed in ('torch', 'rsl_rl', 'yaml'):
    pytest.importorskip(needed)

from robot_rl.envs.engines import make_env
from robot_rl.envs.ranges import load_randomization
from robot_rl.learn.config import TrainConfig
from robot_rl.learn.ppo import PpoConfig
from robot_rl.learn.train import ppo_config_of
from robot_rl.spec import registry
from robot_rl.spec.randomization import DISTRIBUTIONS, EFFECTS, MODES, OPERATIONS
from robot_rl.spec.task import Task

REPOSITORY = Path(__file__).resolve().parents[1]
TEXT = (REPOSITORY / 'docs/change-a-policy.md').read_text(encoding='utf-8')
HOVER = (REPOSITORY / 'robot_rl/tasks/hover.py').read_text(encoding='utf-8')
CHANGES = re.findall(r'^```diff\n(.*?)^```$', TEXT, re.MULTILINE | re.DOTALL)


def _side(hunk: str, sign: str) -> str:
    """What a hunk says the file has before ('-') or after ('+') the change."""
    return ''.join(line[1:] for line in hunk.splitlines(keepends=True) if line[0] in f' {sign}')


def _changed(change: str) -> str:
    """The hover task with `change` made to it."""
    text = HOVER
    for hunk in change.split('@@\n'):
        assert text.count(_side(hunk, '-')) == 1, hunk
        text = text.replace(_side(hunk, '-'), _side(hunk, '+'))
    return text


def _task(text: str) -> Task:
    module = ModuleType('changed')
    exec(compile(text, 'changed.py', 'exec'), module.__dict__)
    return module.task(registry.robot('crazyflie'))


def test_the_table_has_every_hyperparameter_and_its_default() -> None:
    rows = re.findall(r'^\| `(\w+)` \| ([^|]+) \| [^|]+ \|$', TEXT, re.MULTILINE)
    assert [name for name, _ in rows] == [field.name for field in dataclasses.fields(PpoConfig)]
    for name, default in rows:
        assert default == str(getattr(PpoConfig(), name)), name


@pytest.mark.parametrize('change', CHANGES)
def test_each_change_makes_a_task_that_runs(change: str) -> None:
    task = _task(_changed(change))
    ppo_config_of(task, TrainConfig())
    env = make_env(task, 'analytic', 3, seed=0, fused=False)
    env.reset(seed=0)
    import torch

    transition = env.step(torch.zeros(3, task.action_size))
    assert all(part.isfinite().all() for part in transition.observation.values())


def test_the_changes_are_of_what_the_page_says() -> None:
    assert len(CHANGES) == 6
    named, larger, longer, wider, slower, level = (_task(_changed(change)) for change in CHANGES)
    before = _task(HOVER)
    assert named.name == 'smooth'
    assert larger.training['hidden'] == (32, 32)
    assert longer.memory_size == before.memory_size + 8
    assert wider.memory_size == before.memory_size + 3
    assert slower.control_dt == 2.0 * before.control_dt
    assert level.setpoint.topic == 'rate_command'


def test_its_ranges_may_be_asked_for_and_show_all_there_is(tmp_path: Path) -> None:
    (yaml,) = re.findall(r'^```yaml\n(.*?)^```$', TEXT, re.MULTILINE | re.DOTALL)
    file = tmp_path / 'mine.yaml'
    file.write_text(yaml)
    spreads = load_randomization(registry.robot('crazyflie'), file)
    assert {spread.mode for spread in spreads} == set(MODES)
    assert {spread.operation for spread in spreads} == set(OPERATIONS)
    assert {spread.distribution for spread in spreads} == set(DISTRIBUTIONS)
    assert {spread.parameter for spread in spreads} >= set(EFFECTS) - {'roughness'}
    assert any(spread.shared and spread.spread for spread in spreads)
    assert any(spread.curriculum for spread in spreads)


def test_its_sensor_is_the_one_of_the_robot() -> None:
    (row,) = re.findall(r'^ {4}(Sensor\(.*\),)$', TEXT, re.MULTILINE)
    assert row in (REPOSITORY / 'robot_rl/robots/crazyflie.py').read_text(encoding='utf-8')
