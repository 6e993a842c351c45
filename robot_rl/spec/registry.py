"""Robots and tasks by name: a file in robots/ or tasks/ is its own registration.

`robots/<name>.py` holds `robot()`. `tasks/<name>.py` holds `task(robot)` and, as a literal tuple,
`ROBOTS`: the names of those it is written for, read without importing the task. Packages outside
this one add theirs through the entry-point groups `robot_rl.robots` and `robot_rl.tasks`. No name
holds a '-', which joins the two.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from functools import cache
import importlib
from importlib.metadata import EntryPoint, entry_points
import importlib.util
from pathlib import Path
import pkgutil
import sys

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Task


def _points(kind: str) -> list[EntryPoint]:
    """Where the factories of `kind` ('robots' or 'tasks') are, nothing imported."""
    group, factory = f'robot_rl.{kind}', kind.removesuffix('s')
    package = importlib.import_module(group)
    own = [
        EntryPoint(module.name, f'{group}.{module.name}:{factory}', group)
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith('_')
    ]
    return [*own, *_announced(tuple(sys.path))[group]]


@cache
def _announced(_path: tuple[str, ...]) -> dict[str, list[EntryPoint]]:
    """By group, what packages on `_path` announce; each is asked, which takes a while."""
    found = entry_points()
    groups = ('robot_rl.robots', 'robot_rl.tasks')
    return {group: list(found.select(group=group)) for group in groups}


def _one(what: str, points: list[EntryPoint]) -> EntryPoint:
    """Refuse to choose: nobody must fly by another package's limits without knowing."""
    values = sorted({point.value for point in points})
    if len(values) > 1:
        raise SpecError(
            f'There is more than one {what}: {", ".join(values)}. Rename one, or uninstall its '
            'package.'
        )
    return points[0]


def _make(point: EntryPoint, *arguments: Robot) -> object:
    """What the factory at `point` makes of `arguments`. Raises SpecError where there is none."""
    try:
        module = importlib.import_module(point.module)
    except ModuleNotFoundError as error:
        if not f'{point.module}.'.startswith(f'{error.name}.'):
            raise  # it is there, but something that it needs is not
        module = None
    factory = getattr(module, point.attr, None)
    if factory is None:
        raise SpecError(
            f'The entry point {point.name} = {point.value!r} of {point.group} leads nowhere: '
            f'{"no such module" if module is None else f"no {point.attr!r} in it"}. Correct it '
            'and install its package again.'
        )
    return factory(*arguments)


Told = Callable[[SpecError], object]
"""Who hears of a robot or task that cannot be listed, so that the others are."""


def _named(point: EntryPoint) -> str:
    """Name of what is at `point`. Raises SpecError for one that would not be found again."""
    if '-' in point.name:
        kind = point.group.rpartition('.')[2].removesuffix('s')
        raise SpecError(
            f"The {kind} {point.name!r} ({point.value}) has a '-' in its name, which must join a "
            'task with its robot and nothing else. Rename it, with a _ say.'
        )
    return point.name


def _listed(kind: str, told: Told | None, names: Callable[[EntryPoint], list[str]]) -> list[str]:
    """All `names` of `kind`; a SpecError of one is raised, unless somebody is `told`."""

    def of(point: EntryPoint) -> list[str]:
        try:
            return names(point)
        except SpecError as error:
            if told is None:
                raise
            told(error)
            return []

    return sorted({name for point in _points(kind) for name in of(point)})


def robot_names(told: Told | None = None) -> list[str]:
    """Names of all robots. Raises SpecError for one with a '-', unless somebody is `told`."""
    return _listed('robots', told, lambda point: [_named(point)])


@cache
def robot(name: str) -> Robot:
    """Build the robot `name`.

    Raises:
        UnknownNameError: No such robot, with a suggestion.
        SpecError: There are several, its name has a '-', its entry point leads nowhere, or makes
            something else.
    """
    points = [point for point in _points('robots') if point.name == name]
    if not points:
        raise UnknownNameError('robot', name, robot_names())
    point = _one(f'robot {name!r}', points)
    _named(point)
    made = _make(point)
    if not isinstance(made, Robot) or made.name != name:
        got = f'the robot {made.name!r}' if isinstance(made, Robot) else repr(made)
        raise SpecError(
            f'{point.value} makes {got}, expected the robot {name!r}. Name both alike.'
        )
    return made


def robots(names: Iterable[str], told: Told) -> list[Robot]:
    """Build the robots `names`; of each that cannot be built somebody is `told`."""

    def built(name: str) -> list[Robot]:
        try:
            return [robot(name)]
        except SpecError as error:
            told(error)
        except ImportError as error:
            told(SpecError(f'The robot {name!r} lacks a package: {error}. Install it.'))
        return []

    return [made for name in names for made in built(name)]


@cache
def task(task_id: str) -> Task:
    """Build a task from '<task>-<robot>', for example 'hover-crazyflie'.

    Packages may have tasks of one name, each for robots of its own.

    Raises:
        UnknownNameError: No such task or robot, with a suggestion.
        SpecError: There are several, its entry point leads nowhere, or makes something else.
    """
    name, _, robot_name = task_id.partition('-')
    named = [point for point in _points('tasks') if point.name == name]
    if not robot_name or not named:
        raise UnknownNameError('task', task_id, task_ids())
    of = robot(robot_name)
    points = [point for point in named if robot_name in _robots_of(point.module)]
    if not points:
        raise UnknownNameError('task', task_id, task_ids())
    point = _one(f'task {task_id!r}', points)
    made = _make(point, of)
    if not isinstance(made, Task) or made.id != task_id:
        got = f'the task {made.id!r}' if isinstance(made, Task) else repr(made)
        raise SpecError(
            f'{point.value} makes {got}, expected the task {task_id!r}. Name both alike.'
        )
    return made


def task_ids(told: Told | None = None) -> list[str]:
    """Every '<task>-<robot>' there is, found without importing a task and with it torch.

    Raises SpecError for a task that does not say its robots, or has a '-' in its name, unless
    somebody is `told`.
    """
    return _listed(
        'tasks',
        told,
        lambda point: [f'{_named(point)}-{name}' for name in _robots_of(point.module)],
    )


def _robots_of(module: str) -> tuple[str, ...]:
    """`ROBOTS` of a task's module, read from its source. Raises SpecError."""
    path = None
    try:
        spec = importlib.util.find_spec(module)
        path = Path(spec.origin) if spec and spec.origin else None
        text = path.read_text(encoding='utf-8') if path else ''
        for node in ast.parse(text).body:
            match node:
                case ast.Assign(targets=[ast.Name('ROBOTS')], value=ast.Tuple() as names):
                    return ast.literal_eval(names)
                case _:
                    pass
    except SyntaxError as error:
        raise SpecError(
            f'The task module {module} is not Python: {error.msg} at {path}:{error.lineno}. '
            'Correct that line.'
        ) from error
    except (ImportError, OSError, ValueError) as error:
        raise SpecError(
            f'Cannot read the robots of the task module {module}: {error}. Expected a line such '
            "as ROBOTS = ('crazyflie',)."
        ) from error
    raise SpecError(
        f'The task module {module} does not say its robots. Add a line that needs no computation, '
        "such as ROBOTS = ('crazyflie',)."
    )
