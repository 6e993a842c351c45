"""Score a policy, from a run folder or a policy file, on any engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import math
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from robot_rl.bench.report import Report, Score
from robot_rl.bench.statistics import (
    Bin,
    Interval,
    stratified_bootstrap,
    success_by_parameter,
    wilson,
)
from robot_rl.deploy.policy import Policy
from robot_rl.envs.engines import make_env
from robot_rl.envs.rollout import Episodes, actor_policy, joined, run_episodes
from robot_rl.envs.rollout import Policy as RolloutPolicy
from robot_rl.envs.vector import Observation, VectorEnv
from robot_rl.errors import RunFolderError, SpecError
from robot_rl.files import write_json
from robot_rl.learn.config import TEST_SEED
from robot_rl.learn.distill import teacher_policy
from robot_rl.learn.run_folder import ranges_of
from robot_rl.learn.train import load_actor
from robot_rl.mdp.pinned import pin, practised
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for
from robot_rl.spec.randomization import parameter_of
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Task

SCENES = 8
"""Episodes side by side where a renderer is chosen: a renderer of models keeps as many scenes, and
all renderers are to draw the same."""
PLACES = 50
"""The same in places that are named, which are kept."""
STRATA = 20
"""Parts that episodes are resampled within."""
NOTHING: Mapping[str, tuple[float, ...]] = MappingProxyType({})


@dataclass(frozen=True)
class Evaluation:
    """One policy on one engine."""

    path: Path
    task: Task
    engine: str
    seed: int
    episodes: Episodes
    hold: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    """What all episodes had instead of what is drawn [SI]."""
    renderer: str = ''
    """What drew images, where it was chosen."""


def load(path: Path) -> tuple[Task, RolloutPolicy]:
    """Task and policy of a run folder or an .onnx file.

    Raises:
        RunFolderError: Neither a run folder nor an .onnx file.
        PolicyFileError: The file is unsound.
    """
    if path.suffix == '.onnx':
        policy = Policy.load(path)
        told = policy.contract
        return practised(registry.task(told.task), told.training), file_policy(policy)
    if not path.is_dir():
        raise RunFolderError(
            f'{str(path)!r} is neither a run folder nor an .onnx file. Train one with: '
            'robot_rl train'
        )
    task, actor, _ = load_actor(path)
    return task, actor_policy(actor)


def file_policy(policy: Policy) -> RolloutPolicy:
    """Step a policy file in every environment: the very code that runs on the robot."""
    memory = np.zeros((0, 0), np.float32)

    def act(env: VectorEnv, _: Observation) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal memory
        if len(memory) != env.num_envs:
            memory = np.zeros((env.num_envs, len(policy.memory)), np.float32)
        memory[env.restarted.numpy()] = 0.0
        measured = {name: env.measured[name].numpy() for name in policy.inputs}
        setpoint = np.empty((env.num_envs, len(policy.setpoint)), np.float32)
        for row in range(env.num_envs):
            for name, buffer in policy.inputs.items():
                buffer[:] = measured[name][row]
            policy.memory[:] = memory[row]
            setpoint[row] = policy.step()
            memory[row] = policy.memory
        action = torch.zeros(env.num_envs, env.task.action_size)
        return action, torch.from_numpy(setpoint)

    return act


def prepare(
    path: Path,
    engine: str,
    episodes: int,
    seed: int,
    *,
    randomize: bool = True,
    hold: Mapping[str, tuple[float, ...]] = NOTHING,
    renderer: str = '',
    teacher: bool = False,
) -> tuple[VectorEnv, RolloutPolicy, str]:
    """Environments for whole episodes side by side, a policy for them, and the engine's name.

    Physics are spread as the run trained with, or as the robot's own file says.

    Args:
        path: A run folder or an .onnx file.
        engine: Name of the engine; the first that knows the robot where empty.
        episodes: How many.
        seed: Of the environments.
        randomize: Whether physics differ and sensors are noisy.
        hold: Of what the task's commands draw, which numbers all episodes have instead [SI].
        renderer: What draws the images of a camera; by default what training had.
        teacher: Whether the task's teacher acts instead of the policy.

    Raises:
        RobotRLError: The policy cannot be read, the engine is unknown or not installed.
    """
    if episodes < 1:
        raise SpecError(
            f'There must be at least one episode to run, got {episodes}. Choose another '
            '--episodes.'
        )
    task, policy = load(path)
    task = pin(task.drawn_by(renderer), hold)
    if teacher:
        policy = _taught(task)
    engine = engine_for(task.robot, engine)
    env = make_env(
        task,
        engine,
        episodes,
        seed=seed,
        randomize=randomize,
        noise=randomize,
        randomization=ranges_of(path),
    )
    return env, policy, engine


def _taught(task: Task) -> RolloutPolicy:
    if task.teacher is None:
        raise SpecError(f'The task {task.id!r} has no teacher to score. Leave --teacher out.')
    return teacher_policy(task.teacher)


def evaluate(
    path: Path,
    engine: str = '',
    *,
    episodes: int = 2000,
    seed: int = TEST_SEED,
    hold: Mapping[str, tuple[float, ...]] = NOTHING,
    renderer: str = '',
    teacher: bool = False,
) -> Evaluation:
    """Run `episodes` whole episodes with all randomization and sensor noise.

    Args:
        path: A run folder or an .onnx file.
        engine: Name of the engine; the first that knows the robot where empty.
        episodes: Each from another start with other physics; all run side by side.
        seed: Of the episodes. The default lies where neither training nor validation was.
        hold: Of what the task's commands draw, which numbers all episodes have instead [SI].
        renderer: What draws the images of a camera, if there is one, and for some tasks of what
            places, see vision/backdrops.py.
        teacher: Whether the task's teacher acts instead of the policy.

    Raises:
        RobotRLError: The policy cannot be read, the engine is unknown or not installed.
    """
    if not renderer:
        env, policy, engine = prepare(path, engine, episodes, seed, hold=hold, teacher=teacher)
        found = run_episodes(env, policy, seed=seed)
        return Evaluation(path, env.task, engine, seed, found, hold)
    parts: list[Episodes] = []
    side = PLACES if ':' in renderer else SCENES
    for first in range(0, episodes, side):
        num, own = min(side, episodes - first), seed + first
        env, policy, engine = prepare(
            path, engine, num, own, hold=hold, renderer=renderer, teacher=teacher
        )
        parts.append(run_episodes(env, policy, seed=own))
    return Evaluation(path, env.task, engine, seed, joined(parts), hold, renderer)


def score(evaluation: Evaluation) -> Score:
    """Rates with Wilson intervals, interquartile mean of the return with a bootstrap interval."""
    episodes = evaluation.episodes
    num = len(episodes.success)
    rewards = np.array_split(episodes.reward.double().numpy(), min(STRATA, num))
    from_file = evaluation.path.suffix == '.onnx'  # holds setpoints, not the actions rewards see
    return Score(
        engine=evaluation.engine,
        episodes=num,
        success=wilson(int(episodes.success.sum()), num),
        crashed=wilson(int(episodes.crashed.sum()), num),
        median_error=episodes.median_error,
        episode_return=None if from_file else stratified_bootstrap(rewards),
        done=_done(evaluation),
    )


def _done(evaluation: Evaluation) -> Interval | None:
    """Share of parts that were done; its bootstrap interval resamples whole episodes."""
    parts, left = evaluation.task.parts, evaluation.episodes.left.double().numpy()
    if not parts:
        return None
    strata = np.array_split(1.0 - left / parts, min(STRATA, len(left)))
    return stratified_bootstrap(strata, lambda values: values.mean(axis=-1))


def bins(evaluation: Evaluation) -> dict[str, list[Bin]]:
    """Success in quantiles of every randomized number and of the size of each disturbance."""
    robot, found = evaluation.task.robot, {}
    success = evaluation.episodes.success.numpy()
    for name, values in _columns(robot, evaluation.episodes.parameters).items():
        if np.ptp(values) > 0.0:
            found[name] = success_by_parameter(values, success)
    return found


def _columns(robot: Robot, parameters: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    for name, tensor in parameters.items():
        parameter, values = parameter_of(robot, name), tensor.double().numpy()
        size = values.shape[1]
        labels = (
            [''] if size == 1 else [f' {"xyz"[i] if size == 3 else i + 1}' for i in range(size)]
        )
        for index, label in enumerate(labels):
            columns[f'{name}{label} [{parameter.unit}]'] = values[:, index]
        if size == 3 and not any(parameter.nominal):
            columns[f'size of {name} [{parameter.unit}]'] = np.linalg.norm(values, axis=1)
    return columns


def text(result: Score, unit: str) -> str:
    """Lines for a terminal."""
    rows = {
        'success': f'{result.success.text(".2f", 100.0)} %',
        'crashed': f'{result.crashed.text(".2f", 100.0)} %',
        'error': f'{result.median_error:.3f} {unit} (median over the last second)',
    }
    if result.done is not None:
        rows['done'] = f'{result.done.text(".2f", 100.0)} % of the {unit}'
    if result.episode_return is not None:
        rows['return'] = result.episode_return.text()
    head = f'{result.episodes} episodes on the {result.engine} engine (95 % intervals)'
    return '\n'.join([head, *(f'  {name:8} {value}' for name, value in rows.items())])


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """The score as JSON values, for evaluation-<engine>.json and the contract."""
    result = score(evaluation)
    pairs = {'success': result.success, 'crashed': result.crashed}
    pairs |= {'done': result.done} if result.done else {}
    return {
        'engine': result.engine,
        'episodes': result.episodes,
        'seed': evaluation.seed,
        **({'hold': dict(evaluation.hold)} if evaluation.hold else {}),
        **({'renderer': evaluation.renderer} if evaluation.renderer else {}),
        **{name: rate.estimate for name, rate in pairs.items()},
        **{f'{name}_interval': [rate.low, rate.high] for name, rate in pairs.items()},
        'median_error': result.median_error if math.isfinite(result.median_error) else None,
    }


def save(evaluation: Evaluation, folder: Path) -> Path:
    """Write evaluation-<engine>.json and .html into `folder`; return the path of the page."""
    from robot_rl.bench.report import write

    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f'evaluation-{evaluation.engine}'
    write_json(stem.with_suffix('.json'), summary(evaluation))
    page = Report(
        f'{evaluation.task.id} on the {evaluation.engine} engine',
        scores=[score(evaluation)],
        error_unit=evaluation.task.error_unit,
        parameters=bins(evaluation),
    )
    write(page, stem.with_suffix('.html'))
    return stem.with_suffix('.html')
