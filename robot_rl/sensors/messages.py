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
        topics = [topic for topic in robot.topics if topic.rate_hz > 0.0]
        self._topics = [[n for n in topic.signals if n in names] for topic in topics]

    def _chance(self, num: int) -> torch.Tensor:
        shape = (num, len(self._topics))
        return torch.rand(shape, generator=self._generator, device=self._device)

    def newest(
        self, sent: Signals, held: Signals, probability: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Signals `sent` in this period, or `held` from the last where their message is lost.

        Each environment loses each message with its `probability` (num, 1).
        """
        chance = self._chance(len(probability))
        arrived = dict(sent)
        for index, names in enumerate(self._topics):
            lost = chance[:, index : index + 1] < probability
            arrived |= {name: torch.where(lost, held[name], sent[name]) for name in names}
        return arrived
