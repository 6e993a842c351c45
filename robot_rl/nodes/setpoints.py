"""Setpoints into ROS messages and back, keyed by ROS type.

`create` makes the message once, `write` fills it in every control period (arrays in place), `read`
is the receiver's side and checks names, order and size before it believes a number.

Not run against the real thing here, for want of the packages: mavros_msgs, px4_msgs,
ackermann_msgs and unitree_go. Their conversions are tested as pure functions on stand-in messages
with the published field lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from robot_rl.errors import ContractError, MessageError, MissingPackageError
from robot_rl.nodes import (
    setpoints_autopilot,
    setpoints_car,
    setpoints_joint,
    setpoints_twist,
    setpoints_unitree,
)
from robot_rl.nodes.messages import Values, message_type, set_stamp
from robot_rl.spec.robot import Robot, Setpoint


@dataclass(frozen=True)
class Codec:
    """How one ROS type carries a setpoint."""

    prepare: Callable[[Any, Robot, Setpoint], None]
    """Fill in what never changes: names, frame, sizes."""
    write: Callable[[Any, Robot, Setpoint, Values, float], None]
    """Fill in the values of one control period [SI] and the part of the drives' stiffness."""
    read: Callable[[Any, Robot, Setpoint, Values], float]
    """Receiver's side: values out of a message; returns the part of the stiffness, 1 where the
    message carries none. Raises MessageError."""
    stamp: Callable[[Any, float], None] = set_stamp
    """Write the time [s]."""
    gains: bool = False
    """Whether the message carries the stiffness."""

    @property
    def stamped(self) -> bool:
        """Whether the message has a header with a stamp."""
        return self.stamp is set_stamp

    def create(self, robot: Robot, setpoint: Setpoint) -> Any:
        """Make a message to be reused. Raises MissingPackageError."""
        message = message_type(setpoint.message)()
        self.prepare(message, robot, setpoint)
        return message


def _no_stamp(_message: Any, _seconds: float) -> None:
    """Leave a message that carries no time as it is."""


CODECS: dict[str, Codec] = {
    'sensor_msgs/msg/JointState': Codec(
        setpoints_joint.prepare_state, setpoints_joint.write_state, setpoints_joint.read_state
    ),
    'trajectory_msgs/msg/JointTrajectory': Codec(
        setpoints_joint.prepare_trajectory,
        setpoints_joint.write_trajectory,
        setpoints_joint.read_trajectory,
    ),
    'std_msgs/msg/Float64MultiArray': Codec(
        setpoints_joint.prepare_array,
        setpoints_joint.write_array,
        setpoints_joint.read_array,
        stamp=_no_stamp,
        gains=True,
    ),
    'geometry_msgs/msg/TwistStamped': Codec(
        setpoints_twist.prepare, setpoints_twist.write, setpoints_twist.read
    ),
    'geometry_msgs/msg/Twist': Codec(
        setpoints_twist.prepare_bare,
        setpoints_twist.write_bare,
        setpoints_twist.read_bare,
        stamp=_no_stamp,
    ),
    'ackermann_msgs/msg/AckermannDriveStamped': Codec(
        setpoints_car.prepare, setpoints_car.write, setpoints_car.read
    ),
    'mavros_msgs/msg/AttitudeTarget': Codec(
        setpoints_autopilot.prepare_mavros,
        setpoints_autopilot.write_mavros,
        setpoints_autopilot.read_mavros,
    ),
    'px4_msgs/msg/VehicleRatesSetpoint': Codec(
        setpoints_autopilot.prepare_px4,
        setpoints_autopilot.write_px4,
        setpoints_autopilot.read_px4,
        stamp=setpoints_autopilot.stamp_px4,
    ),
    'unitree_go/msg/LowCmd': Codec(
        setpoints_unitree.prepare,
        setpoints_unitree.write,
        setpoints_unitree.read,
        stamp=_no_stamp,
        gains=True,
    ),
}
"""ROS type to how it carries a setpoint."""


def codec(name: str) -> Codec:
    """Codec of a ROS type. Raises MessageError naming the types there are."""
    if name not in CODECS:
        raise MessageError(f'No setpoint can be sent as {name!r}. Known: {", ".join(CODECS)}.')
    return CODECS[name]


def available(setpoint: Setpoint, message: str = '', *, gains: bool = True) -> Setpoint:
    """The setpoint as it is sent on this machine.

    Args:
        setpoint: What the robot declares.
        message: ROS type; '' for the robot's first choice, or the other where the first is not
            installed.
        gains: False leaves out stiffness and damping, for a controller of positions alone. Stages
            that damp then hold instead: see `stiffened`.

    Raises:
        MissingPackageError: The message is not installed.
        MessageError: No setpoint can be sent as it.
        ContractError: It has no place for the stiffness, which is not left out.
    """
    setpoint = replace(setpoint, gains=setpoint.gains and gains)
    if message:
        setpoint = replace(setpoint, message=message, fallback='')
    try:
        message_type(setpoint.message)
    except MissingPackageError:
        if not setpoint.fallback:
            raise
        message_type(setpoint.fallback)
        setpoint = replace(setpoint, message=setpoint.fallback)
    if setpoint.gains and not codec(setpoint.message).gains:
        raise ContractError(
            f'The setpoint {setpoint.name!r} carries stiffness and damping, {setpoint.message} '
            'does not: a robot that should damp would hold, at full stiffness. Choose another '
            'setpoint_message, or set setpoint_gains to false where that may be.'
        )
    return setpoint


def stiffened(setpoint: Setpoint) -> list[str]:
    """Names of stages that ask for less stiffness, which the message does not carry."""
    if setpoint.gains:
        return []
    stages = (*setpoint.start, *setpoint.stop, *setpoint.safe)
    return list(dict.fromkeys(stage.name for stage in stages if stage.stiffness < 1.0))
