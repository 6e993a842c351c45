from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')

from robot_rl.envs.engines import engine_factory, make_env
from robot_rl.envs.fuse import Fused
from robot_rl.envs.ranges import load_randomization
from robot_rl.envs.rollout import run_episodes
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec import registry

HOVER = registry.task('hover-crazyflie')
TOPICS = HOVER.robot.topics


def _zeros(env, observation):
    return torch.zeros(env.num_envs, env.task.action_size), None


def test_reward_is_the_weighted_sum_of_its_terms():
    env = make_env(HOVER, 'analytic', 7, seed=0)
    env.reset(seed=0)
    moved = env.step(0.3 * torch.ones(7, 4))
    total = sum(term.weight * term.function(moved.step) for term in HOVER.rewards)
    assert torch.allclose(moved.reward, total)


class _Drifting:
    """A goal that moves at a velocity drawn for the episode: state under names of its own."""

    def draw(self, num, generator, device):
        place = 2.0 + torch.rand(num, 3, generator=generator, device=device)
        return {'drift_place': place, 'drift_velocity': place - 1.0}

    def step(self, state):
        return {'drift_place': state['drift_place'] + 0.01 * state['drift_velocity']}

    def signals(self, state):
        zero = torch.zeros_like(state['drift_place'])
        return {
            'goal_pos_w': state['drift_place'] + zero,
            'goal_lin_vel_w': state['drift_velocity'] + zero,
            'goal_lin_acc_w': zero,
        }


@pytest.mark.parametrize('noise', [True, False])
@pytest.mark.parametrize('fused', [True, False])
def test_a_command_may_keep_any_state(fused, noise):
    task = replace(HOVER, commands=_Drifting())
    env = make_env(task, 'analytic', 5, seed=0, fused=fused, noise=noise)
    env.reset(seed=0)
    assert isinstance(env._advance, Fused) == fused
    start = env.measured['goal_pos_w'].clone()
    for _ in range(3):
        env.step(torch.zeros(5, 4))
    expected = start + 0.03 * (start - 1.0)
    torch.testing.assert_close(env.measured['goal_pos_w'], expected, rtol=1e-5, atol=1e-6)


def test_a_crash_terminates_and_is_not_truncated():
    env = make_env(HOVER, 'analytic', 4, seed=0)
    env.reset(seed=0)
    for _ in range(300):
        moved = env.step(torch.tensor([-1.0, 0.0, 0.0, 0.0]).repeat(4, 1))
        if moved.terminated.any():
            break
    assert moved.terminated.any()
    assert not (moved.terminated & moved.truncated).any()
    assert set(moved.final_ids.tolist()) == set(moved.terminated.nonzero().flatten().tolist())


def test_a_setpoint_overrides_the_action():
    states = []
    for setpoint in (None, HOVER.act(torch.zeros(3, 4)), torch.zeros(3, 4)):
        env = make_env(HOVER, 'analytic', 3, seed=0)
        env.reset(seed=0)
        env.step(torch.zeros(3, 4), setpoint)
        states.append(env.engine.signals()['rotor_speed'])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_randomized_parameters_are_kept_for_scoring_and_change_at_reset():
    env = make_env(HOVER, 'analytic', 256, seed=0)
    env.reset(seed=0)
    mass = env.parameters['mass']
    nominal = HOVER.robot.parameters['mass'].nominal[0]
    assert 0.85 * nominal <= mass.min() < 0.9 * nominal
    assert 1.1 * nominal < mass.max() <= 1.15 * nominal
    before = mass.clone()
    env.reset()
    assert not torch.equal(before, env.parameters['mass'])


def test_episodes_are_scored_over_the_last_second_and_crashes_count_as_infinite():
    short = replace(HOVER, episode_length_s=1.2)
    env = make_env(short, 'analytic', 64, seed=0)
    episodes = run_episodes(env, _zeros, seed=1)
    assert episodes.error[episodes.crashed].isinf().all()
    assert episodes.error[~episodes.crashed].isfinite().all()
    assert not episodes.success[episodes.crashed].any()
    assert (episodes.steps[~episodes.crashed] == 120).all()


