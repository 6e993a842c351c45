from __future__ import annotations

from dataclasses import replace
import logging

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('llvmlite')

from robot_rl.envs.engines import make_env
from robot_rl.envs.fuse import Fused, compiled, fuse, read, write
from robot_rl.errors import SpecError
from robot_rl.sensors.measure import Measurement
from robot_rl.spec import registry
from robot_rl.spec.engines import engines_of

GENERATOR = torch.Generator()


def _fused(function, **sizes):
    program = compiled('test', lambda num, group: (function(num, **group),), [sizes])
    return Fused(program, [sizes], GENERATOR)


def _rows(num, size, seed=0):
    return 3.0 * torch.randn(size, num, generator=torch.Generator().manual_seed(seed)).T


@pytest.mark.parametrize('num', [1, 15, 16, 17, 100])
@pytest.mark.parametrize(
    'function',
    [
        lambda x, y: x + 2.0 * y - x / (1.0 + y * y),
        lambda x, y: torch.where(x > y, x.sin(), y.cos()),
        lambda x, y: x.clamp(-0.5, 1.0).maximum(y).minimum(x.abs()),
        lambda x, y: torch.cat((x[:, 1:], y.sum(1, keepdim=True), -x[:, :1].floor()), 1),
        lambda x, y: (x.unsqueeze(2) * y.unsqueeze(1)).flatten(1).square().sum(1, keepdim=True),
        lambda x, y: ((torch.arange(6.0).view(2, 3) - 2.0) @ x.T).T,
        lambda x, y: x / x.norm(dim=1, keepdim=True) + y.square().mean(1, keepdim=True).rsqrt(),
        lambda x, y: torch.lerp(x, y, 0.3) + 0.5 * torch.lerp(x, y, y).pow(3) + x.tanh(),
        lambda x, y: ((x > 0.5) | ~(y <= 0.1)) & (x != y),
        lambda x, y: (x.exp() + (y.abs() + 1.0).log()) * (x > 0) - torch.ones_like(y),
        lambda x, y: torch.stack((x, y), 2)[:, :, 1].expand(-1, 3)[:, torch.tensor([2, 0])],
    ],
)
def test_a_fused_function_is_the_function(function, num):
    x, y = _rows(num, 3), _rows(num, 3, seed=1)
    fused = _fused(lambda _num, x, y: {'z': function(x, y)}, x=3, y=3)
    (result,) = fused(num, {'x': x, 'y': y})
    expected = function(x, y)
    assert result['z'].dtype == expected.dtype
    torch.testing.assert_close(result['z'], expected, rtol=1e-5, atol=1e-5)


def test_not_a_number_stays_one():
    fused = _fused(lambda _num, x: {'z': x.clamp(-1.0, 1.0) * 2.0 + x.sqrt()}, x=1)
    (result,) = fused(1, {'x': torch.tensor([[torch.nan]])})
    assert result['z'].isnan().all()


def test_results_stay_as_long_as_they_are_held():
    fused = _fused(lambda _num, x: {'z': x + 1.0}, x=2)
    kept = [fused(40, {'x': torch.full((2, 40), float(i)).T})[0]['z'] for i in range(9)]
    assert [float(z[7, 1]) for z in kept] == [i + 1.0 for i in range(9)]


def test_a_group_may_be_empty():
    """As what is drawn is for a task that asks nothing of a robot with exact sensors."""
    program = compiled('pass', lambda _, a: (a, {}), [{'a': 2}])
    function = Fused(program, [{'a': 2}], torch.Generator())
    target = function(20, {'a': torch.zeros(20, 2)})
    source = function(3, {'a': torch.ones(3, 2)})
    ids = torch.tensor([2, 5, 19])
    for whole, part in zip(target, source, strict=True):
        write(whole, ids, part)
    assert target[0]['a'].sum() == 6.0
    assert (target[0]['a'][ids] == 1.0).all()
    assert read(target[1], ids) == {}


def test_random_numbers_are_independent_and_normal():
    num = 200_000
    fused = _fused(
        lambda n, x: {
            'u': torch.rand(n, 3, generator=GENERATOR),
            'z': torch.randn(n, 5, generator=GENERATOR),
        },
        x=1,
    )
    GENERATOR.manual_seed(1)
    x = {'x': torch.zeros(num, 1)}
    first, second = (fused(num, x)[0] for _ in range(2))
    u, z = first['u'], first['z']
    assert (u >= 0.0).all() and (u < 1.0).all()
    assert ((u * 20).long().flatten().bincount() / u.numel() - 0.05).abs().max() < 2e-3
    assert z.mean(0).abs().max() < 0.01
    assert (z.var(0) - 1.0).abs().max() < 0.02
    assert (z**3).mean(0).abs().max() < 0.03
    assert ((z**4).mean(0) - 3.0).abs().max() < 0.1
    inside = (z.abs() < 3.0).float().mean()
    assert abs(float(inside) - 0.9973) < 3e-4
    # Neighbouring environments, the two of a pair and their squares, and the next call.
    both = torch.cat((z[1:], z[:-1], z[1:] ** 2, z[:-1] ** 2, second['z'][1:], u[1:] - 0.5), 1)
    related = torch.corrcoef(both.T) - torch.eye(both.shape[1])
    assert related.abs().max() < 0.012


