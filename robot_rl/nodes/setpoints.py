"""Setpoints into ROS messages and back, keyed by ROS type.

`create` makes the message once, `write` fills it in every control period without allocating,
`read` is the receiver's side and checks names, order and size before it believes a number.

Not run against the real autopilots here: mavros_msgs/AttitudeTarget and
px4_msgs/VehicleRatesSetpoint. Their conversions are tested as pure functions on stand-in
messages with the published field lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import MessageError
from robot_rl.nodes.messages import check_frame, message_type
from robot_rl.spec.robot import Robot, Setpoint

Values = NDArray[np.float64]
MAVROS_IGNORE_ATTITUDE = 128  # AttitudeTarget.IGNORE_ATTITUDE of mavros_msgs


@dataclass(frozen=True)
class Codec:
    """How one ROS type carries a setpoint."""

    prepare: Callable[[Any, Robot, Setpoint], None]
    """Fill in what never changes: names, frame, sizes."""
    write: Callable[[Any, Setpoint, Values], None]
    """Fill in the values of one control period [SI]."""
    read: Callable[[Any, Robot, Setpoint, Values], None]
    """Receiver's side: values out of a message; raises MessageError."""
    stamped: bool = True
    """Whether the message has a header; PX4's have a timestamp in microseconds."""

    def create(self, robot: Robot, setpoint: Setpoint) -> Any:
        """Make a message to be reused. Raises MissingPackageError."""
        message = message_type(setpoint.message)()
        self.prepare(message, robot, setpoint)
        return message


def _prepare_joints(message: Any, _robot: Robot, setpoint: Setpoint) -> None:
    message.name = list(setpoint.fields)
    message.velocity = [0.0] * setpoint.size


def _write_joints(message: Any, _setpoint: Setpoint, values: Values) -> None:
    np.frombuffer(message.velocity)[:] = values  # in place: the field is an array of doubles


def _read_joints(message: Any, _robot: Robot, setpoint: Setpoint, out: Values) -> None:
    if tuple(message.name) != setpoint.fields:
        raise MessageError(
            f'A {setpoint.name} setpoint names the joints {", ".join(message.name) or "none"}, '
            f'expected {", ".join(setpoint.fields)} in that order.'
        )
    if len(message.velocity) != setpoint.size:
        raise MessageError(
            f'A {setpoint.name} setpoint has {len(message.velocity)} velocities, expected '
            f'{setpoint.size}.'
        )
    out[:] = message.velocity


def _prepare_twist(message: Any, robot: Robot, _setpoint: Setpoint) -> None:
    message.header.frame_id = robot.base_frame


def _write_twist(message: Any, _setpoint: Setpoint, values: Values) -> None:
    message.twist.linear.z = float(values[0])
    angular = message.twist.angular
    angular.x, angular.y, angular.z = float(values[1]), float(values[2]), float(values[3])


def _read_twist(message: Any, robot: Robot, _setpoint: Setpoint, out: Values) -> None:
    check_frame(message.header.frame_id, robot.base_frame, 'frame_id of the setpoint')
    angular = message.twist.angular
    out[0], out[1], out[2], out[3] = message.twist.linear.z, angular.x, angular.y, angular.z


def _prepare_mavros(message: Any, robot: Robot, _setpoint: Setpoint) -> None:
    message.header.frame_id = robot.base_frame
    message.type_mask = MAVROS_IGNORE_ATTITUDE


def _write_mavros(message: Any, setpoint: Setpoint, values: Values) -> None:
    """MAVROS takes FLU body rates and turns them itself; thrust is a part of the largest."""
    rate = message.body_rate
    rate.x, rate.y, rate.z = float(values[1]), float(values[2]), float(values[3])
    message.thrust = float(values[0]) / setpoint.high[0]


def _read_mavros(message: Any, _robot: Robot, setpoint: Setpoint, out: Values) -> None:
    rate = message.body_rate
    out[0], out[1:] = message.thrust * setpoint.high[0], (rate.x, rate.y, rate.z)


def flu_to_frd(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Body vector, forward-left-up (REP-103) to forward-right-down (PX4); its own inverse."""
    return x, -y, -z


def _prepare_px4(_message: Any, _robot: Robot, _setpoint: Setpoint) -> None:
    pass


def _write_px4(message: Any, setpoint: Setpoint, values: Values) -> None:
    """PX4 takes FRD body rates and the thrust as a fraction along body z, which points down."""
    message.roll, message.pitch, message.yaw = flu_to_frd(
        float(values[1]), float(values[2]), float(values[3])
    )
    message.thrust_body[2] = -float(values[0]) / setpoint.high[0]


def _read_px4(message: Any, _robot: Robot, setpoint: Setpoint, out: Values) -> None:
    out[0] = -float(message.thrust_body[2]) * setpoint.high[0]
    out[1:] = flu_to_frd(message.roll, message.pitch, message.yaw)


CODECS: dict[str, Codec] = {
    'sensor_msgs/msg/JointState': Codec(_prepare_joints, _write_joints, _read_joints),
    'geometry_msgs/msg/TwistStamped': Codec(_prepare_twist, _write_twist, _read_twist),
    'mavros_msgs/msg/AttitudeTarget': Codec(_prepare_mavros, _write_mavros, _read_mavros),
    'px4_msgs/msg/VehicleRatesSetpoint': Codec(_prepare_px4, _write_px4, _read_px4, stamped=False),
}
"""ROS type to how it carries a setpoint."""


def codec(name: str) -> Codec:
    """Codec of a ROS type. Raises MessageError naming the types there are."""
    if name not in CODECS:
        raise MessageError(f'No setpoint can be sent as {name!r}. Known: {", ".join(CODECS)}.')
    return CODECS[name]
