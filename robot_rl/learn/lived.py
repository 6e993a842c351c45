"""From recorded episodes to what a learner learns from.

An observation is not recorded but what it was made of, so a task that looks at its signals
otherwise can still learn from old demonstrations.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from robot_rl.data.reader import Episode
from robot_rl.learn.replay import NStep, Replay, Step
from robot_rl.spec.task import Task

VERDICTS = {'success': 1.0, 'failure': 0.0}
"""Label to the reward of its step, which then is the last."""


def check(task: Task, episode: Episode) -> None:
    """Raise ValueError, which says why, for an episode that cannot be learned from as `task`."""
    num = len(episode)
    wanted = {signal.name: (num + 1, signal.size) for signal in task.signals}
    rows = {**episode.signals, 'memory': episode.memory, 'action': episode.action}
    rows |= {'reward': episode.reward, 'person': episode.person}
    wanted |= {'memory': (num + 1, task.memory_size), 'action': (num, task.action_size)}
    wanted |= {'reward': (num,), 'person': (num,)}
    for name, shape in wanted.items():
        found = rows.get(name)
        if found is None or found.shape != shape:
            got = 'none' if found is None else found.shape
            raise ValueError(f'{name!r} has the shape {got}, expected {shape}')
        if not np.isfinite(found).all():
            raise ValueError(f'{name!r} has a number that is not finite')
    if not num or np.abs(episode.action).max() > 1.0 + 1e-5:
        raise ValueError(f'it has {num} steps, or an action outside of [-1, 1]')
    if any(not 0 <= label.step < num for label in episode.labels):
        raise ValueError(f'a label is about none of its {num} steps')


@torch.inference_mode()
def steps(task: Task, episode: Episode, worth: float = 1.0) -> list[Step]:
    """Steps of an episode up to where it was said to have succeeded or failed.

    `worth` multiplies rewards.

    A label counts for the step it is about, however late it came. Without one, `terminated` and
    the rewards are what was recorded.
    """
    signals = {
        name: torch.from_numpy(rows.copy())
        for name, rows in episode.signals.items()
        if name in task.signal_names
    }
    observation = task.observe(signals, torch.from_numpy(episode.memory.copy())).contiguous()
    action, rewards = torch.from_numpy(episode.action.copy()), episode.reward.copy()
    count, terminated, truncated = len(episode), episode.terminated, episode.truncated
    for label in episode.labels:
        if label.what in VERDICTS:
            count, terminated, truncated = label.step + 1, True, False
            rewards[label.step] = VERDICTS[label.what]
            break
    return [
        Step(
            observation=observation[t],
            action=action[t],
            reward=worth * float(rewards[t]),
            terminated=terminated and t == count - 1,
            truncated=(truncated or not terminated) and t == count - 1,
            next_observation=observation[t + 1],
            person=bool(episode.person[t]),
        )
        for t in range(count)
    ]


def add(replays: Iterable[tuple[Replay, bool]], lived: Iterable[Step], n_step: NStep) -> None:
    """Add whole episodes to every replay, to those marked True only what people did."""
    for step in lived:
        for row in n_step.push(step):
            for replay, of_people in replays:
                if row[5] or not of_people:
                    replay.add(*row)
