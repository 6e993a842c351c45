"""Every task, on every engine, through every check; and the checks themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')

from robot_rl.envs import conformance
from robot_rl.envs.conformance import CHECKS, ConformanceError
from robot_rl.envs.engines import make_env
from robot_rl.errors import SpecError
from robot_rl.spec import registry
from robot_rl.spec.engines import engines_of
from robot_rl.spec.task import Reward, Termination

PAIRS = [
    (task.id, engine)
    for task in map(registry.task, registry.task_ids())
    for engine in engines_of(task.robot)
    if engine == 'mujoco' or not task.solid or task.perceive  # another holds no bodies
    if task.eye is None or engine == engines_of(task.robot)[0]  # images are slow, and the same
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


HOVER = registry.task('hover-crazyflie')


def _hover(**changes):
    return replace(registry.task('hover-crazyflie'), **changes)


def _reward(function):
    return {'rewards': (*HOVER.rewards, Reward('near', function, 1.0))}


def _failed(function):
    return {'terminations': (Termination('low', function),)}


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        (
            _reward(lambda step: step.signals['base_pos_w'][:, :1]),
            r"the reward 'near' is \(5, 1\) for 5 environments, expected the shape \(5,\)",
        ),
        (
            _reward(lambda step: step.signals['base_pos_w'].mean()),
            r"the reward 'near' is \(\) for",
        ),
        (_reward(lambda _: 1.0), r"the reward 'near' is 1.0 for"),
        (
            _reward(lambda step: step.signals['base_pos']),
            r"the reward 'near' cannot be computed, KeyError at .*conformance.py:\d+: 'base_p",
        ),
        (_failed(lambda step: step.signals['base_pos_w'] < 0.0), r"'low' is \(5, 3\)"),
        (
            _failed(lambda step: step.signals['base_pos_w'][:, 2]),
            r"the termination 'low' is torch.float32, expected torch.bool",
        ),
        (
            {'error': lambda step: step.signals['base_pos_w']},
            r'Task .hover-crazyflie.: error is \(5, 3\) .* \(5,\)',
        ),
        ({'action_size': 3}, 'takes an action of 3 and a memory of'),
        ({'memory_size': 1}, 'takes an action of 4 and a memory of 1, as the task declares'),
        ({'act': lambda action, *_: action[:, :2]}, r'act is \(5, 2\) .* shape \(5, 4\)'),
        ({'remember': lambda memory, *_: memory[:, 1:]}, r'remember is \(5, \d+\) .* \(5, \d+\)'),
        ({'observe': lambda signals, _: signals['base_pos_w'][0]}, r'observe is .* \(5, any\)'),
    ],
)
def test_a_function_that_returns_another_shape_is_named(changes, said, caplog):
    task = _hover(**changes)
    with pytest.raises(SpecError, match=said):
        make_env(task, 'analytic', 2, seed=0)
    with pytest.raises(SpecError, match=said):
        conformance.returns_what_it_declares(task, 'analytic')
    assert not caplog.text, 'nothing is built on it'


def test_looking_at_shapes_draws_no_random_numbers():
    env = make_env(HOVER, 'analytic', 2, seed=0)
    assert env.generator.initial_seed() == 0
    assert torch.equal(env.generator.get_state(), torch.Generator().manual_seed(0).get_state())


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
