"""From nothing to a policy flying over ROS 2: every step for real, then a report."""

from __future__ import annotations

from collections.abc import Callable
import csv
from dataclasses import asdict, replace
from pathlib import Path
import shutil
import sys
import time
from typing import Any, TypeVar

import numpy as np

from robot_rl.bench import evaluation
from robot_rl.bench.config import DemoConfig
from robot_rl.bench.latency import TARGET_P50, TARGET_P99
from robot_rl.bench.plots import Durations, Flight, Learning, duration
from robot_rl.bench.report import Fact, Report, write
from robot_rl.deploy.check import check, time_steps
from robot_rl.deploy.policy import Policy
from robot_rl.deploy.timing import percentiles
from robot_rl.errors import PolicyFileError, RobotRLError, RunFolderError
from robot_rl.export.run import export_run
from robot_rl.files import read_json, write_json
from robot_rl.learn.config import TrainConfig
from robot_rl.learn.run_folder import read_config, read_evaluation
from robot_rl.learn.train import train
from robot_rl.machine import machine_name
from robot_rl.spec import registry
from robot_rl.spec.engines import engines_of

T = TypeVar('T')

MARKER = 'demo.json'
"""What was asked of a demo, in its folder: the next one may remove only such a folder."""
TRANSFER_POINTS = 3.0
"""[%] the most that success may differ between the engines."""
CRASHED = 1.0
"""[%] the most episodes that may crash."""
TRACKING_RMS = 0.08
"""[m] the most for the figure eight."""


def demo(config: DemoConfig) -> int:
    """Train, evaluate on both engines, export, check, fly; write report.html whatever happens.

    Returns:
        0.

    Raises:
        RobotRLError: A step failed. The report holds what was measured before it.
    """
    _clear(config.out)
    progress = _Demo(config)
    try:
        progress.run()
    except RobotRLError as error:
        progress.report = replace(progress.report, failure=str(error))
        raise
    finally:
        page = config.out / 'report.html'
        if config.out.is_dir():
            write_json(config.out / MARKER, {**asdict(config), 'out': str(config.out)})
            write(replace(progress.report, facts=progress.facts), page)
            print(f'\nReport: {page.resolve()}')
    print(_summary(progress.facts))
    return 0


def _clear(folder: Path) -> None:
    """Remove an earlier demo. Raises RunFolderError for a folder that is something else."""
    if not folder.exists():
        return
    if not (folder / MARKER).is_file():
        raise RunFolderError(f'{folder} exists and is no demo. Choose another folder with --out.')
    shutil.rmtree(folder)


