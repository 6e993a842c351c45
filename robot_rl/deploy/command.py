"""What a deployed controller tells its robot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot_rl.deploy.modes import Mode


class Command:
    """What the robot is told this period. One object, overwritten at each tick."""

    __slots__ = ('mode', 'publish', 'reason', 'setpoint', 'stiffness')

    def __init__(self, size: int) -> None:
        """Start idle."""
        self.setpoint: NDArray[np.float64] = np.zeros(size)
        """(size,) SI values in the order of the robot's setpoint fields."""
        self.stiffness = 1.0
        """Part of the drives' own stiffness, for messages that carry gains; 0 damps."""
        self.mode = Mode.IDLE
        self.reason = ''
        """Why the robot is not doing what was asked; '' if it is."""
        self.publish = False
        """Whether to send the setpoint."""
