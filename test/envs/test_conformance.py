"""Every task, on every engine, through every check; and the checks themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')

from robot_rl.envs import conformance
from robot_rl.envs.conformance import CHECKS, ConformanceError
from robot_rl.spec import registry
from robot_rl.spec.engines import engines_of

PAIRS = [
    (task_id, engine)
    for task_id in registry.task_ids()
    for engine in engines_of(registry.task(task_id).robot)
]


@pytest.mark.parametrize('check', CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(('task_id', 'engine'), PAIRS)
def test_conformance(task_id, engine, check):
    if engine != 'analytic':
        pytest.importorskip(engine)
    task = registry.task(task_id)
    check(task if check is CHECKS[0] else _narrowed(task, engine), engine)


FAR = 150  # cells, of the 200 of a terrain's margin


def _narrowed(task, engine):
    """Without the flat ground that no episode here is long enough to reach.

    PyBullet takes a second to make a world of the whole; the first check has it.
    """
    if engine != 'pybullet' or task.terrain is None:
        return task
    whole = task.terrain.heights
    inner = whole[FAR:-FAR, FAR:-FAR]
    assert abs(inner).sum() == abs(whole).sum(), 'what is cut off is flat'
    return replace(task, terrain=replace(task.terrain, heights=inner.copy()))


def _hover(**changes):
    return replace(registry.task('hover-crazyflie'), **changes)


def test_a_constant_column_is_found():
    task = registry.task('hover-crazyflie')

    def observe(signals, memory):
        return torch.cat((task.observe(signals, memory), torch.ones(len(memory), 1)), dim=1)

    with pytest.raises(ConformanceError, match='constant columns'):
        conformance.has_no_constant_observation(_hover(observe=observe), 'analytic')


def test_a_setpoint_outside_its_limits_is_found():
    with pytest.raises(ConformanceError, match='left the limits'):
        conformance.obeys_spec(_hover(act=lambda action, *_: 1e6 * action), 'analytic')


def test_a_nan_is_found():
    task = registry.task('hover-crazyflie')
    bad = _hover(observe=lambda s, m: task.observe(s, m) / 0.0)
    with pytest.raises(ConformanceError, match='not finite'):
        conformance.stays_finite(bad, 'analytic')
