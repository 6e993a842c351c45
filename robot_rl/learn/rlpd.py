"""RLPD (Ball et al., arXiv 2302.02948): SAC that learns from demonstrations and corrections.

Soft actor-critic (Haarnoja et al., arXiv 1812.05905) with layer normalization in the critics, many
updates for each step of a robot, and batches of which one half is demonstrations. A gripper that
opens and closes is a critic of its own (Luo et al., HIL-SERL, arXiv 2410.21845): its action is the
one of greatest value (double Q-learning, van Hasselt et al., arXiv 1509.06461).

    learner = Rlpd(observation_size, action_size, RlpdConfig(), seed=0)
    learner.normalise(mean, std)
    metrics = learner.update(partial(symmetric, demos, online))
"""

from __future__ import annotations

from collections.abc import Callable
import copy
from dataclasses import dataclass
import math
from typing import Any

import torch
from torch import nn

from robot_rl.learn.networks import Actor, Ensemble, Histogram, WithGripper, position
from robot_rl.learn.replay import Batch

Sampler = Callable[[int, torch.Generator], Batch]
"""So many transitions, drawn with this generator."""


@dataclass(frozen=True)
class RlpdConfig:
    """Hyperparameters; those of HIL-SERL where nothing else is said."""

    hidden: tuple[int, ...] = (256, 256)
    """ReLU layers of actor and critics."""
    layer_norm: bool = True
    """In the critics: what keeps values of unseen actions from running away."""
    critics: int = 2
    """10 with `critic_subset` 2 is REDQ (Chen et al., arXiv 2101.05982)."""
    critic_subset: int = 2
    """Critics, drawn anew each time, whose least value is the target's."""
    utd: int = 4
    """Updates of the critics for one of the actor."""
    batch: int = 256
    worth: float = 1.0
    """Of a success, beside which entropy and cloning count; who fills the replay applies it."""
    discount: float = 0.97
    """Of a step; who fills the replay applies it."""
    tau: float = 0.005
    """How far the target's critics follow at each update."""
    learning_rate: float = 3e-4
    temperature: float = 1e-2
    """Worth of entropy in units of reward, at the start."""
    target_entropy: float | None = None
    """By default minus half the size of the action."""
    entropy_backup: bool = False
    """Whether entropy to come is part of a value."""
    pessimism: bool = False
    """Whether the actor follows the least of the critics, as in SAC, or their mean."""
    n_step: int = 1
    """Steps of a return; who fills the replay applies it."""
    bins: int = 0
    """Of a critic that classifies values (HL-Gauss); 0 for one that says a number."""
    value_range: tuple[float, float] = (0.0, 1.0)
    """That the bins cover: returns must lie within."""
    bounded: bool = False
    """Whether values to come are kept within `value_range`: what a sparse reward cannot exceed an
    optimistic critic does not learn."""
    bc_weight: float = 0.0
    """Of the squared distance to what people did, in the actor's loss."""
    gripper: int = 0
    """Choices of the gripper, spread over [-1, 1]; 3 are close, leave, open. 0 for no gripper."""
    gripper_penalty: float = 0.02
    """Taken off the reward of the gripper where it is not left as it is."""
    gripper_explore: float = 0.05
    """Chance that an exploring gripper does anything at all."""


