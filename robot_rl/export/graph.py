"""One module from raw signals to the setpoint, built from the task's own functions."""

from __future__ import annotations

import torch

from robot_rl.envs.actor import act, state_size
from robot_rl.envs.functions import zeros
from robot_rl.spec.task import Task


class PolicyGraph(torch.nn.Module):
    """Signals (and memory) in, setpoint (and next memory) out: what the policy file holds.

    Observation, network, action and memory are the very functions that training ran, so that
    nothing outside the file holds a number that could disagree. The memory is that of the task,
    then the state of the actor, if it carries one.
    """

    def __init__(self, task: Task, actor: torch.nn.Module) -> None:
        """Join `task` and `actor`, see envs/actor.py."""
        super().__init__()
        self.task = task
        self.actor = actor
        self.input_names = list(task.signal_names)
        self.output_names = ['setpoint']
        self.memory_size = task.memory_size + state_size(actor)
        if self.memory_size:
            self.input_names.append('memory')
            self.output_names.append('memory_out')

    def example(self, num: int = 1) -> tuple[torch.Tensor, ...]:
        """Inputs of zeros in order, each (num, size), or images (num, height, width, 3)."""
        inputs = [zeros(signal, num) for signal in self.task.signals]
        if self.memory_size:
            inputs.append(torch.zeros(num, self.memory_size))
        return tuple(inputs)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Signals in the task's order, then the memory, each (n, size), to setpoint and memory."""
        task = self.task
        signals = dict(zip(task.signal_names, inputs, strict=False))
        whole = inputs[-1] if self.memory_size else torch.zeros(len(inputs[0]), 0)
        memory, state = whole[:, : task.memory_size], whole[:, task.memory_size :]
        action, state = act(self.actor, task.observe(signals, memory), state)
        setpoint = task.act(action, signals, memory)
        if not self.memory_size:
            return (setpoint,)
        return setpoint, torch.cat((task.remember(memory, signals, action), state), 1)
