"""Variants of a training against each other: every one with every seed, judged alike.

Each training is a process of its own. A contest that was killed goes on where it stopped: the name
of a run tells task, variant, seed and a digest of the options, so that runs of other options are
other runs. Code is taken as it is; at which revisions the runs were trained the table says.

Intervals are over training seeds (R. Agarwal et al., NeurIPS 2021): means of the seeds' scores
with a 95 % bootstrap interval, and the same of the differences from a baseline, seed by seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import hashlib
from pathlib import Path
import shutil
from typing import Any, TypeVar

from robot_rl.bench.statistics import Interval, stratified_bootstrap
from robot_rl.bench.training import train_as
from robot_rl.learn.run_folder import read_config, read_evaluation

Row = TypeVar('Row')
Columns = Mapping[str, Callable[[Any], float]]
"""Heading to what it shows of a row."""


def contest(
    task_id: str,
    variants: Mapping[str, Sequence[str]],
    seeds: Sequence[int],
    folder: Path,
    judge: Callable[[Path], Row],
    columns: Columns,
) -> tuple[dict[str, list[Row]], str]:
    """What `judge` makes of each variant's runs, in the order of `seeds`, and their revisions.

    Args:
        task_id: What all train.
        variants: Name to options of `robot_rl train`.
        seeds: Of the trainings; variants take turns.
        folder: Its runs/ takes the trainings.
        judge: Run folder to scores.
        columns: What is printed of each as soon as it is known.

    Raises RobotRLError when a training fails.
    """
    rows: dict[str, list[Row]] = {name: [] for name in variants}
    revisions: dict[str, None] = {}
    for seed in seeds:
        for name, options in variants.items():
            run = _trained(task_id, name, seed, folder, options)
            rows[name].append(judge(run))
            revisions[_revision(run)] = None
            values = '  '.join(f'{what} {of(rows[name][-1]):.1f}' for what, of in columns.items())
            print(f'  seed {seed} {name:9} {values}', flush=True)
    return rows, ', '.join(revisions)


def _trained(task_id: str, label: str, seed: int, folder: Path, options: Sequence[str]) -> Path:
    """The run of one variant and seed, trained or trained to its end where it is not yet."""
    digest = hashlib.sha256('\0'.join(options).encode()).hexdigest()[:6]
    name = f'{task_id}-{label}-{digest}-seed{seed}'
    run = folder / 'runs' / name
    # An interrupted training has a score, too.
    if (run / 'evaluation.json').is_file() and not read_evaluation(run)['interrupted']:
        return run
    if any((run / 'checkpoints').glob('*.pt')):
        options = (*options, '--resume')
    elif (run / 'config.json').is_file():  # it was killed before its first checkpoint
        shutil.rmtree(run)
    return train_as(name, task_id, seed, folder, options)


def _revision(run: Path) -> str:
    config = read_config(run)
    changed = ' with changes' if config['git_dirty'] else ''
    return f'{config["git_revision"][:7] or "unknown"}{changed}'


def table(title: str, rows: Mapping[str, Sequence[Any]], columns: Columns, baseline: str) -> str:
    """Tables in Markdown: every column's mean over seeds, then what differs from `baseline`.

    `rows` has each variant's, in the same order of seeds.
    """
    lines = [
        f'{title}; mean over seeds (95 % bootstrap interval)',
        '',
        f'| | {" | ".join(columns)} |',
        '| --- ' * (1 + len(columns)) + '|',
    ]
    for name, judged in rows.items():
        cells = [_cell([of(row) for row in judged]) for of in columns.values()]
        lines.append(f'| {name} | {" | ".join(cells)} |')
    for name in (name for name in rows if name != baseline):
        pairs = list(zip(rows[name], rows[baseline], strict=True))
        cells = [_cell([of(a) - of(b) for a, b in pairs], '+') for of in columns.values()]
        lines.append(f'| {name} - {baseline} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def _cell(values: Sequence[float], sign: str = '') -> str:
    return interval(values).text(f'{sign}.1f')


def interval(values: Sequence[float]) -> Interval:
    """Mean over training seeds with its bootstrap interval."""
    return stratified_bootstrap([values], lambda drawn: drawn.mean(axis=-1))
