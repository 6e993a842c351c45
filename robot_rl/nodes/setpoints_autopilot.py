"""Thrust and body rates as MAVROS and PX4 take them. See setpoints.py for what was run."""

from __future__ import annotations

from typing import Any

from robot_rl.nodes.messages import Values
from robot_rl.spec.robot import Robot, Setpoint

IGNORE_ATTITUDE = 128
"""AttitudeTarget.IGNORE_ATTITUDE of mavros_msgs."""


def prepare_mavros(message: Any, robot: Robot, _setpoint: Setpoint) -> None:
    """Name the frame and leave the attitude out."""
    message.header.frame_id = robot.base_frame
    message.type_mask = IGNORE_ATTITUDE


def write_mavros(
    message: Any, _robot: Robot, setpoint: Setpoint, values: Values, _stiffness: float
) -> None:
    """MAVROS takes FLU body rates and turns them itself; thrust is a part of the largest."""
    rate = message.body_rate
    rate.x, rate.y, rate.z = float(values[1]), float(values[2]), float(values[3])
    message.thrust = float(values[0]) / setpoint.high[0]


def read_mavros(message: Any, _robot: Robot, setpoint: Setpoint, out: Values) -> float:
    """Inverse of `write_mavros`."""
    rate = message.body_rate
    out[0], out[1:] = message.thrust * setpoint.high[0], (rate.x, rate.y, rate.z)
    return 1.0


def flu_to_frd(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Body vector, forward-left-up (REP-103) to forward-right-down (PX4); its own inverse."""
    return x, -y, -z


def prepare_px4(_message: Any, _robot: Robot, _setpoint: Setpoint) -> None:
    """Nothing stays the same."""


def write_px4(
    message: Any, _robot: Robot, setpoint: Setpoint, values: Values, _stiffness: float
) -> None:
    """PX4 takes FRD body rates and the thrust as a fraction along body z, which points down."""
    message.roll, message.pitch, message.yaw = flu_to_frd(
        float(values[1]), float(values[2]), float(values[3])
    )
    message.thrust_body[2] = -float(values[0]) / setpoint.high[0]


def read_px4(message: Any, _robot: Robot, setpoint: Setpoint, out: Values) -> float:
    """Inverse of `write_px4`."""
    out[0] = -float(message.thrust_body[2]) * setpoint.high[0]
    out[1:] = flu_to_frd(message.roll, message.pitch, message.yaw)
    return 1.0


def stamp_px4(message: Any, seconds: float) -> None:
    """PX4 counts microseconds."""
    message.timestamp = int(seconds * 1e6)
