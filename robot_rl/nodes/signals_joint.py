"""Joint states: names decide which number belongs to which joint, never the order of arrival."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import MessageError
from robot_rl.nodes.messages import Values
from robot_rl.spec.robot import Robot

_FIELDS = (('joint_pos', 'position'), ('joint_vel', 'velocity'), ('joint_effort', 'effort'))


def decode_joints(message: Any, robot: Robot, out: Mapping[str, Values]) -> None:
    """Positions, velocities and efforts in the robot's joint order; NaN where none are given."""
    places = _places(tuple(message.name), robot.joint_names)
    for name, field in _FIELDS:
        values = getattr(message, field)
        if not len(values):
            out[name].fill(np.nan)
        elif len(values) == len(message.name):
            np.take(np.frombuffer(values), places, out=out[name])
        else:
            raise MessageError(
                f'A joint state has {len(message.name)} names and {len(values)} of {field!r}, '
                'expected as many or none.'
            )


@lru_cache(maxsize=8)
def _places(names: tuple[str, ...], wanted: tuple[str, ...]) -> NDArray[np.intp]:
    """Where each wanted joint stands among `names`."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise MessageError(
            f'A joint state lacks the joint {missing[0]!r}; it names '
            f'{", ".join(names) or "none"}. Publish all joints in one message.'
        )
    twice = [name for name in wanted if names.count(name) > 1]
    if twice:
        raise MessageError(
            f'A joint state names the joint {twice[0]!r} more than once, expected one value each.'
        )
    return np.array([names.index(name) for name in wanted])


def encode_joints(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `decode_joints`; what is not among `signals` stays empty."""
    if not message.name:
        message.name = list(robot.joint_names)
    for name, field in _FIELDS:
        if name in signals:
            setattr(message, field, signals[name].tolist())
