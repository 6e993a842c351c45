"""Behavior cloning: do what people did, as nearly as a network can. The baseline of RLPD.

Where people take over from a policy that is about to fail, and it learns from that, this is
HG-DAgger (Kelly et al., arXiv 1810.02890): the same fit on all that people did until then, again
and again (`Bc.aggregate`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from robot_rl.learn.networks import Actor, Ensemble, WithGripper
from robot_rl.learn.replay import Batch, Replay


@dataclass(frozen=True)
class BcConfig:
    """Hyperparameters."""

    hidden: tuple[int, ...] = (256, 256)
    """ReLU layers."""
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    likelihood: bool = False
    """Learn a spread with the action (Gaussian likelihood), or the squared distance alone."""
    held_out: int = 10
    """One episode of so many is not learned from, but says when to stop; 0 for none."""
    check: int = 100
    """Steps between looks at the episodes held out."""
    patience: int = 10
    """Looks without any progress after which a fit ends."""
    gripper: int = 0
    """Choices of the gripper, see `RlpdConfig`."""


class Bc:
    """One learner, with the `actor` and `act` of `Rlpd`."""

    def __init__(
        self, observation_size: int, action_size: int, config: BcConfig, seed: int
    ) -> None:
        """Draw the network. `action_size` is without the gripper."""
        self.config, self.generator = config, torch.Generator().manual_seed(seed)
        self._arm = Actor(observation_size, action_size, config.hidden, self.generator)
        self.actor: nn.Module = self._arm
        if config.gripper:
            sizes = (observation_size, *config.hidden, config.gripper)
            self.actor = WithGripper(self._arm, Ensemble(1, sizes, False, self.generator))
        rate, decay = config.learning_rate, config.weight_decay
        self._adam = torch.optim.AdamW(
            self.actor.parameters(), rate, weight_decay=decay, fused=True
        )

    def normalise(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        """See `Actor.normalise`."""
        self._arm.normalise(mean, std)

    @torch.no_grad()
    def act(self, observation: torch.Tensor, explore: bool = False) -> torch.Tensor:
        """Action (n, a), or (n, a + 1) with a gripper, in [-1, 1] for `observation` (n, o).

        A clone does not explore: `explore` changes nothing.
        """
        del explore
        return self.actor(observation)

    def fit(self, replay: Replay, steps: int) -> dict[str, float]:
        """At most `steps` of gradient descent from where it stands, on what people did.

        Keeps the weights that were best on the episodes held out, and returns what there is to
        log. Raises ValueError where no person acted.
        """
        learned, held = self._split(replay.all())
        if not len(learned.action):
            raise ValueError('No person acted in what there is to learn from')
        best, weights, idle, step, loss = float('inf'), None, 0, 0, 0.0
        for step in range(1, steps + 1):
            chance = torch.randint(
                len(learned.action), (self.config.batch,), generator=self.generator
            )
            error = self._loss(_rows(learned, chance))
            self._adam.zero_grad()
            error.backward()
            self._adam.step()
            if held is None or (step % self.config.check and step < steps):
                continue
            with torch.no_grad():
                loss = self._loss(held).item()
            if loss < best:
                best, idle, weights = loss, 0, _cloned(self.actor)
            else:
                idle += 1
            if idle >= self.config.patience:
                break
        if weights is not None:
            self.actor.load_state_dict(weights)
        with torch.no_grad():
            whole = self._loss(learned).item()
        return {'steps': step, 'loss': whole, **({} if held is None else {'held_out_loss': best})}

    def _split(self, batch: Batch) -> tuple[Batch, Batch | None]:
        """What to learn from and what to judge by, whole episodes either way."""
        batch = _rows(batch, batch.person.nonzero().squeeze(1))
        every, (episodes, index) = self.config.held_out, batch.episode.unique(return_inverse=True)
        if not every or len(episodes) < 2:
            return batch, None
        apart = min(every, len(episodes))
        held = index % apart == apart - 1
        return _rows(batch, ~held), _rows(batch, held)

    def _loss(self, batch: Batch) -> torch.Tensor:
        seen = self._arm.scaled(batch.observation)
        mean, log_std = self._arm.normal(seen)
        distance = (torch.tanh(mean) - batch.action).square()
        if self.config.likelihood:
            distance = 0.5 * distance * torch.exp(-2.0 * log_std) + log_std
        loss = distance.sum(1).mean()
        if isinstance(self.actor, WithGripper):
            loss = loss + functional.cross_entropy(self.actor.gripper(seen)[0], batch.gripper)
        return loss

    def aggregate(
        self, replay: Replay, collect: Callable[[nn.Module], None], rounds: int, steps: int
    ) -> list[dict[str, float]]:
        """HG-DAgger: `collect` lets the actor act and adds corrections to `replay`, then a fit.

        Returns what there is to log of each round.
        """
        logs = []
        for _ in range(rounds):
            collect(self.actor)
            logs.append(self.fit(replay, steps))
        return logs

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs; plain values and tensors."""
        return {
            'actor': self.actor.state_dict(),
            'adam': self._adam.state_dict(),
            'generator': self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved learner of the same shape. Raises RuntimeError for another."""
        self.actor.load_state_dict(state['actor'])
        self._adam.load_state_dict(state['adam'])
        self.generator.set_state(state['generator'])


def _rows(batch: Batch, which: torch.Tensor) -> Batch:
    return Batch(*(values[which] for values in batch))


def _cloned(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}
