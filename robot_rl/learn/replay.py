"""What was lived through, for learning from it again: a ring of transitions, and n-step returns.

A transition says who acted. Its `discount` is what the value of the next observation counts: 0
where the episode terminated, so that a success or a failure is final; gamma to the number of steps
otherwise, also where time ran out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

SCALARS = 5
"""Numbers of a transition beside observations and action."""


class Batch(NamedTuple):
    """Transitions, n of them."""

    observation: torch.Tensor
    """(n, o)"""
    action: torch.Tensor
    """(n, a) in [-1, 1]"""
    reward: torch.Tensor
    """(n,) summed over the steps, each discounted from the first."""
    next_observation: torch.Tensor
    """(n, o)"""
    discount: torch.Tensor
    """(n,) of the value of `next_observation`."""
    person: torch.Tensor
    """(n,) bool: a person acted, or the step is of a demonstration."""
    gripper: torch.Tensor
    """(n,) int64, index of the gripper's action; 0 where there is none."""
    episode: torch.Tensor
    """(n,) int64, below 2^24; which transitions belong together."""


class Replay:
    """The last `capacity` transitions. One row of float32 each, so that sampling is one gather."""

    def __init__(self, observation_size: int, action_size: int, capacity: int) -> None:
        """Take the memory for all of it now."""
        if min(observation_size, action_size, capacity) < 1:
            raise ValueError('Sizes and capacity must be positive')
        self.observation_size, self.action_size = observation_size, action_size
        self.capacity, self.added = capacity, 0
        self._rows = torch.zeros(capacity, 2 * observation_size + action_size + SCALARS)

    def __len__(self) -> int:
        """How many transitions there are."""
        return min(self.added, self.capacity)

    def add(
        self,
        observation: torch.Tensor,
        action: torch.Tensor,
        reward: torch.Tensor | float,
        next_observation: torch.Tensor,
        discount: torch.Tensor | float,
        person: torch.Tensor | bool = False,
        gripper: torch.Tensor | int = 0,
        episode: torch.Tensor | int = 0,
    ) -> None:
        """Add one transition, or n with a leading dimension; the oldest give way.

        Raises:
            ValueError: Shapes do not fit, a number is not finite, or an action lies outside of
                [-1, 1]: nothing is added then.
        """
        lead, (o, a) = observation.shape[:-1], (self.observation_size, self.action_size)
        shapes = observation.shape, action.shape, next_observation.shape
        if shapes != ((*lead, o), (*lead, a), (*lead, o)) or len(lead) > 1:
            expected = f'({o}), ({a}), ({o}), or n of each'
            raise ValueError(f'Expected shapes {expected}; got {[tuple(s) for s in shapes]}')
        row = torch.empty(*lead, self._rows.shape[1])
        row[..., :o], row[..., o : o + a] = observation, action
        row[..., o + a : -SCALARS] = next_observation
        scalars = (reward, discount, person, gripper, episode)
        for column, value in zip(range(-SCALARS, 0), scalars, strict=True):
            row[..., column] = torch.as_tensor(value, dtype=torch.float32)
        if not torch.isfinite(row).all():
            raise ValueError('A transition has a number that is not finite')
        if (action.abs() > 1.0 + 1e-5).any():
            raise ValueError(f'An action lies outside of [-1, 1]: {action.abs().max().item():.6g}')
        self._append(row.reshape(-1, row.shape[-1]))

    def extend(self, batch: Batch) -> None:
        """Add all of `batch`."""
        self.add(*batch)

    def _append(self, rows: torch.Tensor) -> None:
        start, rows = self.added + max(0, len(rows) - self.capacity), rows[-self.capacity :]
        places = torch.arange(start, start + len(rows)) % self.capacity
        self._rows[places] = rows
        self.added = start + len(rows)

    def sample(self, num: int, generator: torch.Generator) -> Batch:
        """`num` transitions by chance, with repetition. Raises ValueError for an empty ring."""
        return self.drawn(num, generator)[1]

    def drawn(self, num: int, generator: torch.Generator) -> tuple[torch.Tensor, Batch]:
        """The same, and where in the ring they are."""
        if not self.added:
            raise ValueError('Nothing to sample from')
        places = self._chance(num, generator)
        return places, self._batch(self._rows[places])

    def _chance(self, num: int, generator: torch.Generator) -> torch.Tensor:
        return torch.randint(len(self), (num,), generator=generator)

    def all(self) -> Batch:
        """All transitions, the oldest first."""
        return self._batch(self._ordered())

    def _ordered(self) -> torch.Tensor:
        turn = self.added % self.capacity if self.added > self.capacity else 0
        return self._rows[: len(self)].roll(-turn, 0)

    def _batch(self, rows: torch.Tensor) -> Batch:
        o, a = self.observation_size, self.action_size
        reward, discount, person, gripper, episode = rows[:, -SCALARS:].unbind(1)
        return Batch(
            observation=rows[:, :o],
            action=rows[:, o : o + a],
            reward=reward,
            next_observation=rows[:, o + a : -SCALARS],
            discount=discount,
            person=person > 0.5,
            gripper=gripper.long(),
            episode=episode.long(),
        )

    def state_dict(self) -> dict[str, Any]:
        """What is filled, oldest first, and how many were added."""
        return {'rows': self._ordered().clone(), 'added': self.added, 'action': self.action_size}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what was saved; a smaller ring keeps the newest.

        Raises:
            ValueError: The transitions are of other sizes.
        """
        rows = state['rows']
        if rows.shape[1] != self._rows.shape[1] or state['action'] != self.action_size:
            raise ValueError(
                f'Transitions of {self.observation_size} and {self.action_size} numbers do not '
                f'fit those that were saved: {rows.shape[1]} a row, {state["action"]} of them '
                'the action'
            )
        whole = len(rows) >= min(state['added'], self.capacity)  # or this ring is larger
        self.added = state['added'] - len(rows) if whole else 0
        self._append(rows)


def symmetric(demos: Replay, online: Replay, num: int, generator: torch.Generator) -> Batch:
    """Half of each (Ball et al., arXiv 2302.02948), all from one where the other is empty.

    Demonstrations get the odd one. Raises ValueError where both are empty.
    """
    if not len(online):
        return demos.sample(num, generator)
    if not len(demos):
        return online.sample(num, generator)
    parts = (demos, (num + 1) // 2), (online, num // 2)
    rows = [replay._rows[replay._chance(size, generator)] for replay, size in parts]
    return demos._batch(torch.cat(rows))


@dataclass(frozen=True)
class Step:
    """One control period, as it was lived through."""

    observation: torch.Tensor
    """(o,)"""
    action: torch.Tensor
    """(a,)"""
    reward: float
    terminated: bool
    truncated: bool
    next_observation: torch.Tensor
    """(o,) the true last one where the episode ended, not the first of the next."""
    person: bool = False
    gripper: int = 0
    episode: int = 0


class NStep:
    """Turns the steps of one robot into transitions over up to `num` steps.

    The last ones of an episode are over fewer: a termination has no value after it, a time-out
    the value of the last observation.
    """

    def __init__(self, num: int, gamma: float) -> None:
        """Of `num` steps, each discounted by `gamma`."""
        if num < 1:
            raise ValueError(f'Returns over {num} steps: at least 1')
        self.num, self.gamma = num, gamma
        self._steps: deque[Step] = deque()

    def push(self, step: Step) -> list[tuple[Any, ...]]:
        """Take a step; returns the transitions that are complete, each for `Replay.add`."""
        self._steps.append(step)
        rows = [self._row()] if len(self._steps) == self.num else []
        if step.terminated or step.truncated:
            rows += self.flush()
        return rows

    def flush(self) -> list[tuple[Any, ...]]:
        """What is left, as if time had run out: for an episode that was broken off."""
        rows = []
        while self._steps:
            rows.append(self._row())
        return rows

    def _row(self) -> tuple[Any, ...]:
        reward = sum(self.gamma**k * step.reward for k, step in enumerate(self._steps))
        discount = 0.0 if self._steps[-1].terminated else self.gamma ** len(self._steps)
        following = self._steps[-1].next_observation
        first = self._steps.popleft()
        return (
            first.observation,
            first.action,
            reward,
            following,
            discount,
            first.person,
            first.gripper,
            first.episode,
        )


def fill(replay: Replay, steps: Iterable[Step], n_step: NStep) -> None:
    """Add all `steps` of whole episodes, one after another."""
    for step in steps:
        for row in n_step.push(step):
            replay.add(*row)
    for row in n_step.flush():
        replay.add(*row)
