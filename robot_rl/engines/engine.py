"""The protocol of a simulator: the only thing tasks, learners and nodes know about one.

An engine simulates `num_envs` copies of one robot, batched, with torch tensors in and out. It
knows nothing of rewards, sensors or commands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
from typing import Protocol, runtime_checkable

import torch

from robot_rl.errors import SpecError
from robot_rl.spec.robot import Robot
from robot_rl.spec.world import World


@runtime_checkable
class Engine(Protocol):
    """A batched simulator of one robot at one setpoint level.

    Made by `factory(robot, level, num_envs, control_dt, device='cpu', terrain=None)`.
    """

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

    def signals(self, env_ids: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Return the true signals now, each (num_envs, size), in memory that no step changes.

        With `env_ids`, only their rows.
        """
        ...

    def randomize(self, parameters: Mapping[str, torch.Tensor], env_ids: torch.Tensor) -> None:
        """Set physical parameters of `env_ids`, each (len(env_ids), size) in SI units."""
        ...

    @property
    def simulated(self) -> tuple[str, ...]:
        """Parameters of the robot that this engine simulates; others it cannot vary."""
        ...

    def push(self, velocity: torch.Tensor, env_ids: torch.Tensor) -> None:
        """Add the horizontal `velocity` (len(env_ids), 2) [m/s, world] to the base of `env_ids`.

        All else goes on as it was.
        """
        ...


@runtime_checkable
class HoldsWorlds(Protocol):
    """An engine that can hold what stands around a robot as bodies.

    Once it has been told to, `signals` also has 'collision', whether the robot has touched any of
    it in the last control period (num_envs, 1), and for a robot with a lidar its 'scan'.
    """

    def make_room(self) -> None:
        """Be ready for worlds. All that was set before is forgotten: to be called first."""
        ...

    def surround(self, worlds: Sequence[World], env_ids: torch.Tensor) -> None:
        """Put `worlds` around the robots of `env_ids`, in the place of what stood there.

        To be called before they are reset.
        """
        ...

    def crowd(self, places: torch.Tensor) -> None:
        """Let people walk during the next step to `places` (num_envs, n, 2) [m].

        They are in the order of `World.people`; rows beyond those that there are mean nothing.
        """
        ...


def physics_step(control_dt: float, longest: float) -> tuple[float, int]:
    """Physics step [s] of at most `longest`, and how many make up a control period.

    Raises SpecError unless both are positive.
    """
    if not (control_dt > 0.0 and longest > 0.0):
        raise SpecError(
            f'Time steps must be positive, got control_dt = {control_dt} s and physics_dt = '
            f'{longest} s.'
        )
    steps = math.ceil(control_dt / longest - 1e-9)
    return control_dt / steps, steps
