"""The world of a robot that is simulated alone, with all the beams of its lidar."""

from __future__ import annotations

from pathlib import Path

from robot_rl.errors import SpecError
from robot_rl.mdp.arenas import Arenas, held_out
from robot_rl.spec import arena_file
from robot_rl.spec.arena import Arena
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Task
from robot_rl.tasks import navigate


def arena_named(name: str, robot: Robot) -> Arena:
    """The arena of a JSON file, or the one that is drawn from a seed such as '7'.

    Raises SpecError.
    """
    if name.isdigit():
        return held_out(1, int(name), _fit(robot).footprint, navigate.MARGIN)[0]
    return arena_file.read(Path(name))


def task_in(robot: Robot, arena: Arena, dt: float) -> Task:
    """The task of navigating in `arena`, whose people walk on by `dt` [s] a step.

    Raises SpecError for a robot without lidar or footprint.
    """
    lidar = _fit(robot).lidar
    assert lidar is not None
    return navigate.on(robot, Arenas(lidar, robot.footprint, navigate.MARGIN, dt, [arena]))


def task_of(task: Task, robot: Robot) -> Task:
    """`task` where `robot` has all its beams, of which training traces but a few."""
    if task.directions is None or robot.lidar is None or task.robot.lidar == robot.lidar:
        return task
    where = Arenas(robot.lidar, robot.footprint, navigate.MARGIN, task.control_dt)
    return navigate.on(robot, where)


def _fit(robot: Robot) -> Robot:
    if robot.lidar is None or not robot.footprint:
        raise SpecError(
            f'Robot {robot.name!r} has no lidar or no footprint, which an arena needs. Choose one '
            f'that has both, such as {navigate.ROBOTS[0]}.'
        )
    return robot
