"""A task's control period and reset as pure functions of tensors: see fuse.py for the rules."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import cast

import torch

from robot_rl.envs.fuse import Group
from robot_rl.mdp.randomization import ParameterSampler
from robot_rl.sensors.measure import Measurement
from robot_rl.sensors.messages import Messages
from robot_rl.spec.signal import Signal
from robot_rl.spec.task import Step, Task, TaughtCommands

FREED = 'freed'
"""Name of what `Functions.step` is told of robots that have finished their action when stuck."""


class Functions:
    """Everything of an environment that is not physics."""

    def __init__(
        self,
        task: Task,
        sampler: ParameterSampler | None,
        sensors: Measurement | None,
        messages: Messages | None,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        """Without `sampler` parameters stay nominal, without `sensors` measurements are exact.

        Without `messages` everything measured arrives.
        """
        self._task, self._sampler, self._sensors = task, sampler, sensors
        self._messages = messages
        self._commands = task.commands
        self._generator, self._device = generator, device

    def act(self, _num: int, action: Group, state: Group, measured: Group) -> tuple[Group, Group]:
        """A copy of the action, which is the caller's to change, and the setpoint it means."""
        # Laid out as mdp/observations.py says.
        raw = action['action'].T.clone(memory_format=torch.contiguous_format).T
        return {'action': raw}, {'setpoint': self._task.act(raw, measured, state['memory'])}

    def draw(self, num: int, *chosen: Group) -> tuple[Group, Group, Group]:
        """Parameters, true signals and goals to start `num` episodes from.

        Where there is a curriculum it has `chosen` 'coordinates': those of the parameters, see
        ParameterSampler, then those of the commands, see spec.task.Commands.
        """
        goals, of_parameters = self._goals(num, *(group['coordinates'] for group in chosen))
        parameters = self._sampler(num, self._generator, *of_parameters) if self._sampler else {}
        asked = self._commands.signals(goals)
        given = {**parameters, **asked}
        initial = self._task.initial_state(given, num, self._generator, self._device)
        return parameters, initial, goals

    def _goals(self, num: int, *chosen: torch.Tensor) -> tuple[Group, tuple[torch.Tensor, ...]]:
        """Goals, by what is `chosen` of them, and what is chosen of the parameters."""
        own = len(self._task.coordinates)
        if not own or not chosen:
            return self._commands.draw(num, self._generator, self._device), chosen
        of_parameters, of_goals = chosen[0][:, :-own], chosen[0][:, -own:]
        commands = cast('TaughtCommands', self._commands)
        return commands.choose(of_goals, self._generator, self._device), (of_parameters,)

    def first(self, _num: int, signals: Group, goals: Group) -> tuple[Group, Group, Group, Group]:
        """State, measurements, observation and what stays, at the start of an episode."""
        signals = {**signals, **self._commands.signals(goals)}
        signals |= self._perceive(signals, goals)
        drawn, changing = dict(goals), list(self._commands.step(goals))
        measured = signals
        if self._sensors:
            changing += self._sensors.changing
            drawn |= self._sensors.fresh(signals)
            measured = self._sensors.first(signals, drawn)
        one = signals[self._task.signal_names[0]][:, :1]
        state = {
            'memory': torch.zeros_like(one).repeat(1, self._task.memory_size),
            'last_action': torch.zeros_like(one).repeat(1, self._task.action_size),
        }
        fixed = {name: value for name, value in drawn.items() if name not in changing}
        state |= {name: drawn[name] for name in changing}
        measured = self._inputs(measured)
        return state, measured, self._observe(signals, measured, state['memory']), fixed

    def step(
        self,
        _num: int,
        signals: Group,
        action: Group,
        state: Group,
        measured: Group,
        fixed: Group,
        *told: Group,
    ) -> tuple[Group, Group, Group, Group, Group]:
        """What the engine's `signals` after an action lead to.

        Returns the next state, measurements and observation, the commands with what is perceived,
        and 'reward' and 'terminated'. `fixed` are what the environments drew at their reset;
        `told` has, where messages can be lost, the 'message_loss' of each, and where robots may
        act for themselves, 1 in FREED for each whose policy starts anew after it.
        """
        task, acted = self._task, action['action']
        drawn = {**state, **fixed}
        moved = self._commands.step(drawn)
        drawn |= moved
        asked = self._commands.signals(drawn)
        asked |= self._perceive({**signals, **asked}, drawn)
        signals = {**signals, **asked}
        step = Step(signals, acted, state['last_action'], state['memory'])
        reward = task.rewards[0].weight * task.rewards[0].function(step)
        for term in task.rewards[1:]:
            reward = reward + term.weight * term.function(step)
        failed = [term.function(step) for term in task.terminations]
        terminated = reduce(torch.logical_or, failed) if failed else torch.zeros_like(reward) > 0.0
        memory = task.remember(state['memory'], measured, acted)
        if told and FREED in told[0]:
            memory = torch.where(told[0][FREED] > 0.0, torch.zeros_like(memory), memory)
        now, seen = signals, {}
        if self._sensors:
            now, seen = self._sensors.sample(signals, drawn, measured)
        now = self._inputs(now)
        if self._messages:
            now = self._messages.newest(now, measured, told[0]['message_loss'])
        # A copy: a reset writes into the state, and what this step returns must stay.
        changed = {'memory': memory, 'last_action': acted.clone(), **moved, **seen}
        following = {name: changed[name] for name in state}
        outcome = {'reward': reward.unsqueeze(1), 'terminated': terminated.unsqueeze(1)}
        return following, now, self._observe(signals, now, memory), asked, outcome

    def _perceive(self, signals: Group, drawn: Group) -> Group:
        """What the world of the task adds to the true signals."""
        return self._task.perceive(signals, drawn) if self._task.perceive else {}

    def _inputs(self, signals: Mapping[str, torch.Tensor]) -> Group:
        """Copies of what the policy sees, for a reset to write into."""
        return {name: signals[name].clone() for name in self._task.signal_names}

    def _observe(self, true: Group, measured: Group, memory: torch.Tensor) -> Group:
        """Groups 'actor' and 'critic'."""
        return {
            'actor': self._task.observe(measured, memory),
            'critic': self._task.privileged(true, memory),
        }


def zeros(signal: Signal, num: int) -> torch.Tensor:
    """Zeros (num, size), or images (num, height, width, 3) of uint8."""
    return torch.zeros(num, *signal.row, dtype=torch.uint8 if signal.is_image else None)


def observation_size(task: Task) -> int:
    """Length of the actor's observation, found by running `task.observe` once."""
    signals = {signal.name: zeros(signal, 1) for signal in task.signals}
    return task.observe(signals, torch.zeros(1, task.memory_size)).shape[1]
