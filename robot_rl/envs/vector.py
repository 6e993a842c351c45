"""The batched environment: a Task on an Engine, randomized, with sensors and automatic reset."""

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
    final_ids: torch.Tensor
    """Environments whose episode ended in this step."""
    final: Observation
    """Last observation of those episodes, one row each of `final_ids`."""
    step: Step
    """True state before the reset, for metrics."""


class _After(NamedTuple):
    """What a control period leads to, before any reset."""

    signals: dict[str, torch.Tensor]
    measured: dict[str, torch.Tensor]
    memory: torch.Tensor
    past: torch.Tensor | None
    reward: torch.Tensor
    terminated: torch.Tensor
    observation: Observation


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
        compiled: bool = False,
    ) -> None:
        """Build engine, commands and sensors; call `reset` before the first `step`.

        `compiled` fuses everything but the physics with torch.compile: worth its start-up of half
        a minute for thousands of environments; needs a C++ compiler.
        """
        self.task, self.num_envs, self.device = task, num_envs, torch.device(device)
        self.engine = make_engine(task.robot, task.level, num_envs, task.control_dt, device)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self._sampler = ParameterSampler(task.robot, spreads, self.device) if spreads else None
        self.commands = task.commands(num_envs, self.generator, self.device)
        self._sensors = (
            Measurement(
                task.robot,
                task.signal_names,
                num_envs,
                task.control_dt,
                self.generator,
                self.device,
            )
            if noise
            else None
        )
        self.memory = torch.zeros(task.memory_size, num_envs, device=self.device).T
        self.last_action = torch.zeros(num_envs, task.action_size, device=self.device)
        self.episode_steps = torch.zeros(num_envs, dtype=torch.long, device=self.device)
        self.parameters = {
            name: torch.tensor(task.robot.parameters[name].nominal, device=self.device).repeat(
                num_envs, 1
            )
            for name in (spread.parameter for spread in spreads)
        }
        self._measured: dict[str, torch.Tensor] = {}
        self._advance = (
            torch.compile(self._pure_step, dynamic=False) if compiled else self._pure_step
        )

    @property
    def measured(self) -> dict[str, torch.Tensor]:
        """What the policy's inputs were made of: measurements and commands, (num_envs, size)."""
        return dict(self._measured)

    @torch.inference_mode()
    def stagger_episodes(self) -> None:
        """Give every episode a random age, so that they do not all run out of time together."""
        self.episode_steps.copy_(
            torch.randint(
                self.task.max_episode_steps,
                (self.num_envs,),
                generator=self.generator,
                device=self.device,
            )
        )

    @torch.inference_mode()
    def reset(self, seed: int | None = None) -> Observation:
        """Start an episode in every environment; with `seed`, also all random streams anew."""
        if seed is not None:
            self.generator.manual_seed(seed)
        everything = torch.arange(self.num_envs, device=self.device)
        self._reset(everything)
        signals = {**self.engine.signals(), **self.commands.signals()}
        measured = self._sensors.first(signals, everything) if self._sensors else signals
        self._measured = {name: measured[name] for name in self.task.signal_names}
        return self._observe(signals, self._measured, self.memory)

    @torch.inference_mode()
    def step(self, action: torch.Tensor, setpoint: torch.Tensor | None = None) -> Transition:
        """Apply `action` (num_envs, action_size) for one control period.

        A `setpoint` (num_envs, size) overrides what the task makes of the action: a policy file
        gives setpoints.
        """
        task = self.task
        # A copy: the caller's own must not change with a reset. Laid out as mdp/observations.py
        # says.
        action = action.T.clone(memory_format=torch.contiguous_format).T
        self.engine.step(task.act(action) if setpoint is None else setpoint)
        self.commands.step()
        self.episode_steps += 1
        noise = self._sensors.draw() if self._sensors else None
        past = self._sensors.past if self._sensors else None
        after = self._advance(
            self.engine.signals(),
            action,
            self.last_action,
            self.memory,
            self._measured,
            past,
            noise,
        )
        truncated = (self.episode_steps >= task.max_episode_steps) & ~after.terminated
        step = Step(after.signals, action, self.last_action)
        self.memory, self.last_action, self._measured = after.memory, action, after.measured
        if self._sensors:
            self._sensors.past = after.past
        ended = (after.terminated | truncated).nonzero().squeeze(1)
        final = {name: value[ended] for name, value in after.observation.items()}
        if len(ended):
            self._autoreset(after.observation, ended)
        return Transition(
            after.observation, after.reward, after.terminated, truncated, ended, final, step
        )

    def _pure_step(
        self,
        signals: dict[str, torch.Tensor],
        action: torch.Tensor,
        last_action: torch.Tensor,
        memory: torch.Tensor,
        measured: dict[str, torch.Tensor],
        past: torch.Tensor | None,
        noise: torch.Tensor | None,
    ) -> _After:
        """Everything of a step that is not physics, as a function of tensors: can be compiled."""
        task = self.task
        signals = {**signals, **self.commands.signals()}
        step = Step(signals, action, last_action)
        reward = sum(term.weight * term.function(step) for term in task.rewards)
        terminated = task.terminations[0].function(step)
        for term in task.terminations[1:]:
            terminated = terminated | term.function(step)
        memory = task.remember(memory, measured, action)
        if self._sensors is None or past is None or noise is None:
            now = dict(signals)
        else:
            now, past = self._sensors.sample(signals, past, noise)
        now = {name: now[name] for name in task.signal_names}
        return _After(
            signals, now, memory, past, reward, terminated, self._observe(signals, now, memory)
        )

    def _autoreset(self, observation: Observation, env_ids: torch.Tensor) -> None:
        """Start a new episode in `env_ids` and write its first observation into `observation`."""
        self._reset(env_ids)
        signals = {**self.engine.signals(env_ids), **self.commands.signals(env_ids)}
        measured = self._sensors.first(signals, env_ids) if self._sensors else signals
        for name in self.task.signal_names:
            self._measured[name] = _replaced(self._measured[name], env_ids, measured[name])
        first = self._observe(signals, measured, self.memory[env_ids])
        for name, value in first.items():
            observation[name][env_ids] = value

    def _reset(self, env_ids: torch.Tensor) -> None:
        num = len(env_ids)
        self.commands.reset(env_ids)
        goal = self.commands.signals(env_ids)
        if self._sampler:
            drawn = self._sampler(num, self.generator)
            self.engine.randomize(drawn, env_ids)
            for name, value in drawn.items():
                self.parameters[name][env_ids] = value
        self.engine.reset(env_ids, self.task.initial_state(goal, num, self.generator, self.device))
        self.memory[env_ids] = 0.0
        self.last_action = _replaced(self.last_action, env_ids, 0.0)
        self.episode_steps[env_ids] = 0
        if self._sensors:
            self._sensors.reset(env_ids, self.engine.signals(env_ids))

    def _observe(self, true: dict, measured: dict, memory: torch.Tensor) -> Observation:
        return {
            'actor': self.task.observe(measured, memory),
            'critic': self.task.privileged(true, memory),
        }


def _replaced(
    values: torch.Tensor, env_ids: torch.Tensor, rows: torch.Tensor | float
) -> torch.Tensor:
    """Copy of `values` with other rows: the step that ended keeps what it saw. Same layout."""
    copy = values.clone()
    copy[env_ids] = rows
    return copy
