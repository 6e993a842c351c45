"""The planners that run in this process, by name.

They are written from the published algorithms. None is Nav2: what differs is said in their files.
"""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from robot_rl.bench.navigation.dwa import DynamicWindow
from robot_rl.bench.navigation.mppi import BACKWARD, PathIntegral
from robot_rl.bench.navigation.pursuit import RegulatedPurePursuit
from robot_rl.bench.navigation.recovery import BACK_SPEED, limits_with
from robot_rl.bench.navigation.stack import Stack
from robot_rl.errors import UnknownNameError
from robot_rl.spec.arena import NavLimits
from robot_rl.spec.lidar import Lidar

Array = NDArray[Any]

NAMES = ('reference:dwa', 'reference:mppi', 'reference:pure_pursuit')


class Planner(Protocol):
    """Drives to a goal by what its scans show; all it knows of the world comes from them."""

    name: str
    reach: NavLimits
    """What its own configuration may command; the bench refuses one beyond the table."""

    @property
    def recoveries(self) -> int:
        """Of this episode."""
        ...

    def reset(
        self, arena_goal: tuple[float, float], pose: tuple[float, float, float], seed: int
    ) -> None:
        """Begin an episode at a pose x, y [m], yaw [rad] with a goal x, y [m], both in odom."""
        ...

    def command(self, scan: Array, pose: Array, velocity: Array) -> tuple[float, float]:
        """Speed [m/s] and yaw rate [rad/s] for the next period of `reach.rate_hz`.

        Args:
            scan: (beams,) [m].
            pose: x, y [m], yaw [rad] in odom.
            velocity: [m/s, rad/s].
        """
        ...


def make(name: str, robot_lidar: Lidar, limits: NavLimits) -> Planner:
    """Make the planner `name` for a robot with this lidar, held to these limits.

    Raises:
        UnknownNameError: There is no such planner.
    """
    if name == 'reference:mppi':
        reach = limits_with(limits, -BACKWARD * limits.max_speed)
        return Stack(name, robot_lidar, reach, PathIntegral(reach))
    reach = limits_with(limits, BACK_SPEED)
    if name == 'reference:dwa':
        return Stack(name, robot_lidar, reach, DynamicWindow(reach))
    if name == 'reference:pure_pursuit':
        return Stack(name, robot_lidar, reach, RegulatedPurePursuit(reach))
    raise UnknownNameError('planner', name, NAMES)