class _Demo:
    """State that the steps hand on."""

    def __init__(self, config: DemoConfig) -> None:
        self.config = config
        self.facts: list[Fact] = []
        self.report = Report(f'{config.task}: trained, checked and flown')
        self._engines = engines_of(registry.task(config.task).robot)[:2]
        """That of training, and one it never saw."""
        self._step, self._steps = 0, 6

    def run(self) -> None:
        config = self.config
        self._timed(f'Training {config.task}', self._train)
        for engine in self._engines:
            self._timed(f'Evaluating on the {engine} engine', lambda e=engine: self._evaluate(e))
        path = self._timed('Exporting and checking', self._export)
        self._timed('Flying over ROS 2: hover', lambda: self._fly(path, 'hover', config.hover_s))
        self._timed(
            'Flying over ROS 2: figure eight',
            lambda: self._fly(path, 'figure_eight', config.figure_eight_s),
        )

    def _timed(self, title: str, work: Callable[[], T]) -> T:
        """Announce a step, do it, say how long it took."""
        self._step += 1
        print(f'\n[{self._step}/{self._steps}] {title}', flush=True)
        start = time.perf_counter()
        result = work()
        print(f'      {time.perf_counter() - start:.1f} s', flush=True)
        return result

    def _say(self, fact: Fact) -> None:
        self.facts.append(fact)
        print(f'      {fact.label}: {fact.value} ({fact.about})', flush=True)

    def _train(self) -> None:
        config = self.config
        asked = TrainConfig(
            task=config.task,
            seed=config.seed,
            iterations=config.iterations,
            name=config.out.name,
            test_episodes=config.episodes,
            quiet=not sys.stderr.isatty(),
        )
        run = train(asked, root=config.out.parent)
        told = read_evaluation(run)
        self.report = replace(
            self.report, learning=_learning(run, asked.validation_episodes), machine=_machine(run)
        )
        seconds, steps = told['cpu_seconds_of_training'], told['steps']
        note = f'of processor time on one core, {steps / 1e6:.2f} million steps'
        self._say(Fact('Training', f'{seconds:.1f} s', note))

    def _evaluate(self, engine: str) -> None:
        run = self.config.out
        done = evaluation.evaluate(run, engine, episodes=self.config.episodes)
        evaluation.save(done, run)
        score = evaluation.score(done)
        earlier = [other.success.estimate for other in self.report.scores]
        unit, scores = done.task.error_unit, [*self.report.scores, score]
        self.report = replace(self.report, scores=scores, error_unit=unit)
        if not earlier:
            self.report = replace(self.report, parameters=evaluation.bins(done))
        rate, crashed = 100.0 * score.success.estimate, 100.0 * score.crashed.estimate
        note = f'{crashed:.1f} % crashed, median error {score.median_error:.3f} {unit}'
        most = done.task.success_error
        good = crashed <= CRASHED and score.median_error <= most
        target = f'at most {CRASHED:g} % crashed, {most:g} {unit}'
        if earlier:
            good = abs(rate - 100.0 * earlier[0]) <= TRANSFER_POINTS
            target = f'within {TRANSFER_POINTS:g} points of the engine of training'
            note += '; an engine it never saw'
        self._say(Fact(f'Success, {engine}', f'{rate:.1f} %', note, good, target))

    def _export(self) -> Path:
        path, contract = export_run(self.config.out)
        report = check(path)
        print('\n'.join(f'      {line}' for line in report.text().splitlines()))
        if not report.ok:
            failed = report.checks[-1]
            raise PolicyFileError(
                f'{path} was exported but may not run, for its {failed.name}: {failed.detail} See '
                f'all checks with: robot_rl check {path}'
            )
        self.report = replace(self.report, contract=contract)
        p50, p99 = percentiles(1e6 * time_steps(Policy.load(path), 1000))
        good = p50 <= TARGET_P50 and p99 <= TARGET_P99
        note = f'median; 99 % in {duration(p99)} µs; one right after another'
        target = f'at most {TARGET_P50:g} and {TARGET_P99:g} µs'
        self._say(Fact('Policy step', f'{duration(p50)} µs', note, good, target))
        return path

    def _fly(self, path: Path, goal: str, seconds: float) -> None:
        from robot_rl.nodes.fly import fly

        result = fly(path, goal=goal, duration_s=seconds, out=self.config.out / f'flight-{goal}')
        name = goal.replace('_', ' ').capitalize()
        log = Flight(name, result.time, result.position, result.goal_position, result.scored)
        steps = Durations('Signals to setpoint, in flight', result.micros['step'])
        ages = Durations('Age of the measurement when used', result.micros['age'])
        self.report = replace(
            self.report, flights=[*self.report.flights, log], latencies=[steps, ages]
        )
        rms, eight = result.error_rms, goal == 'figure_eight'
        note = f'RMS, {result.missed} of {result.ticks} deadlines missed'
        good = rms <= TRACKING_RMS if eight else None
        target = f'at most {100.0 * TRACKING_RMS:g} cm' if eight else ''
        self._say(Fact(name, f'{100.0 * rms:.1f} cm', note, good, target))
        if eight:
            p50, p99 = result.step_p50, result.step_p99
            note = f'median; 99 % in {duration(p99)} µs; caches cold after each sleep'
            self._say(Fact('Policy step in flight', f'{duration(p50)} µs', note))


def _learning(run: Path, episodes: int) -> Learning:
    """Read progress.csv and validation.json of a run."""
    with (run / 'progress.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    complaint, command = f'{run} was not validated', f'robot_rl train --name {run.name} --resume'
    validated: list[dict[str, Any]] = read_json(run / 'validation.json', complaint, command)
    kept = read_evaluation(run)['chosen_on_validation']['iteration']
    return Learning(
        seconds=np.array([float(row['cpu_s']) for row in rows]),
        rewards=np.array([float(row['reward']) for row in rows]),
        validated=np.array([row['cpu_s'] for row in validated]),
        successes=np.array([round(row['success'] * episodes) for row in validated]),
        episodes=episodes,
        best=[row['iteration'] for row in validated].index(kept),
    )


def _machine(run: Path) -> dict[str, str]:
    """Machine, seed, revision and versions of a run."""
    config = read_config(run)
    dirty = ', with changes in git.diff' if config.get('git_dirty') else ''
    versions = ', '.join(f'{name} {version}' for name, version in config['versions'].items())
    return {
        'machine': machine_name(),
        'training seed': str(config['seed']),
        'revision': (config.get('git_revision') or 'not a git checkout') + dirty,
        'versions': versions,
    }


def _summary(facts: list[Fact]) -> str:
    marks = {True: 'ok  ', False: 'MISS', None: '    '}
    width = max(len(fact.label) for fact in facts)
    lines = [
        f'  {marks[fact.good]} {fact.label:{width}}  {fact.value:>8}  {fact.about}'
        for fact in facts
    ]
    return '\n'.join(['', *lines])
