"""One episode, looked at closely."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from robot_rl.bench import report
from robot_rl.bench.evaluation import load
from robot_rl.bench.plots import Flight
from robot_rl.envs.engines import make_env
from robot_rl.errors import SpecError
from robot_rl.spec.task import Task

SHOWN = ('base_pos_w', 'goal_pos_w')


@dataclass(frozen=True)
class Played:
    """What happened in an episode."""

    task: Task
    engine: str
    ended: str
    """Why it ended."""
    time: np.ndarray
    """(n,) [s]"""
    error: np.ndarray
    """(n,) in the task's unit."""
    signals: dict[str, np.ndarray]
    """True signals by name, each (n, size)."""

    def text(self) -> str:
        """Lines for a terminal."""
        unit, last = self.task.error_unit, self.error[-round(1.0 / self.task.control_dt) :].mean()
        return (
            f'{self.task.id} on the {self.engine} engine: {self.time[-1]:.2f} s, {self.ended}\n'
            f'  error    {self.error[0]:.3f} {unit} at the start, {last:.3f} in the last second, '
            f'{self.error.max():.3f} at most'
        )


def play(path: Path, engine: str = 'analytic', *, seed: int = 0, randomize: bool = True) -> Played:
    """Run one episode of a run folder or policy file, with randomization unless told otherwise.

    Raises:
        RobotRLError: The policy cannot be read, the engine is unknown or not installed.
    """
    task, policy = load(path)
    env = make_env(task, engine, 1, seed=seed, randomize=randomize, noise=randomize)
    rows: list[dict[str, np.ndarray]] = []
    errors: list[float] = []
    ended = 'time is up'
    with torch.inference_mode():
        observation = env.reset(seed=seed)
        for _ in range(task.max_episode_steps):
            transition = env.step(*policy(env, observation))
            true = transition.step
            rows.append({name: value[0].numpy().copy() for name, value in true.signals.items()})
            errors.append(float(task.error(true)[0]))
            if bool(transition.terminated[0]):
                failed = [t.name for t in task.terminations if bool(t.function(true)[0])]
                ended = f'ended by {", ".join(failed)}'
                break
            observation = transition.observation
    time = task.control_dt * np.arange(1, len(rows) + 1)
    signals = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return Played(task, engine, ended, time, np.array(errors), signals)


def picture(played: Played, path: Path) -> None:
    """Write the path and the error over time as a page.

    Raises SpecError for a task without a position and a goal.
    """
    if not set(SHOWN) <= played.signals.keys():
        raise SpecError(f'{played.task.id!r} has no {" and ".join(SHOWN)} to draw.')
    position, goal = (played.signals[name] for name in SHOWN)
    title = f'{played.task.id} on the {played.engine} engine'
    log = Flight(f'One episode, {played.ended}', played.time, position, goal)
    report.write(report.Report(title, flights=[log], flight_note=''), path)
