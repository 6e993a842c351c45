from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('torch')
gymnasium = pytest.importorskip('gymnasium')

from gymnasium.utils.env_checker import check_env

from robot_rl.envs import gym
from robot_rl.spec import registry

gym.register()


@pytest.mark.parametrize('task_id', registry.task_ids())
@pytest.mark.filterwarnings('ignore:.*Box observation space (minimum|maximum) value is.*infinity')
@pytest.mark.filterwarnings('ignore:.*not within the observation space')
def test_gymnasium_checker(task_id):
    check_env(gymnasium.make(f'robot_rl/{task_id}').unwrapped, skip_render_check=True)


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match='engin'):
        gymnasium.make('robot_rl/hover-crazyflie', engin='analytic')


def test_vector_api_keeps_the_final_observation():
    envs = gymnasium.make_vec('robot_rl/hover-crazyflie', num_envs=5)
    observation, _ = envs.reset(seed=3)
    assert observation.shape == envs.observation_space.shape
    assert envs.metadata['autoreset_mode'] == gymnasium.vector.AutoresetMode.SAME_STEP
    full_left = np.tile(np.array([0.0, 1.0, 0.0, 0.0], np.float32), (5, 1))
    ended = np.zeros(5, dtype=bool)
    while not ended.any():  # rolling without end falls out of the sky
        observation, _, terminated, truncated, info = envs.step(full_left)
        ended = terminated | truncated
    assert np.array_equal(info['_final_obs'], ended)
    index = int(ended.argmax())
    final = info['final_obs'][index]
    assert final.shape == observation[index].shape
    assert not np.array_equal(final, observation[index])


def test_single_and_vector_agree():
    single = gymnasium.make('robot_rl/hover-crazyflie').unwrapped
    vector = gymnasium.make_vec('robot_rl/hover-crazyflie', num_envs=1)
    one, _ = single.reset(seed=11)
    many, _ = vector.reset(seed=11)
    assert np.array_equal(one, many[0])
    action = np.full(4, 0.1, np.float32)
    assert np.array_equal(single.step(action)[0], vector.step(action[None])[0][0])
