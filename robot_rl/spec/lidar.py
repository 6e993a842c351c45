"""Lidar: the beams of a planar range finder and where it sits on a robot."""

from __future__ import annotations

from dataclasses import dataclass
import math

from robot_rl.errors import SpecError


@dataclass(frozen=True)
class Lidar:
    """A planar lidar in the body's x-y plane, beams in counter-clockwise order.

    A beam that meets nothing within `range_max` reads `range_max`.
    """

    beams: int
    angle_min: float
    """[rad] direction of the first beam from x forward."""
    angle_increment: float
    """[rad] from one beam to the next."""
    range_min: float
    """[m]"""
    range_max: float
    """[m]"""
    position: tuple[float, float, float]
    """[m] where it sits, in base_link."""
    source: str

    def __post_init__(self) -> None:
        """Refuse beams that overlap or ranges that hold nothing."""
        turn = self.beams * self.angle_increment
        if self.beams < 1 or not 0.0 < turn <= 2.0 * math.pi + self.angle_increment:
            raise SpecError(
                'A lidar needs at least one beam, and all of them within one turn, got '
                f'{self.beams} beams {self.angle_increment} rad apart.'
            )
        if not 0.0 <= self.range_min < self.range_max:
            raise SpecError(
                f'A lidar needs 0 <= range_min < range_max, got {self.range_min} and '
                f'{self.range_max} m.'
            )
