"""Transitions with their images, for eyes that go on learning while a car practises.

As in DrQ (Kostrikov et al., arXiv 2004.13649): images are kept as they were seen, each is shifted
by chance whenever it is drawn, before and after the step, and the critics' loss teaches the eyes;
the actor's does not.
"""

from __future__ import annotations

import torch

from robot_rl.learn.eyes import FEATURES, Eyes
from robot_rl.learn.replay import Batch, Replay

SHIFT = 2  # [px] along both axes at most; edges are repeated


class Pixels:
    """A replay, and of each of its transitions two images."""

    def __init__(
        self, replay: Replay, images: torch.Tensor, eyes: Eyes, numbers: int, stride: int, gap: int
    ) -> None:
        """Put what `eyes` see of images after the first `numbers` of an observation.

        Args:
            replay: The transitions; features in their observations are not used.
            images: (m, height, width, 3) uint8.
            eyes: Which learn.
            numbers: See above.
            stride: Transition i begins with image `stride` i ...
            gap: ... and ends with the one `gap` later.
        """
        self.replay, self.images = replay, images
        self._eyes, self._numbers, self._stride, self._gap = eyes, numbers, stride, gap

    @classmethod
    def empty(cls, replay: Replay, shape: tuple[int, ...], eyes: Eyes, numbers: int) -> Pixels:
        """For images (height, width, 3) of this `shape`, two of each transition to be added."""
        images = torch.zeros(2 * replay.capacity, *shape, dtype=torch.uint8)
        return cls(replay, images, eyes, numbers, 2, 1)

    def keep(self, before: torch.Tensor, after: torch.Tensor) -> None:
        """Take the images (1, height, width, 3) of the transition that was added last."""
        place = 2 * ((self.replay.added - 1) % self.replay.capacity)
        self.images[place], self.images[place + 1] = before[0], after[0]

    def sample(self, num: int, generator: torch.Generator) -> Batch:
        """`num` transitions by chance. Raises ValueError for an empty replay."""
        rows, batch = self.replay.drawn(num, generator)
        first = self._stride * rows
        seen = self._see(batch.observation, first, generator)
        with torch.no_grad():
            following = self._see(batch.next_observation, first + self._gap, generator)
        return batch._replace(observation=seen, next_observation=following)

    def _see(
        self, observation: torch.Tensor, rows: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        images = shifted(self.images[rows], generator).float() / 255.0 - 0.5
        numbers, _, rest = observation.tensor_split((self._numbers, self._numbers + FEATURES), 1)
        return torch.cat((numbers, self._eyes(images), rest), 1)


def halves(driven: Pixels, lived: Pixels, num: int, generator: torch.Generator) -> Batch:
    """As replay.symmetric: half of each, all of what was driven before anything was lived."""
    if not len(lived.replay):
        return driven.sample(num, generator)
    parts = driven.sample((num + 1) // 2, generator), lived.sample(num // 2, generator)
    return Batch(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def shifted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Images (n, height, width, 3), each moved by up to SHIFT along both axes."""
    num, height, width, _ = images.shape
    moved = torch.randint(2 * SHIFT + 1, (num, 2), generator=generator) - SHIFT
    rows = (torch.arange(height) + moved[:, :1]).clamp(0, height - 1)
    columns = (torch.arange(width) + moved[:, 1:]).clamp(0, width - 1)
    which = torch.arange(num)
    return images[which[:, None, None], rows[:, :, None], columns[:, None, :]]
