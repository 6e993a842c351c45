"""Which stick or lever of the page moves which field of a robot's setpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STICKS = ('left_x', 'left_y', 'right_x', 'right_y')
"""Axes of the two sticks: x to the right, y up."""


@dataclass(frozen=True)
class Axis:
    """One field of the setpoint, as the page moves it."""

    label: str
    """What to call it."""
    control: str
    """One of STICKS, or 'lever'."""
    sign: int = 1
    """Of the field, for the stick to the right or up; REP-103 turns and steps to the left."""


AIRCRAFT = {
    'thrust': Axis('thrust', 'left_y'),
    'yaw_rate': Axis('yaw', 'left_x', -1),
    'roll_rate': Axis('roll', 'right_x'),
    'pitch_rate': Axis('pitch', 'right_y'),
}
"""Mode 2 of remote controls: what most pilots have learned."""
GROUND = {
    'speed': Axis('speed', 'left_y'),
    'linear_x': Axis('x', 'left_y'),
    'linear_y': Axis('y', 'left_x', -1),
    'linear_z': Axis('z', 'right_y'),
    'yaw_rate': Axis('turn', 'right_x', -1),
    'angular_z': Axis('turn z', 'right_x', -1),
    'steering_angle': Axis('steer', 'right_x', -1),
}


def layout(fields: Sequence[str]) -> tuple[Axis, ...]:
    """An axis for each of a setpoint's `fields`; levers for those that no stick is known for."""
    known = AIRCRAFT if 'thrust' in fields else GROUND
    # What all names begin with tells nothing: panda_joint1 is joint1.
    first = fields[0].partition('_')[0] + '_'
    shared = first if len(fields) > 1 and all(f.startswith(first) for f in fields) else ''
    taken: set[str] = set()
    axes: list[Axis] = []
    for field in fields:
        axis = known.get(field)
        if axis is None or axis.control in taken:
            axis = Axis(
                field.removeprefix(shared).removesuffix('_joint').replace('_', ' '), 'lever'
            )
        taken.add(axis.control)
        axes.append(axis)
    return tuple(axes)
