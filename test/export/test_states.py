"""What `collect` keeps, against an environment whose signals are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from robot_rl.export.states import Moments, States, collect, random_states
from robot_rl.spec import registry


class Counter:
    """Every component of every signal of environment e in period t is 100 e + t."""

    def __init__(self, num_envs: int) -> None:
        self.task = registry.task('hover-crazyflie')
        self.num_envs = num_envs
        self.time = 0

    @property
    def _value(self):
        return 100.0 * torch.arange(self.num_envs).unsqueeze(1) + self.time

    @property
    def measured(self):
        return {s.name: self._value.repeat(1, s.size) for s in self.task.signals}

    restarted = torch.zeros(1, dtype=torch.bool)

    @property
    def memory(self):
        return self._value.repeat(1, self.task.memory_size)

    def reset(self):
        self.time = 0
        return {'actor': torch.zeros(self.num_envs, 5)}

    def step(self, action):
        self.time += 1
        return SimpleNamespace(observation={'actor': torch.zeros(self.num_envs, 5)})


def _actor(observation):
    return torch.zeros(len(observation), 4)


def test_statistics_cover_every_environment_and_period():
    env = Counter(3)
    _, statistics = collect(env, _actor, steps=10)
    seen = (100.0 * np.arange(3)[:, None] + np.arange(10)).ravel()
    entry = statistics['base_pos_w']
    np.testing.assert_allclose(entry['mean'], seen.mean())
    np.testing.assert_allclose(entry['std'], seen.std())
    assert entry['low'] == [0.0] * 3
    assert entry['high'] == [209.0] * 3
    neutral = env.task.act(torch.zeros(1, 4))[0]
    np.testing.assert_allclose(statistics['setpoint']['mean'], neutral, rtol=1e-6)


@pytest.mark.parametrize('rows', [1, 7, 1024])
def test_rows_are_moments_that_happened_spread_over_time(rows: int):
    states, _ = collect(Counter(3), _actor, steps=10, rows=rows)
    assert len(states) == rows
    value = states.memory[:, :1]
    for signal in states.signals.values():
        np.testing.assert_array_equal(signal, np.broadcast_to(value, signal.shape))
    assert set(np.unique(value % 100)) <= set(range(10))
    if rows > 10:
        assert set(np.unique(value % 100)) == set(range(10))
        assert set(np.unique(value // 100)) == {0, 1, 2}


def test_the_same_seed_keeps_the_same_rows():
    first, second = (collect(Counter(3), _actor, steps=10, rows=20)[0] for _ in range(2))
    np.testing.assert_array_equal(first.memory, second.memory)
    third, _ = collect(Counter(3), _actor, steps=10, rows=20, seed=1)
    assert (first.memory != third.memory).any()


def test_moments_do_not_depend_on_how_rows_arrive():
    rows = np.random.default_rng(0).normal(5.0, 2.0, (100, 3)).astype(np.float32)
    whole, parts = Moments(3), Moments(3)
    whole.add(rows)
    for part in np.split(rows, 4):
        parts.add(part)
    for name, value in whole.entry().items():
        np.testing.assert_allclose(parts.entry()[name], value, rtol=1e-12)
    np.testing.assert_allclose(whole.entry()['std'], rows.std(0), rtol=1e-5)


def test_random_states_reach_beyond_what_was_seen():
    seen = States({'base_pos_w': np.array([[-1.0, 0.0], [3.0, 0.0]])}, np.array([[0.0], [8.0]]))
    states = random_states(seen, 500)
    assert len(states) == 500
    values = states.signals['base_pos_w']
    assert values.dtype == np.float32
    assert -2.0 <= values[:, 0].min() < -1.5
    assert 3.5 < values[:, 0].max() <= 4.0
    assert (values[:, 1] == 0.0).all()
    assert -2.0 <= states.memory.min() < -1.0
    assert 9.0 < states.memory.max() <= 10.0
