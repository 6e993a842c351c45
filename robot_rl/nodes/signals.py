"""Signals out of ROS messages and back: which conversion belongs to which ROS type.

Conversions are data: `DECODERS` and `ENCODERS` are keyed by ROS type. A decoder writes into
arrays that the caller keeps, so a control period allocates nothing, and refuses a message that
does not mean what its topic promises (frame, size) instead of guessing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from robot_rl.errors import MessageError
from robot_rl.nodes import (
    signals_compressed,
    signals_image,
    signals_joint,
    signals_pose,
    signals_scan,
)
from robot_rl.nodes.messages import Values, stamp_of
from robot_rl.spec.robot import Robot

Decode = Callable[[Any, Robot, Mapping[str, Values]], None]
Read = Callable[[Any, Robot, Mapping[str, Values]], float]
Encode = Callable[[Any, Robot, Mapping[str, Values]], None]


@dataclass(frozen=True)
class Decoder:
    """How one ROS type supplies signals."""

    signals: tuple[str, ...]
    """Names it writes; a topic may use some of them."""
    read: Read
    """(message, robot, arrays by signal name) -> its stamp [s], 0 where nobody filled it in.
    Raises MessageError."""
    raw: bool = False
    """Whether it takes the message serialized, where speed matters."""


def _stamped(decode: Decode) -> Read:
    """`decode`, with the stamp of the message."""

    def read(message: Any, robot: Robot, out: Mapping[str, Values]) -> float:
        decode(message, robot, out)
        return stamp_of(message)

    return read


COMPRESSED = 'sensor_msgs/msg/CompressedImage'
"""The ROS type that takes a package beyond the base to read and to write."""
_BASE = ('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b')
_GOAL = ('goal_pos_w', 'goal_lin_vel_w', 'goal_lin_acc_w')
_ASKED = ('goal_lin_vel_b', 'goal_ang_vel_b')
_JOINTS = ('joint_pos', 'joint_vel', 'joint_effort')

DECODERS: dict[str, Decoder] = {
    'nav_msgs/msg/Odometry': Decoder(_BASE, signals_pose.read_odometry, raw=True),
    'sensor_msgs/msg/Imu': Decoder(
        ('base_quat_w', 'base_ang_vel_b'), _stamped(signals_pose.decode_imu)
    ),
    'sensor_msgs/msg/JointState': Decoder(_JOINTS, _stamped(signals_joint.decode_joints)),
    'sensor_msgs/msg/LaserScan': Decoder(
        ('scan', 'scan_angles'), _stamped(signals_scan.decode_scan)
    ),
    'sensor_msgs/msg/Image': Decoder(('rgb',), _stamped(signals_image.decode_image)),
    COMPRESSED: Decoder(('rgb',), _stamped(signals_compressed.decode_compressed_image)),
    'sensor_msgs/msg/CameraInfo': Decoder(
        ('rgb_info',), _stamped(signals_image.decode_camera_info)
    ),
    'trajectory_msgs/msg/MultiDOFJointTrajectory': Decoder(
        _GOAL, signals_pose.read_trajectory, raw=True
    ),
    'geometry_msgs/msg/PoseStamped': Decoder(
        (*_GOAL, 'goal_quat_w'), _stamped(signals_pose.decode_pose_goal)
    ),
    'geometry_msgs/msg/Twist': Decoder(_ASKED, _stamped(signals_pose.decode_bare_twist)),
    'geometry_msgs/msg/TwistStamped': Decoder(_ASKED, _stamped(signals_pose.decode_twist_goal)),
}
"""ROS type to how its signals are read."""

ENCODERS: dict[str, Encode] = {
    'nav_msgs/msg/Odometry': signals_pose.encode_odometry,
    'sensor_msgs/msg/Imu': signals_pose.encode_imu,
    'sensor_msgs/msg/JointState': signals_joint.encode_joints,
    'sensor_msgs/msg/LaserScan': signals_scan.encode_scan,
    'sensor_msgs/msg/Image': signals_image.encode_image,
    COMPRESSED: signals_compressed.encode_compressed_image,
    'sensor_msgs/msg/CameraInfo': signals_image.encode_camera_info,
    'trajectory_msgs/msg/MultiDOFJointTrajectory': signals_pose.encode_trajectory,
    'geometry_msgs/msg/PoseStamped': signals_pose.encode_pose_goal,
    'geometry_msgs/msg/Twist': signals_pose.encode_bare_twist,
    'geometry_msgs/msg/TwistStamped': signals_pose.encode_twist_goal,
}
"""ROS type to how its signals are written."""


def decoder(name: str) -> Decoder:
    """Decoder of a ROS type.

    Raises MessageError naming the types there are, MissingPackageError where it needs another.
    """
    if name not in DECODERS:
        raise MessageError(f'No signals can be read from {name!r}. Known: {", ".join(DECODERS)}.')
    if name == COMPRESSED:
        signals_compressed.check_codec()
    return DECODERS[name]


def encoder(name: str) -> Encode:
    """Encoder of a ROS type.

    Raises MessageError naming the types there are, MissingPackageError where it needs another.
    """
    if name not in ENCODERS:
        raise MessageError(f'No signals can be sent as {name!r}. Known: {", ".join(ENCODERS)}.')
    if name == COMPRESSED:
        signals_compressed.check_codec()
    return ENCODERS[name]
