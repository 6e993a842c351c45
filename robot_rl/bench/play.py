"""Episodes, looked at closely: as numbers, as a film, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from robot_rl.bench.evaluation import Evaluation, load, prepare
from robot_rl.envs.engines import make_env
from robot_rl.envs.rollout import Policy, rollout
from robot_rl.envs.vector import Observation, VectorEnv
from robot_rl.learn.run_folder import ranges_of
from robot_rl.pictures.episode import Episode
from robot_rl.spec.task import Signals, Step
from robot_rl.spec.world import World

Row = dict[str, np.ndarray]


def play(
    path: Path,
    engine: str = '',
    *,
    episodes: int = 1,
    seed: int = 0,
    randomize: bool = True,
) -> list[Episode]:
    """Run episodes of a run folder or policy file, with randomization unless told otherwise.

    Raises:
        RobotRLError: The policy cannot be read, the engine is unknown or not installed.
    """
    env, policy, engine = prepare(path, engine, episodes, seed, randomize=randomize)
    names = [f'episode {number}' for number in range(1, episodes + 1)]
    return record(env, policy, engine, dict(enumerate(names)), seed=seed)


def telling(evaluation: Evaluation) -> list[Episode]:
    """Worst, median and best episode of an evaluation, run again as they went.

    All episodes run again, because they share one stream of random numbers.
    """
    task, policy = load(evaluation.path)
    result = evaluation.episodes
    # Those that crashed are the worse, the sooner they did.
    order = np.lexsort((-result.steps.numpy(), result.error.numpy()))
    num = len(order)
    chosen = {int(order[-1]): 'worst', int(order[num // 2]): 'median', int(order[0]): 'best'}
    ranges = ranges_of(evaluation.path)
    env = make_env(task, evaluation.engine, num, seed=evaluation.seed, randomization=ranges)
    return record(env, policy, evaluation.engine, chosen, seed=evaluation.seed)


def record(
    env: VectorEnv, policy: Policy, engine: str, names: dict[int, str], *, seed: int
) -> list[Episode]:
    """Run an episode from a reset with `seed`; keep the environments that have a name."""
    task = env.task
    rows: dict[int, list[Row]] = {index: [] for index in names}
    errors: dict[int, list[float]] = {index: [] for index in names}
    ended = dict.fromkeys(names, '')
    told = torch.zeros(0)

    def overheard(env: VectorEnv, observation: Observation) -> tuple:
        nonlocal told
        action, setpoint = policy(env, observation)
        told = task.act(action, env.measured, env.memory) if setpoint is None else setpoint
        return action, setpoint

    with torch.inference_mode():
        transitions = rollout(env, overheard, seed=seed)
        drawn = {index: _row(env.drawn, index) for index in names}
        for transition in transitions:
            true, error = transition.step, task.error(transition.step)
            for index in [index for index, end in ended.items() if not end]:
                rows[index].append(_row({**true.signals, 'setpoint': told}, index))
                errors[index].append(float(error[index]))
                if bool(transition.terminated[index]):
                    ended[index] = f'ended by {_failures(true, env, index)}'
            if all(ended.values()):
                break
    return [
        _episode(env, engine, name, ended[index], drawn[index], rows[index], errors[index])
        for index, name in names.items()
    ]


def _row(group: Signals, index: int) -> Row:
    """One environment's part of a group."""
    return {name: value[index].numpy().copy() for name, value in group.items()}


def _failures(true: Step, env: VectorEnv, index: int) -> str:
    terms = env.task.terminations
    failed = [term.name for term in terms if bool(term.function(true)[index])]
    return ', '.join(failed).replace('_', ' ')


def _episode(
    env: VectorEnv,
    engine: str,
    name: str,
    ended: str,
    drawn: Row,
    rows: Sequence[Row],
    errors: Sequence[float],
) -> Episode:
    task = env.task
    signals = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    setpoint = signals.pop('setpoint')
    return Episode(
        task=task,
        engine=engine,
        name=name,
        ended=ended or 'time is up',
        failed=bool(ended),
        time=task.control_dt * np.arange(1, len(rows) + 1),
        error=np.array(errors),
        signals=signals,
        setpoint=setpoint,
        world=World() if task.world is None else task.world({**drawn, **rows[0]}),
    )
