"""Rows that tell whether a task still computes what it did when a policy was trained on it.

Weights alone say nothing of the functions around them: a task edited afterwards would be evaluated
and exported with others. So every checkpoint keeps a few moments of its training, and what the
policy made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from robot_rl.envs.actor import Actor, act, state_size
from robot_rl.spec.policy_file import GOLDEN_TOLERANCE
from robot_rl.spec.task import Task

ROWS = 16


@torch.inference_mode()
def witness(
    task: Task, actor: Actor, signals: Mapping[str, torch.Tensor], memory: torch.Tensor
) -> dict[str, Any]:
    """Up to ROWS of the moments (num, size) given, and what `actor` makes of them on `task`."""
    chosen = torch.linspace(0, len(memory) - 1, min(ROWS, len(memory))).long().to(memory.device)
    rows = {name: signals[name][chosen] for name in task.signal_names}
    made = {'signals': rows, 'memory': memory[chosen]}
    made |= _computed(task, actor, rows, made['memory'])
    return {'task': _declared(task), 'rows': _kept(made)}


@torch.inference_mode()
def change(task: Task, actor: Actor, told: Mapping[str, Any]) -> str:
    """What of `task` is not as `witness` told, 'its setpoint' say; '' where nothing is."""
    for name, now in _declared(task).items():
        if now != told['task'][name]:
            return f'its {name} was {told["task"][name]}, now {now}'
    rows = told['rows']
    try:
        computed = _computed(task, actor, rows['signals'], rows['memory'])
    except (RuntimeError, IndexError, KeyError) as error:
        return f'it cannot compute what it did: {str(error).partition(chr(10))[0]}'
    low, high = torch.tensor(task.setpoint.low), torch.tensor(task.setpoint.high)
    scales = {'setpoint': high - low, 'memory_out': rows['memory_out'].abs().clamp(min=1.0)}
    for name, now in computed.items():
        before, scale = rows[name], scales[name]
        if now.shape != before.shape:
            return f'its {name} has {now.shape[1]} numbers, had {before.shape[1]}'
        same = torch.isclose(now / scale, before / scale, 0.0, GOLDEN_TOLERANCE, equal_nan=True)
        if not bool(same.all()):
            worst = ((now - before) / scale).abs().max().item() / GOLDEN_TOLERANCE
            return f'its {name} differs by {worst:.3g} times the allowed {GOLDEN_TOLERANCE:g}'
    return ''


def _computed(
    task: Task, actor: Actor, signals: Mapping[str, torch.Tensor], memory: torch.Tensor
) -> dict[str, torch.Tensor]:
    state = memory.new_zeros(len(memory), state_size(actor))
    action, _ = act(actor, task.observe(signals, memory), state)
    return {
        'setpoint': task.act(action, signals, memory),
        'memory_out': task.remember(memory, signals, action),
    }


def _declared(task: Task) -> dict[str, Any]:
    """What is no function and yet decides what a policy does."""
    return {
        'signals': list(task.signal_names),
        'setpoint level': task.level,
        'control period [s]': task.control_dt,
    }


def _kept(made: dict[str, Any]) -> dict[str, Any]:
    """Copies on the CPU, to be saved."""
    return {
        name: _kept(value) if isinstance(value, dict) else value.detach().cpu().clone()
        for name, value in made.items()
    }
