"""Curricula against each other: the same task, ranges and environment steps, judged at extremes.

Every curriculum trains with the same seeds, see contest.py. A policy is judged on episodes
within the ranges, and on their corners: every parameter that curricula choose at an end of its
range, in all combinations. There no curriculum trains but by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.assets import asset, ranges_path
from robot_rl.bench import contest
from robot_rl.curricula.curriculum import Array
from robot_rl.envs.engines import make_env
from robot_rl.envs.rollout import actor_policy, run_episodes
from robot_rl.learn.config import TEST_SEED
from robot_rl.learn.run_folder import read_evaluation
from robot_rl.learn.train import load_actor
from robot_rl.machine import machine_name
from robot_rl.spec import registry

BASELINE = 'uniform'
CONTENDERS = (BASELINE, 'alp_gmm', 'widening')
EPISODES = 1024  # on the corners, each policy
MOST_CORNERS = 1024


@dataclass(frozen=True)
class Judged:
    """One policy."""

    success: float
    """Of test episodes within the ranges."""
    corner_success: float
    corner_crashed: float
    worst_corners: float
    """Success on the tenth of the corners where it is lowest."""
    cpu_s: float
    """[s] CPU time of training, validation included."""
    steps: int


COLUMNS = {
    'success [%]': (lambda row: 100.0 * row.success),
    'on corners [%]': (lambda row: 100.0 * row.corner_success),
    'worst tenth [%]': (lambda row: 100.0 * row.worst_corners),
    'crashed on corners [%]': (lambda row: 100.0 * row.corner_crashed),
    'training [CPU-s]': (lambda row: row.cpu_s),
}


class _Corners:
    """Corners of the unit cube in turn, through the interface of a curriculum."""

    def __init__(self, size: int) -> None:
        self.size = size
        if 2**size <= MOST_CORNERS:
            ends = np.array(list(product((0, 1), repeat=size)))
        else:
            ends = np.random.default_rng(0).integers(2, size=(MOST_CORNERS, size))
        self.tasks: Array = ends.astype(np.float64)
        self._next = 0

    def seed(self, seed: int) -> None:  # noqa: ARG002
        self._next = 0

    def sample(self, num: int) -> Array:
        rows = np.arange(self._next, self._next + num) % len(self.tasks)
        self._next += num
        return self.tasks[rows]

    def update(self, tasks: Array, returns: Array) -> None:
        pass

    def report(self) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


def curricula(
    task_id: str, seeds: Sequence[int], folder: Path, randomization: str = ''
) -> tuple[dict[str, list[Judged]], str]:
    """Train every contender with every seed, and judge the policies; also the runs' revisions.

    `randomization` is a file of ranges or the name of one, by default the wide one of the task's
    robot. Raises RobotRLError when a training fails.
    """
    robot = registry.task(task_id).robot
    own = Path(robot.ranges)
    wide = str(
        ranges_path(randomization).resolve()
        if randomization
        else asset('sim', str(own.with_stem(f'{own.stem}-wide'))).resolve()
    )
    options = {name: ('--randomization', wide, '--curriculum', name) for name in CONTENDERS}
    return contest.contest(task_id, options, seeds, folder, lambda run: _judge(run, wide), COLUMNS)


def _judge(run: Path, randomization: str) -> Judged:
    """Score the policy of a run on the corners of `randomization`."""
    result = read_evaluation(run)
    task, actor, _ = load_actor(run)
    corners: list[_Corners] = []

    def make(centre: Sequence[float]) -> _Corners:
        corners.append(_Corners(len(centre)))
        return corners[0]

    env = make_env(
        task,
        result['engine'],
        EPISODES,
        seed=TEST_SEED,
        randomization=randomization,
        curriculum=make,
    )
    episodes = run_episodes(env, actor_policy(actor), seed=TEST_SEED)
    success = episodes.success.double().numpy()
    corner = np.arange(EPISODES) % len(corners[0].tasks)
    each = np.bincount(corner, success) / np.bincount(corner)
    return Judged(
        result['success'],
        float(success.mean()),
        float(episodes.crashed.double().mean()),
        float(np.sort(each)[: max(1, len(each) // 10)].mean()),
        result['cpu_seconds_of_training'],
        result['steps'],
    )


def text(task_id: str, rows: dict[str, list[Judged]], revisions: str) -> str:
    """Tables in Markdown, see `contest.table`."""
    seeds, steps = len(rows[BASELINE]), rows[BASELINE][0].steps
    title = (
        f'{task_id}: {seeds} training seeds, {steps // 1000} k steps each, {EPISODES} episodes on '
        f'the corners, revision {revisions}, {machine_name()}'
    )
    return contest.table(title, rows, COLUMNS, BASELINE)
