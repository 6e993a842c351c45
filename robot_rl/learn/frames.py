"""Frames of episodes with what they show: the task done, or not yet. Success is learned from them.

A frame is what a robot has after a control period. Here that is what the policy sees of its
signals; who has images puts what an encoder makes of them beside it, as another `Features`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from robot_rl.data.reader import Episode
from robot_rl.envs.functions import observation_size
from robot_rl.envs.vector import VectorEnv
from robot_rl.learn import lived
from robot_rl.spec.task import Task


class Features(Protocol):
    """Turns frames into rows of numbers, alike from a recording and while it happens."""

    name: str
    size: int

    def of_episode(self, episode: Episode) -> torch.Tensor:
        """(T, size) float32: one row for what was there after each of T control periods."""
        ...

    def of_env(self, env: VectorEnv) -> torch.Tensor:
        """(num_envs, size) float32: now."""
        ...


class StateFeatures:
    """What the policy observes: of measured signals, with their noise, and of its memory."""

    name = 'state'

    def __init__(self, task: Task) -> None:
        self._task = task
        self.size = observation_size(task)

    @torch.inference_mode()
    def of_episode(self, episode: Episode) -> torch.Tensor:
        """See `Features`."""
        names = self._task.signal_names
        rows = {name: torch.from_numpy(episode.signals[name][1:].copy()) for name in names}
        return self._task.observe(rows, torch.from_numpy(episode.memory[1:].copy())).contiguous()

    @torch.inference_mode()
    def of_env(self, env: VectorEnv) -> torch.Tensor:
        """See `Features`."""
        return self._task.observe(env.measured, env.memory).contiguous()


def done(episode: Episode) -> np.ndarray:
    """(T,) bool: after which control periods the task was done.

    From a step that a person said was a success, up to the end; without a word of theirs, where
    the reward was above 0. Where they said failure, nowhere.
    """
    for label in episode.labels:
        if label.what in lived.VERDICTS:
            return (np.arange(len(episode)) >= label.step) & (label.what == 'success')
    return episode.reward > 0.0


@dataclass(frozen=True)
class Frames:
    """Frames of some episodes."""

    rows: torch.Tensor
    """(n, size) float32."""
    done: torch.Tensor
    """(n,) bool."""
    episodes: tuple[int, ...]
    """Number of frames of each episode, in order."""

    @staticmethod
    def of(features: Features, episodes: Iterable[Episode]) -> Frames:
        """Take all frames of `episodes`."""
        episodes = list(episodes)
        empty = torch.zeros(0, features.size)
        shown = [torch.from_numpy(done(episode)) for episode in episodes]
        return Frames(
            torch.cat([empty, *(features.of_episode(episode) for episode in episodes)]),
            torch.cat([torch.zeros(0, dtype=torch.bool), *shown]),
            tuple(len(episode) for episode in episodes),
        )
