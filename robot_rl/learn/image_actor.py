"""A policy of images and some numbers: convolutions over both kinds of frames, then layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from robot_rl.envs.functions import observation_size
from robot_rl.spec.task import Task

CHANNELS = (16, 32, 32)
BEFORE = (8, 16)
FEATURES = (128, 32)


class ImageActor(nn.Module):
    """Observation to action (n, a).

    An observation (n, o) is some numbers, two grey frames (h / 2, w / 2) of before and an image
    (h, w, 3), each in a row.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        image: tuple[int, int],
        hidden: Sequence[int],
        *,
        blind: bool = False,
        exposure: bool = True,
    ) -> None:
        """`image` is its height and width; who is `blind` sees grey.

        With `exposure` the mean of each image is made the same.
        """
        super().__init__()
        height, width = image
        self._image, self._small = image, (height // 2, width // 2)
        self._blind, self._exposure = blind, exposure
        self._past = 2 * self._small[0] * self._small[1]
        self.numbers = observation_size - self._past - 3 * height * width
        """How many there are before the frames."""
        self.eye = _convolutions(3, CHANNELS, image, FEATURES[0])
        self.past = _convolutions(2, BEFORE, self._small, FEATURES[1])
        body: list[nn.Module] = []
        sizes = (sum(FEATURES) + self.numbers, *hidden)
        for inputs, outputs in pairwise(sizes):
            body += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.body = nn.Sequential(*body, nn.Linear(sizes[-1], action_size))

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Action (n, a) in [-1, 1]."""
        image = observation[:, self.numbers + self._past :]
        rest = observation[:, : self.numbers + self._past]
        return self.of(rest, image.reshape(-1, *self._image, 3))

    def of(self, rest: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """The same of numbers and frames of before (n, k), and images (n, h, w, 3) about zero."""
        numbers, past = rest[:, : self.numbers], rest[:, self.numbers :]
        if self._blind:
            image, past = 0.0 * image, 0.0 * past
        image, past = image.permute(0, 3, 1, 2), past.reshape(-1, 2, *self._small)
        if self._exposure:
            image, past = _exposed(image, (1, 2, 3)), _exposed(past, (2, 3))
        seen, before = self.eye(image), self.past(past)
        return torch.tanh(self.body(torch.cat((seen, before, numbers), 1)))


def _exposed(images: torch.Tensor, over: tuple[int, ...]) -> torch.Tensor:
    """Images about zero, from -0.5 to 0.5, with a mean of 0 each, of what is `over` axes."""
    levels = images + 0.5
    mean = levels
    for axis in over:  # in turn: onnxruntime's sum over all of them is off by 1e-5
        mean = mean.mean(axis, keepdim=True)
    return 0.5 * levels / mean.clamp(min=0.02) - 0.5


def _convolutions(
    channels: int, widths: Sequence[int], image: tuple[int, int], features: int
) -> nn.Sequential:
    layers: list[nn.Module] = []
    height, width = image
    for outputs in widths:
        layers += [nn.Conv2d(channels, outputs, 3, 2, 1), nn.ReLU()]
        channels, height, width = outputs, (height + 1) // 2, (width + 1) // 2
    flat = channels * height * width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, features), nn.ReLU())


def image_actor(task: Task, config: dict[str, Any]) -> ImageActor:
    """The actor that a run with `config`, see DistillConfig, makes for `task`."""
    assert task.eye
    image = (task.eye.height, task.eye.width)
    size = observation_size(task)
    return ImageActor(
        size,
        task.action_size,
        image,
        tuple(config['hidden']),
        blind=config['blind'],
        exposure=config.get('exposure', False),  # which runs before 2026-11-29 did not have
    )
