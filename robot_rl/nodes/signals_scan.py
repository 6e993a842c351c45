"""Laser scans: the beams of the robot's own lidar, or a refusal.

After REP-117: +inf is nothing within reach, -inf is too close, NaN is no measurement. Many drivers
write 0 for the last. Nothing within reach reads `range_max` and too close `range_min`; a beam
without a measurement reads what the beam before it does.
"""

from __future__ import annotations

from collections.abc import Mapping
import math
from typing import Any

import numpy as np

from robot_rl.errors import MessageError
from robot_rl.nodes.messages import Values
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Robot

ANGLE_TOLERANCE = 0.01
"""[rad] how far the first and the last beam may be from where the robot's lidar has them."""
MOST_INVALID = 0.5
"""Part of the beams that may be without a measurement."""


def decode_scan(message: Any, robot: Robot, out: Mapping[str, Values]) -> None:
    """Ranges [m], all finite and within the lidar's limits."""
    lidar = _lidar(robot)
    _check_beams(message, lidar)
    ranges = out['scan']
    ranges[:] = message.ranges
    invalid = np.isnan(ranges) | (ranges == 0.0)
    if invalid.any():
        if invalid.mean() > MOST_INVALID:
            raise MessageError(f'{invalid.mean():.0%} of the beams of a scan have no measurement.')
        _fill(ranges, invalid)
    np.clip(ranges, lidar.range_min, lidar.range_max, out=ranges)


def _lidar(robot: Robot) -> Lidar:
    if robot.lidar is None:
        raise MessageError(f'Robot {robot.name!r} declares no lidar: a scan means nothing to it.')
    return robot.lidar


def _check_beams(message: Any, lidar: Lidar) -> None:
    """Raise MessageError unless the beams point where the policy was trained to see them."""
    count, step = len(message.ranges), (lidar.beams - 1) * lidar.angle_increment
    first, last = message.angle_min, message.angle_min + (count - 1) * message.angle_increment
    wanted = (lidar.angle_min, lidar.angle_min + step)
    off = max(abs(first - wanted[0]), abs(last - wanted[1]))
    if count != lidar.beams or not off <= ANGLE_TOLERANCE:
        raise MessageError(
            f'A scan has {count} beams from {math.degrees(first):.1f} to '
            f'{math.degrees(last):.1f} deg, expected {lidar.beams} from '
            f'{math.degrees(wanted[0]):.1f} to {math.degrees(wanted[1]):.1f} deg.'
        )


def _fill(ranges: Values, invalid: np.ndarray) -> None:
    """Give each invalid beam the range of the valid one before it, around the scan."""
    places = np.where(invalid, -1, np.arange(len(ranges)))
    before = np.maximum.accumulate(places)
    before[before < 0] = places.max()  # the scan begins with invalid beams
    ranges[:] = ranges[before]


def encode_scan(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `decode_scan`."""
    lidar = _lidar(robot)
    if not message.header.frame_id:
        message.header.frame_id = 'laser'
        message.angle_min, message.angle_increment = lidar.angle_min, lidar.angle_increment
        message.angle_max = lidar.angle_min + (lidar.beams - 1) * lidar.angle_increment
        message.range_min, message.range_max = lidar.range_min, lidar.range_max
    message.ranges = signals['scan'].astype(np.float32).tolist()
