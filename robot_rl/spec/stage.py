"""Stages: what a robot does by itself, before, after or instead of the policy.

Declared by the robot, so no policy file can change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math

from robot_rl.errors import SpecError

HOLD = math.nan
"""Component of a stage's setpoint: keep what was sent last."""


@dataclass(frozen=True)
class Stage:
    """Send `setpoint` for `duration_s`, then go on to the next stage."""

    name: str
    setpoint: tuple[float, ...]
    """[SI] in the order of the level's fields; HOLD keeps a component as the stage finds it."""
    duration_s: float
    """[s]; math.inf for a last stage that is held."""
    ramp: bool = False
    """Move to the setpoint in a straight line over the duration, instead of at once."""
    stiffness: float = 1.0
    """Part of the drives' own stiffness, where the robot's message carries gains: 0 damps."""
    spread: tuple[float, ...] = ()
    """Half-width of a uniform random change of each component, drawn when the stage begins."""

    def check(self, where: str, low: Sequence[float], high: Sequence[float]) -> None:
        """Raise SpecError unless sizes fit and the setpoint lies within `low` and `high`."""
        sizes = {len(self.setpoint), len(self.spread) or len(low)}
        if sizes != {len(low)}:
            raise SpecError(
                f'{where}, stage {self.name!r}: every row needs {len(low)} components, got '
                f'{len(self.setpoint)} and a spread of {len(self.spread)}.'
            )
        for value, least, most in zip(self.setpoint, low, high, strict=True):
            if not math.isnan(value) and not least <= value <= most:
                raise SpecError(
                    f'{where}, stage {self.name!r}: {value:g} lies outside [{least:g}, {most:g}].'
                )
        if not 0.0 <= self.stiffness <= 1.0 or not self.duration_s > 0.0:
            raise SpecError(
                f'{where}, stage {self.name!r}: stiffness must be within [0, 1] and the duration '
                f'positive, got {self.stiffness} and {self.duration_s} s.'
            )
        if self.ramp and math.isinf(self.duration_s):
            raise SpecError(
                f'{where}, stage {self.name!r}: a ramp needs an end, got a duration of '
                f'{self.duration_s} s.'
            )


@dataclass(frozen=True)
class Stuck:
    """A robot that is asked to move and does not, and what it does about it.

    As in FastRLAP (Stachowicz et al. 2023), where a car that has not moved for a while backs off
    with a random steering angle.
    """

    field: str
    """Setpoint component that asks for motion."""
    asked: float
    """[SI] at least this much of it is being asked."""
    signal: str
    component: int
    """Which component of `signal` tells the motion."""
    moving: float
    """[SI] less than this is no motion."""
    after_s: float
    """[s] for so long."""
    action: tuple[Stage, ...]
    """What then is done, before the policy goes on."""

    def __post_init__(self) -> None:
        """Refuse an action without an end."""
        lasts = sum(stage.duration_s for stage in self.action)
        if not 0.0 < lasts < math.inf:
            raise SpecError(
                f'What a robot does when its {self.field!r} is stuck must end, got a duration of '
                f'{lasts} s.'
            )
