"""What a local controller is given each period, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.navigation.costmap import Costmap
from robot_rl.kernels.foresee import free_steps

Array = NDArray[Any]
Command = tuple[float, float]
"""Speed [m/s] and yaw rate [rad/s]."""


@dataclass(frozen=True)
class Situation:
    """Where the robot is and what is around it."""

    costmap: Costmap
    pose: Array
    """x, y [m], yaw [rad] in odom."""
    velocity: Array
    """[m/s, rad/s] commanded last, which a command may leave by an acceleration only."""
    path: Array
    """(n, 2) [m] to the goal from where the robot is, n at least 2."""
    remaining: float
    """[m] of the path."""
    shape: Array
    """The footprint's points that must stay free: padded, or bare where the padding touches."""
    allowed: int
    """Hits of them to put up with, see kernels/foresee.py."""

    def free(self, velocities: Array, dt: float) -> int:
        """How many of the steps (n, 2) [m/s, rad/s] of `dt` [s] end without a collision."""
        grid = self.costmap
        return int(
            free_steps(
                grid.cost, grid.frame, self.shape, grid.bands, self.allowed,
                self.pose, np.ascontiguousarray(velocities, np.float64), dt,
            )
        )  # fmt: skip


class Controller(Protocol):
    """Follows a path past obstacles."""

    def reset(self, seed: int) -> None:
        """Begin an episode."""
        ...

    def command(self, situation: Situation) -> Command | None:
        """Velocities to command, within the accelerations of the last; None if nothing is safe."""
        ...