def test_same_seed_same_episodes():
    env = make_env(replace(HOVER, episode_length_s=0.3), 'analytic', 8, seed=0)
    first, second = (run_episodes(env, _zeros, seed=5) for _ in range(2))
    assert torch.equal(first.error, second.error)
    assert torch.equal(first.reward, second.reward)


def test_unknown_engine_is_suggested():
    with pytest.raises(UnknownNameError, match="Did you mean 'mujoco'"):
        engine_factory('mujocco')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('robot: crazyflie\nparameters: {mas: {range: [1, 1], source: x}}', 'Unknown parameter'),
        (
            'robot: crazyflie\nparameters: {mass: {range: [1.2, 1.0], source: x}}',
            'must not exceed',
        ),
        ('robot: crazyflie\nparameters: {mass: {range: [-1.0, 1.0], source: x}}', 'stay positive'),
        ('robot: crazyflie\nparameters: {mass: {range: [0.9, 1.1]}}', "needs 'source'"),
        ('robot: crazyflie\nparameters: {mass: {rnge: [0.9, 1.1], source: x}}', 'Unknown key'),
        ('robot: crazyflie\nparameters: {mass: {range: [.nan, 1], source: x}}', 'finite'),
        (
            'robot: crazyflie\nparameters: {mass: {distribution: gaussian, std: 1, source: x}}',
            'posi',
        ),
        (
            'robot: crazyflie\nparameters: {mass: {distribution: beta, source: x}}',
            'expected one of',
        ),
        ('robot: go2\nparameters: {}', "for robot 'go2'"),
        ('robot: crazyflie', 'expected the keys'),
        ('robot: [crazyflie\n', 'Cannot read'),
        ('robot: crazyflie\nparameters: {}\nextra: 1', 'Unknown key'),
    ],
)
def test_bad_randomization_is_refused(tmp_path, text, message):
    path = tmp_path / 'crazyflie.yaml'
    path.write_text(text)
    with pytest.raises((SpecError, UnknownNameError), match=message):
        load_randomization(HOVER.robot, path)


def test_a_robot_may_bring_its_own_randomization(tmp_path):
    path = tmp_path / 'ranges.yaml'
    path.write_text('robot: crazyflie\nparameters: {mass: {range: [0.9, 1.1], source: x}}')
    own = replace(HOVER.robot, randomization=str(path))
    assert [spread.parameter for spread in load_randomization(own)] == ['mass']


def test_missing_randomization_is_refused(tmp_path):
    with pytest.raises(SpecError, match='Cannot read'):
        load_randomization(HOVER.robot, tmp_path / 'none.yaml')


@pytest.mark.parametrize('fused', [False, True])
@pytest.mark.parametrize('slow', [False, True])
def test_a_robot_without_sensors_is_measured_exactly(fused, slow, caplog):
    topics = tuple(replace(t, rate_hz=0.5 * t.rate_hz if slow else t.rate_hz) for t in TOPICS)
    task = replace(HOVER, robot=replace(HOVER.robot, sensors=(), topics=topics))
    env = VectorEnv(task, engine_factory('analytic'), 3, seed=0, fused=fused)
    env.reset()
    exact = []
    for _ in range(4):
        moved = env.step(torch.zeros(3, task.action_size))
        true = moved.step.signals['base_pos_w']
        exact.append(torch.equal(env.measured['base_pos_w'], true))
    assert all(exact) == (not slow)
    assert not caplog.text


@pytest.mark.parametrize('fused', [False, True])
def test_a_task_may_end_by_time_alone(fused, caplog):
    task = replace(HOVER, terminations=(), episode_length_s=4 * HOVER.control_dt)
    env = VectorEnv(task, engine_factory('analytic'), 3, seed=0, fused=fused)
    env.reset()
    moved = [env.step(torch.ones(3, task.action_size)) for _ in range(4)]
    assert not any(bool(each.terminated.any()) for each in moved)
    assert moved[-1].terminated.dtype == torch.bool
    assert bool(moved[-1].truncated.all())
    assert not caplog.text
