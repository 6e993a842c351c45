"""Laser scans: the beams that the robot's lidar is declared to have, or a refusal.

A driver may send more beams than those, or fewer (a Hokuyo UST-10LX sends 1081 where 1080 are
declared): each declared beam is the nearest of the scan, which must point the same way within
ANGLE_TOLERANCE. Half the resolution of that lidar is so taken, or a full turn; a narrower scan, a
coarser one (steps above 2 * ANGLE_TOLERANCE) are not. A scan in clockwise order is turned round.

After REP-117: +inf is nothing within reach, -inf is too close, NaN is no measurement. Many drivers
write 0 for the last. Nothing within reach reads `range_max` and too close `range_min`; a beam
without a measurement reads what the beam before it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import MessageError
from robot_rl.nodes.messages import Values
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Robot

ANGLE_TOLERANCE = 0.01
"""[rad] how far a beam may be from where the robot's lidar has it."""
MOST_INVALID = 0.5
"""Part of the beams that may be without a measurement."""


def decode_scan(message: Any, robot: Robot, out: Mapping[str, Values]) -> None:
    """Ranges [m], all finite and within the lidar's limits."""
    lidar = _lidar(robot)
    sent, first, step = np.asarray(message.ranges), message.angle_min, message.angle_increment
    if step < 0.0:  # clockwise
        first, step, sent = first + (len(sent) - 1) * step, -step, sent[::-1]
    ranges = out['scan']
    ranges[:] = sent[_nearest(lidar, len(sent), first, step)]
    out['scan_angles'][:] = lidar.angle_min, lidar.angle_increment
    invalid = np.isnan(ranges) | (ranges == 0.0)
    if invalid.any():
        if invalid.mean() > MOST_INVALID:
            raise MessageError(
                f'{invalid.mean():.0%} of the beams of a scan have no measurement, allowed is '
                f'{MOST_INVALID:.0%}. Look whether something covers the lidar.'
            )
        _fill(ranges, invalid)
    np.clip(ranges, lidar.range_min, lidar.range_max, out=ranges)


def _lidar(robot: Robot) -> Lidar:
    if robot.lidar is None:
        raise MessageError(
            f'Robot {robot.name!r} declares no lidar: a scan means nothing to it. Add a lidar to '
            'the robot, or remove the topic.'
        )
    return robot.lidar


@lru_cache(16)
def _nearest(lidar: Lidar, count: int, first: float, step: float) -> NDArray[np.intp]:
    """Which of `count` beams, from angle `first` [rad] in steps of `step`, are the lidar's.

    Raises MessageError unless they point where the policy was trained to see them.
    """
    declared = lidar.angle_min + lidar.angle_increment * np.arange(lidar.beams)
    off = math.inf
    chosen = np.zeros(lidar.beams, np.intp)
    if count > 0 and 0.0 < step <= 2.0 * math.pi and abs(first) <= 2.0 * math.pi:
        # Angles from the first beam on, within one turn; one just before it counts as it.
        beyond = (declared - first + ANGLE_TOLERANCE) % (2.0 * math.pi) - ANGLE_TOLERANCE
        chosen = np.clip(np.rint(beyond / step), 0, count - 1).astype(np.intp)
        off = float(np.abs(beyond - chosen * step).max())
    if not off <= ANGLE_TOLERANCE:
        ends = (first, first + (count - 1) * step, float(declared[0]), float(declared[-1]))
        degrees = [f'{math.degrees(angle):.1f}' for angle in ends]
        raise MessageError(
            f'A scan has {count} beams from {degrees[0]} to {degrees[1]} deg, expected '
            f'{lidar.beams} from {degrees[2]} to {degrees[3]} deg, or others of which one is '
            f'within {math.degrees(ANGLE_TOLERANCE):.1f} deg of each. Set the field of view and '
            "the resolution of the lidar's driver."
        )
    return chosen


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
        message.header.frame_id = lidar.frame
        message.angle_min, message.angle_increment = lidar.angle_min, lidar.angle_increment
        message.angle_max = lidar.angle_min + (lidar.beams - 1) * lidar.angle_increment
        message.range_min, message.range_max = lidar.range_min, lidar.range_max
    message.ranges = signals['scan'].astype(np.float32).tolist()
