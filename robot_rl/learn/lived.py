"""From recorded episodes to what a learner learns from.

An observation is not recorded but what it was made of, so a task that looks at its signals
otherwise can still learn from old demonstrations.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from robot_rl.data.reader import Episode
from robot_rl.learn.replay import NStep, Replay, Step
from robot_rl.spec.task import Task

VERDICTS = {'success': 1.0, 'failure': 0.0}
"""Label to the reward of its step, which then is the last."""


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
