"""Every mode of randomization and every effect, fused and one operation after another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('llvmlite')

from robot_rl.curricula.curriculum import Uniform
from robot_rl.engines.analytic import AnalyticEngine
from robot_rl.envs.engines import engine_factory, make_env
from robot_rl.envs.fuse import Fused
from robot_rl.envs.ranges import load_randomization
from robot_rl.envs.variation import Variation
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import SpecError
from robot_rl.mdp.observations import rotate, rotation_matrix
from robot_rl.sensors.messages import Messages
from robot_rl.spec import registry
from robot_rl.spec.engines import ENGINES
from robot_rl.spec.randomization import spread

HOVER = registry.task('hover-crazyflie')
ROBOT = HOVER.robot
N = 40
BOTH = pytest.mark.parametrize('fused', [True, False])


def _spread(name, **entry):
    entry = {'operation': 'set', 'source': 'test', **entry}
    return spread(ROBOT, name, entry)


def _env(*spreads, seed=0, **options) -> Any:  # tests look inside
    return VectorEnv(HOVER, AnalyticEngine, N, seed=seed, spreads=spreads, **options)


def _parameters(env):
    return {name: value.clone() for name, value in env.parameters.items()}


def _still(env, steps=1):
    for _ in range(steps):
        env.step(torch.zeros(N, env.task.action_size))


@BOTH
def test_each_mode_draws_when_it_says(fused):
    env = _env(
        _spread('mass', mode='startup', range=[0.02, 0.03]),
        _spread('drag', range=[1e-7, 1e-6]),
        _spread('external_force_w', mode='interval', interval_s=[0.05, 0.05], range=[-1e-3, 1e-3]),
        fused=fused,
    )
    mass = env.parameters['mass'].clone()
    assert len(mass.unique()) == N
    env.reset(seed=1)
    start = _parameters(env)
    for step in range(12):
        before = _parameters(env)
        _still(env)
        due = step > 0 and step % 5 == 0
        changed = (env.parameters['external_force_w'] != before['external_force_w']).any(1)
        assert bool(changed.all()) == due and bool(changed.any()) == due, step
    assert torch.equal(env.parameters['drag'], start['drag'])
    acting = env.engine.signals()['external_force_w']
    assert torch.equal(acting, env.parameters['external_force_w'])
    env.reset(seed=2)
    assert torch.equal(env.parameters['mass'], mass)
    assert not torch.equal(env.parameters['drag'], start['drag'])
    assert not torch.equal(_env(*[_spread('mass', mode='startup', range=[0.02, 0.03])], seed=1)
                           .parameters['mass'], mass)  # fmt: skip


def test_intervals_differ_between_environments_and_are_right_on_average():
    gust = _spread(
        'external_force_w', mode='interval', interval_s=[0.033, 0.054], range=[-1e-4, 1e-4]
    )
    env = _env(gust)
    env.reset(seed=0)
    draws, together = torch.zeros(N), 0
    for _ in range(200):
        before = env.parameters['external_force_w'].clone()
        _still(env)
        changed = (before != env.parameters['external_force_w']).any(1)
        draws += changed
        together += bool(changed.all())
    assert together == 0
    assert float(draws.mean()) == pytest.approx(2.0 / 0.0435, rel=0.03)


def test_only_what_ended_is_drawn_anew():
    """In an automatic reset; what is drawn at startup is not."""
    env = _env(
        _spread('drag', range=[1e-7, 1e-6]),
        _spread('mass', mode='startup', range=[0.02, 0.03]),
        noise=False,
    )
    env.reset(seed=0)
    before = _parameters(env)
    env.episode_steps[:7] = HOVER.max_episode_steps - 1
    _still(env)
    same = (env.parameters['drag'] == before['drag']).all(1)
    assert same.tolist() == [False] * 7 + [True] * (N - 7)
    assert torch.equal(env.parameters['mass'], before['mass'])


@pytest.mark.parametrize('name', ENGINES)
def test_a_push_adds_to_the_velocity_and_to_nothing_else(name):
    engine = engine_factory(name)(ROBOT, 'motors', 3, 0.01)
    everyone, generator = torch.arange(3), torch.Generator().manual_seed(0)
    quat = torch.randn(3, 4, generator=generator)
    state = {
        'base_pos_w': torch.rand(3, 3, generator=generator) + 2.0,
        'base_quat_w': quat / quat.norm(dim=1, keepdim=True),
        'base_lin_vel_b': torch.randn(3, 3, generator=generator),
        'base_ang_vel_b': torch.randn(3, 3, generator=generator),
        'rotor_speed': 1000.0 + 100.0 * torch.rand(3, 4, generator=generator),
    }
    engine.reset(everyone, state)
    before = engine.signals()
    engine.push(torch.tensor([[0.5, 0.0], [1.0, -2.0]]), torch.tensor([0, 2]))
    after = engine.signals()
    matrix = rotation_matrix(before['base_quat_w'])
    added = rotate(matrix, after['base_lin_vel_b'] - before['base_lin_vel_b'])
    expected = torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, -2.0, 0.0]])
    assert torch.allclose(added, expected, atol=1e-5)
    for signal in before.keys() - {'base_lin_vel_b'}:
        assert torch.allclose(after[signal], before[signal], atol=1e-6), signal


def test_pushes_come_at_intervals_and_not_at_the_start():
    push = _spread('push_velocity_w', mode='interval', interval_s=[0.03, 0.03], range=[2.0, 2.0])
    env, calm = _env(push, noise=False), _env(noise=False)
    speed = []
    for one in (env, calm):
        one.reset(seed=0)
        _still(one, 3)
    assert torch.equal(env.engine.signals()['base_pos_w'], calm.engine.signals()['base_pos_w'])
    for one in (env, calm):
        _still(one)
        signals = one.engine.signals()
        matrix = rotation_matrix(signals['base_quat_w'])
        speed.append(rotate(matrix, signals['base_lin_vel_b']))
    gained = (speed[0] - speed[1]).mean(0)
    assert gained[:2].tolist() == pytest.approx([2.0, 2.0], abs=0.05)  # drag takes a little
    assert torch.equal(env.parameters['push_velocity_w'], torch.full((N, 2), 2.0))


def test_training_may_push_more_often_and_harder_than_the_file(tmp_path):
    file = tmp_path / 'pushes.yaml'
    file.write_text(
        'robot: crazyflie\nparameters:\n  external_force_w: {operation: set, source: test, '
        'range: [-1e-4, 1e-4], mode: interval, interval_s: [0.2, 0.2]}\n'
        '  mass: {operation: scale, source: test, range: [0.9, 1.1]}\n'
    )

    def drawn(**harder):
        env = make_env(HOVER, 'analytic', 2, seed=0, randomization=str(file), **harder)
        env.reset(seed=0)
        changes = 0
        for _ in range(40):
            before = env.parameters['external_force_w'].clone()
            env.step(torch.zeros(2, 4))
            changes += int((before != env.parameters['external_force_w']).any())
        return changes, env.parameters['external_force_w'], env.parameters['mass']

    often, force, mass = drawn()
    assert often == 1, 'due at 20 and 40 periods'
    assert drawn(interval_scale=0.5)[0] == 3, 'due at 10, 20, 30 and 40'
    _, harder_force, same_mass = drawn(interval_spread=3.0)
    assert torch.allclose(harder_force, 3.0 * force)
    assert torch.equal(same_mass, mass), 'only what comes at intervals'


def _sent(env, *, override):
    """True signals after each of six periods of known actions."""
    generator = torch.Generator().manual_seed(3)
    env.reset(seed=0)
    states = []
    for action in 0.3 * torch.randn(6, N, 4, generator=generator):
        env.step(action, HOVER.act(action) if override else None)
        states.append(env.engine.signals()['rotor_speed'])
    return states


@BOTH
@pytest.mark.parametrize('override', [False, True])
def test_a_late_setpoint_is_an_earlier_one(fused, override):
    late = _spread('action_delay', range=[0.02, 0.02])
    env = _env(late, fused=fused, noise=False)
    seen = _sent(env, override=override)
    prompt = _env(fused=fused, noise=False)
    prompt.reset(seed=0)
    generator = torch.Generator().manual_seed(3)
    setpoints = list(HOVER.act(0.3 * torch.randn(6 * N, 4, generator=generator)).split(N))
    for index, setpoint in enumerate([setpoints[0], setpoints[0], *setpoints[:4]]):
        prompt.engine.step(setpoint)
        rotors = prompt.engine.signals()['rotor_speed']
        assert torch.allclose(seen[index], rotors, rtol=1e-6), index


def test_a_fraction_of_a_period_shares_it_between_two_setpoints():
    engine = AnalyticEngine(ROBOT, 'motors', 2, 0.01)
    variation = Variation(
        engine,
        [_spread('action_delay', range=[0.0, 0.03])],
        HOVER.setpoint,
        0.01,
        torch.Generator(),
    )
    drawn = {'action_delay': torch.tensor([[0.013], [0.03]])}
    variation.start(torch.arange(2), drawn)
    sent = [torch.full((2, 4), 100.0 * step) for step in range(1, 6)]
    arrived = [variation.step(value) for value in sent]
    assert torch.allclose(arrived[4][0], 0.7 * sent[3][0] + 0.3 * sent[2][0])
    assert torch.allclose(arrived[4][1], sent[1][1])
    assert torch.allclose(arrived[2][1], sent[0][1]), 'held until another comes'
    variation.start(torch.tensor([0]), {'action_delay': torch.tensor([[0.02]])})
    now = variation.step(sent[0])
    assert torch.allclose(now[0], sent[0][0]), 'what was sent in the last episode is forgotten'
    assert torch.allclose(now[1], sent[2][1])


@BOTH
def test_a_lost_message_leaves_the_policy_with_the_last_one(fused):
    env = _env(_spread('message_loss', range=[0.3, 0.3]), fused=fused)
    assert not fused or isinstance(env._advance, Fused)
    env.reset(seed=0)
    held_at_all, steps = 0, 60
    for _ in range(steps):
        before = env.measured
        moving = before['goal_lin_vel_w'].norm(dim=1) > 0.1
        env.step(torch.zeros(N, 4))
        running = env.episode_steps > 0
        held = {name: (env.measured[name] == before[name]).all(1) for name in before}
        for name in ROBOT.topics[0].signals:
            assert torch.equal(held[name][running], held['base_pos_w'][running]), name
        assert not held['goal_pos_w'][running & moving].any()
        held_at_all += int((held['base_pos_w'] & running).sum())
    assert held_at_all / (steps * N) == pytest.approx(0.3, abs=0.03)


@BOTH
def test_a_slow_topic_is_seen_at_its_own_rate(fused):
    """All its signals come together, and commands always."""
    topics = [t if t.requested else replace(t, rate_hz=80.0) for t in ROBOT.topics]
    task = replace(HOVER, robot=replace(ROBOT, topics=tuple(topics)))
    env: Any = VectorEnv(task, AnalyticEngine, N, seed=0, fused=fused)
    env.reset(seed=0)
    assert not fused or isinstance(env._advance, Fused)
    rows = []
    for _ in range(50):
        before = env.measured
        env.step(torch.zeros(N, 4))
        held = {name: (env.measured[name] == before[name]).all(1) for name in before}
        for name in ROBOT.topics[0].signals:
            assert torch.equal(held[name], held['base_pos_w']), name
        rows.append(held['base_pos_w'])
    held = torch.stack(rows)
    assert held.float().mean() == pytest.approx(0.2, abs=0.01)
    assert not (held[1:] & held[:-1]).any()
    assert len(held.T.unique(dim=0)) == 5
    exact: Any = VectorEnv(task, AnalyticEngine, 2, seed=0, fused=fused, noise=False)
    exact.reset(seed=0)
    for _ in range(5):
        exact.step(torch.zeros(2, 4))
        assert torch.equal(exact.measured['base_pos_w'], exact.engine.signals()['base_pos_w'])


def test_fused_or_not_the_same_messages_are_lost(monkeypatch):
    monkeypatch.setattr(Messages, '_chance', lambda _self, num: torch.full((num, 1), 0.4))
    loss = _spread('message_loss', range=[0.0, 0.8])
    fused, plain = (_env(loss, noise=False, fused=fused) for fused in (True, False))
    for env in (fused, plain):
        env.reset(seed=0)
    plain.engine._records.data.copy_(fused.engine._records.data)
    for name in ('_state', '_measured', '_fixed'):
        setattr(plain, name, {k: v.clone() for k, v in getattr(fused, name).items()})
    plain.parameters['message_loss'].copy_(fused.parameters['message_loss'])
    first = fused.measured['base_pos_w'].clone()
    for _ in range(20):
        one, other = (env.step(torch.zeros(N, 4)) for env in (fused, plain))
        for name, value in one.observation.items():
            torch.testing.assert_close(value, other.observation[name], rtol=1e-4, atol=1e-4)
    stuck = (fused.measured['base_pos_w'] == first).all(1)
    assert torch.equal(stuck, fused.parameters['message_loss'][:, 0] > 0.4)
    assert 5 < stuck.sum() < N - 5


class Recorded(Uniform):
    """A baseline that remembers what it was told."""

    def __init__(self, size):
        super().__init__(np.zeros(size))
        self.told = []

    def update(self, tasks, returns):
        self.told += zip(tasks.tolist(), returns.tolist(), strict=True)


@BOTH
def test_a_curriculum_chooses_the_marked_parameters_and_hears_the_returns(fused):
    chosen = Recorded(2)
    env: Any = VectorEnv(
        replace(HOVER, episode_length_s=0.05),
        AnalyticEngine,
        N,
        seed=0,
        spreads=[
            _spread('rotor_time_constant', range=[0.05, 0.2], curriculum=True),
            _spread('drag', range=[1e-7, 1e-6]),
            spread(ROBOT, 'thrust_coefficient', {
                'range': [0.5, 2.0], 'distribution': 'log-uniform', 'shared': True,
                'curriculum': True, 'source': 'test',
            }),
        ],
        fused=fused,
        curriculum=lambda centre: chosen if len(centre) == 2 else None,
    )  # fmt: skip
    assert not fused or isinstance(env._draw, Fused)
    env.reset(seed=4)
    tasks = env._lessons._tasks
    expected = Uniform(np.zeros(2), seed=4).sample(N)
    assert np.array_equal(tasks, expected)
    lag = env.parameters['rotor_time_constant'][:, 0].numpy()
    assert lag == pytest.approx(0.05 + 0.15 * tasks[:, 0], rel=1e-4)
    thrust = env.parameters['thrust_coefficient'].numpy()
    nominal = ROBOT.parameters['thrust_coefficient'].nominal[0]
    for rotor in thrust.T:
        assert rotor == pytest.approx(nominal * 0.5 * 4.0 ** tasks[:, 1], rel=1e-4)
    assert len(np.unique(env.parameters['drag'].numpy())) == 3 * N
    earned = torch.zeros(N)
    for _ in range(5):
        earned += env.step(torch.zeros(N, 4)).reward
    assert [task for task, _ in chosen.told] == expected.tolist()
    assert [value for _, value in chosen.told] == pytest.approx(earned.tolist(), rel=1e-5)
    assert not np.array_equal(env._lessons._tasks, expected)


def test_a_curriculum_does_not_hear_of_episodes_that_began_at_an_age():
    chosen = Recorded(1)
    env = _env(
        _spread('rotor_time_constant', range=[0.05, 0.2], curriculum=True),
        curriculum=lambda _: chosen,
    )
    env.reset(seed=0)
    env.stagger_episodes()
    env.episode_steps[:5] = HOVER.max_episode_steps - 1
    _still(env)
    assert chosen.told == []
    env.episode_steps[:2] = HOVER.max_episode_steps - 1
    _still(env)
    assert len(chosen.told) == 2


def test_a_parameter_that_the_engine_cannot_vary_is_named_and_left_alone(caplog):
    class Massless(AnalyticEngine):
        @property
        def simulated(self):
            return ('drag',)

        def randomize(self, parameters, env_ids):
            assert set(parameters) == {'drag'}
            super().randomize(parameters, env_ids)

    spreads = [_spread('mass', range=[0.02, 0.03]), _spread('drag', range=[0.9, 1.1])]
    VectorEnv(HOVER, Massless, 1, seed=0, spreads=spreads).reset()
    assert 'Massless does not simulate, and so does not vary: mass.' in caplog.text


def test_a_key_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / 'crazyflie.yaml'
    entry = '{range: [0.9, 1.1], source: x}'
    path.write_text(f'robot: crazyflie\nparameters:\n  mass: {entry}\n  mass: {entry}\n')
    with pytest.raises(SpecError, match="'mass' is there twice"):
        load_randomization(ROBOT, path)
