"""Signals: the named quantities that cross between a robot, a simulator and a policy.

A `Signal` fixes what a number means (shape, unit, frame, plausible range) once. Frames follow
REP-103 and REP-105; a suffix `_w` means the world (odom) frame, `_b` the body (base_link) frame.
Quaternions are wxyz and rotate from the body to the world.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

from robot_rl.errors import SpecError, UnknownNameError


@dataclass(frozen=True)
class Signal:
    """One named quantity in SI units."""

    name: str
    shape: tuple[int, ...]
    unit: str
    """SI unit, '1' for dimensionless."""
    frame: str
    """Frame the components are expressed in: 'world', 'body', 'joint' or 'none'."""
    low: float
    """Smallest plausible value of any component."""
    high: float
    """Largest plausible value of any component."""
    description: str = ''
    privileged: bool = False
    """True for what a simulator knows and a robot cannot measure; never in a contract."""

    def __post_init__(self) -> None:
        """Reject a range that no value satisfies."""
        if not self.low < self.high:
            raise SpecError(
                f'Signal {self.name!r}: low must be below high, got [{self.low}, {self.high}].'
            )

    @property
    def size(self) -> int:
        """Number of scalars."""
        return math.prod(self.shape)


def _signal(
    name: str, size: int, unit: str, frame: str, limit: float, text: str, privileged: bool = False
) -> tuple[str, Signal]:
    return name, Signal(name, (size,), unit, frame, -limit, limit, text, privileged)


VOCABULARY: dict[str, Signal] = dict(
    [
        _signal('base_pos_w', 3, 'm', 'world', 1e3, 'position of base_link in odom'),
        _signal('base_quat_w', 4, '1', 'world', 1.01, 'attitude wxyz, base_link to odom'),
        _signal('base_lin_vel_b', 3, 'm/s', 'body', 50.0, 'linear velocity, in base_link'),
        _signal('base_ang_vel_b', 3, 'rad/s', 'body', 100.0, 'angular velocity, in base_link'),
        _signal('goal_pos_w', 3, 'm', 'world', 1e3, 'position asked for'),
        _signal('goal_lin_vel_w', 3, 'm/s', 'world', 20.0, 'velocity asked for'),
        _signal('goal_lin_acc_w', 3, 'm/s^2', 'world', 50.0, 'acceleration asked for'),
        _signal('rotor_speed', 4, 'rad/s', 'joint', 1e4, 'rotor speeds in joint order', True),
        _signal('external_force_w', 3, 'N', 'world', 1e3, 'disturbing force', True),
        _signal('external_torque_b', 3, 'N m', 'body', 1e3, 'disturbing torque', True),
    ]
)
"""Every signal the project knows, by name."""


def signal(name: str) -> Signal:
    """Look a signal up.

    Raises UnknownNameError, with a suggestion, for a name that is not there.
    """
    try:
        return VOCABULARY[name]
    except KeyError:
        raise UnknownNameError('signal', name, VOCABULARY) from None
