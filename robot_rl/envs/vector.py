"""The batched environment: a Task on an Engine, with randomization, sensors and automatic reset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from robot_rl.engines.engine import Engine
from robot_rl.mdp.randomization import ParameterSampler
from robot_rl.sensors.measure import Measurement
from robot_rl.spec.randomization import Spread
from robot_rl.spec.task import Step, Task

Observation = dict[str, torch.Tensor]
"""Groups 'actor' (num_envs, n) and 'critic' (num_envs, m)."""


class Transition(NamedTuple):
    """What one call of `VectorEnv.step` returns."""

    observation: Observation
    """After automatic reset: first observation of the next episode where one ended."""
    reward: torch.Tensor
    """(num_envs,)"""
    terminated: torch.Tensor
    """(num_envs,) bool: the episode failed."""
    truncated: torch.Tensor
    """(num_envs,) bool: the episode ran out of time."""
    final: Observation | None
    """Observation before the automatic reset, or None when no episode ended."""
    step: Step
    """True state before the reset, for metrics."""


class VectorEnv:
    """`num_envs` environments stepped together."""

    def __init__(
        self,
        task: Task,
        make_engine: Callable[..., Engine],
        num_envs: int,
        *,
        seed: int,
        spreads: Sequence[Spread] = (),
        noise: bool = True,
        device: str = 'cpu',
    ) -> None:
        """Build engine, commands and sensors; call `reset` before the first `step`."""
        self.task, self.num_envs, self.device = task, num_envs, torch.device(device)
        self.engine = make_engine(task.robot, task.level, num_envs, task.control_dt, device)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self._sampler = ParameterSampler(task.robot, spreads, self.device) if spreads else None
        self.commands = task.commands(num_envs, self.generator, self.device)
        self._measure = (
            Measurement(
                task.robot, task.signal_names, num_envs, task.control_dt, self.generator, self.device
            )
            if noise
            else None
        )
        self.memory = torch.zeros(num_envs, task.memory_size, device=self.device)
        self.last_action = torch.zeros(num_envs, task.action_size, device=self.device)
        self.episode_steps = torch.zeros(num_envs, dtype=torch.long, device=self.device)
        self.parameters: dict[str, torch.Tensor] = {}
        self._measured: dict[str, torch.Tensor] = {}

    def reset(self) -> Observation:
        """Start an episode in every environment."""
        self._reset(torch.arange(self.num_envs, device=self.device))
        signals = self._true()
        self._measured = self._measure.last(signals, slice(None)) if self._measure else signals
        return self._observe(signals, self._measured, self.memory)

    def step(self, action: torch.Tensor) -> Transition:
        """Apply `action` (num_envs, action_size) for one control period."""
        task = self.task
        self.engine.step(task.act(action))
        self.commands.step()
        self.episode_steps += 1
        signals = self._true()
        step = Step(signals, action, self.last_action)
        reward = self._reward(step)
        terminated = task.terminations[0].function(step)
        for term in task.terminations[1:]:
            terminated = terminated | term.function(step)
        truncated = (self.episode_steps >= task.max_episode_steps) & ~terminated
        self.memory = task.remember(self.memory, self._measured, action)
        self.last_action = action
        self._measured = self._measure(signals) if self._measure else signals
        observation = self._observe(signals, self._measured, self.memory)
        final = self._autoreset(observation, terminated | truncated)
        return Transition(observation, reward, terminated, truncated, final, step)

    def _reward(self, step: Step) -> torch.Tensor:
        total = torch.zeros(self.num_envs, device=self.device)
        for term in self.task.rewards:
            total.add_(term.function(step), alpha=term.weight)
        return total

    def _autoreset(self, observation: Observation, ended: torch.Tensor) -> Observation | None:
        """Reset what ended; write its first observation into `observation`, return the old one."""
        env_ids = ended.nonzero().squeeze(1)
        if len(env_ids) == 0:
            return None
        final = {name: value.clone() for name, value in observation.items()}
        self._reset(env_ids)
        signals = {name: value[env_ids] for name, value in self._true().items()}
        measured = self._measure.last(signals, env_ids) if self._measure else signals
        for name, value in measured.items():
            if name in self.task.signal_names:
                self._measured[name][env_ids] = value
        first = self._observe(signals, measured, self.memory[env_ids])
        for name, value in first.items():
            observation[name][env_ids] = value
        return final

    def _reset(self, env_ids: torch.Tensor) -> None:
        num = len(env_ids)
        self.commands.reset(env_ids)
        goal = {name: value[env_ids] for name, value in self.commands.signals().items()}
        if self._sampler:
            self.engine.randomize(self._sampler(num, self.generator), env_ids)
        self.engine.reset(env_ids, self.task.initial_state(goal, num, self.generator, self.device))
        self.memory[env_ids] = 0.0
        self.last_action[env_ids] = 0.0
        self.episode_steps[env_ids] = 0
        if self._measure:
            self._measure.reset(env_ids, {n: v[env_ids] for n, v in self.engine.signals().items()})

    def _true(self) -> dict[str, torch.Tensor]:
        return {**self.engine.signals(), **self.commands.signals()}

    def _observe(self, true: dict, measured: dict, memory: torch.Tensor) -> Observation:
        return {
            'actor': self.task.observe(measured, memory),
            'critic': self.task.privileged(true, memory),
        }
