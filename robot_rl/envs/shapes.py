"""Whether a task's functions return what it declares, found out before anything builds on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
import traceback
from typing import Any

import torch

from robot_rl.engines.engine import Engine
from robot_rl.envs.fuse import Group
from robot_rl.errors import SpecError
from robot_rl.spec.task import Step, Task

NUM = 5
"""Environments asked: a number that sizes in tasks seldom are."""
Term = tuple[str, Callable[[], Any], tuple[int | str, ...]]
"""What to call it, what computes it, and the shape expected; a word stands for any number."""
_MISFITS = (RuntimeError, IndexError, ValueError, KeyError)
"""What torch and Python raise where sizes or names do not fit."""


@torch.inference_mode()
def check_shapes(
    task: Task, engine: Engine, draw: Callable[[int], tuple[Group, Group, Group]]
) -> None:
    """Run every function of `task` once at the start of some episodes that `draw` gives.

    Raises SpecError, naming the function, for one that cannot be computed or returns another shape
    than declared.
    """
    _, initial, goals = draw(NUM)
    rows = torch.zeros(NUM, dtype=torch.long, device=engine.device)
    signals = {**engine.signals(rows), **initial, **task.commands.signals(goals)}
    if task.perceive:
        signals |= task.perceive(signals, goals)
    for what, function, shape in _terms(task, signals):
        got = _computed(task, what, function)
        fits = isinstance(got, torch.Tensor) and len(got.shape) == len(shape)
        pairs = zip(got.shape, shape, strict=True) if fits else ()
        if not fits or any(isinstance(n, int) and n != size for size, n in pairs):
            given = tuple(got.shape) if isinstance(got, torch.Tensor) else repr(got)
            raise SpecError(
                f'Task {task.id!r}: {what} is {_shown(given)} for {NUM} environments, expected '
                f'the shape {_shown(shape)}. Correct its function, or the sizes that the task '
                'declares.'
            )
        if what.startswith('the termination') and got.dtype != torch.bool:
            raise SpecError(
                f'Task {task.id!r}: {what} is {got.dtype}, expected torch.bool. Return whether '
                'each episode failed.'
            )


def _terms(task: Task, signals: Group) -> Iterator[Term]:
    like = next(iter(signals.values()))
    memory = like.new_zeros(NUM, task.memory_size)
    action = like.new_zeros(NUM, task.action_size)
    for signal in task.signals:
        name = signal.name
        yield f'the signal {name!r}', lambda name=name: signals[name], (NUM, *signal.row)
    measured = {name: signals[name] for name in task.signal_names}
    yield 'observe', lambda: task.observe(measured, memory), (NUM, 'any')
    yield 'privileged', lambda: task.privileged(signals, memory), (NUM, 'any')
    yield 'act', lambda: task.act(action, measured, memory), (NUM, task.setpoint.size)
    yield 'remember', lambda: task.remember(memory, measured, action), (NUM, task.memory_size)
    step = Step(signals, action, action, memory)
    for kind, terms in (('reward', task.rewards), ('termination', task.terminations)):
        for term in terms:
            yield f'the {kind} {term.name!r}', lambda term=term: term.function(step), (NUM,)
    yield 'error', lambda: task.error(step), (NUM,)


def _computed(task: Task, what: str, function: Callable[[], Any]) -> Any:
    try:
        return function()
    except _MISFITS as error:
        frames = traceback.extract_tb(error.__traceback__)
        torches = str(Path(torch.__file__).parent)
        place = next(frame for frame in reversed(frames) if not frame.filename.startswith(torches))
        reason = str(error).strip().partition('\n')[0].rstrip('.')
        raise SpecError(
            f'Task {task.id!r}: {what} cannot be computed, {type(error).__name__} at '
            f'{place.filename}:{place.lineno}: {reason}. Expected a function that takes an '
            f'action of {task.action_size} and a memory of {task.memory_size}, as the task '
            'declares: correct either.'
        ) from error


def _shown(shape: object) -> str:
    return str(shape).replace("'", '')
