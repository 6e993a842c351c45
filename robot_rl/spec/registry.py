"""Robots and tasks by name: a file in robots/ or tasks/ is its own registration.

`robots/<name>.py` holds `robot()` and `tasks/<name>.py` holds `task(robot)`. Packages outside this
one add theirs through the entry-point groups `robot_rl.robots` and `robot_rl.tasks`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
import importlib
from importlib.metadata import entry_points
import pkgutil
from typing import Any

from robot_rl.errors import UnknownNameError
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Task


def _names(kind: str) -> dict[str, Callable[[], Any]]:
    """Map each name of `kind` ('robots' or 'tasks') to a function that imports its factory."""
    package = importlib.import_module(f'robot_rl.{kind}')
    factory = kind.removesuffix('s')
    found: dict[str, Callable[[], Any]] = {
        module.name: lambda name=module.name: getattr(
            importlib.import_module(f'robot_rl.{kind}.{name}'), factory
        )
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith('_')
    }
    found.update({point.name: point.load for point in entry_points(group=f'robot_rl.{kind}')})
    return found


def robot_names() -> list[str]:
    """Names of all robots."""
    return sorted(_names('robots'))


@cache
def robot(name: str) -> Robot:
    """Build the robot `name`. Raises UnknownNameError with a suggestion."""
    names = _names('robots')
    if name not in names:
        raise UnknownNameError('robot', name, names)
    return names[name]()()


@cache
def task(task_id: str) -> Task:
    """Build a task from '<task>-<robot>', for example 'hover-crazyflie'.

    Raises UnknownNameError.
    """
    tasks = _names('tasks')
    name, _, robot_name = task_id.partition('-')
    if not robot_name or name not in tasks:
        raise UnknownNameError('task', task_id, task_ids())
    return tasks[name]()(robot(robot_name))


def task_ids() -> list[str]:
    """Every '<task>-<robot>' there is: each task names the robots it is written for."""
    ids: list[str] = []
    for name, load in _names('tasks').items():
        module = importlib.import_module(load().__module__)
        ids += [f'{name}-{robot_name}' for robot_name in module.ROBOTS]
    return sorted(ids)
