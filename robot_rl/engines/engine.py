"""The protocol of a simulator: the only thing tasks, learners and nodes know about one.

An engine simulates `num_envs` copies of one robot, batched, with torch tensors in and out. It knows nothing of
rewards, sensors or commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch

from robot_rl.errors import SpecError
from robot_rl.spec.robot import Robot


@runtime_checkable
class Engine(Protocol):
    """A batched simulator of one robot at one setpoint level."""

    robot: Robot
    num_envs: int
    device: torch.device
    physics_dt: float
    """[s] physics step; the control period is a whole multiple of it."""

    def reset(self, env_ids: torch.Tensor, state: Mapping[str, torch.Tensor]) -> None:
        """Put environments `env_ids` into the true signals `state`, each (len(env_ids), size)."""
        ...

    def step(self, setpoint: torch.Tensor) -> None:
        """Hold `setpoint` (num_envs, size) [SI] for one control period."""
        ...

    def signals(self) -> dict[str, torch.Tensor]:
        """Return the true signals now, each (num_envs, size), in memory that later steps leave alone."""
        ...

    def randomize(self, parameters: Mapping[str, torch.Tensor], env_ids: torch.Tensor) -> None:
        """Set physical parameters of `env_ids`, each (len(env_ids), size) in SI units."""
        ...

    def contacts(self) -> torch.Tensor:
        """Whether each environment touches anything: (num_envs,) bool."""
        ...


def decimation(control_dt: float, physics_dt: float) -> int:
    """Physics steps in a control period. Raises SpecError unless it is a whole number."""
    steps = round(control_dt / physics_dt)
    if steps < 1 or abs(steps * physics_dt - control_dt) > 1e-9:
        raise SpecError(
            f'control_dt must be a whole multiple of physics_dt, got {control_dt} s and {physics_dt} s.'
        )
    return steps
