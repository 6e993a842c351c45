"""Messages that do not arrive: a policy then sees the newest one that did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from robot_rl.spec.robot import Robot

Signals = Mapping[str, torch.Tensor]


class Messages:
    """Losses on the topics that a robot publishes at a rate, batched.

    Signals of one topic travel in one message and are lost together. Topics without a rate (a
    goal) are taken to be sent reliably.
    """

    def __init__(
        self,
        robot: Robot,
        names: Sequence[str],
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        """Cover the signals `names`."""
        self._generator, self._device = generator, device
        topics = [topic for topic in robot.topics if not topic.requested]
        self._topics = [[n for n in topic.signals if n in names] for topic in topics]

    def lost(self, probability: torch.Tensor) -> torch.Tensor:
        """Which topics' messages are lost in this period, (num, topics) in the robot's order.

        Each environment loses each with its `probability` (num, 1).
        """
        return self._chance(len(probability)) < probability

    def _chance(self, num: int) -> torch.Tensor:
        shape = (num, len(self._topics))
        return torch.rand(shape, generator=self._generator, device=self._device)

    def newest(
        self, sent: Signals, held: Signals, probability: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Signals `sent` in this period, or `held` from the last where their message is `lost`."""
        return replaced(sent, held, self._topics, self.lost(probability))


def replaced(
    ours: Signals, theirs: Signals, topics: Sequence[Sequence[str]], where: torch.Tensor
) -> dict[str, torch.Tensor]:
    """`ours`, but for the signals of each of `topics` `theirs` in the rows that `where` says.

    `where` is (num, topics).
    """
    mixed = dict(ours)
    for index, names in enumerate(topics):
        column = where[:, index : index + 1]
        mixed |= {name: torch.where(column, theirs[name], ours[name]) for name in names}
    return mixed
