"""Setpoints of joints: JointState, JointTrajectory, and the arrays that ros2_control takes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from robot_rl.errors import MessageError, SpecError
from robot_rl.nodes.messages import Values, message_type
from robot_rl.spec.robot import Robot, Setpoint

_FIELD = {
    'rad': ('position', 'positions'),
    'm': ('position', 'positions'),
    'rad/s': ('velocity', 'velocities'),
    'm/s': ('velocity', 'velocities'),
    'N m': ('effort', 'effort'),
    'N': ('effort', 'effort'),
}
"""Unit to the field of a JointState and of a JointTrajectoryPoint."""
_GAINS = ('joint_stiffness', 'joint_damping')
AHEAD_NS = 40_000_000
"""[ns] when a trajectory's only point is to be reached: about two periods of a 50 Hz policy, so
that a joint_trajectory_controller always has somewhere to go."""


def _field(setpoint: Setpoint) -> tuple[str, str]:
    """Where the values go. Raises SpecError for units that no joint message carries together."""
    fields = {_FIELD.get(unit) for unit in setpoint.units}
    found = fields.pop()
    if fields or found is None:
        raise SpecError(
            f'Setpoint {setpoint.name!r} in {", ".join(sorted(set(setpoint.units)))} cannot be '
            f'sent as a joint message, expected one of {", ".join(_FIELD)} in all fields.'
        )
    return found


def _check_names(names: Any, setpoint: Setpoint) -> None:
    if tuple(names) != setpoint.fields:
        raise MessageError(
            f'A {setpoint.name} setpoint names the joints {", ".join(names) or "none"}, '
            f'expected {", ".join(setpoint.fields)} in that order.'
        )


def _check_count(count: int, what: str, wanted: int, setpoint: Setpoint) -> None:
    if count != wanted:
        raise MessageError(f'A {setpoint.name} setpoint has {count} {what}, expected {wanted}.')


def prepare_state(message: Any, _robot: Robot, setpoint: Setpoint) -> None:
    """Name the joints."""
    message.name = list(setpoint.fields)
    setattr(message, _field(setpoint)[0], [0.0] * setpoint.size)


def write_state(
    message: Any, _robot: Robot, setpoint: Setpoint, values: Values, _stiffness: float
) -> None:
    """In place: the field is an array of doubles."""
    np.frombuffer(getattr(message, _field(setpoint)[0]))[:] = values


def read_state(message: Any, _robot: Robot, setpoint: Setpoint, out: Values) -> float:
    """Inverse of `write_state`."""
    _check_names(message.name, setpoint)
    one, several = _field(setpoint)
    found = getattr(message, one)
    _check_count(len(found), several, setpoint.size, setpoint)
    out[:] = found
    return 1.0


def prepare_trajectory(message: Any, _robot: Robot, setpoint: Setpoint) -> None:
    """One point, a moment ahead."""
    message.joint_names = list(setpoint.fields)
    point = message_type('trajectory_msgs/msg/JointTrajectoryPoint')()
    setattr(point, _field(setpoint)[1], [0.0] * setpoint.size)
    point.time_from_start.nanosec = AHEAD_NS
    message.points = [point]


def write_trajectory(
    message: Any, _robot: Robot, setpoint: Setpoint, values: Values, _stiffness: float
) -> None:
    """In place, as in a JointState."""
    np.frombuffer(getattr(message.points[0], _field(setpoint)[1]))[:] = values


def read_trajectory(message: Any, _robot: Robot, setpoint: Setpoint, out: Values) -> float:
    """Inverse of `write_trajectory`."""
    _check_names(message.joint_names, setpoint)
    several = _field(setpoint)[1]
    _check_count(len(message.points), 'points', 1, setpoint)
    found = getattr(message.points[0], several)
    _check_count(len(found), several, setpoint.size, setpoint)
    out[:] = found
    return 1.0


def prepare_array(message: Any, robot: Robot, setpoint: Setpoint) -> None:
    """What a forward_command_controller takes; three rows where the level carries gains.

    The rows are position, stiffness and damping, as a controller with those three command
    interfaces expects them; its `joints` must be in the order of the setpoint's fields. With the
    parameter `setpoint_gains` false there are positions alone: the drives keep their own gains,
    and a stage that damps holds instead.

    Positions are not turned into efforts here. That loop would run at the policy's rate, on
    measurements that are old already, and not at the drive's, as in training.
    """
    rows = 3 if setpoint.gains else 1
    dimension = message_type('std_msgs/msg/MultiArrayDimension')
    sizes = (('interface', rows), ('joint', setpoint.size)) if rows > 1 else ()
    stride = rows * setpoint.size
    for label, size in sizes:
        message.layout.dim.append(dimension(label=label, size=size, stride=stride))
        stride //= size
    rest = np.concatenate(gains(robot, setpoint)).tolist() if setpoint.gains else []
    message.data = [0.0] * setpoint.size + rest


def gains(robot: Robot, setpoint: Setpoint) -> tuple[Values, Values]:
    """Stiffness and damping (size,) of the drives that a setpoint commands; not to be changed."""
    stiffness, damping = (robot.parameters[name].nominal for name in _GAINS)
    return _gains(setpoint.fields, robot.joint_names, stiffness, damping)


@lru_cache(maxsize=8)
def _gains(
    fields: tuple[str, ...],
    joints: tuple[str, ...],
    stiffness: tuple[float, ...],
    damping: tuple[float, ...],
) -> tuple[Values, Values]:
    """Once for all control periods."""
    places = [joints.index(name) for name in fields]
    return np.array(stiffness)[places], np.array(damping)[places]


def write_array(
    message: Any, robot: Robot, setpoint: Setpoint, values: Values, stiffness: float
) -> None:
    """In place: the data are an array of doubles."""
    data, size = np.frombuffer(message.data), setpoint.size
    data[:size] = values
    if setpoint.gains:
        np.multiply(gains(robot, setpoint)[0], stiffness, out=data[size : 2 * size])


def read_array(message: Any, robot: Robot, setpoint: Setpoint, out: Values) -> float:
    """Inverse of `write_array`."""
    size = setpoint.size
    _check_count(len(message.data), 'numbers', 3 * size if setpoint.gains else size, setpoint)
    data = np.frombuffer(message.data)
    out[:] = data[:size]
    if not setpoint.gains:
        return 1.0
    return float(data[size] / gains(robot, setpoint)[0][0])
