"""What training costs and yields over many seeds, beside a C++ original.

The original is the trainer of "Learning to Fly in Seconds" (Eschmann et al., arXiv 2311.13081).
Each seed trains in a process of its own on one thread. Training time is the CPU time of the
training loop with its validation; the score is taken on test episodes that chose nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from pathlib import Path
import resource
import statistics
import subprocess
import sys
import time

from robot_rl.errors import RobotRLError
from robot_rl.learn.run_folder import read_evaluation
from robot_rl.machine import machine_name
from robot_rl.spec import registry

ORIGINAL_STEPS = 300_000
"""Steps that the original trains for."""


@dataclass(frozen=True)
class Trained:
    """One seed."""

    seed: int
    cpu_s: float
    """[s] CPU time of training, validation included."""
    steps: int
    success: float
    crashed: float
    median_error: float
    """In the task's unit; infinite where every episode crashed."""


@dataclass(frozen=True)
class Table:
    """All seeds, and the original where its binary was given."""

    task: str
    episodes: int
    rows: Sequence[Trained]
    original_cpu_s: float | None = None


def training(
    task_id: str, seeds: Sequence[int], folder: Path, original: Path | None = None
) -> Table:
    """Train every seed, then run the `original` binary if one is given.

    Raises RobotRLError when a training fails or the binary cannot be run.
    """
    rows, episodes = [], 0
    for seed in seeds:
        name = f'{task_id}-seed{seed}-{time.strftime("%Y%m%d-%H%M%S")}'
        result = read_evaluation(train_as(name, task_id, seed, folder))
        episodes = result['episodes']
        rows.append(
            Trained(
                seed,
                result['cpu_seconds_of_training'],
                result['steps'],
                result['success'],
                result['crashed'],
                math.inf if (error := result['median_error']) is None else error,
            )
        )
        print(f'  seed {seed}: {_row(rows[-1], registry.task(task_id).error_unit)}', flush=True)
    return Table(task_id, episodes, rows, _time_original(original) if original else None)


def train_as(
    name: str, task_id: str, seed: int, folder: Path, options: Sequence[str] = ()
) -> Path:
    """Train one seed in a process of its own; the run folder, `name` in runs/ of `folder`.

    `options` are those of `robot_rl train`. Raises RobotRLError when the training fails.
    """
    command = [sys.executable, '-m', 'robot_rl', 'train', task_id]
    command += ['--seed', str(seed), '--name', name, '--quiet', *options]
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RobotRLError(
            f'Training {task_id!r} with seed {seed} ended with exit code {done.returncode}: '
            f'{done.stderr.strip()[-500:]} See all of it with: {" ".join(command[1:])}'
        )
    return folder / 'runs' / name


def _time_original(binary: Path) -> float:
    """CPU seconds of one run of the original's trainer."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        subprocess.run([str(binary.resolve())], capture_output=True, check=True, timeout=1800)
    except (OSError, subprocess.SubprocessError) as error:
        raise RobotRLError(
            f'Cannot run the original trainer {binary}: {str(error).rstrip(".")}. Build it, and '
            'give the program that trains once and ends.'
        ) from error
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _row(row: Trained, unit: str) -> str:
    return (
        f'{row.cpu_s:6.1f} CPU-s  {row.steps / 1e3:5.0f} k steps  success {row.success:6.1%}  '
        f'crashed {row.crashed:6.2%}  median error {row.median_error:.4f} {unit}'
    )


def text(table: Table) -> str:
    """Summary: median and range of each figure over the seeds."""

    def spread(values: list[float], form: str) -> str:
        middle, low, high = statistics.median(values), min(values), max(values)
        return f'median {middle:{form}}, from {low:{form}} to {high:{form}}'

    rows = table.rows
    lines = [
        f'{table.task}: {len(rows)} training seeds, {table.episodes} test episodes each, '
        f'one thread of {machine_name()}',
        f'  training      {spread([r.cpu_s for r in rows], ".1f")} CPU-s',
        f'  crashed       {spread([100 * r.crashed for r in rows], ".2f")} %',
        f'  success       {spread([100 * r.success for r in rows], ".1f")} %',
        f'  median error  {spread([r.median_error for r in rows], ".4f")} '
        f'{registry.task(table.task).error_unit}, last second',
    ]
    if table.original_cpu_s is not None:
        steps = f'{ORIGINAL_STEPS // 1000} k steps'
        lines.append(f'  C++ original  {table.original_cpu_s:.1f} CPU-s for its {steps}')
    return '\n'.join(lines)
