"""From axes and buttons to a `Stick`: what each of them means, declared, and their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import math

from robot_rl.errors import SpecError
from robot_rl.teleop.stick import Button, Stick

ROUNDING = 1e-3
"""How far beyond 1 an axis may be: drivers divide by a range that they measured."""
SPEED_STEP = 0.1
"""What a press of faster or slower adds to the share of the speed, which stays within
[SPEED_STEP, 1]."""


@dataclass(frozen=True)
class Axis:
    """How one axis of a device drives one field of a setpoint."""

    index: int
    sign: float = 1.0
    """-1 turns it round."""
    dead_zone: float = 0.08
    """Part of the way around the middle that says nothing."""
    expo: float = 0.3
    """Share of a cubic: 0 is linear, 1 is fine in the middle and steep at the ends."""
    scale: float = 1.0
    """Motion at the end of the way."""

    def __post_init__(self) -> None:
        """Refuse numbers that would not stay within -1 and 1."""
        if not (
            self.index >= 0
            and abs(self.sign) == 1.0
            and 0.0 <= self.dead_zone < 1.0
            and 0.0 <= self.expo <= 1.0
            and 0.0 < self.scale <= 1.0
        ):
            raise SpecError(
                'An axis needs an index from 0, a sign of 1 or -1, a dead_zone within [0, 1), an '
                f'expo within [0, 1] and a scale within (0, 1], got {self}.'
            )

    def motion(self, raw: float) -> float:
        """-1 to 1 for the raw value of the axis, -1 to 1."""
        beyond = max(0.0, min(abs(raw), 1.0) - self.dead_zone) / (1.0 - self.dead_zone)
        shaped = (1.0 - self.expo) * beyond + self.expo * beyond**3
        return math.copysign(self.scale * shaped, raw * self.sign)


@dataclass(frozen=True)
class Controls:
    """What a person has in their hand, by index."""

    axes: tuple[Axis | None, ...]
    """One for each field of the setpoint; None leaves the field neutral."""
    dead_man: int
    """Button that is held to drive. There is no driving without one."""
    clutch: int | None = None
    """While it is pressed the motion is 0 and the person may take a new hold."""
    faster: int | None = None
    slower: int | None = None
    labels: Mapping[Button, int] = field(default_factory=dict[Button, int])

    @property
    def num_axes(self) -> int:
        """Axes that the device must have at least."""
        return 1 + max((axis.index for axis in self.axes if axis), default=-1)

    @property
    def num_buttons(self) -> int:
        """Buttons that the device must have at least."""
        others = (self.clutch, self.faster, self.slower)
        return 1 + max(
            self.dead_man, *self.labels.values(), *(i for i in others if i is not None), 0
        )


def clamp_share(share: float) -> float:
    """A share of the speed within what faster and slower reach."""
    return min(1.0, max(SPEED_STEP, share))


class Hand:
    """Turns readings of axes and buttons into sticks; remembers what was pressed before.

    A device that says something impossible is not believed until its dead-man was seen let go:
    after a fault, and likewise at the start, a button that hangs does not drive.
    """

    def __init__(self, controls: Controls, operator: str = '', share: float = 0.5) -> None:
        """Begin with `share` of the robot's speed, within [SPEED_STEP, 1]."""
        self._controls, self._operator = controls, operator
        self.share = clamp_share(share)
        """Share of the robot's speed that a stick at its end asks for."""
        self.problem = ''
        """Why the newest reading, or its dead-man, was not believed; '' if it was."""
        self._counts: tuple[int, int] | None = None
        self._before: tuple[int, ...] = ()
        self._armed = False

    def read(self, axes: Sequence[float], buttons: Sequence[int], stamp: float) -> Stick | None:
        """Stick of a reading at `stamp` [s]; None, and `problem` says why, if it cannot be true.

        Args:
            axes: -1 to 1 each.
            buttons: 0 or 1 each.
            stamp: [s] on the monotonic clock of whoever asks.
        """
        self.problem = self._wrong(axes, buttons)
        if self.problem:
            self.disarm()
            return None
        controls, before = self._controls, self._before or tuple(buttons)
        self._before = tuple(buttons)
        self._counts = len(axes), len(buttons)

        def pressed(index: int | None) -> bool:
            return index is not None and bool(buttons[index]) and not before[index]

        if pressed(controls.faster):
            self.share = clamp_share(self.share + SPEED_STEP)
        if pressed(controls.slower):
            self.share = clamp_share(self.share - SPEED_STEP)
        down = bool(buttons[controls.dead_man])
        self._armed = self._armed or not down
        if not self._armed:
            self.problem = (
                'the dead-man was down when the device was first heard, or at a fault, and may '
                'hang; let it go, then press it again'
            )
        free = controls.clutch is not None and bool(buttons[controls.clutch])
        return Stick(
            stamp,
            down and self._armed,
            tuple(
                0.0 if free or axis is None else self.share * axis.motion(float(axes[axis.index]))
                for axis in controls.axes
            ),
            frozenset(label for label, index in controls.labels.items() if pressed(index)),
            self._operator,
        )

    def disarm(self) -> None:
        """Do not believe the dead-man until it was seen let go."""
        self._armed, self._before, self._counts = False, (), None

    def _wrong(self, axes: Sequence[float], buttons: Sequence[int]) -> str:
        controls, counts = self._controls, (len(axes), len(buttons))
        if counts[0] < controls.num_axes or counts[1] < controls.num_buttons:
            return (
                f'the device has {counts[0]} axes and {counts[1]} buttons, needed are '
                f'{controls.num_axes} and {controls.num_buttons}'
            )
        if self._counts is not None and counts != self._counts:
            return (
                f'the device had {self._counts[0]} axes and {self._counts[1]} buttons and now '
                f'has {counts[0]} and {counts[1]}'
            )
        for index, value in enumerate(axes):
            if not abs(value) <= 1.0 + ROUNDING:  # also where it is not a number
                return f'axis {index} is {value}, expected a number within [-1, 1]'
        for index, value in enumerate(buttons):
            if value not in (0, 1):
                return f'button {index} is {value}, expected 0 or 1'
        return ''
