"""Variants of the navigation training against each other: see bench/contest.py.

Every policy drives alone in the same held-out worlds with the robot's own lidar, its physics
spread and its sensors noisy, as in `robot_rl bench nav`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robot_rl.bench import contest
from robot_rl.bench.navigation import drive, worlds
from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.files import read_json, write_json
from robot_rl.learn.config import TEST_SEED
from robot_rl.learn.run_folder import read_evaluation
from robot_rl.machine import machine_name
from robot_rl.spec import registry

UNITS = 64
FEW = ('--test-episodes', '64')  # the worlds are the test
VARIANTS = {
    'history': ('--recurrent', '0', '--curriculum', 'none'),
    'recurrent': ('--recurrent', str(UNITS), '--curriculum', 'none'),
    'uniform': ('--recurrent', '0', '--curriculum', 'uniform'),
    'alp_gmm': ('--recurrent', '0', '--curriculum', 'alp_gmm'),
}
"""Name to options of `robot_rl train`."""


@dataclass(frozen=True)
class Contest:
    """What is compared. Raises SpecError and UnknownNameError for what cannot be."""

    task: str
    variants: tuple[str, ...]
    """Of VARIANTS; the first is what the others are compared with."""
    iterations: int
    """Rounds of PPO; 0 for the task's own number."""
    worlds: int

    def __post_init__(self) -> None:
        """Refuse what would be found out after hours."""
        for name in self.variants:
            if name not in VARIANTS:
                raise UnknownNameError('variant', name, VARIANTS)
        if not self.variants:
            raise SpecError(f'Nothing to compare. Name some of {", ".join(VARIANTS)}.')
        if registry.task(self.task).name != 'navigate':
            raise SpecError(
                f'{self.task!r} is no task of navigation. Choose one, such as navigate-jackal.'
            )


@dataclass(frozen=True)
class Judged:
    """One policy; rates are of worlds."""

    success: float
    collided: float
    time_s: float
    """Mean over all worlds: to the goal, the obstacle, or giving up."""
    cpu_s: float
    """[s] CPU time of training, validation included."""
    steps: int


COLUMNS = {
    'success [%]': (lambda row: 100.0 * row.success),
    'collided [%]': (lambda row: 100.0 * row.collided),
    'stuck or late [%]': (lambda row: 100.0 * (1.0 - row.success - row.collided)),
    'drive [s]': (lambda row: row.time_s),
    'training [CPU-s]': (lambda row: row.cpu_s),
}


def run(what: Contest, seeds: Sequence[int], folder: Path) -> tuple[dict[str, list[Judged]], str]:
    """Scores of each variant in the order of `seeds`, and the runs' revisions.

    Raises RobotRLError when a training fails, and SpecError for a number of worlds below 1.
    """
    robot = registry.task(what.task).robot.name
    arenas = worlds.choose(robot, None, 0, what.worlds)
    length = ('--iterations', str(what.iterations)) if what.iterations else ()
    options = {name: (*VARIANTS[name], *FEW, *length) for name in what.variants}
    return contest.contest(
        what.task, options, seeds, folder, lambda run: judge(run, robot, arenas), COLUMNS
    )


def judge(run: Path, robot_name: str, arenas: Sequence[Any]) -> Judged:
    """Drive the policy of a run through `arenas`, or read how it did: held-out.json has it."""
    file = run / 'held-out.json'
    names = [arena.name for arena in arenas]
    if file.is_file():
        kept = read_json(file, f'{file} is damaged', 'robot_rl bench variants, without it')
        if kept['worlds'] == names:
            return Judged(**kept['judged'])
    robot, result = registry.robot(robot_name), read_evaluation(run)
    table = drive.table_of(robot, min(arena.goal_tolerance for arena in arenas))
    trials = drive.drive(drive.RunFolder(run, table), robot, arenas, table, seed=TEST_SEED)
    ends, num = [trial.outcome for trial in trials], len(trials)
    judged = Judged(
        success=ends.count('success') / num,
        collided=ends.count('collision') / num,
        time_s=sum(trial.time_s for trial in trials) / num,
        cpu_s=result['cpu_seconds_of_training'],
        steps=result['steps'],
    )
    write_json(file, {'worlds': names, 'judged': asdict(judged)})
    return judged


def text(what: Contest, rows: dict[str, list[Judged]], revisions: str) -> str:
    """Tables in Markdown, see `contest.table`."""
    first = rows[what.variants[0]]
    title = (
        f'{what.task}: {len(first)} training seeds, {first[0].steps // 1000} k steps each, '
        f'{what.worlds} worlds, revision {revisions}, {machine_name()}'
    )
    return contest.table(title, rows, COLUMNS, what.variants[0])
