"""PPO (Schulman et al., arXiv 1707.06347) through rsl_rl, on a VectorEnv.

rsl_rl holds the networks, the storage and the update. This adapter adds three things: a time-out
is bootstrapped from the value of the true last observation (rsl_rl uses the one before it), the
learning rate falls linearly over a run whose length is known, and training episodes may be shorter
than the task's, and pushes more frequent, so that more of the data is about recovering and less
about staying.

Recurrent networks learn from the sequences of a rollout, cut where an episode ended or the robot
acted for itself; their states before are what the rollout had. They do not learn from mirror
images: a state has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from rsl_rl.algorithms import PPO
from rsl_rl.models import MLPModel, RNNModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
import torch

from robot_rl.envs.functions import observation_size
from robot_rl.envs.vector import Observation, VectorEnv
from robot_rl.learn.mirroring import Mirroring
from robot_rl.learn.recurrent import RecurrentActor
from robot_rl.spec.task import Task


@dataclass(frozen=True)
class PpoConfig:
    """Hyperparameters. A task overrides them in `Task.training`."""

    iterations: int = 220
    """Rollout-and-update rounds in a run."""
    num_envs: int = 128
    num_steps: int = 32
    """Control periods of each environment in a rollout."""
    epochs: int = 4
    minibatches: int = 4
    gamma: float = 0.985
    lam: float = 0.95
    clip: float = 0.2
    learning_rate: float = 1.5e-3
    """At the start; falls linearly to `final_learning_rate`."""
    final_learning_rate: float = 2e-4
    entropy: float = 0.0
    max_grad_norm: float = 1.0
    """Actor's and critic's gradients are clipped apart."""
    initial_std: float = 0.5
    hidden: tuple[int, ...] = (64, 64)
    """ReLU layers of actor and critic."""
    recurrent: int = 0
    """Gated recurrent units between the observation and these layers, in each; 0 for none."""
    reward_scale: float = 0.1
    episode_length_s: float = 0.0
    """[s] length of training episodes; 0 for the task's own."""
    interval_scale: float = 1.0
    """Pushes, and what else the randomization draws at intervals, come after this part of the time
    that it says, in training alone: the same shortcut."""
    interval_spread: float = 1.0
    """They are also spread so many times as wide: where a policy seldom falls, nothing in its
    reward says that it should not, and it trades its balance for what it is paid for each period.
    """


