"""Track: follow a moving goal, up to 1.5 m/s on a Lissajous curve. The interface is hover's."""

from __future__ import annotations

from dataclasses import replace

from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Task
from robot_rl.tasks import hover

ROBOTS = ('crazyflie',)

MAX_SPEED = 1.5  # [m/s]


def task(robot: Robot) -> Task:
    """Build the track task: hover with goals that nearly always move, and faster."""
    return replace(
        hover.task(robot),
        name='track',
        commands=hover.goals(furthest=1.2, max_speed=MAX_SPEED, moving=0.9),
        training={**hover.TRAINING, 'iterations': 600},
    )
