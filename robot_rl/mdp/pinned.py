"""Commands of which some numbers are held: the same task on its hardest day, or on one day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from robot_rl.errors import SpecError
from robot_rl.spec.task import Commands, Task


class Pinned:
    """Draws as another source does, but for what is held."""

    def __init__(self, commands: Commands, held: Mapping[str, tuple[float, ...]]) -> None:
        """Hold the columns of `held` [SI]."""
        self._commands, self._held = commands, held
        self.step, self.signals = commands.step, commands.signals

    def draw(
        self, num: int, generator: torch.Generator, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """State at the start of `num` episodes, each (num, size)."""
        drawn = self._commands.draw(num, generator, device)
        held = {
            name: torch.tensor(values, device=device).expand(num, -1).clone()
            for name, values in self._held.items()
        }
        return {**drawn, **held}


def pin(task: Task, held: Mapping[str, tuple[float, ...]]) -> Task:
    """`task` with some of what its episodes are drawn from held.

    Raises SpecError for a name that is not drawn, or for too few or too many numbers.
    """
    if not held:
        return task
    drawn = task.commands.draw(1, torch.Generator().manual_seed(0), torch.device('cpu'))
    for name, values in held.items():
        size = drawn[name].shape[1] if name in drawn else 0
        if size != len(values):
            told = ', '.join(f'{name} ({value.shape[1]})' for name, value in drawn.items())
            raise SpecError(
                f'Episodes of {task.id} cannot be held at {name}, got {len(values)} numbers. '
                f'Choose one of these, with as many numbers: {told}.'
            )
    return replace(task, commands=Pinned(task.commands, held))


def practised(task: Task, told: Mapping[str, Any]) -> Task:
    """`task` on the course that `told`, the configuration of a run, says was practised on."""
    where = told.get('practise')
    if not where:
        return task
    from robot_rl.mdp.courses import course_of  # compiles

    return course_of(task, int(where['course']), where['mount'])