class Actor(torch.nn.Module):
    """The deterministic policy: observation (n, size) to action (n, action_size)."""

    def __init__(self, model: MLPModel) -> None:
        """Share the layers of rsl_rl's `model`."""
        super().__init__()
        self.normalizer, self.mlp = model.obs_normalizer, model.mlp

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Mean action."""
        return self.mlp(self.normalizer(observation))


def untrained_actor(task: Task, config: PpoConfig) -> Actor | RecurrentActor:
    """An actor of the shape that training has, for saved weights to go into."""
    observation = TensorDict({'actor': torch.zeros(1, observation_size(task))}, batch_size=[1])
    return _actor(_network(observation, 'actor', task.action_size, config))


def _actor(model: MLPModel) -> Actor | RecurrentActor:
    return RecurrentActor(model) if isinstance(model, RNNModel) else Actor(model)


def _network(
    observation: TensorDict,
    group: str,
    size: int,
    config: PpoConfig,
    distribution: dict[str, Any] | None = None,
) -> MLPModel:
    kind: Any = MLPModel
    if config.recurrent:
        kind = partial(RNNModel, rnn_type='gru', rnn_hidden_dim=config.recurrent)
    return kind(
        observation,
        {group: [group]},
        group,
        size,
        hidden_dims=config.hidden,
        activation='relu',
        distribution_cfg=distribution,
    )


class Ppo:
    """One learner on one environment."""

    def __init__(self, env: VectorEnv, config: PpoConfig, seed: int) -> None:
        """Build the networks and start every episode at a random age."""
        torch.manual_seed(seed)
        self.env, self.config, self.seed, self.iteration = env, config, seed, 0
        self._observation = self._start()
        size = env.task.action_size
        normal = {'class_name': 'GaussianDistribution', 'init_std': config.initial_std}
        model = _network(self._observation, 'actor', size, config, normal)
        critic = _network(self._observation, 'critic', 1, config)
        with torch.no_grad():
            last = cast('torch.nn.Linear', model.mlp[-1])
            last.weight.mul_(0.1)  # start near the neutral setpoint
        self.actor = _actor(model)
        storage = RolloutStorage(
            'rl', env.num_envs, config.num_steps, self._observation, [size], str(env.device)
        )
        self._ppo = PPO(
            model,
            critic,
            storage,
            num_learning_epochs=config.epochs,
            num_mini_batches=config.minibatches,
            clip_param=config.clip,
            gamma=config.gamma,
            lam=config.lam,
            entropy_coef=config.entropy,
            learning_rate=config.learning_rate,
            max_grad_norm=config.max_grad_norm,
            use_clipped_value_loss=False,
            schedule='fixed',
            device=str(env.device),
        )
        if env.task.mirror and not config.recurrent:
            self._ppo.symmetry = cast('Any', Mirroring(env.task.mirror))
        self._forget()

    def iterate(self) -> dict[str, float]:
        """Collect one rollout, update once. Returns what there is to log."""
        self._set_learning_rate()
        rewards = self._rollout()
        losses = self._ppo.update()
        self.iteration += 1
        std = self._ppo.actor.output_std.mean().item()
        return {'reward': rewards, 'std': std, 'learning_rate': self._ppo.learning_rate, **losses}

    def _rollout(self) -> float:
        env, total = self.env, torch.zeros((), device=self.env.device)
        with torch.inference_mode():
            for _ in range(self.config.num_steps):
                transition = env.step(self._ppo.act(self._observation))
                total += transition.reward.mean()
                reward = transition.reward * self.config.reward_scale
                ids = transition.final_ids
                if len(ids):
                    value = self._value(transition.final, ids)
                    reward[ids] += self.config.gamma * value * transition.truncated[ids]
                ended = transition.terminated | transition.truncated
                self._observation = self._wrap(transition.observation)
                if self.config.recurrent:
                    self._cut(transition.observation, reward, ended)
                self._ppo.process_env_step(self._observation, reward, ended, {})
            self._ppo.compute_returns(self._observation)
        return total.item() / self.config.num_steps

    def _value(self, observation: Observation, ids: torch.Tensor) -> torch.Tensor:
        """Values (len(ids),) of what `ids` see, one row each; the critic keeps its state."""
        critic, seen = self._ppo.critic, TensorDict(dict(observation), batch_size=[len(ids)])
        state = critic.get_hidden_state()
        critic.reset(hidden_state=state[:, ids] if isinstance(state, torch.Tensor) else None)
        value = critic(seen).squeeze(1)
        critic.reset(hidden_state=state)
        return value

    def _cut(self, observation: Observation, reward: torch.Tensor, ended: torch.Tensor) -> None:
        """End the sequence of robots that acted for themselves: their policy starts anew."""
        anew = self.env.restarted & ~ended
        ids = anew.nonzero().squeeze(1)
        if len(ids):
            ended[ids] = True
            self._ppo.critic.reset(anew)
            seen = {name: rows[ids] for name, rows in observation.items()}
            reward[ids] += self.config.gamma * self._value(seen, ids)

    def _forget(self) -> None:
        """States are zeros. With None, rsl_rl would learn from those of the last rollout."""
        for model in (self._ppo.actor, self._ppo.critic):
            if isinstance(model, RNNModel):
                zeros = torch.zeros(1, self.env.num_envs, model.latent_dim, device=self.env.device)
                model.reset(hidden_state=zeros)

    def _wrap(self, observation: Observation) -> TensorDict:
        return TensorDict(dict(observation), batch_size=[self.env.num_envs])

    def _set_learning_rate(self) -> None:
        config = self.config
        progress = min(1.0, self.iteration / max(1, config.iterations))
        rate = config.learning_rate + progress * (
            config.final_learning_rate - config.learning_rate
        )
        self._ppo.learning_rate = rate
        for group in self._ppo.optimizer.param_groups:
            group['lr'] = rate

    def _start(self) -> TensorDict:
        observation = self._wrap(self.env.reset(seed=_mix(self.seed, self.iteration)))
        self.env.stagger_episodes()
        return observation

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs, see `restart`."""
        return {'iteration': self.iteration, 'seed': self.seed, **self._ppo.save()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved learner; follow with `restart`."""
        self._ppo.load(state, None, strict=True)
        self.iteration, self.seed = state['iteration'], state['seed']

    def restart(self) -> None:
        """Start new episodes and random streams that depend on seed and iteration alone.

        Done at every checkpoint, by the run that writes it and by the run that resumes from it:
        both go on bit for bit alike, whatever state the engine would have had to save.
        """
        torch.manual_seed(_mix(self.seed, self.iteration))
        self._observation = self._start()
        self._forget()


def _mix(seed: int, iteration: int) -> int:
    """One random seed for each pair (splitmix64's multiplier)."""
    return (seed * 0x9E3779B97F4A7C15 + iteration) % 2**63
