"""One episode as it was recorded: what every picture is made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robot_rl.spec.task import Task
from robot_rl.spec.world import World


@dataclass(frozen=True)
class Episode:
    """What happened in an episode. The first sample is the state after one control period."""

    task: Task
    engine: str
    name: str
    """What to call it: 'episode 3', 'worst'."""
    ended: str
    """Why it ended."""
    failed: bool
    """Whether it was terminated before its time."""
    time: np.ndarray
    """(n,) [s]"""
    error: np.ndarray
    """(n,) in the task's unit."""
    signals: dict[str, np.ndarray]
    """True signals and commands by name, each (n, size)."""
    setpoint: np.ndarray
    """(n, size) [SI] what the robot was told."""
    world: World

    @property
    def last_error(self) -> float:
        """Mean error over the last second."""
        return float(self.error[-round(1.0 / self.task.control_dt) :].mean())

    def text(self) -> str:
        """Lines for a terminal."""
        unit = self.task.error_unit
        return (
            f'{self.task.id} on the {self.engine} engine, {self.name}: {self.time[-1]:.2f} s, '
            f'{self.ended}\n'
            f'  error    {self.error[0]:.3f} {unit} at the start, {self.last_error:.3f} in the '
            f'last second, {self.error.max():.3f} at most'
        )
