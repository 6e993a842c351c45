"""Eyes: what makes a few numbers of an image, trained before and kept in a file of their own.

The file also holds what the driving that they were trained on was like, seen through them: that is
what a learner has before it practises.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from robot_rl.envs.functions import observation_size
from robot_rl.errors import RunFolderError
from robot_rl.learn.networks import Actor
from robot_rl.learn.replay import Batch
from robot_rl.learn.run_folder import load_state, save_state
from robot_rl.spec.task import Task

CHANNELS = (16, 32, 32)
FEATURES = 64
FORMAT = 'eyes 1'


class Eyes(nn.Module):
    """Images (n, height, width, 3) about zero to (n, FEATURES) numbers within [-1, 1]."""

    def __init__(self, image: tuple[int, int]) -> None:
        """`image` is its height and width."""
        super().__init__()
        (height, width), layers, inputs = image, list[nn.Module](), 3
        for outputs in CHANNELS:
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.ReLU()]
            inputs, height, width = outputs, (height + 1) // 2, (width + 1) // 2
        size = inputs * height * width
        self.body = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(size, FEATURES), nn.LayerNorm(FEATURES), nn.Tanh()
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See above."""
        return self.body(images.permute(0, 3, 1, 2))


class SightedActor(nn.Module):
    """Observation, of which an image is the last part, to action (n, a): eyes and who acts."""

    def __init__(self, eyes: Eyes, actor: nn.Module, numbers: int, image: tuple[int, int]) -> None:
        """`numbers` come before the image, of this height and width."""
        super().__init__()
        self.eyes, self.actor, self.numbers, self._image = eyes, actor, numbers, image

    def see(self, observation: torch.Tensor) -> torch.Tensor:
        """Observation (n, numbers + FEATURES) of who acts, of one (n, o) with the image."""
        image = observation[:, self.numbers :].reshape(-1, *self._image, 3)
        return torch.cat((observation[:, : self.numbers], self.eyes(image)), 1)

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Action (n, a) in [-1, 1]."""
        return self.actor(self.see(observation))


class Trained(NamedTuple):
    """What the file of eyes holds."""

    eyes: Eyes
    driven: Batch
    """Transitions of the recorded driving: numbers and what is seen, then the critic's."""
    images: torch.Tensor | None = None
    """(m, height, width, 3) uint8 that the transitions begin with, period by period; None where
    they were not kept."""
    cars: int = 1
    """That were driven: the image after that of transition i is the one so many later."""


def numbers_of(task: Task) -> int:
    """Numbers of the observation of `task` before the image."""
    assert task.eye
    return observation_size(task) - 3 * task.eye.height * task.eye.width


def sighted_actor(task: Task, hidden: tuple[int, ...], eyes: Eyes | None = None) -> SightedActor:
    """An actor for `task` with `eyes`, or with untrained ones."""
    assert task.eye
    image, numbers = (task.eye.height, task.eye.width), numbers_of(task)
    actor = Actor(numbers + FEATURES, task.action_size, hidden, torch.Generator())
    return SightedActor(eyes or Eyes(image), actor, numbers, image)


def save(path: Path, task: Task, trained: Trained) -> None:
    """Write the file."""
    save_state(
        path,
        {
            'format': FORMAT,
            'shape': _shape(task),
            'eyes': trained.eyes.state_dict(),
            'driven': trained.driven._asdict(),
            'images': trained.images,
            'cars': trained.cars,
        },
    )


def load(path: Path, task: Task) -> Trained:
    """Read the file: tensors and plain values only, as for every checkpoint.

    Raises RunFolderError for one that is damaged, something else, or for other observations than
    those of `task`.
    """
    assert task.eye
    state = load_state(path)
    eyes = Eyes((task.eye.height, task.eye.width))
    try:
        told = {'format': state['format'], **state['shape']}
        eyes.load_state_dict(state['eyes'])
        driven = Batch(**state['driven'])
    except (KeyError, TypeError, RuntimeError) as error:
        reason = str(error).partition('\n')[0].rstrip('.')
        raise RunFolderError(
            f'{path} holds no eyes for {task.id!r}: {reason}. Write one with: robot_rl pretrain '
            f'{task.id}'
        ) from error
    wanted: dict[str, Any] = {'format': FORMAT, **_shape(task)}
    for name, expected in wanted.items():
        if told.get(name) != expected:
            raise RunFolderError(
                f'{path} holds eyes with {name} {told.get(name)!r}, expected {expected!r} for '
                f'{task.id!r}. Write one with: robot_rl pretrain {task.id}'
            )
    eyes.eval().requires_grad_(False)
    return Trained(eyes, driven, state.get('images'), state.get('cars', 1))


def _shape(task: Task) -> dict[str, Any]:
    assert task.eye
    return {
        'image': [task.eye.height, task.eye.width],
        'numbers': numbers_of(task),
        'action': task.action_size,
    }
