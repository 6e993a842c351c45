"""The world of a task as bodies in an engine, where the task wants that and the engine can."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from robot_rl.engines.engine import Engine, HoldsWorlds
from robot_rl.errors import SpecError
from robot_rl.spec.task import Task
from robot_rl.spec.world import World

Group = Mapping[str, torch.Tensor]


class Surroundings:
    """What stands around the robots of an engine, and people who walk there."""

    def __init__(
        self, engine: HoldsWorlds, task: Task, world: Callable[[Mapping[str, Any]], World]
    ) -> None:
        """Make room in `engine`, before anything else is set there."""
        self._engine, self._task, self._world = engine, task, world
        engine.make_room()

    def start(self, env_ids: torch.Tensor, drawn: Group) -> None:
        """Surround the robots of `env_ids`, before their reset, with what they have `drawn`."""
        rows = {name: value.numpy() for name, value in drawn.items()}
        worlds = [
            self._world({name: value[i] for name, value in rows.items()})
            for i in range(len(env_ids))
        ]
        self._engine.surround(worlds, env_ids)

    def step(self, drawn: Group) -> None:
        """Let people walk during the next step; `drawn` is of before it."""
        if self._task.crowd:
            self._engine.crowd(self._task.crowd({**drawn, **self._task.commands.step(drawn)}))


def surroundings(engine: Engine, task: Task) -> Surroundings | None:
    """Make room for the world of `task` in `engine`; None where it holds none.

    Raises SpecError where nothing else would stand in for the bodies.
    """
    if not (task.solid and task.world):
        return None
    if isinstance(engine, HoldsWorlds):
        return Surroundings(engine, task, task.world)
    if task.perceive is None:
        raise SpecError(
            f'The task {task.id!r} is about bodies around the robot, which this engine does not '
            "hold. Use the engine 'mujoco'."
        )
    return None
