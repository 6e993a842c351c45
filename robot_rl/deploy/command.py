"""What a deployed controller tells its robot."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from robot_rl.deploy.modes import Mode


class Actor(Enum):
    """Whose setpoint it is that the robot is told."""

    NOBODY = 'nobody'
    """None is sent."""
    POLICY = 'policy'
    """After a takeover it is blended in: see `HandBack`."""
    HUMAN = 'human'
    ROBOT = 'robot'
    """What the robot does by itself: the safe action, standing up, backing off."""


class Command:
    """What the robot is told this period. One object, overwritten at each tick."""

    __slots__ = ('actor', 'mode', 'operator', 'publish', 'reason', 'setpoint', 'stiffness')

    def __init__(self, size: int) -> None:
        """Start idle."""
        self.setpoint: NDArray[np.float64] = np.zeros(size)
        """(size,) SI values in the order of the robot's setpoint fields."""
        self.stiffness = 1.0
        """Part of the drives' own stiffness, for messages that carry gains; 0 damps."""
        self.mode = Mode.IDLE
        self.actor = Actor.NOBODY
        """Who chose the setpoint."""
        self.operator = ''
        """Name of the human who drives or drove last, as they gave it."""
        self.reason = ''
        """Why the robot is not doing what was asked; '' if it is."""
        self.publish = False
        """Whether to send the setpoint."""

    @property
    def pilot(self) -> str:
        """Who acts, in words: 'policy', 'robot', 'nobody', or 'human' with a name after it."""
        if self.actor is Actor.HUMAN and self.operator:
            return f'{Actor.HUMAN.value} {self.operator}'
        return self.actor.value
