"""Recordings as arrays: what a flight's MCAP file says, topic by topic."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_rl.deploy.record import Message, read
from robot_rl.nodes.messages import message_type, stamp_of
from robot_rl.nodes.setpoints import codec
from robot_rl.nodes.signals import decoder
from robot_rl.spec.robot import Robot, Setpoint

Array = NDArray[np.float64]
SETPOINT = 'setpoint'
"""Name of the values on a setpoint's topic."""
STIFFNESS = 'stiffness'
"""Name of the part of the drives' stiffness that a setpoint asks for, 1 where it does not say."""


class Track(NamedTuple):
    """What was said on one topic, in the order of arrival."""

    time: Array
    """(n,) [s] the message's own stamp, or when it was received where it has none."""
    received: Array
    """(n,) [s] when it was received."""
    values: dict[str, Array]
    """Signal name, or SETPOINT and STIFFNESS, to (n, size) [SI]."""


def topics(path: Path) -> dict[str, int]:
    """Topic, without a leading slash, to the number of its messages. Raises RunFolderError."""
    counts: dict[str, int] = {}
    for message in read(path):
        name = message.topic.lstrip('/')
        counts[name] = counts.get(name, 0) + 1
    return counts


def tracks(path: Path, robot: Robot, wanted: Iterable[str]) -> dict[str, Track]:
    """Decode the topics `wanted`, none of them empty: setpoints of `robot`, and its signals.

    Raises:
        RunFolderError: no such file, or no MCAP file.
        MessageError: a message that is not what its topic promises, or of a type that cannot be
            read.
        MissingPackageError: rclpy or the package of a message is not installed.
    """
    setpoints = {setpoint.topic: setpoint for setpoint in robot.setpoints.values()}
    names = frozenset(wanted)
    rows: dict[str, list[tuple[float, float, dict[str, Array]]]] = {}
    for message in read(path, names | {f'/{name}' for name in names}):
        name = message.topic.lstrip('/')
        if name in setpoints:
            values = {SETPOINT: np.zeros(setpoints[name].size), STIFFNESS: np.ones(1)}
            stamp = _setpoint(message, robot, setpoints[name], values)
        else:
            signals = decoder(message.ros_type).signals
            values = {key: np.zeros(robot.signal(key).size) for key in signals}
            stamp = _signals(message, robot, values)
        received = 1e-9 * message.log_time
        rows.setdefault(name, []).append((stamp or received, received, values))
    return {name: _track(items) for name, items in rows.items()}


def _setpoint(message: Message, robot: Robot, setpoint: Setpoint, out: dict[str, Array]) -> float:
    """Read a setpoint into `out`, as sent; returns its stamp [s], 0 where it has none."""
    decoded = _deserialized(message)
    way = codec(message.ros_type)
    out[STIFFNESS][:] = way.read(decoded, robot, setpoint, out[SETPOINT])
    return stamp_of(decoded) if way.stamped else 0.0


def _signals(message: Message, robot: Robot, out: dict[str, Array]) -> float:
    """Read signals into `out`; returns the stamp [s], 0 where nobody filled it in."""
    way = decoder(message.ros_type)
    return way.read(message.data if way.raw else _deserialized(message), robot, out)


def _deserialized(message: Message) -> Any:
    from rclpy.serialization import deserialize_message

    return deserialize_message(message.data, message_type(message.ros_type))


def _track(rows: list[tuple[float, float, dict[str, Array]]]) -> Track:
    values = {name: np.stack([row[2][name] for row in rows]) for name in rows[0][2]}
    return Track(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]), values)
