"""Laps by camera: cars that practised on a course, beside the lidar's policy on the same course.

For each run the car that practised starts at rest from places all over its course, and drives
race.LAPS laps, the first of which is not timed. The twin is a policy of the race task: it knows no
course, sees a scan instead of images, and drives the same car from the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import math
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.bench import race
from robot_rl.bench.evaluation import load
from robot_rl.bench.race import Laps
from robot_rl.bench.statistics import Interval
from robot_rl.envs.engines import make_env
from robot_rl.errors import SpecError
from robot_rl.learn.config import TEST_SEED
from robot_rl.learn.run_folder import RANGES, read_config
from robot_rl.machine import machine_name
from robot_rl.mdp.courses import Courses, course_of
from robot_rl.spec import registry
from robot_rl.spec.task import Task
from robot_rl.tasks import laps

STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}
"""Number of runs to the 97.5 % quantile of Student's t for their mean."""


@dataclass(frozen=True)
class Row:
    """One run and its twin on one course."""

    name: str
    course: int
    camera: Laps
    lidar: Laps

    @property
    def ratio(self) -> float:
        """Median lap time by camera over the twin's; NaN where either finished none."""
        return _median(self.camera) / _median(self.lidar)


def _median(found: Laps) -> float:
    timed = found.time[np.isfinite(found.time)]
    return float(np.median(timed)) if len(timed) else math.nan


def run(runs: Sequence[Path], twin: Path, starts: int, seed: int = TEST_SEED) -> list[Row]:
    """Judge `runs` of `robot_rl practise` beside `twin`, a policy of the race.

    Raises:
        SpecError: A run of something else, or no start.
        RobotRLError: A policy cannot be read.
    """
    if starts < 1:
        raise SpecError(f'There must be at least one start, got {starts}. Choose other --starts.')
    other, lidar = load(twin)
    if other.name != 'race':
        raise SpecError(
            f'{twin} is a policy for {other.id!r}, expected one for race. Choose another --twin.'
        )
    return [_judged(path, lidar, starts, seed) for path in runs]


def _judged(path: Path, lidar: Callable[..., tuple[Any, Any]], starts: int, seed: int) -> Row:
    config = read_config(path)
    if config.get('learner') != 'practise':
        raise SpecError(
            f'{path} is no run of a car that practised on a course. Make one with: robot_rl '
            'practise --eyes FILE'
        )
    task, camera = load(path)
    course = int(config['practise']['course'])
    scans = course_of(laps.by_lidar(task.robot), course)
    found = [
        _driven(each, policy, config['engine'], path / RANGES, course, starts, seed)
        for each, policy in ((task, camera), (scans, lidar))
    ]
    return Row(path.name, course, *found)


def _driven(
    task: Task, policy: Any, engine: str, car: Path, course: int, starts: int, seed: int
) -> Laps:
    where = registry.task(f'laps-{task.robot.name}').commands
    assert isinstance(where, Courses)
    long = replace(task, episode_length_s=race.LAPS * race.LONGEST_S)
    env = make_env(long, engine, starts, seed=seed, randomization=str(car))
    length = np.full(starts, where.tracks.length[course])
    return race.drive(env, length, policy, seed, free=True)


def over_runs(values: Sequence[float]) -> Interval:
    """Mean of runs with Student's 95 % interval; NaN bounds of fewer than two or more than 8."""
    num, mean = len(values), float(np.mean(values))
    spread = float(np.std(values, ddof=1)) if num > 1 else math.nan
    half = STUDENT.get(num, math.nan) * spread / math.sqrt(num)
    return Interval(mean, mean - half, mean + half)


def _rate(found: Sequence[Laps]) -> str:
    """Mean of the clean parts of laps [%], its interval no wider than can be."""
    mean = over_runs([100.0 * each.clean.estimate for each in found])
    return Interval(mean.estimate, max(mean.low, 0.0), min(mean.high, 100.0)).text('.1f')


def text(rows: Sequence[Row], starts: int) -> str:
    """Table in Markdown."""
    lines = [
        f'{starts} starts a course, {race.LAPS} laps each, {machine_name()}',
        '',
        '| run | course | laps without contact, camera [%] | lidar [%] | median lap, camera [s] '
        '| lidar [s] | camera / lidar |',
        '| --- ' * 7 + '|',
    ]
    for row in rows:
        rates = [each.clean.text('.1f', 100.0) for each in (row.camera, row.lidar)]
        times = [f'{_median(each):.2f}' for each in (row.camera, row.lidar)]
        cells = (row.name, str(row.course), *rates, *times, f'{row.ratio:.3f}')
        lines.append(f'| {" | ".join(cells)} |')
    means = [
        _rate([row.camera for row in rows]),
        _rate([row.lidar for row in rows]),
        over_runs([_median(row.camera) for row in rows]).text('.2f'),
        over_runs([_median(row.lidar) for row in rows]).text('.2f'),
        over_runs([row.ratio for row in rows]).text('.3f'),
    ]
    lines.append(f'| mean of {len(rows)} | | {" | ".join(means)} |')
    return '\n'.join(lines)
