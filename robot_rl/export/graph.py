"""One module from raw signals to the setpoint, built from the task's own functions."""

from __future__ import annotations

import torch

from robot_rl.spec.task import Task


class PolicyGraph(torch.nn.Module):
    """Signals (and memory) in, setpoint (and next memory) out: what the policy file holds.

    Observation, network, action and memory are the very functions that training ran, so that
    nothing outside the file holds a number that could disagree.
    """

    def __init__(self, task: Task, actor: torch.nn.Module) -> None:
        """Join `task` and `actor`, which maps an observation (1, n) to an action (1, m)."""
        super().__init__()
        self.task = task
        self.actor = actor
        self.input_names = list(task.signal_names)
        self.output_names = ['setpoint']
        if task.memory_size:
            self.input_names.append('memory')
            self.output_names.append('memory_out')

    def example(self, num: int = 1) -> tuple[torch.Tensor, ...]:
        """Inputs of zeros in order, each (num, size)."""
        sizes = [signal.size for signal in self.task.signals]
        if self.task.memory_size:
            sizes.append(self.task.memory_size)
        return tuple(torch.zeros(num, size) for size in sizes)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Signals in the task's order, then the memory, each (n, size), to setpoint and memory."""
        task = self.task
        signals = dict(zip(task.signal_names, inputs, strict=False))
        memory = inputs[-1] if task.memory_size else inputs[0].new_zeros(len(inputs[0]), 0)
        action = self.actor(task.observe(signals, memory))
        setpoint = task.act(action, signals, memory)
        if not task.memory_size:
            return (setpoint,)
        return setpoint, task.remember(memory, signals, action)
