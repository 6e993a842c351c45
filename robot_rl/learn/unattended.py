"""Practise alone: one car on one course, a period of driving, then an update, with no one about.

RLPD (Ball et al., arXiv 2302.02948) on what trained eyes see, after FastRLAP (Stachowicz et al.,
arXiv 2304.09831): half of each batch is driving that was recorded elsewhere, a wall ends an
attempt but not the practice, and the car gets away from it by itself (learn/recover.py). There is
one car, drawn at the start, and it stands nowhere but where it drove.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
import time
from typing import Any

import torch

from robot_rl.envs.engines import make_env
from robot_rl.envs.vector import Transition, VectorEnv
from robot_rl.errors import SpecError
from robot_rl.files import write_file, write_json
from robot_rl.learn import eyes as files
from robot_rl.learn.config import PractiseConfig
from robot_rl.learn.eyes import FEATURES, SightedActor, Trained, numbers_of
from robot_rl.learn.pixels import Pixels, halves
from robot_rl.learn.recover import Recovery
from robot_rl.learn.replay import Replay, symmetric
from robot_rl.learn.rlpd import Rlpd, RlpdConfig
from robot_rl.learn.run_folder import RANGES, RunFolder, save_state
from robot_rl.learn.witness import witness
from robot_rl.mdp.courses import Courses, course_of
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for
from robot_rl.spec.randomization import parameter_of
from robot_rl.spec.task import Signals, Task

RLPD = RlpdConfig(
    hidden=(128, 128),
    utd=2,
    batch=256,
    discount=0.95,
    temperature=0.01,
    target_entropy=-2.0,
    learning_rate=3e-4,
)
OFFLINE = 2000  # updates before practice, of what was recorded elsewhere
BEGIN_S = 5.0  # [s] of driving before others
LOG_S = 30.0  # [s] of practice between rows of progress.csv
LOGGED = ('value', 'critic_loss', 'entropy', 'temperature')
LEAST_STD = 0.05
CALM, LEAST_RATE = 0.3, 0.05
"""The learning rate falls during this last part of practice, to this part."""
ACTORS = 'actors'
"""In a run: policies after so many control periods of practice."""


class Practice:
    """A car that is never taken from its course."""

    def __init__(self, env: VectorEnv, length: float) -> None:
        """Start `env`, which has one car, on a course of `length` [m]."""
        self.env, self._task, self._length = env, env.task, length
        env.autoreset = False
        env.reset()
        self._all = torch.zeros(1, dtype=torch.long)
        place = env.task.perceive
        assert place
        self._signals: Signals = {**env.engine.signals(), **place(env.engine.signals(), env.drawn)}
        self.periods, self.failures, self.recovering = 0, 0, 0
        self.travelled, self._since = 0.0, (0.0, 0)
        self.laps: list[tuple[float, float]] = []
        """Laps without a failure: when each was over and how long it took, both [s]."""

    @property
    def observation(self) -> tuple[torch.Tensor, torch.Tensor]:
        """What the policy sees now, and what the critic sees."""
        env, task = self.env, self._task
        signals = {**self._signals, **env.engine.signals()}
        seen = task.observe(env.measured, env.memory)
        return seen, task.privileged(signals, env.memory)

    def step(self, action: torch.Tensor, setpoint: torch.Tensor | None = None) -> Transition:
        """A period. A car that touches a wall is then where it was before, and at rest."""
        env, before = self.env, self._signals
        free = env.engine.signals()
        stopped = {name: free[name].clone() for name in self._task.robot.rest}
        moved = env.step(action, setpoint)
        self._signals = moved.step.signals
        self.periods += 1
        now, then = (float(s['track_position'][0, 0]) for s in (self._signals, before))
        half = 0.5 * self._length
        self.travelled += (now - then + half) % self._length - half
        if self.touching:
            for name in ('base_lin_vel_b', 'base_ang_vel_b'):
                stopped[name].zero_()
            env.engine.reset(self._all, stopped)
        elif self.travelled - self._since[0] >= self._length:
            lasted = (self.periods - self._since[1]) * self._task.control_dt
            self.laps.append((self.periods * self._task.control_dt, lasted))
            self._since = self.travelled, self.periods
        return moved

    @property
    def touching(self) -> bool:
        """Whether the last period ended at a wall."""
        return bool(self._signals['track_clearance'][0, 0] <= 0.0)

    def recover(self, after: Callable[[], bool]) -> None:
        """Get away from where an attempt failed; `after` each period, until it says to stop."""
        self.failures += 1
        way = Recovery(self._task.setpoint, self._task.control_dt)
        blocked, still = True, torch.zeros(1, self._task.action_size)
        while (setpoint := way.step(self._signals, blocked)) is not None:
            self.step(still, setpoint)
            self.recovering += 1
            blocked = self.touching
            if after():
                break
        self.env.forget(self._all)
        self._since = self.travelled, self.periods


def practise(config: PractiseConfig, root: Path = Path('runs')) -> Path:
    """Practise and return the run folder; Ctrl-C ends early and leaves a usable run.

    Raises:
        UnknownNameError: No such task or engine.
        RunFolderError: The folder is occupied, or the file of eyes is none for this task.
        SpecError: A task without courses, no such course, or eyes without images to learn from.
    """
    torch.set_num_threads(config.threads)
    task = registry.task(config.task)
    place = course_of(task, config.course)
    config = replace(config, engine=engine_for(task.robot, config.engine))
    trained = files.load(config.eyes, task)
    path = root / (config.name or f'{task.id}-{time.strftime("%Y%m%d-%H%M%S")}')
    run = _Run(task, place, config, trained, path)
    run.run()
    return path


class _Run:
    """One run."""

    def __init__(
        self, task: Task, place: Task, config: PractiseConfig, trained: Trained, path: Path
    ) -> None:
        assert isinstance(task.commands, Courses)
        assert task.eye
        self.task, self.config, self.folder = task, config, RunFolder(path)
        env = make_env(place, config.engine, 1, seed=config.seed)
        length = float(task.commands.tracks.length[config.course])
        self.practice = Practice(env, length)
        write_file(path / RANGES, car_of(env).encode())
        self.own = numbers_of(task) + FEATURES
        size = trained.driven.observation.shape[1]
        self.size = self.own if config.blind_critic else size
        self.rlpd = Rlpd(self.size, task.action_size, RLPD, config.seed, self.size - self.own)
        self.sighted = SightedActor(
            trained.eyes, self.rlpd.actor, numbers_of(task), (task.eye.height, task.eye.width)
        )
        self.total = round(60.0 * config.minutes / task.control_dt)
        self.driven = self._replay(len(trained.driven.reward))
        driven = trained.driven
        alive = RLPD.discount * (driven.discount > 0.0).float()
        seen = (driven.observation[:, : self.size], driven.next_observation[:, : self.size])
        self.driven.extend(
            driven._replace(observation=seen[0], next_observation=seen[1], discount=alive)
        )
        self.lived = self._replay(self.total)
        self.pixels = self._pixels(trained) if config.finetune else None
        self.rlpd.normalise(seen[0].mean(0), seen[0].std(0).clamp(min=LEAST_STD))
        self.started, self.metrics = time.process_time(), dict[str, float]()
        self.window = (0, 0.0, 0, 0)
        self.folder.write_config(
            {
                'task': task.id,
                'engine': config.engine,
                'seed': config.seed,
                'learner': 'practise',
                'practise': {
                    **asdict(config),
                    'eyes': str(config.eyes),
                    'mount': env.drawn['mount'][0].tolist(),
                },
                'rlpd': asdict(RLPD),
            }
        )

    def _pixels(self, trained: Trained) -> tuple[Pixels, Pixels]:
        """What was driven and what is lived, with images; the eyes learn from now on."""
        if trained.images is None:
            raise SpecError(
                f'The file {self.config.eyes} has no images to learn from. Write one with: '
                'robot_rl pretrain --images'
            )
        assert self.task.eye
        eyes, numbers = trained.eyes.requires_grad_(True), numbers_of(self.task)
        self.rlpd.teach(eyes)
        shape = (self.task.eye.height, self.task.eye.width, 3)
        before = Pixels(self.driven, trained.images, eyes, numbers, 1, trained.cars)
        return before, Pixels.empty(self.lived, shape, eyes, numbers)

    def _replay(self, capacity: int) -> Replay:
        return Replay(self.size, self.task.action_size, capacity)

    def run(self) -> None:
        """All of it."""
        try:
            self._practise()
        except KeyboardInterrupt:
            pass
        finally:
            self.folder.close()
        self._finish()

    @torch.no_grad()
    def _row(self, moved: Transition | None = None) -> torch.Tensor:
        """What a replay holds of this moment, (1, size), to which the period `moved` led."""
        if moved is None:
            seen, critic = self.practice.observation
        else:
            seen, critic = (moved.observation[name] for name in ('actor', 'critic'))
        return torch.cat((self.sighted.see(seen), critic), 1)[:, : self.size]

    def _practise(self) -> None:
        for _ in range(OFFLINE):
            self._update()
        row = self._row()
        while self.practice.periods < self.total:
            action = self.rlpd.act(row[:, : self.own], explore=True)
            image = self.practice.env.measured['rgb']
            moved = self.practice.step(action)
            failed = bool(moved.terminated[0])
            following = self._row(moved)
            discount = 0.0 if failed else RLPD.discount
            self.lived.add(row, action, moved.reward, following, discount)
            if self.pixels:
                self.pixels[1].keep(image, self.practice.env.measured['rgb'])
            row = following
            if not self._after() and failed:
                self.practice.recover(self._after)
                row = self._row()

    def _update(self) -> None:
        left = 1.0 - self.practice.periods / self.total
        self.rlpd.slow_down(min(1.0, left / CALM + LEAST_RATE))
        drawn = partial(symmetric, self.driven, self.lived)
        self.metrics = self.rlpd.update(partial(halves, *self.pixels) if self.pixels else drawn)

    def _after(self) -> bool:
        """After every period: learn, log, keep; whether the time is over."""
        periods = self.practice.periods
        if len(self.lived) * self.task.control_dt >= BEGIN_S:
            self._update()
        if periods % round(LOG_S / self.task.control_dt) == 0:
            self._log()
        if periods % round(60.0 * self.config.keep_every / self.task.control_dt) == 0:
            path = self.folder.path / ACTORS / f'{periods}.pt'
            save_state(path, {'actor': self.sighted.state_dict()})
        return periods >= self.total

    def _log(self) -> None:
        """A row of progress.csv, of the time since the last."""
        practice, dt = self.practice, self.task.control_dt
        now = (practice.periods, practice.travelled, practice.failures, practice.recovering)
        periods, way, failures, recovering = (a - b for a, b in zip(now, self.window, strict=True))
        self.window = now
        seconds = periods * dt
        lately = [lap for when, lap in practice.laps if when > practice.periods * dt - seconds]
        self.folder.log(
            {
                'iteration': practice.periods,
                'minutes': practice.periods * dt / 60.0,
                'cpu_s': time.process_time() - self.started,
                'speed': way / seconds,
                'failures': failures,
                'recovering': recovering * dt / seconds,
                'laps': len(practice.laps),
                'lap_s': sum(lately) / len(lately) if lately else float('nan'),
                **{name: self.metrics.get(name, 0.0) for name in LOGGED},
            }
        )

    def _finish(self) -> None:
        """Write best.pt, which is the policy at the end, and evaluation.json."""
        practice, env = self.practice, self.practice.env
        state: dict[str, Any] = {'actor': self.sighted.state_dict(), 'iteration': practice.periods}
        state['witness'] = witness(self.task, self.sighted, env.measured, env.memory)
        save_state(self.folder.path / 'best.pt', state)
        told = {
            'engine': self.config.engine,
            'robot_seconds': practice.periods * self.task.control_dt,
            'failures': practice.failures,
            'seconds_recovering': practice.recovering * self.task.control_dt,
            'meters': practice.travelled,
            'laps': [list(lap) for lap in practice.laps],
            'cpu_seconds_of_training': time.process_time() - self.started,
        }
        write_json(self.folder.path / 'evaluation.json', told)


def car_of(env: VectorEnv) -> str:
    """Randomization file of the one car in `env`: what was drawn, and nothing else.

    A parameter of several components is scaled as its last one is.
    """
    robot, rows = env.task.robot, [f'robot: {env.task.robot.name}', 'parameters:']
    for name, value in env.parameters.items():
        drawn, nominal = float(value[0, -1]), parameter_of(robot, name).nominal
        operation, number = 'set', drawn
        if len(nominal) > 1:
            operation, number = 'scale', drawn / nominal[-1]
        rows += [
            f'  {name}:',
            f'    operation: {operation}',
            f'    range: [{number!r}, {number!r}]',
            '    source: the car that practised',
        ]
    return '\n'.join(rows) + '\n'
