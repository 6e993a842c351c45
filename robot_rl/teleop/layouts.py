"""Names for the axes and buttons of devices, in the order of their sensor_msgs/Joy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import re

from robot_rl.errors import UnknownNameError


@dataclass(frozen=True)
class Layout:
    """The order in which a driver sends what a device has."""

    axes: tuple[str, ...]
    """Each -1 to 1, positive forward, left and up, as drivers of ROS send them."""
    buttons: tuple[str, ...]

    def axis(self, name: str) -> int:
        """Index of an axis; 'axis_3' is the fourth of any device. Raises UnknownNameError."""
        return _index('axis', name, self.axes)

    def button(self, name: str) -> int:
        """Index of a button; 'button_7' is the eighth of any device. Raises UnknownNameError."""
        return _index('button', name, self.buttons)


LAYOUTS: dict[str, Layout] = {
    'gamepad': Layout(
        ('left_x', 'left_y', 'right_x', 'right_y', 'left_trigger', 'right_trigger'),
        (
            'a', 'b', 'x', 'y', 'back', 'guide', 'start', 'left_stick', 'right_stick',
            'left_shoulder', 'right_shoulder', 'up', 'down', 'left', 'right',
        ),
    ),
    'spacemouse': Layout(
        ('linear_x', 'linear_y', 'linear_z', 'angular_x', 'angular_y', 'angular_z'),
        ('left', 'right'),
    ),
}  # fmt: skip
"""Device to its layout. 'gamepad' is what joy's game_controller_node sends for every gamepad that
SDL2 knows (README of the package joy, its tables of indices); 'spacemouse' what spacenav sends on
spacenav/joy."""


def layout(name: str) -> Layout:
    """Layout of a device. Raises UnknownNameError."""
    if name not in LAYOUTS:
        raise UnknownNameError('layout of a device', name, LAYOUTS)
    return LAYOUTS[name]


def _index(kind: str, name: str, names: Sequence[str]) -> int:
    if name in names:
        return names.index(name)
    if numbered := re.fullmatch(f'{kind}_([0-9]+)', name):
        return int(numbered[1])
    raise UnknownNameError(f'{kind} of the device', name, [*names, f'{kind}_0'])


BUTTONS: dict[str, dict[str, str]] = {
    'gamepad': {
        'dead_man': 'right_shoulder',
        'clutch': 'left_shoulder',
        'faster': 'up',
        'slower': 'down',
        'success': 'a',
        'failure': 'b',
        'reset': 'start',
        'stop': 'back',
    },
    'spacemouse': {'dead_man': 'left', 'clutch': 'right'},
}
"""Layout to what its buttons are for, unless somebody says otherwise."""
ROLES = tuple(BUTTONS['gamepad'])
