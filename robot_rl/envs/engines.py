"""Engines by name, and environments by task and engine name."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
import importlib
from pathlib import Path
import re
from typing import Any

from robot_rl.assets import asset
from robot_rl.curricula.curriculum import Curriculum
from robot_rl.engines.engine import Engine
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import MissingPackageError, SpecError, UnknownNameError
from robot_rl.spec.randomization import Spread, spread
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Task

_ENGINES = {
    'analytic': ('robot_rl.engines.analytic', 'AnalyticEngine', 'numba'),
    'mujoco': ('robot_rl.engines.mujoco', 'MujocoEngine', 'mujoco'),
    'pybullet': ('robot_rl.engines.pybullet', 'PybulletEngine', 'pybullet'),
}

_CLOSED_FORM = ('analytic',)


def engine_names() -> list[str]:
    """Names of all engines."""
    return sorted(_ENGINES)


def engines_of(task: Task) -> list[str]:
    """Names of the engines that can simulate `task`: some need closed-form dynamics."""
    return [name for name in engine_names() if task.robot.model or name not in _CLOSED_FORM]


def engine_for(task: Task, name: str = '') -> str:
    """`name`, or where it is empty the first engine that can simulate `task`."""
    return name or engines_of(task)[0]


def engine_factory(name: str) -> Callable[..., Engine]:
    """Class of the engine `name`, imported now.

    Raises:
        UnknownNameError: With a suggestion.
        MissingPackageError: If its simulator is not installed.
    """
    if name not in _ENGINES:
        raise UnknownNameError('engine', name, _ENGINES)
    module, attribute, package = _ENGINES[name]
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith('robot_rl'):
            raise
        raise MissingPackageError(package, f'The {name} engine', 'train') from error


def load_randomization(robot: Robot, path: Path | None = None) -> tuple[Spread, ...]:
    """Read a randomization file, by default the robot's own.

    Raises:
        SpecError: The file is missing, malformed, of another robot, or one of its ranges is
            impossible.
    """
    import yaml

    path = path or asset('sim', robot.randomization or f'randomization/{robot.name}.yaml')
    try:
        content = yaml.load(path.read_text(), _loader())
    except (OSError, yaml.YAMLError) as error:
        raise SpecError(f'Cannot read the randomization file {path}: {error}') from error
    if not isinstance(content, dict) or not isinstance(content.get('parameters'), dict):
        raise SpecError(f"{path}: expected the keys 'robot' and 'parameters' (a mapping).")
    if content.get('robot') != robot.name:
        raise SpecError(f'{path} is for robot {content.get("robot")!r}, expected {robot.name!r}.')
    unknown = set(content) - {'robot', 'parameters'}
    if unknown:
        raise SpecError(f'{path}: unknown key {sorted(unknown)[0]!r}.')
    return tuple(spread(robot, name, entry) for name, entry in content['parameters'].items())


def _loader() -> Any:
    """YAML's safe loader, made to refuse a key that is there twice and to read 1e-4 right."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            names = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = sorted({str(name) for name in names if names.count(name) > 1})
            if twice:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key {twice[0]!r} is there twice', node.start_mark
                )
            return super().construct_mapping(node, deep)

    exponent = re.compile(r'[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$')  # as in YAML 1.2
    Loader.add_implicit_resolver('tag:yaml.org,2002:float', exponent, list('-+0123456789'))
    return Loader


def make_env(
    task: Task,
    engine: str,
    num_envs: int,
    *,
    seed: int,
    randomize: bool = True,
    noise: bool = True,
    device: str = 'cpu',
    fused: bool = True,
    randomization: str = '',
    interval_scale: float = 1.0,
    curriculum: Callable[[Sequence[float]], Curriculum | None] | None = None,
) -> VectorEnv:
    """`num_envs` environments of `task` on an engine, randomized as the file `randomization` says.

    Without one, the robot's own; `interval_scale` stretches its intervals. See VectorEnv for the
    rest.
    """
    path = Path(randomization) if randomization else None
    spreads = [
        replace(each, interval_s=tuple(interval_scale * time for time in each.interval_s))
        for each in (load_randomization(task.robot, path) if randomize else ())
    ]
    factory = engine_factory(engine)
    return VectorEnv(
        task,
        factory,
        num_envs,
        seed=seed,
        spreads=spreads,
        noise=noise,
        device=device,
        fused=fused,
        curriculum=curriculum,
    )
