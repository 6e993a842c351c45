"""Reads the messages of every control period straight from their serialized form.

rclpy builds a tree of Python objects for each message, 0.2 ms for an Odometry with its
covariances; the numbers that a policy needs are at known places and cost a tenth of that. The
tests hold these readers to what rclpy writes.

The form is plain CDR (OMG CORBA 15.3): four bytes say the byte order, then every number is
aligned to its own size, counted from there.
"""

from __future__ import annotations

from collections.abc import Mapping
import struct

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import MessageError

Values = NDArray[np.float64]
_FORMATS = {
    order: {n: struct.Struct(f'{order}{n}d') for n in (3, 4, 6, 7)} for order in ('<', '>')
}
_INTEGER = {order: struct.Struct(f'{order}I') for order in ('<', '>')}
_STAMP = {order: struct.Struct(f'{order}iI') for order in ('<', '>')}


class Cursor:
    """A place in a serialized message."""

    __slots__ = ('_at', '_data', '_order')

    def __init__(self, data: bytes) -> None:
        """Begin after the encapsulation. Raises MessageError if that is not plain CDR."""
        if len(data) < 4 or data[0] != 0 or data[1] > 1:
            raise MessageError(
                f'A serialized message must be plain CDR, got {bytes(data[:4])!r}. Choose a '
                'middleware that sends it, such as rmw_fastrtps_cpp.'
            )
        self._data, self._at = data, 4
        self._order = '<' if data[1] else '>'

    def stamp(self) -> float:
        """Seconds of a builtin_interfaces/Time."""
        seconds, nanoseconds = _STAMP[self._order].unpack_from(self._data, self._align(4))
        self._at += 8
        return seconds + 1e-9 * nanoseconds

    def count(self) -> int:
        """Length of a sequence."""
        (value,) = _INTEGER[self._order].unpack_from(self._data, self._align(4))
        self._at += 4
        return value

    def text(self) -> str:
        """A string."""
        length = self.count()
        start = self._at
        self._at += length
        return str(self._data[start : start + length - 1], 'utf-8', 'replace')

    def numbers(self, count: int) -> tuple[float, ...]:
        """Return `count` doubles (3, 4, 6 or 7)."""
        values = _FORMATS[self._order][count].unpack_from(self._data, self._align(8))
        self._at += 8 * count
        return values

    def skip(self, count: int) -> None:
        """Skip `count` doubles."""
        self._at = self._align(8) + 8 * count

    def _align(self, size: int) -> int:
        self._at += -(self._at - 4) % size
        return self._at


def parse_odometry(data: bytes, out: Mapping[str, Values]) -> tuple[float, str, str]:
    """Read a nav_msgs/Odometry into `out`; returns stamp [s], frame_id and child_frame_id."""
    cursor = Cursor(data)
    stamp, frame, child = cursor.stamp(), cursor.text(), cursor.text()
    pose = cursor.numbers(7)
    cursor.skip(36)
    twist = cursor.numbers(6)
    out['base_pos_w'][:] = pose[:3]
    quat = out['base_quat_w']
    quat[0], quat[1], quat[2], quat[3] = pose[6], pose[3], pose[4], pose[5]
    out['base_lin_vel_b'][:] = twist[:3]
    out['base_ang_vel_b'][:] = twist[3:]
    return stamp, frame, child


def parse_trajectory(data: bytes, out: Mapping[str, Values]) -> tuple[float, str, bool]:
    """Read the first point of a trajectory_msgs/MultiDOFJointTrajectory.

    Returns stamp [s], frame_id and `found`; that is False, and `out` untouched, without a point
    that has a transform.
    """
    cursor = Cursor(data)
    stamp, frame = cursor.stamp(), cursor.text()
    for _ in range(cursor.count()):
        cursor.text()
    if cursor.count() == 0 or (transforms := cursor.count()) == 0:
        return stamp, frame, False
    out['goal_pos_w'][:] = cursor.numbers(7)[:3]
    cursor.skip(7 * (transforms - 1))
    for name in ('goal_lin_vel_w', 'goal_lin_acc_w'):
        twists = cursor.count()
        if twists:
            out[name][:] = cursor.numbers(6)[:3]
            cursor.skip(6 * (twists - 1))
        else:
            out[name][:] = 0.0
    return stamp, frame, True


def parse_transforms(data: bytes) -> list[tuple[float, str, str, tuple[float, ...]]]:
    """Read a tf2_msgs/TFMessage.

    Returns of each transform its stamp [s], frame_id, child_frame_id, and x, y, z [m] with the
    quaternion xyzw.
    """
    cursor = Cursor(data)
    return [
        (cursor.stamp(), cursor.text(), cursor.text(), cursor.numbers(7))
        for _ in range(cursor.count())
    ]