class Rlpd:
    """One learner. Everything random comes from its own generator."""

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        config: RlpdConfig,
        seed: int,
        privileged: int = 0,
    ) -> None:
        """Draw the networks. `action_size` is without the gripper.

        Of the `observation_size` numbers in a replay the last `privileged` are for the critics
        alone, who need not be deployed (Pinto et al., arXiv 1710.06542); the actor has the others.
        """
        self.config, self.generator = config, torch.Generator().manual_seed(seed)
        self.action_size, self.updates = action_size, 0
        self._own = observation_size - privileged
        shape = (observation_size + action_size, *config.hidden, config.bins or 1)
        self._arm = Actor(self._own, action_size, config.hidden, self.generator)
        self._beside = torch.zeros(privileged), torch.ones(privileged)
        critics = nn.ModuleDict(
            {'arm': Ensemble(config.critics, shape, config.layer_norm, self.generator)}
        )
        self.actor: nn.Module = self._arm
        if config.gripper:
            shape = (self._own, *config.hidden, config.gripper)
            gripper = Ensemble(1, shape, config.layer_norm, self.generator)
            critics['gripper'], self.actor = gripper, WithGripper(self._arm, gripper)
        self._critics, self._targets = critics, _copy(critics)
        self._histogram = Histogram(config.bins, *config.value_range) if config.bins else None
        self._log_temperature = nn.Parameter(torch.tensor(math.log(config.temperature)))
        wanted = config.target_entropy
        self._entropy = -0.5 * action_size if wanted is None else wanted
        self._actor_parameters = [*self._arm.parameters(), self._log_temperature]
        rate = config.learning_rate
        self._actor_adam = torch.optim.Adam(self._actor_parameters, rate, fused=True)
        self._critic_adam = torch.optim.Adam(critics.parameters(), rate, fused=True)

    def normalise(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        """See `Actor.normalise`, of all numbers in a replay; the critics see the same."""
        self._arm.normalise(mean[: self._own], std[: self._own])
        self._beside = mean[self._own :], std[self._own :].clamp(min=1e-4)

    def _scaled(self, observation: torch.Tensor) -> torch.Tensor:
        """Observation (n, o) of a replay as the networks take it, the actor's numbers first."""
        mean, std = self._beside
        own = self._arm.scaled(observation[:, : self._own])
        return torch.cat((own, (observation[:, self._own :] - mean) / std), 1)

    def teach(self, eyes: nn.Module) -> None:
        """Let the critics' loss also move `eyes`, through which observations came."""
        group = {'params': list(eyes.parameters()), 'lr': self.config.learning_rate}
        self._critic_adam.add_param_group(group)

    def slow_down(self, factor: float) -> None:
        """Learn at this part of the learning rate."""
        for adam in (self._actor_adam, self._critic_adam):
            for group in adam.param_groups:
                group['lr'] = factor * self.config.learning_rate

    @torch.no_grad()
    def act(self, observation: torch.Tensor, explore: bool) -> torch.Tensor:
        """Action (n, a), or (n, a + 1) with a gripper, in [-1, 1] for `observation` (n, o)."""
        action = self.actor(observation)
        if not explore:
            return action
        mean, log_std = self._arm.normal(self._arm.scaled(observation))
        action[:, : self.action_size] = self._arm.draw(mean, log_std, self.generator)[0]
        if self.config.gripper:
            num, choices = len(observation), self.config.gripper
            anything = torch.randint(choices, (num,), generator=self.generator)
            dared = torch.rand(num, generator=self.generator) < self.config.gripper_explore
            action[:, -1] = torch.where(dared, position(anything, choices), action[:, -1])
        return action

    def update(self, sampler: Sampler) -> dict[str, float]:
        """`utd` updates of the critics, then one of actor and temperature; what there is to log.

        Offline, `sampler` is that of the demonstrations alone.
        """
        for _ in range(self.config.utd):
            batch = sampler(self.config.batch, self.generator)
            losses = self._update_critics(batch)
        self.updates += 1
        return {**losses, **self._update_actor(batch)}

    def _update_critics(self, batch: Batch) -> dict[str, float]:
        seen, following = self._scaled(batch.observation), self._scaled(batch.next_observation)
        goal = self._goal(batch, following)
        found = self._critics['arm'](torch.cat((seen, batch.action), 1))
        if self._histogram is None:
            error = (found.squeeze(-1) - goal).square()
        else:
            error = self._histogram.loss(found, goal)
        loss = error.mean(1).sum()
        losses = {'critic_loss': loss.item() / self.config.critics, 'value': goal.mean().item()}
        if self.config.gripper:
            own = seen[:, : self._own], following[:, : self._own]
            gripper = self._gripper_loss(batch, *own)
            losses['gripper_loss'] = gripper.item()
            loss = loss + gripper
        self._critic_adam.zero_grad()
        loss.backward()
        self._critic_adam.step()
        with torch.no_grad():
            weights = zip(self._targets.parameters(), self._critics.parameters(), strict=True)
            for target, weight in weights:
                target.lerp_(weight, self.config.tau)
        return losses

    @torch.no_grad()
    def _goal(self, batch: Batch, following: torch.Tensor) -> torch.Tensor:
        """What values (n,) should be: the reward, and what the next observation is worth."""
        config, chosen = self.config, None
        action, density = self._arm.draw(
            *self._arm.normal(following[:, : self._own]), self.generator
        )
        if config.critic_subset < config.critics:
            order = torch.randperm(config.critics, generator=self.generator)
            chosen = order[: config.critic_subset]
        found = self._targets['arm'](torch.cat((following, action), 1), chosen)
        value = self._value(found).amin(0)
        if config.bounded:
            value = value.clamp(*config.value_range)
        if config.entropy_backup:
            value = value - self._log_temperature.exp() * density
        return torch.addcmul(batch.reward, batch.discount, value)

    def _value(self, found: torch.Tensor) -> torch.Tensor:
        """Values (members, n) of what the critics say, (members, n, outputs)."""
        return found.squeeze(-1) if self._histogram is None else self._histogram.value(found)

    def _gripper_loss(
        self, batch: Batch, seen: torch.Tensor, following: torch.Tensor
    ) -> torch.Tensor:
        """Squared error of the gripper's critic: what it would choose, its target judges."""
        critic, target, config = self._critics['gripper'], self._targets['gripper'], self.config
        with torch.no_grad():
            best = critic(following)[0].argmax(-1, keepdim=True)
            value = target(following)[0].gather(1, best).squeeze(1)
            moved = position(batch.gripper, config.gripper) != 0.0
            reward = batch.reward - config.gripper_penalty * moved
            goal = torch.addcmul(reward, batch.discount, value)
        found = critic(seen)[0].gather(1, batch.gripper.unsqueeze(1)).squeeze(1)
        return (found - goal).square().mean()

    def _update_actor(self, batch: Batch) -> dict[str, float]:
        config, seen = self.config, self._scaled(batch.observation.detach())
        mean, log_std = self._arm.normal(seen[:, : self._own])
        action, density = self._arm.draw(mean, log_std, self.generator)
        values = self._value(self._critics['arm'](torch.cat((seen, action), 1)))
        value = values.amin(0) if config.pessimism else values.mean(0)
        temperature = self._log_temperature.exp()
        entropy = -density.mean()
        loss = -temperature.detach() * entropy - value.mean()
        loss = loss + temperature * (entropy.detach() - self._entropy)
        metrics = {'entropy': entropy.item(), 'temperature': temperature.item()}
        if config.bc_weight:
            distance = (torch.tanh(mean) - batch.action).square().sum(1) * batch.person
            cloning = distance.sum() / batch.person.sum().clamp(min=1)
            loss = loss + config.bc_weight * cloning
            metrics['cloning'] = cloning.item()
        self._actor_adam.zero_grad()
        loss.backward(inputs=self._actor_parameters)  # not the critics': half of the work
        self._actor_adam.step()
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs to go on bit for bit alike; plain values and tensors."""
        return {
            'updates': self.updates,
            'actor': self._arm.state_dict(),
            'critics': self._critics.state_dict(),
            'targets': self._targets.state_dict(),
            'log_temperature': self._log_temperature.detach().clone(),
            'actor_adam': self._actor_adam.state_dict(),
            'critic_adam': self._critic_adam.state_dict(),
            'beside': self._beside,
            'generator': self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved learner of the same shape. Raises RuntimeError for another."""
        self._arm.load_state_dict(state['actor'])
        self._critics.load_state_dict(state['critics'])
        self._targets.load_state_dict(state['targets'])
        with torch.no_grad():
            self._log_temperature.copy_(state['log_temperature'])
        self._beside = tuple(state.get('beside', self._beside))
        self._actor_adam.load_state_dict(state['actor_adam'])
        self._critic_adam.load_state_dict(state['critic_adam'])
        self.generator.set_state(state['generator'])
        self.updates = state['updates']


def _copy(module: nn.ModuleDict) -> nn.ModuleDict:
    """The same weights once more, never to be learned."""
    return copy.deepcopy(module).requires_grad_(False)
