"""What every conversion between ROS messages and arrays needs: types, stamps, frames, vectors.

ROS quaternions are xyzw; they become wxyz here and nowhere else.

Every value passes through `float()` or `int()` on its way into a message: rclpy's converters check
nothing by default and write a NumPy scalar as garbage. The tests run with
ROS_PYTHON_CHECK_FIELDS=1.
"""

from __future__ import annotations

import importlib
from typing import Any

from numpy.typing import NDArray

from robot_rl.errors import MessageError, MissingPackageError

Values = NDArray[Any]


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
            f'({error}) Install ros-{parts[0].replace("_", "-")} or source a ROS 2 that has it.'
        )
        raise MissingPackageError(parts[0], f'The ROS type {name}', remedy) from None
    if not hasattr(module, parts[2]):
        raise MessageError(
            f'The package {parts[0]!r} has no message {parts[2]!r}. See which it has with: '
            f'ros2 interface package {parts[0]}'
        )
    return getattr(module, parts[2])


def stamp_of(message: Any) -> float:
    """Seconds of a message's header stamp; 0.0 where nobody filled it in or there is none."""
    if not hasattr(message, 'header'):
        return 0.0
    stamp = message.header.stamp
    return stamp.sec + 1e-9 * stamp.nanosec


def split_seconds(seconds: float) -> tuple[int, int]:
    """Whole seconds and nanoseconds, as a builtin_interfaces/Time has them."""
    return divmod(round(seconds * 1e9), 1_000_000_000)


def set_stamp(message: Any, seconds: float) -> None:
    """Write a header stamp [s], if the message has a header."""
    if hasattr(message, 'header'):
        message.header.stamp.sec, message.header.stamp.nanosec = split_seconds(seconds)


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
