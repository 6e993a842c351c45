"""Robots and tasks by name: a file in robots/ or tasks/ is its own registration.

`robots/<name>.py` holds `robot()`. `tasks/<name>.py` holds `task(robot)` and, as a literal tuple,
`ROBOTS`: the names of those it is written for, read without importing the task. Packages outside
this one add theirs through the entry-point groups `robot_rl.robots` and `robot_rl.tasks`.
"""

from __future__ import annotations

import ast
from functools import cache
import importlib
from importlib.metadata import EntryPoint, entry_points
import importlib.util
from pathlib import Path
import pkgutil

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Task


def _factories(kind: str) -> dict[str, EntryPoint]:
    """Map each name of `kind` ('robots' or 'tasks') to where its factory is, nothing imported."""
    group, factory = f'robot_rl.{kind}', kind.removesuffix('s')
    package = importlib.import_module(f'robot_rl.{kind}')
    found = {
        module.name: EntryPoint(module.name, f'{group}.{module.name}:{factory}', group)
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith('_')
    }
    return {**found, **{point.name: point for point in entry_points(group=group)}}


def robot_names() -> list[str]:
    """Names of all robots."""
    return sorted(_factories('robots'))


@cache
def robot(name: str) -> Robot:
    """Build the robot `name`. Raises UnknownNameError with a suggestion."""
    robots = _factories('robots')
    if name not in robots:
        raise UnknownNameError('robot', name, robots)
    return robots[name].load()()


@cache
def task(task_id: str) -> Task:
    """Build a task from '<task>-<robot>', for example 'hover-crazyflie'.

    Raises UnknownNameError.
    """
    tasks = _factories('tasks')
    name, _, robot_name = task_id.partition('-')
    if not robot_name or name not in tasks:
        raise UnknownNameError('task', task_id, task_ids())
    return tasks[name].load()(robot(robot_name))


def task_ids() -> list[str]:
    """Every '<task>-<robot>' there is, found without importing a task and with it torch.

    Raises SpecError for a task that does not say its robots.
    """
    return sorted(
        f'{name}-{robot_name}'
        for name, factory in _factories('tasks').items()
        for robot_name in _robots_of(factory.module)
    )


def _robots_of(module: str) -> tuple[str, ...]:
    """`ROBOTS` of a task's module, read from its source."""
    try:
        spec = importlib.util.find_spec(module)
        text = Path(spec.origin).read_text(encoding='utf-8') if spec and spec.origin else ''
        for node in ast.parse(text).body:
            match node:
                case ast.Assign(targets=[ast.Name('ROBOTS')], value=ast.Tuple() as names):
                    return ast.literal_eval(names)
                case _:
                    pass
    except (ImportError, OSError, SyntaxError, ValueError) as error:
        raise SpecError(f'Cannot read the robots of the task module {module}: {error}.') from error
    raise SpecError(
        f'The task module {module} does not say its robots. Add a line that needs no computation, '
        "such as ROBOTS = ('crazyflie',)"
    )
