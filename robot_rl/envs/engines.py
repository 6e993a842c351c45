"""Engines by name, and environments by task and engine name."""

from __future__ import annotations

from collections.abc import Callable
import importlib
from pathlib import Path

from robot_rl.assets import asset
from robot_rl.engines.engine import Engine
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import MissingPackageError, SpecError, UnknownNameError
from robot_rl.spec.randomization import Spread, spread
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Task

_ENGINES = {
    'analytic': ('robot_rl.engines.analytic', 'AnalyticEngine', 'numba'),
    'mujoco': ('robot_rl.engines.mujoco', 'MujocoEngine', 'mujoco'),
}


def engine_names() -> list[str]:
    """Names of all engines."""
    return sorted(_ENGINES)


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
    """Read a randomization file, by default sim/randomization/<robot>.yaml.

    Raises:
        SpecError: The file is missing, malformed, of another robot, or one of its ranges is
            impossible.
    """
    import yaml

    path = path or asset('sim', f'randomization/{robot.name}.yaml')
    try:
        content = yaml.safe_load(path.read_text())
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
) -> VectorEnv:
    """`num_envs` environments of `task` on an engine, with the robot's randomization."""
    spreads = load_randomization(task.robot) if randomize else ()
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
    )
