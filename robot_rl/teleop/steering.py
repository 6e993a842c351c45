"""From the motion of a stick to the setpoint of a robot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.spec.robot import Robot, Setpoint


def drivable(robot: Robot, setpoint: Setpoint) -> bool:
    """Whether a stick can drive at this level: it moves a body or a tool, not joints or rotors."""
    return not set(setpoint.fields) & set(robot.joint_names)


class Steering:
    """Setpoints of one level of a robot: 0 is neutral, -1 and 1 are the ends of the range."""

    def __init__(
        self,
        robot: Robot,
        level: str,
        low: Sequence[float] | None = None,
        high: Sequence[float] | None = None,
    ) -> None:
        """Take the robot's range, or the part of it between `low` and `high`, each (size,) [SI].

        Raises:
            UnknownNameError: The robot has no such level.
            SpecError: A stick cannot drive at it.
        """
        setpoint = robot.setpoint(level)
        if not drivable(robot, setpoint):
            others = [name for name, other in robot.setpoints.items() if drivable(robot, other)]
            raise SpecError(
                f'A stick cannot drive the level {level!r} of a {robot.name}, which sets '
                f'{", ".join(setpoint.fields)}, each on its own. Known levels that it can: '
                f'{", ".join(others) or "none"}. Use a policy of one of those.'
            )
        self.setpoint = setpoint
        self._neutral = np.array(setpoint.neutral)
        least = setpoint.low if low is None else low
        most = setpoint.high if high is None else high
        self._low = np.minimum(np.maximum(setpoint.low, least), self._neutral)
        self._high = np.maximum(np.minimum(setpoint.high, most), self._neutral)

    def values(self, motion: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Setpoint (size,) [SI] for `motion` (size,), each -1 to 1; straight lines between.

        Raises SpecError for a motion of another size or beyond these.
        """
        given = np.asarray(motion, dtype=float)
        if given.shape != self._neutral.shape or not (np.abs(given) <= 1.0).all():
            raise SpecError(
                f'A motion for {self.setpoint.name!r} has {self.setpoint.size} numbers within '
                f'[-1, 1], got {list(motion)}.'
            )
        up, down = np.maximum(given, 0.0), np.maximum(-given, 0.0)
        return (
            self._neutral + up * (self._high - self._neutral) - down * (self._neutral - self._low)
        )
