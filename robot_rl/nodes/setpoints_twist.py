"""Setpoints that are a velocity of the body or of a tool: TwistStamped, and Twist.

A Twist names no frame and no time: it is in the frame of the robot's base, and answers whatever
was measured last.
"""

from __future__ import annotations

from typing import Any

from robot_rl.errors import SpecError
from robot_rl.nodes.messages import Values, check_frame
from robot_rl.nodes.setpoints_car import steering_angle, yaw_rate
from robot_rl.spec.robot import Robot, Setpoint

PLACES = {
    'thrust': ('linear', 'z'),
    'roll_rate': ('angular', 'x'),
    'pitch_rate': ('angular', 'y'),
    'yaw_rate': ('angular', 'z'),
    'speed': ('linear', 'x'),
    'linear_x': ('linear', 'x'),
    'linear_y': ('linear', 'y'),
    'linear_z': ('linear', 'z'),
    'angular_x': ('angular', 'x'),
    'angular_y': ('angular', 'y'),
    'angular_z': ('angular', 'z'),
}
"""Field of a setpoint to its place in a Twist. A steering angle travels as the yaw rate that it
leads to."""
STEERING = 'steering_angle'


def prepare(message: Any, robot: Robot, setpoint: Setpoint) -> None:
    """Name the frame of a TwistStamped. Raises SpecError as `prepare_bare`."""
    message.header.frame_id = robot.base_frame
    prepare_bare(message.twist, robot, setpoint)


def write(
    message: Any, robot: Robot, setpoint: Setpoint, values: Values, stiffness: float
) -> None:
    """Fill in a TwistStamped."""
    write_bare(message.twist, robot, setpoint, values, stiffness)


def read(message: Any, robot: Robot, setpoint: Setpoint, out: Values) -> float:
    """Inverse of `write`."""
    check_frame(message.header.frame_id, robot.base_frame, 'frame_id of the setpoint')
    return read_bare(message.twist, robot, setpoint, out)


def prepare_bare(_twist: Any, _robot: Robot, setpoint: Setpoint) -> None:
    """Raise SpecError for a field that a Twist has no place for."""
    strange = [name for name in setpoint.fields if name not in PLACES and name != STEERING]
    if strange:
        raise SpecError(
            f'A Twist has no place for {strange[0]!r} of setpoint {setpoint.name!r}. It has: '
            f'{", ".join(PLACES)}; {STEERING} becomes a yaw rate.'
        )


def write_bare(
    twist: Any, robot: Robot, setpoint: Setpoint, values: Values, _stiffness: float
) -> None:
    """Each field to its place."""
    numbers = values.tolist()
    for name, value in zip(setpoint.fields, numbers, strict=True):
        if name == STEERING:
            speed = numbers[setpoint.fields.index('speed')]
            twist.angular.z = yaw_rate(robot, speed, value)
        else:
            part, axis = PLACES[name]
            setattr(getattr(twist, part), axis, value)


def read_bare(twist: Any, robot: Robot, setpoint: Setpoint, out: Values) -> float:
    """Inverse of `write_bare`."""
    for index, name in enumerate(setpoint.fields):
        if name == STEERING:
            out[index] = steering_angle(robot, twist.linear.x, twist.angular.z, float(out[index]))
        else:
            part, axis = PLACES[name]
            out[index] = getattr(getattr(twist, part), axis)
    return 1.0
