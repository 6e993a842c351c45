"""From episodes to transitions: what a label changes, and that observations are made anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from robot_rl.data.reader import Episode, Label
from robot_rl.learn import lived
from robot_rl.learn.replay import NStep, Replay
from robot_rl.spec import registry

TASK = registry.task('insert-panda')
T = 6


@pytest.fixture
def episode() -> Episode:
    draw = np.random.default_rng(0)

    def rows(size: int, num: int = T + 1) -> np.ndarray:
        return draw.standard_normal((num, size)).astype(np.float32)

    signals = {signal.name: rows(signal.size) for signal in TASK.signals}
    signals['goal_quat_w'] = np.tile(np.array([0.0, 1.0, 0.0, 0.0], np.float32), (T + 1, 1))
    return Episode(
        number=0,
        first=0,
        signals=signals | {'beside': rows(2)},
        memory=rows(TASK.memory_size),
        action=rows(6, T).clip(-1.0, 1.0),
        setpoint=rows(6, T),
        reward=np.array([0, 0, 0, 0, 0, 1], np.float32),
        person=np.array([False, True, True, False, False, False]),
        operators=('policy',) * T,
        extra=({},) * T,
        stamps=np.arange(T + 1.0),
        labels=(),
        terminated=True,
        truncated=False,
        success=True,
        seed=None,
        complete=True,
    )


def test_steps_are_what_the_task_makes_of_what_was_seen(episode):
    steps = lived.steps(TASK, episode)
    assert [step.reward for step in steps] == [0.0] * 5 + [1.0]
    assert [step.terminated for step in steps] == [False] * 5 + [True]
    assert not any(step.truncated for step in steps)
    for t, step in enumerate(steps):
        for row, seen in ((t, step.observation), (t + 1, step.next_observation)):
            signals = {n: torch.from_numpy(v[row : row + 1]) for n, v in episode.signals.items()}
            expected = TASK.observe(signals, torch.from_numpy(episode.memory[row : row + 1]))
            torch.testing.assert_close(seen, expected[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(('what', 'reward'), [('success', 1.0), ('failure', 0.0)])
def test_a_late_label_ends_the_episode_at_the_step_that_it_is_about(episode, what, reward):
    said = replace(
        episode,
        reward=np.zeros(T, np.float32),
        labels=(Label(2, 'look'), Label(3, what)),
        terminated=False,
        truncated=True,
    )
    steps = lived.steps(TASK, said)
    assert len(steps) == 4
    assert [step.reward for step in steps] == [0.0, 0.0, 0.0, reward]
    assert steps[-1].terminated and not steps[-1].truncated


def test_an_episode_that_broke_off_or_ran_out_of_time_is_worth_what_follows(episode):
    for cut in (
        replace(episode, terminated=False, truncated=True),
        replace(episode, terminated=False, complete=False),
    ):
        last = lived.steps(TASK, cut)[-1]
        assert last.truncated and not last.terminated


def test_what_people_did_goes_to_both_replays(episode):
    size = len(lived.steps(TASK, episode)[0].observation)
    shown, practised = Replay(size, 6, 50), Replay(size, 6, 50)
    lived.add([(practised, False), (shown, True)], lived.steps(TASK, episode), NStep(1, 0.9))
    assert (len(practised), len(shown)) == (T, 2)
    assert shown.all().person.all()
    assert practised.all().person.tolist() == episode.person.tolist()
    assert practised.all().discount.tolist() == pytest.approx([0.9] * 5 + [0.0])
