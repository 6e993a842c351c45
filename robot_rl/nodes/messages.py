"""Signals out of ROS messages and back: the only place that knows how a message is laid out.

Conversions are data: `DECODERS` and `ENCODERS` are keyed by ROS type. A decoder writes into
arrays that the caller keeps, so a control period allocates nothing, and refuses a message that
does not mean what its topic promises (frame, size) instead of guessing. ROS quaternions are
xyzw; they become wxyz here and nowhere else.

Every value passes through `float()` or `int()` on its way into a message: rclpy's converters check
nothing by default and write a NumPy scalar as garbage. The tests run with
ROS_PYTHON_CHECK_FIELDS=1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import MessageError, MissingPackageError
from robot_rl.nodes.cdr import parse_odometry, parse_trajectory
from robot_rl.spec.robot import Robot

Values = NDArray[np.float64]
Decode = Callable[[Any, Robot, Mapping[str, Values]], None]
Parse = Callable[[bytes, Robot, Mapping[str, Values]], float]
Encode = Callable[[Any, Robot, Mapping[str, Values]], None]


@dataclass(frozen=True)
class Decoder:
    """How one ROS type supplies signals."""

    signals: tuple[str, ...]
    """Names it writes; a topic may use some of them."""
    decode: Decode
    """(message, robot, arrays by signal name) -> None; raises MessageError."""
    parse: Parse | None = None
    """The same from the serialized message, returning its stamp [s]; None where speed does not
    matter."""


def message_type(name: str) -> type:
    """Import a message class from its ROS type, for example 'nav_msgs/msg/Odometry'.

    Raises:
        MissingPackageError: its package is not installed.
        MessageError: the name is not a ROS type, or its package has no such message.
    """
    parts = name.split('/')
    if len(parts) != 3 or parts[1] != 'msg':
        raise MessageError(f"A ROS type reads like 'nav_msgs/msg/Odometry', got {name!r}.")
    try:
        module = importlib.import_module(f'{parts[0]}.msg')
    except ImportError as error:
        remedy = (
            f'Install ros-{parts[0].replace("_", "-")} or source a ROS 2 that has it. ({error})'
        )
        raise MissingPackageError(parts[0], f'The ROS type {name}', remedy=remedy) from None
    if not hasattr(module, parts[2]):
        raise MessageError(f'The package {parts[0]!r} has no message {parts[2]!r}.')
    return getattr(module, parts[2])


def stamp_of(message: Any) -> float:
    """Seconds of a message's header stamp; 0.0 where nobody filled it in."""
    stamp = message.header.stamp
    return stamp.sec + 1e-9 * stamp.nanosec


