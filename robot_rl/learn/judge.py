"""Who says whether the task is done: the simulation, or what was learned to see it."""

from __future__ import annotations

from typing import Protocol

from robot_rl.envs.vector import VectorEnv
from robot_rl.spec.task import Step, Task


class Judge(Protocol):
    """Looks at the one robot of an environment after each control period."""

    told: dict[str, float]
    """Numbers of the last look, recorded with the step."""

    def begin(self) -> None:
        """An episode begins."""
        ...

    def done(self, env: VectorEnv, step: Step) -> bool:
        """Whether the task is done; `step` is the truth, `env` has what was measured of it."""
        ...


class ByState:
    """The task's own error, of the true state: for a simulation, or a cell that measures it."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.told: dict[str, float] = {}

    def begin(self) -> None:
        """Nothing is remembered."""

    def done(self, env: VectorEnv, step: Step) -> bool:  # noqa: ARG002
        """Whether the error is below what the task allows."""
        return bool(self._task.error(step)[0] < self._task.success_error)
