"""Setpoints of a car: speed and steering angle, as AckermannDrive or as a yaw rate."""

from __future__ import annotations

import math
from typing import Any

from robot_rl.errors import SpecError
from robot_rl.nodes.messages import Values, check_frame
from robot_rl.spec.robot import Robot, Setpoint

FIELDS = ('speed', 'steering_angle')
CRAWL = 0.05
"""[m/s] below this a yaw rate says nothing about the steering."""


def _wheelbase(robot: Robot) -> float:
    if 'wheelbase' not in robot.parameters:
        raise SpecError(
            f"Robot {robot.name!r} steers but has no parameter 'wheelbase' [m]. Add it to the "
            'robot.'
        )
    return robot.parameters['wheelbase'].nominal[0]


def yaw_rate(robot: Robot, speed: float, angle: float) -> float:
    """[rad/s] of a car without slip: speed tan(angle) / wheelbase."""
    return speed * math.tan(angle) / _wheelbase(robot)


def steering_angle(robot: Robot, speed: float, rate: float, before: float) -> float:
    """[rad] inverse of `yaw_rate`; `before` where the car hardly moves."""
    if abs(speed) < CRAWL:
        return before
    return math.atan(rate * _wheelbase(robot) / speed)


def prepare(message: Any, robot: Robot, setpoint: Setpoint) -> None:
    """Name the frame. Raises SpecError for a setpoint that is not a car's."""
    if setpoint.fields != FIELDS:
        raise SpecError(
            f'An AckermannDrive carries {", ".join(FIELDS)}, not {", ".join(setpoint.fields)}. '
            f'Choose another message for the setpoint {setpoint.name!r}.'
        )
    message.header.frame_id = robot.base_frame


def write(
    message: Any, _robot: Robot, _setpoint: Setpoint, values: Values, _stiffness: float
) -> None:
    """Speed [m/s] and steering angle [rad], positive to the left."""
    message.drive.speed, message.drive.steering_angle = float(values[0]), float(values[1])


def read(message: Any, robot: Robot, _setpoint: Setpoint, out: Values) -> float:
    """Inverse of `write`."""
    check_frame(message.header.frame_id, robot.base_frame, 'frame_id of the setpoint')
    out[0], out[1] = message.drive.speed, message.drive.steering_angle
    return 1.0
