"""Poses, velocities and goals of a base: Odometry, Imu, PoseStamped, twists, trajectories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from robot_rl.errors import MessageError
from robot_rl.nodes.cdr import parse_odometry, parse_trajectory
from robot_rl.nodes.messages import (
    Values,
    check_frame,
    get_quaternion,
    get_vector,
    message_type,
    put_quaternion,
    put_vector,
)
from robot_rl.spec.robot import Robot

_UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])


def read_odometry(data: bytes, robot: Robot, out: Mapping[str, Values]) -> float:
    """Pose in `header.frame_id`, twist in `child_frame_id` (as nav_msgs/Odometry defines it).

    From the serialized message; returns its stamp [s].
    """
    stamp, frame, child = parse_odometry(data, out)
    check_frame(frame, robot.world_frame, 'frame_id of the odometry')
    check_frame(child, robot.base_frame, 'child_frame_id of the odometry')
    return stamp


def encode_odometry(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `read_odometry`."""
    message.header.frame_id, message.child_frame_id = robot.world_frame, robot.base_frame
    pose, twist = message.pose.pose, message.twist.twist
    put_vector(pose.position, signals['base_pos_w'])
    put_quaternion(pose.orientation, signals['base_quat_w'])
    put_vector(twist.linear, signals['base_lin_vel_b'])
    put_vector(twist.angular, signals['base_ang_vel_b'])


def read_trajectory(data: bytes, robot: Robot, out: Mapping[str, Values]) -> float:
    """First point: transform, velocity, acceleration of the base in the world frame.

    From the serialized message; returns its stamp [s].
    """
    stamp, frame, found = parse_trajectory(data, out)
    check_frame(frame, robot.world_frame, 'frame_id of the goal')
    if not found:
        raise MessageError(
            'A goal trajectory needs at least one point with one transform, got none.'
        )
    return stamp


def encode_trajectory(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `read_trajectory`; the orientation asked for is level at yaw 0."""
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
    get_quaternion(message.pose.orientation, out['goal_quat_w'])
    out['goal_lin_vel_w'][:] = 0.0
    out['goal_lin_acc_w'][:] = 0.0


def encode_pose_goal(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `decode_pose_goal`; upright where no attitude is asked for."""
    message.header.frame_id = robot.world_frame
    put_vector(message.pose.position, signals['goal_pos_w'])
    put_quaternion(message.pose.orientation, signals.get('goal_quat_w', _UPRIGHT))


def decode_imu(message: Any, robot: Robot, out: Mapping[str, Values]) -> None:
    """Attitude and angular velocity, in the body frame as the robot's own driver gives them."""
    check_frame(message.header.frame_id, robot.base_frame, 'frame_id of the imu')
    if message.orientation_covariance[0] == -1.0:
        raise MessageError(
            'The imu gives no orientation (its covariance begins with -1). Run a filter that '
            'estimates one, such as imu_filter_madgwick.'
        )
    get_quaternion(message.orientation, out['base_quat_w'])
    get_vector(message.angular_velocity, out['base_ang_vel_b'])


def encode_imu(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `decode_imu`."""
    message.header.frame_id = robot.base_frame
    put_quaternion(message.orientation, signals['base_quat_w'])
    put_vector(message.angular_velocity, signals['base_ang_vel_b'])


def decode_bare_twist(message: Any, _robot: Robot, out: Mapping[str, Values]) -> None:
    """Velocity asked for in a Twist, which names no frame: cmd_vel is in the body frame."""
    get_vector(message.linear, out['goal_lin_vel_b'])
    get_vector(message.angular, out['goal_ang_vel_b'])


def encode_bare_twist(message: Any, _robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `decode_bare_twist`."""
    put_vector(message.linear, signals['goal_lin_vel_b'])
    put_vector(message.angular, signals['goal_ang_vel_b'])


def decode_twist_goal(message: Any, robot: Robot, out: Mapping[str, Values]) -> None:
    """Velocity asked for, in the body frame."""
    check_frame(message.header.frame_id, robot.base_frame, 'frame_id of the velocity asked for')
    decode_bare_twist(message.twist, robot, out)


def encode_twist_goal(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `decode_twist_goal`."""
    message.header.frame_id = robot.base_frame
    encode_bare_twist(message.twist, robot, signals)