def set_stamp(message: Any, seconds: float) -> None:
    """Write a header stamp [s]."""
    nanoseconds = round(seconds * 1e9)
    message.header.stamp.sec = int(nanoseconds // 1_000_000_000)
    message.header.stamp.nanosec = int(nanoseconds % 1_000_000_000)


def check_frame(got: str, expected: str, where: str) -> None:
    """Raise MessageError unless a frame is the expected one (a leading slash is forgiven)."""
    if got.lstrip('/') != expected:
        raise MessageError(
            f'{where} is {got!r}, expected {expected!r}. Publish it in that frame, or '
            'transform it first.'
        )


def put_vector(target: Any, values: Values) -> None:
    """Write x, y, z of a Vector3 or Point from the first three of `values`."""
    target.x, target.y, target.z = float(values[0]), float(values[1]), float(values[2])


def get_vector(source: Any, values: Values) -> None:
    """Read x, y, z of a Vector3 or Point into `values`."""
    values[0], values[1], values[2] = source.x, source.y, source.z


def put_quaternion(target: Any, quat: Values) -> None:
    """Write a wxyz quaternion into a ROS Quaternion."""
    target.w, target.x = float(quat[0]), float(quat[1])
    target.y, target.z = float(quat[2]), float(quat[3])


def get_quaternion(source: Any, quat: Values) -> None:
    """Read a ROS Quaternion as wxyz; whether it has unit length is the controller's to check."""
    quat[0], quat[1], quat[2], quat[3] = source.w, source.x, source.y, source.z


def decode_odometry(message: Any, robot: Robot, out: Mapping[str, Values]) -> None:
    """Pose in `header.frame_id`, twist in `child_frame_id` (as nav_msgs/Odometry defines it)."""
    _check_odometry(message.header.frame_id, message.child_frame_id, robot)
    pose, twist = message.pose.pose, message.twist.twist
    get_vector(pose.position, out['base_pos_w'])
    get_quaternion(pose.orientation, out['base_quat_w'])
    get_vector(twist.linear, out['base_lin_vel_b'])
    get_vector(twist.angular, out['base_ang_vel_b'])


def _check_odometry(frame: str, child: str, robot: Robot) -> None:
    check_frame(frame, robot.world_frame, 'frame_id of the odometry')
    check_frame(child, robot.base_frame, 'child_frame_id of the odometry')


def _parse_odometry(data: bytes, robot: Robot, out: Mapping[str, Values]) -> float:
    stamp, frame, child = parse_odometry(data, out)
    _check_odometry(frame, child, robot)
    return stamp


def encode_odometry(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `decode_odometry`."""
    message.header.frame_id, message.child_frame_id = robot.world_frame, robot.base_frame
    pose, twist = message.pose.pose, message.twist.twist
    put_vector(pose.position, signals['base_pos_w'])
    put_quaternion(pose.orientation, signals['base_quat_w'])
    put_vector(twist.linear, signals['base_lin_vel_b'])
    put_vector(twist.angular, signals['base_ang_vel_b'])


def decode_trajectory(message: Any, robot: Robot, out: Mapping[str, Values]) -> None:
    """First point: transform, velocity, acceleration of the base in the world frame."""
    check_frame(message.header.frame_id, robot.world_frame, 'frame_id of the goal')
    if not message.points or not message.points[0].transforms:
        raise MessageError(_NO_POINT)
    point = message.points[0]
    get_vector(point.transforms[0].translation, out['goal_pos_w'])
    for twists, name in (
        (point.velocities, 'goal_lin_vel_w'),
        (point.accelerations, 'goal_lin_acc_w'),
    ):
        if twists:
            get_vector(twists[0].linear, out[name])
        else:
            out[name][:] = 0.0


def _parse_trajectory(data: bytes, robot: Robot, out: Mapping[str, Values]) -> float:
    stamp, frame, found = parse_trajectory(data, out)
    check_frame(frame, robot.world_frame, 'frame_id of the goal')
    if not found:
        raise MessageError(_NO_POINT)
    return stamp


def encode_trajectory(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `decode_trajectory`; the orientation asked for is level at yaw 0."""
    if not message.points:
        twist, transform = (
            message_type('geometry_msgs/msg/Twist'),
            message_type('geometry_msgs/msg/Transform'),
        )
        point = message_type('trajectory_msgs/msg/MultiDOFJointTrajectoryPoint')()
        point.transforms, point.velocities, point.accelerations = (
            [transform()],
            [twist()],
            [twist()],
        )
        message.points, message.joint_names = [point], [robot.base_frame]
    message.header.frame_id = robot.world_frame
    point = message.points[0]
    put_vector(point.transforms[0].translation, signals['goal_pos_w'])
    put_vector(point.velocities[0].linear, signals['goal_lin_vel_w'])
    put_vector(point.accelerations[0].linear, signals['goal_lin_acc_w'])


def decode_pose_goal(message: Any, robot: Robot, out: Mapping[str, Values]) -> None:
    """A goal that stands still."""
    check_frame(message.header.frame_id, robot.world_frame, 'frame_id of the goal')
    get_vector(message.pose.position, out['goal_pos_w'])
    out['goal_lin_vel_w'][:] = 0.0
    out['goal_lin_acc_w'][:] = 0.0


_NO_POINT = 'A goal trajectory needs at least one point with one transform, got none.'
_BASE = ('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b')
_GOAL = ('goal_pos_w', 'goal_lin_vel_w', 'goal_lin_acc_w')

DECODERS: dict[str, Decoder] = {
    'nav_msgs/msg/Odometry': Decoder(_BASE, decode_odometry, _parse_odometry),
    'trajectory_msgs/msg/MultiDOFJointTrajectory': Decoder(
        _GOAL, decode_trajectory, _parse_trajectory
    ),
    'geometry_msgs/msg/PoseStamped': Decoder(_GOAL, decode_pose_goal),
}
"""ROS type to how its signals are read."""

ENCODERS: dict[str, Encode] = {
    'nav_msgs/msg/Odometry': encode_odometry,
    'trajectory_msgs/msg/MultiDOFJointTrajectory': encode_trajectory,
}
"""ROS type to how its signals are written."""


def decoder(name: str) -> Decoder:
    """Decoder of a ROS type. Raises MessageError naming the types there are."""
    if name not in DECODERS:
        raise MessageError(f'No signals can be read from {name!r}. Known: {", ".join(DECODERS)}.')
    return DECODERS[name]