def test_a_seed_determines_the_random_numbers():
    fused = _fused(lambda n, x: {'z': torch.randn(n, 2, generator=GENERATOR)}, x=1)
    x, seen = {'x': torch.zeros(20, 1)}, []
    for seed in (1, 1, 2):
        GENERATOR.manual_seed(seed)
        seen.append(fused(20, x)[0]['z'].clone())
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


@pytest.mark.parametrize(
    'function', [lambda x: x.cumsum(1), lambda x: x.sort(1).values, lambda x: x * float(x[0, 0])]
)
def test_what_cannot_be_fused_runs_as_it_is_and_is_named(function, caplog):
    plain = lambda num, group: ({'z': function(group['x'])},)  # noqa: E731
    with caplog.at_level(logging.WARNING):
        result = fuse('odd', plain, [{'x': 3}], GENERATOR)
    assert 'odd runs unfused' in caplog.text
    assert torch.equal(result(4, {'x': _rows(4, 3)})[0]['z'], function(_rows(4, 3)))


def test_an_unknown_operation_is_named():
    with pytest.raises(SpecError, match='cumsum'):
        _fused(lambda _num, x: {'z': x.cumsum(1)}, x=3)


CLOSED_FORM = [
    task_id
    for task_id in registry.task_ids()
    if 'analytic' in engines_of((task := registry.task(task_id)).robot) and task.perceive is None
]
"""Of these everything is fused; what a task perceives of a world is not."""


@pytest.mark.parametrize('task_id', CLOSED_FORM)
@pytest.mark.parametrize('noise', [True, False])
def test_a_fused_environment_is_the_environment(task_id, noise, monkeypatch):
    monkeypatch.setattr('robot_rl.envs.fuse._PROGRAMS', {})  # made with other numbers
    if noise:  # the same numbers for both: each has a generator of its own
        numbers = torch.randn(1, 100, generator=torch.Generator().manual_seed(5))
        monkeypatch.setattr(
            Measurement, '_normal', lambda _self, num, size: numbers[:, :size].repeat(num, 1)
        )
    task = registry.task(task_id)
    envs = [
        make_env(task, 'analytic', 37, seed=0, noise=noise, fused=fused) for fused in (True, False)
    ]
    for env in envs:
        env.reset(seed=0)
    fused, plain = envs
    assert isinstance(fused._advance, Fused)
    generator = torch.Generator().manual_seed(1)
    actions = 0.3 * torch.randn(50, 37, task.action_size, generator=generator)
    running = torch.ones(37, dtype=torch.bool)
    _copy_state(fused, plain)
    for action in actions:
        one, other = fused.step(action), plain.step(action)
        running &= ~(one.terminated | other.terminated)
        for name, value in one.observation.items():
            torch.testing.assert_close(
                value[running], other.observation[name][running], rtol=1e-4, atol=1e-4
            )
        torch.testing.assert_close(
            one.reward[running], other.reward[running], rtol=1e-4, atol=1e-4
        )
        assert torch.equal(one.terminated, other.terminated)
    assert running.sum() > 10


def _copy_state(source, target):
    """Same physics, state, measurements and goals."""
    target.engine._records.data.copy_(source.engine._records.data)
    for name in ('_state', '_measured', '_fixed'):
        setattr(target, name, {k: v.clone() for k, v in getattr(source, name).items()})


def test_only_what_a_task_computes_is_compiled_anew():
    task = registry.task('hover-crazyflie')
    shorter = replace(task, episode_length_s=1.0)
    heavier = replace(task, rewards=(replace(task.rewards[0], weight=7.0), *task.rewards[1:]))
    made = [make_env(each, 'analytic', 2, seed=0)._advance for each in (task, shorter, heavier)]
    first, same, other = (step._run for step in made if isinstance(step, Fused))
    assert first is same
    assert first is not other


def test_functions_of_one_key_are_compiled_once_and_keep_their_own_random_numbers():
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]

    def noise(num, group):
        return ({'noisy': group['x'] + torch.rand(group['x'].shape)},)

    made = [fuse('noise', noise, [{'x': 2}], generator, 'a key') for generator in generators]
    assert made[0]._run is made[1]._run
    assert fuse('noise', noise, [{'x': 3}], generators[0], 'a key')._run is not made[0]._run
    assert fuse('noise', noise, [{'x': 2}], generators[0], 'another')._run is not made[0]._run
    first, same, other = (one(5, {'x': torch.zeros(5, 2)})[0]['noisy'] for one in made)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
