"""What acts: a function of the observation, or one that also carries a state of its own.

The first maps an observation (n, size) to an action (n, action_size). The second has a
`state_size`, and maps an observation and its state (n, state_size) to an action and the next
state; where the policy starts anew its state is zero, like the memory of the task. Nothing but
this file tells one from the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

Actor = Callable[..., Any]


class Batch(Protocol):
    """The part of a batched environment that `Acting` uses."""

    num_envs: int

    @property
    def restarted(self) -> torch.Tensor:
        """(num_envs,) bool: the policy starts anew."""
        ...


def state_size(actor: Actor) -> int:
    """How many numbers `actor` carries from one period to the next."""
    return getattr(actor, 'state_size', 0)


def act(
    actor: Actor, observation: torch.Tensor, state: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Action and next state."""
    return actor(observation, state) if state_size(actor) else (actor(observation), state)


class Acting:
    """An actor in every environment of a batch, with the state that it carries in each."""

    def __init__(self, actor: Actor) -> None:
        """Before the first period its state is zero."""
        self._actor = actor
        self._state = torch.zeros(0, state_size(actor))

    def state(self, env: Batch) -> torch.Tensor:
        """What it carries into this period, (num_envs, state_size)."""
        anew = env.restarted.unsqueeze(1)
        if len(self._state) != env.num_envs:
            self._state = torch.zeros(env.num_envs, self._state.shape[1], device=anew.device)
        return torch.where(anew, 0.0, self._state)

    def __call__(self, env: Batch, observation: dict[str, torch.Tensor]) -> tuple:
        """Action (num_envs, action_size); a policy for envs/rollout.py."""
        action, self._state = act(self._actor, observation['actor'], self.state(env))
        return action, None
