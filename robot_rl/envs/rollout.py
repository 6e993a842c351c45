"""Run whole episodes and keep what is needed to score them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
import math

import torch

from robot_rl.envs.actor import Acting, Actor
from robot_rl.envs.vector import Observation, Transition, VectorEnv

SCORED_S = 1.0
"""[s] the error is averaged over this last part of an episode."""

Policy = Callable[[VectorEnv, Observation], tuple[torch.Tensor, 'torch.Tensor | None']]
"""(env, observation) -> (action, setpoint); without a setpoint the task makes it of the action."""


@dataclass(frozen=True)
class Episodes:
    """One row an episode."""

    crashed: torch.Tensor
    """(n,) bool: terminated before its time."""
    error: torch.Tensor
    """(n,) mean error over the last second, in the task's unit; infinite where crashed."""
    reward: torch.Tensor
    """(n,) sum of rewards up to the end or the crash."""
    steps: torch.Tensor
    """(n,) control periods survived."""
    parameters: dict[str, torch.Tensor]
    """Randomized parameters in SI units, each (n, size)."""
    success: torch.Tensor
    """(n,) bool: not crashed, and error below the task's `success_error`."""
    left: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    """(n,) of a task with `parts`: its error at the end, or when it crashed."""

    @property
    def median_error(self) -> float:
        """Of the episodes that did not crash; infinite where all did."""
        alive = self.error[~self.crashed]
        return float(alive.median()) if len(alive) else math.inf


def joined(parts: Sequence[Episodes]) -> Episodes:
    """The episodes of all `parts`."""
    names = ('crashed', 'error', 'reward', 'steps', 'success', 'left')
    rows = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
    parameters = {
        name: torch.cat([part.parameters[name] for part in parts]) for name in parts[0].parameters
    }
    return Episodes(parameters=parameters, **rows)


def actor_policy(actor: Actor) -> Policy:
    """Policy from an actor, see actor.py; it carries the actor's state in every environment."""
    return Acting(actor)


def rollout(env: VectorEnv, policy: Policy, *, seed: int) -> Iterator[Transition]:
    """Reset `env` with `seed`, now, and return what each step of an episode's length leads to.

    The policy is asked when the step is.
    """
    return _steps(env, policy, env.reset(seed=seed))


@torch.inference_mode()
def _steps(env: VectorEnv, policy: Policy, observation: Observation) -> Iterator[Transition]:
    for _ in range(env.task.max_episode_steps):
        transition = env.step(*policy(env, observation))
        yield transition
        observation = transition.observation


def run_episodes(env: VectorEnv, policy: Policy, *, seed: int) -> Episodes:
    """Run one whole episode in each environment of `env`, from a reset with `seed`."""
    task = env.task
    transitions = rollout(env, policy, seed=seed)
    parameters = {name: value.clone() for name, value in env.parameters.items()}
    alive = torch.ones(env.num_envs, dtype=torch.bool, device=env.device)
    error, reward, steps, left = (torch.zeros(env.num_envs, device=env.device) for _ in range(4))
    scored = min(task.max_episode_steps, round(SCORED_S / task.control_dt))
    with torch.inference_mode():
        for index, transition in enumerate(transitions):
            reward += transition.reward * alive
            if task.parts:
                left = torch.where(alive, task.error(transition.step), left)
            alive &= ~transition.terminated
            steps += alive
            if index >= task.max_episode_steps - scored:
                error += task.error(transition.step) / scored
    error = torch.where(alive, error, torch.full_like(error, torch.inf))
    success = error < task.success_error
    return Episodes(~alive, error, reward, steps, parameters, success, left)
