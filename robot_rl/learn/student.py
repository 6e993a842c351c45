"""Who learns from people: both replays, the learner, and what it hands to the one who acts.

What people did is in both replays, what the policy did in the one of practice alone (Luo et al.,
arXiv 2410.21845). Both are made of recorded episodes, so nothing of them is saved twice: who
resumes reads the episodes again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
import hashlib
from typing import Any

import torch

from robot_rl.data.reader import Episode
from robot_rl.envs.functions import observation_size
from robot_rl.learn import lived
from robot_rl.learn.replay import NStep, Replay, symmetric
from robot_rl.learn.rlpd import Rlpd, RlpdConfig
from robot_rl.spec.task import Task

CAPACITY = 200_000
"""Transitions that a replay holds, as HIL-SERL's."""
BEGIN = 100
"""Transitions of practice after which learning begins."""
LEAST_STD = 0.05
"""Of a component of observations in demonstrations: what hardly varied there may elsewhere."""


class Student:
    """RLPD on one task."""

    def __init__(self, task: Task, config: RlpdConfig, seed: int) -> None:
        """Know nothing yet."""
        self.task, self.config = task, config
        size = observation_size(task)
        self.rlpd = Rlpd(size, task.action_size, config, seed)
        self.shown = Replay(size, task.action_size, CAPACITY)
        """What people did."""
        self.practised = Replay(size, task.action_size, CAPACITY)
        """What happened while the policy acted, corrections among it."""
        self.steps = 0
        """Of practice."""

    @property
    def actor(self) -> torch.nn.Module:
        """Observation (n, size) to action (n, action_size)."""
        return self.rlpd.actor

    def watch(self, demonstrations: Iterable[Episode]) -> None:
        """Take what people did in these, and the spread of what they saw as the scale of all."""
        for episode in demonstrations:
            self._add([(self.shown, True)], episode)
        if len(self.shown):
            seen = self.shown.all().observation
            self.rlpd.normalise(seen.mean(0), seen.std(0).clamp(min=LEAST_STD))

    def practise(self, episode: Episode) -> None:
        """Take an episode of practice."""
        self._add([(self.practised, False), (self.shown, True)], episode)
        self.steps += len(episode)

    def _add(self, replays: list[tuple[Replay, bool]], episode: Episode) -> None:
        n_step = NStep(self.config.n_step, self.config.discount)
        lived.add(replays, lived.steps(self.task, episode, self.config.worth), n_step)

    @property
    def ready(self) -> bool:
        """Whether there is enough to learn from."""
        return len(self.practised) >= BEGIN

    def update(self) -> dict[str, float]:
        """Learn once: see Rlpd.update."""
        return self.rlpd.update(partial(symmetric, self.shown, self.practised))

    @property
    def finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return all(
            bool(value.isfinite().all())
            for part in ('actor', 'critics', 'targets')
            for value in self.rlpd.state_dict()[part].values()
        )

    @property
    def layout(self) -> str:
        """See `layout_of`."""
        return layout_of(self.actor)

    def weights(self) -> bytes:
        """The actor, as float32 numbers in the order of its parameters and buffers."""
        rows = [value.float().flatten() for value in self.actor.state_dict().values()]
        return torch.cat(rows).numpy().tobytes()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs beside the episodes."""
        return {'rlpd': self.rlpd.state_dict(), 'config': asdict(self.config)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what was saved. Raises RuntimeError for networks of another shape."""
        self.rlpd.load_state_dict(state['rlpd'])


def digest(weights: bytes) -> str:
    """What tells one set of weights from another."""
    return hashlib.sha256(weights).hexdigest()


def layout_of(actor: torch.nn.Module) -> str:
    """What tells an actor of other layers, though perhaps of as many weights, from this one."""
    shapes = [(name, tuple(value.shape)) for name, value in actor.state_dict().items()]
    return hashlib.sha256(repr(shapes).encode()).hexdigest()


def load_weights(actor: torch.nn.Module, weights: bytes) -> None:
    """Write `weights` into an actor of the same shape.

    Raises ValueError for another number of weights, or one that is not finite: the old ones stay.
    """
    numbers = torch.frombuffer(bytearray(weights), dtype=torch.float32)
    state = actor.state_dict()
    sizes = [value.numel() for value in state.values()]
    if len(numbers) != sum(sizes):
        raise ValueError(f'{len(numbers)} weights for an actor of {sum(sizes)}')
    if not numbers.isfinite().all():
        raise ValueError('some weights are not finite')
    with torch.no_grad():
        for value, part in zip(state.values(), numbers.split(sizes), strict=True):
            value.copy_(part.view_as(value))
