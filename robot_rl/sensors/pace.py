"""Topics that come less often than a policy runs: it sees their newest message again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from robot_rl.sensors.messages import replaced
from robot_rl.spec.robot import Robot

Signals = Mapping[str, torch.Tensor]
PHASE = 'topic_phase'


class Pace:
    """When slow topics bring a message, batched. Pure functions: the state is the caller's.

    A topic's clock is no multiple of the policy's: each message is measured at its own time, up to
    a control period before the policy sees it. Its phase is drawn for each episode.
    """

    def __init__(
        self,
        robot: Robot,
        names: Sequence[str],
        control_dt: float,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        """Cover those of the signals `names` that come less often than every `control_dt` [s]."""
        self._generator, self._device = generator, device
        topics = [topic for topic in robot.topics if topic.slow(control_dt)]
        found = [([n for n in topic.signals if n in names], topic.rate_hz) for topic in topics]
        self._topics = [names for names, _ in found if names]
        rates = [control_dt * rate for names, rate in found if names]
        self._rates = torch.tensor(rates, device=device)  # messages in a control period
        self.changing = (PHASE,) if self._topics else ()
        """Of what `fresh` returns, this changes with every period."""

    def __bool__(self) -> bool:
        """Whether there is such a topic."""
        return bool(self._topics)

    def fresh(self, num: int) -> dict[str, torch.Tensor]:
        """State of `num` robots: how much of the time between two messages is over."""
        shape = (num, len(self._topics))
        return {PHASE: torch.rand(shape, generator=self._generator, device=self._device)}

    def tick(self, state: Signals) -> tuple[torch.Tensor, torch.Tensor]:
        """Which topics bring a message in the next period, and the state after it.

        Both (num, topics).
        """
        phase = state[PHASE] + self._rates
        due = phase >= 1.0
        return due, torch.where(due, phase - 1.0, phase)

    def waited(self, phase: torch.Tensor) -> dict[str, torch.Tensor]:
        """Signal to the time (num, 1) [control periods] since its newest message was measured."""
        since = phase / self._rates
        return {
            name: since[:, index : index + 1]
            for index, names in enumerate(self._topics)
            for name in names
        }

    def newest(self, sent: Signals, held: Signals, due: torch.Tensor) -> dict[str, torch.Tensor]:
        """Signals `sent` in this period, or `held` from the last where no message is `due`."""
        return replaced(sent, held, self._topics, ~due)
