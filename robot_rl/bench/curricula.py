"""Curricula against each other: the same task, ranges and environment steps, judged at extremes.

Every curriculum trains with the same seeds, one process each. A policy is judged on episodes
within the ranges, and on their corners: every parameter that curricula choose at an end of its
range, in all combinations. There no curriculum trains but by chance.

Intervals are over training seeds (R. Agarwal et al., NeurIPS 2021): means of the seeds' scores
with a 95 % bootstrap interval, and the same of the differences from uniform, seed by seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.assets import asset, ranges_path
from robot_rl.bench.statistics import Interval, stratified_bootstrap
from robot_rl.bench.training import train_one
from robot_rl.curricula.curriculum import Array
from robot_rl.envs.engines import make_env
from robot_rl.envs.rollout import actor_policy, run_episodes
from robot_rl.learn.config import TEST_SEED
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
) -> dict[str, list[Judged]]:
    """Train every contender with every seed, in turns, and judge the policies.

    `randomization` is a file of ranges or the name of one, by default the wide one of the task's
    robot. Raises
    RobotRLError when a training fails.
    """
    robot = registry.task(task_id).robot
    own = Path(robot.ranges)
    wide = str(
        ranges_path(randomization).resolve()
        if randomization
        else asset('sim', str(own.with_stem(f'{own.stem}-wide'))).resolve()
    )
    rows: dict[str, list[Judged]] = {name: [] for name in CONTENDERS}
    for seed in seeds:
        for name, judged in rows.items():
            options = ('--randomization', wide, '--curriculum', name)
            run, result = train_one(task_id, seed, folder, options, name)
            judged.append(_judge(run, result, wide))
            values = '  '.join(f'{label} {of(judged[-1]):.1f}' for label, of in COLUMNS.items())
            print(f'  seed {seed} {name:9} {values}', flush=True)
    return rows


def _judge(run: Path, result: dict[str, Any], randomization: str) -> Judged:
    """Score the policy of a run on the corners of `randomization`."""
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


def text(task_id: str, rows: dict[str, list[Judged]]) -> str:
    """Tables in Markdown: every column's mean over seeds, then what differs from the baseline."""
    seeds, steps = len(rows[BASELINE]), rows[BASELINE][0].steps
    lines = [
        f'{task_id}: {seeds} training seeds, {steps // 1000} k steps each, {EPISODES} episodes on '
        f'the corners, {machine_name()}; mean over seeds (95 % bootstrap interval)',
        '',
        f'| | {" | ".join(COLUMNS)} |',
        '| --- ' * (1 + len(COLUMNS)) + '|',
    ]
    for name, judged in rows.items():
        cells = [_cell([of(row) for row in judged]) for of in COLUMNS.values()]
        lines.append(f'| {name} | {" | ".join(cells)} |')
    for name in (name for name in rows if name != BASELINE):
        pairs = list(zip(rows[name], rows[BASELINE], strict=True))
        cells = [_cell([of(a) - of(b) for a, b in pairs], '+') for of in COLUMNS.values()]
        lines.append(f'| {name} - {BASELINE} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def _cell(values: Sequence[float], sign: str = '') -> str:
    return interval(values).text(f'{sign}.1f')


def interval(values: Sequence[float]) -> Interval:
    """Mean over training seeds with its bootstrap interval."""
    return stratified_bootstrap([values], lambda drawn: drawn.mean(axis=-1))
