"""Navigate: what a curriculum chooses reaches the arenas, what brakes reaches the setpoint."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.curricula.curriculum import Uniform
from robot_rl.envs.engines import make_env
from robot_rl.spec import registry


class Fixed(Uniform):
    """A curriculum that always asks for the same."""

    def sample(self, num):
        return np.tile(np.linspace(0.1, 0.9, self.size), (num, 1))


def fixed(centre):
    return Fixed(np.array(centre))


@pytest.fixture(scope='module')
def env():
    env = make_env(registry.task('navigate-jackal'), 'analytic', 8, seed=3, curriculum=fixed)
    env.reset(seed=3)
    return env


def test_a_curriculum_chooses_of_parameters_and_worlds(env):
    share = np.linspace(0.1, 0.9, env.curriculum.size)
    worlds = len(env.task.coordinates)
    assert env.curriculum.size == 3 + worlds, 'three of jackal.yaml are marked'
    assert np.allclose(env.drawn['arena_key'][:, 1:].numpy(), share[3:])
    low, high = 0.5, 1.2  # jackal.yaml, acceleration_limit
    nominal = env.task.robot.parameters['acceleration_limit'].nominal[0]
    wanted = nominal * (low + (high - low) * share[0])
    assert np.allclose(env.parameters['acceleration_limit'].numpy(), wanted, rtol=1e-5)


def test_who_wants_nothing_but_speed_does_not_run_into_what_the_lidar_sees(env):
    """Without a crowd; straight on from 8 starts."""
    ahead = torch.tensor([1.0, 0.0]).repeat(8, 1)
    fastest = touched = 0.0
    env.reset(seed=3)
    for _ in range(100):
        step = env.step(ahead)
        fastest = max(fastest, step.step.signals['base_lin_vel_b'][:, 0].max().item())
        touched += step.terminated.sum().item()
    assert fastest > 0.8
    assert touched == 0
