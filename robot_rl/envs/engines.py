"""Classes of engines, and environments by task and engine name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
import importlib

import torch

from robot_rl.assets import ranges_path
from robot_rl.curricula.curriculum import Curriculum
from robot_rl.engines.engine import Engine
from robot_rl.envs.ranges import load_randomization
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec.engines import ENGINES
from robot_rl.spec.randomization import Spread
from robot_rl.spec.task import Task


def engine_factory(name: str) -> Callable[..., Engine]:
    """Class of the engine `name`, imported now. Raises UnknownNameError, with a suggestion."""
    if name not in ENGINES:
        raise UnknownNameError('engine', name, ENGINES)
    entry = ENGINES[name]
    return getattr(importlib.import_module(entry.module), entry.class_name)


def _at_intervals(each: Spread, scale: float, spread: float) -> Spread:
    """`each` as it is, or where it is drawn at intervals, after other times and wider."""
    if each.mode != 'interval':
        return each
    shortest, longest = each.interval_s
    return replace(each.widened(spread), interval_s=(scale * shortest, scale * longest))


def _refuse_absent(device: str) -> None:
    """Raise SpecError unless torch can hold numbers on `device`."""
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition('\n')[0].rstrip('.')
        raise SpecError(
            f'Torch {torch.__version__} cannot use the device {device!r}: {reason}. Choose the '
            'device cpu, or install a torch, and a driver, that know it.'
        ) from error


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
    interval_spread: float = 1.0,
    curriculum: Callable[[Sequence[float]], Curriculum | None] | None = None,
) -> VectorEnv:
    """`num_envs` environments of `task` on an engine, randomized as the file `randomization` says.

    Without one, the robot's own; a name is as good, see assets.ranges_path. `interval_scale`
    stretches its intervals, and what is drawn at them is spread `interval_spread` times as wide.
    See VectorEnv for the rest.
    """
    _refuse_absent(device)
    path = ranges_path(randomization) if randomization else None
    spreads = [
        _at_intervals(each, interval_scale, interval_spread)
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
