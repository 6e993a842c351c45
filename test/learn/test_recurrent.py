"""Recurrent policies: what they carry, when they forget it, and that the file carries it too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('rsl_rl')
pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')

from robot_rl.bench.evaluation import file_policy
from robot_rl.deploy.policy import Policy
from robot_rl.engines.analytic import AnalyticEngine
from robot_rl.envs.rollout import actor_policy
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import RunFolderError, SpecError
from robot_rl.export.onnx import export_policy
from robot_rl.export.states import collect
from robot_rl.learn import run_folder
from robot_rl.learn.config import TrainConfig
from robot_rl.learn.ppo import Ppo, PpoConfig
from robot_rl.learn.recurrent import RecurrentActor
from robot_rl.learn.train import load_actor, ppo_config_of, train
from robot_rl.spec import registry

UNITS = 8
TINY = TrainConfig(
    iterations=3,
    num_envs=16,
    checkpoints=3,
    validation_episodes=8,
    test_episodes=8,
    quiet=True,
    name='tiny',
    recurrent=UNITS,
)
HOVER = registry.task('hover-crazyflie')
SHORT = replace(HOVER, episode_length_s=0.05)
SMALL = PpoConfig(num_envs=16, num_steps=12, recurrent=UNITS)


@pytest.fixture(scope='module')
def tiny_run(tmp_path_factory):
    return train(TINY, tmp_path_factory.mktemp('runs'))


def _env(task, num_envs, **options):
    return VectorEnv(task, AnalyticEngine, num_envs, seed=0, fused=False, **options)


def test_the_file_does_what_torch_does_through_the_ends_of_episodes(tiny_run, tmp_path):
    _, actor, _ = load_actor(tiny_run)
    states, statistics = collect(_env(SHORT, 16), actor, steps=20)
    assert np.abs(states.memory[:, -UNITS:]).max() > 0.01
    path = tmp_path / 'policy.onnx'
    given = {'statistics': statistics, 'training': {}, 'evaluation': {}}
    contract = export_policy(HOVER, actor, path, golden_states=states, **given)
    assert contract.memory_size == HOVER.memory_size + UNITS
    env = _env(SHORT, 4)
    with_torch, with_file = actor_policy(actor), file_policy(Policy.load(path))
    span = torch.tensor(HOVER.setpoint.high) - torch.tensor(HOVER.setpoint.low)
    observation, ends = env.reset(seed=1), 0
    with torch.inference_mode():
        for _ in range(20):
            action, _ = with_torch(env, observation)
            _, setpoint = with_file(env, observation)
            expected = HOVER.act(action, env.measured, env.memory)
            torch.testing.assert_close(setpoint / span, expected / span, rtol=0.0, atol=1e-5)
            moved = env.step(action)
            observation, ends = moved.observation, ends + len(moved.final_ids)
    assert ends >= 8


def test_a_resumed_run_goes_on_bit_for_bit(tiny_run, tmp_path):
    """Without being told again how many units it has."""
    interrupted = tmp_path / 'tiny'
    (interrupted / 'checkpoints').mkdir(parents=True)
    for name in ('config.json', 'checkpoints/1.pt'):
        (interrupted / name).write_bytes((tiny_run / name).read_bytes())
    with pytest.raises(RunFolderError, match='begun with 8 recurrent units, not 0'):
        train(replace(TINY, recurrent=0, resume=True), tmp_path)
    train(replace(TINY, recurrent=None, resume=True), tmp_path)
    first, again = (
        run_folder.load_state(run / 'checkpoints' / '3.pt') for run in (tiny_run, interrupted)
    )
    for group in ('actor_state_dict', 'critic_state_dict'):
        for name, value in again[group].items():
            assert torch.equal(value, first[group][name]), name


def test_the_value_at_a_time_out_knows_the_episode_and_changes_nothing():
    learner = Ppo(_env(HOVER, 16), SMALL, seed=0)
    critic: Any = learner._ppo.critic
    with torch.inference_mode():
        learner._rollout()
        state, ids = critic.get_hidden_state().clone(), torch.tensor([3, 11])
        seen = {name: rows[ids] for name, rows in learner._observation.items()}
        value = learner._value(seen, ids)
        expected, _ = RecurrentActor(critic)(seen['critic'], state[0, ids])
        torch.testing.assert_close(value, expected.squeeze(1))
        assert torch.equal(critic.get_hidden_state(), state)
        torch.testing.assert_close(
            learner._value(learner._observation, torch.arange(16))[ids], value
        )


def test_states_are_zero_where_policies_start_anew(monkeypatch):
    """At the end of an episode, and where a robot acted for itself: in the middle of one."""
    task = replace(HOVER, episode_length_s=0.08)
    learner = Ppo(_env(task, 16), SMALL, seed=0)
    freed = property(lambda env: env.episode_steps % 4 == 0)
    monkeypatch.setattr(VectorEnv, 'restarted', freed)
    with torch.inference_mode():
        for parameter in learner._ppo.critic.mlp.parameters():
            parameter.zero_()
        last: Any = learner._ppo.critic.mlp[-1]
        last.bias.fill_(10.0)  # every state is worth 10
    learner._rollout()
    storage: Any = learner._ppo.storage
    ended = storage.dones.squeeze(2).bool()
    assert 0.2 < ended.float().mean() < 0.3, 'every fourth period'
    for states in (storage.saved_hidden_state_a[0], storage.saved_hidden_state_c[0]):
        zero = (states[:, 0] == 0.0).all(2)
        assert torch.equal(zero[1:], ended[:-1])
        assert zero[0].all()
    # What comes after is worth something where nothing failed.
    rewards = storage.rewards.squeeze(2)
    assert (rewards[ended] > SMALL.gamma * 10.0 - 1.0).all()
    assert (rewards[~ended] < 1.0).all()


def test_what_the_update_learns_from_is_what_the_rollout_did():
    """The second rollout begins with the states of the first, a restart with zeros."""
    learner = Ppo(_env(SHORT, 16), SMALL, seed=0)
    for begin in (lambda: None, lambda: None, learner.restart):
        begin()
        learner._rollout()
        storage, model = learner._ppo.storage, learner._ppo.actor
        batch: Any
        for batch in storage.recurrent_mini_batch_generator(2, 1):
            with torch.no_grad():
                model(
                    batch.observations,
                    masks=batch.masks,
                    hidden_state=batch.hidden_states[0],
                    stochastic_output=True,
                )
                told = model.get_output_log_prob(batch.actions)
            torch.testing.assert_close(told, batch.old_actions_log_prob.squeeze(2))
        storage.clear()


def test_units_below_none_are_refused():
    with pytest.raises(SpecError, match='cannot be -1 recurrent units'):
        ppo_config_of(HOVER, TrainConfig(recurrent=-1))
