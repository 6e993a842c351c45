from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('rsl_rl')

from robot_rl.envs.engines import make_env
from robot_rl.envs.rollout import actor_policy, run_episodes
from robot_rl.learn.ppo import Ppo, PpoConfig
from robot_rl.spec import registry

HOVER = registry.task('hover-crazyflie')
SMALL = PpoConfig(num_envs=32, num_steps=8, iterations=10)


def _learner(task=HOVER, config=SMALL, seed=0):
    return Ppo(make_env(task, 'analytic', config.num_envs, seed=seed), config, seed)


def test_a_time_out_is_bootstrapped_from_the_value_of_the_last_state():
    """With one reward per step, a cut episode must be worth as much as one that goes on."""
    short = replace(HOVER, episode_length_s=0.03)
    learner = _learner(short)
    with torch.inference_mode():
        for parameter in learner._ppo.critic.parameters():
            parameter.zero_()
        last: Any = learner._ppo.critic.mlp[-1]
        last.bias.fill_(10.0)  # every state is worth 10
    learner._rollout()
    storage = learner._ppo.storage
    cut = storage.dones.squeeze(2).bool()
    assert cut.any() and not cut.all()
    bonus = SMALL.gamma * 10.0
    assert (storage.rewards.squeeze(2)[cut] > bonus - 1.0).all()
    assert (storage.rewards.squeeze(2)[~cut] < 1.0).all()


def test_learning_rate_falls_to_its_final_value():
    learner = _learner()
    rates = [learner.iterate()['learning_rate'] for _ in range(10)]
    assert rates[0] == SMALL.learning_rate
    assert rates == sorted(rates, reverse=True)
    span = SMALL.learning_rate - SMALL.final_learning_rate
    assert rates[-1] == pytest.approx(SMALL.final_learning_rate + 0.1 * span)


def test_the_first_policy_stays_near_the_neutral_setpoint():
    learner = _learner()
    observation = learner.env.reset(seed=0)['actor']
    with torch.inference_mode():
        assert learner.actor(observation).abs().max() < 0.5


@pytest.mark.slow
def test_learning_makes_the_drone_stay_up():
    learner = _learner(config=replace(PpoConfig(), **HOVER.training))
    judge = make_env(HOVER, 'analytic', 64, seed=1)

    def survived():
        episodes = run_episodes(judge, actor_policy(learner.actor), seed=2)
        return episodes.steps.float().mean().item()

    before = survived()
    for _ in range(40):
        learner.iterate()
    assert survived() > 1.5 * before
