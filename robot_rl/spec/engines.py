"""Engines by name, and which robots each can simulate. Names alone: none is imported here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from robot_rl.spec.robot import Robot


@dataclass(frozen=True)
class EngineEntry:
    """Where an engine is."""

    module: str
    class_name: str
    closed_form: bool = False
    """Whether it simulates only robots whose dynamics are written down, `Robot.model`."""


ENGINES: dict[str, EngineEntry] = {
    'analytic': EngineEntry('robot_rl.engines.analytic', 'AnalyticEngine', closed_form=True),
    'mujoco': EngineEntry('robot_rl.engines.mujoco', 'MujocoEngine'),
    'pybullet': EngineEntry('robot_rl.engines.pybullet', 'PybulletEngine'),
}
"""Fastest first: a robot's own engine is the first that can simulate it."""


def engines_of(robot: Robot) -> list[str]:
    """Names of the engines that can simulate `robot`, the fastest first."""
    return [name for name, entry in ENGINES.items() if robot.model or not entry.closed_form]


def robots_by_engine(robots: Iterable[Robot]) -> dict[str, list[str]]:
    """Every engine, the fastest first, with the names of those of `robots` it can simulate."""
    engines_by_robot = {robot.name: engines_of(robot) for robot in robots}
    return {
        name: [robot for robot, engines in engines_by_robot.items() if name in engines]
        for name in ENGINES
    }


def engine_for(robot: Robot, name: str = '') -> str:
    """`name`, or where it is empty the fastest engine that can simulate `robot`."""
    return name or engines_of(robot)[0]
