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
    frame: str = 'laser'
    """Link of the URDF in whose frame scans are published."""

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


@dataclass(frozen=True)
class Directions:
    """Sectors of equal width of which a policy sees the nearest thing in each.

    Any lidar that has a beam in every one of them serves it, see mdp/lidar.py.
    """

    count: int
    low: float
    """[rad] where the first begins, from x forward, counter-clockwise."""
    high: float
    """[rad] where the last ends."""
    range_max: float
    """[m] what is further away is not seen."""

    @property
    def width(self) -> float:
        """[rad] of one."""
        return (self.high - self.low) / self.count

    def lacks(self, lidar: Lidar) -> str:
        """Why `lidar` cannot serve; '' where it can."""
        if lidar.range_max < self.range_max:
            return (
                f'it sees up to {lidar.range_max:g} m, the policy looks {self.range_max:g} m far'
            )
        seen = {
            int(((lidar.angle_min + i * lidar.angle_increment - self.low) % math.tau) / self.width)
            for i in range(lidar.beams)
        }
        blind = [index for index in range(self.count) if index not in seen]
        if not blind:
            return ''
        first = math.degrees(self.low + blind[0] * self.width)
        last = math.degrees(self.low + (blind[-1] + 1) * self.width)
        return (
            f'it has no beam in {len(blind)} of the {self.count} directions that the policy looks '
            f'in, the first at {first:.0f} and the last at {last:.0f} deg'
        )
