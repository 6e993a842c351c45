"""Learn from demonstrations and corrections: one robot practises while a learner learns.

In turns, in one process: a control period, then an update. That is reproducible. A real robot does
not wait for a learner: see learn/apart.py for both in processes of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
import time
from typing import Any

import torch

from robot_rl.data.episodes import EpisodeWriter, check, header_of
from robot_rl.data.reader import Episode, Episodes
from robot_rl.envs.engines import make_env
from robot_rl.errors import RunFolderError
from robot_rl.learn import sessions
from robot_rl.learn.bc import Bc, BcConfig
from robot_rl.learn.choice import Choice, rate_of_interventions
from robot_rl.learn.classifier import BySight
from robot_rl.learn.config import HilConfig
from robot_rl.learn.judge import Judge
from robot_rl.learn.pace import Pace, period_of
from robot_rl.learn.people import ScriptedPerson
from robot_rl.learn.practice import Practice, Tally
from robot_rl.learn.rlpd import RlpdConfig
from robot_rl.learn.run_folder import RunFolder, load_state, read_config
from robot_rl.learn.student import Student
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for
from robot_rl.spec.task import Task
from robot_rl.teleop.stick import Device


def demonstrate(
    task: Task,
    engine: str,
    path: Path,
    *,
    episodes: int,
    seed: int,
    person: Device | None = None,
    pace: Pace | None = None,
) -> list[Tally]:
    """Record `episodes` successes of a person to the new file `path`, by default a simulated one.

    What failed is recorded too and told by its outcome. With a real `person` each episode begins
    when they take the stick, the robot stands while they let it go, and Ctrl-C ends it.

    Raises SpecError where no person is simulated who could do the task, RunFolderError where the
    file exists.
    """
    env = make_env(task, engine, 1, seed=seed)
    waits, pace = person is not None, pace or Pace(0.0)
    who = getattr(person, 'name', 'scripted')
    person = person or ScriptedPerson(task, seed, always=True)
    writer = EpisodeWriter(path, header_of(task, 'demonstration', f'{engine}, {who}, {seed}'))
    practice, tallies = Practice(env, person, writer, waits=waits), list[Tally]()
    action = torch.zeros(1, task.action_size)

    def idle(_observation: torch.Tensor) -> torch.Tensor:
        return action

    try:
        while sum(tally.success for tally in tallies) < episodes:
            pace.begin()
            tallies.append(practice.episode(idle, pace.wait)[1])
    except KeyboardInterrupt:
        if not waits:
            raise
    finally:
        writer.close()
    return tallies


def shown(task: Task, paths: Sequence[Path]) -> Iterator[Episode]:
    """Successes of files of demonstrations, all of practice: of both what people did is used.

    Raises RecordingError for a file that is not of `task`.
    """
    for path in paths:
        file = Episodes(path)
        check(file.header, task)
        for episode in file:
            if episode.success or file.header.kind == 'online':
                yield episode


def learn(config: HilConfig, root: Path = Path('runs'), person: Device | None = None) -> Path:
    """Learn and return the run folder; Ctrl-C ends early and leaves a usable run.

    `person` is a real one at the stick, where `config.operator` says so.

    Raises:
        UnknownNameError: No such task, engine or learner.
        RunFolderError: The folder is occupied, or there is nothing to resume.
        RecordingError: Demonstrations of something else.
        SpecError: A task that cannot be learned from people.
    """
    torch.set_num_threads(config.threads)
    task = registry.task(config.task)
    config = replace(config, engine=engine_for(task.robot, config.engine))
    path = root / (config.name or f'{task.id}-{config.learner}-{time.strftime("%Y%m%d-%H%M%S")}')
    run = _Run(task, config, path, person)
    (run.clone if config.learner == 'bc' else run.practise)()
    return path


class _Run:
    """One run."""

    def __init__(self, task: Task, config: HilConfig, path: Path, person: Device | None) -> None:
        self.task, self.config, self._person = task, config, person
        self.pace = Pace(period_of(task.control_dt, config.speed, config.operator))
        demonstrations = list(shown(task, config.demos))
        self.folder = RunFolder(path, resume=config.resume)
        self.rlpd = replace(RlpdConfig(), **task.corrections)
        self.student = Student(task, self.rlpd, config.seed)
        self.student.watch(demonstrations)
        self.choice = Choice(task, config, path)
        self.lately: Sequence[Tally] = ()
        self.started, self.seconds = time.process_time(), 0.0
        if not config.resume:
            self.folder.write_config(config_told(task, config, self.rlpd))

    def clone(self) -> None:
        """Behavior cloning of all that people did."""
        replay = self.student.shown
        learner = Bc(replay.observation_size, self.task.action_size, BcConfig(), self.config.seed)
        seen = replay.all().observation
        learner.normalise(seen.mean(0), seen.std(0).clamp(min=0.05))
        learner.fit(replay, self.config.steps)
        worth = {'success': 1.0, 'median_error': 0.0}
        self.choice.keep(learner.actor, worth, self.config.steps)
        self._finish(learner.actor)

    def practise(self) -> None:
        """Practise and learn in turns."""
        config, student = self.config, self.student
        session = self._resume() if config.resume else 0
        env = make_env(self.task, config.engine, 1, seed=config.seed + 1000 * session)
        seed = 7919 * (session + 1) + config.seed
        person = self._person or person_of(config.operator, self.task, seed)
        judge = judge_of(self.task, config.reward)
        header = header_of(self.task, 'online', f'{self.folder.path.name}, {config.operator}')
        writer = EpisodeWriter(self.folder.path / sessions.EPISODES / f'{session:03}.mcap', header)
        practice = Practice(env, person, writer, judge=judge)
        self.lately = practice.lately
        pace = self.pace
        due = (student.steps // config.validate_every + 1) * config.validate_every
        metrics: dict[str, float] = {}
        left = iter(range(config.steps - student.steps - 1, -1, -1))

        def update() -> bool:
            """Learn; whether that was the last period of the run."""
            if student.ready:
                metrics.update(student.update())
            pace.wait()
            return next(left) == 0

        try:
            while student.steps < config.steps:
                pace.begin()
                episode, tally = practice.episode(self._act, update)
                student.practise(episode)
                self._log(tally, metrics)
                if student.steps >= due or student.steps >= config.steps:
                    due += config.validate_every
                    self._checkpoint()
        except KeyboardInterrupt:
            self._checkpoint()
        finally:
            writer.close()
            self.folder.close()
        self._finish(student.actor)

    def _act(self, observation: torch.Tensor) -> torch.Tensor:
        return self.student.rlpd.act(observation, explore=True)

    def _log(self, tally: Tally, metrics: dict[str, float]) -> None:
        row = {
            'iteration': self.student.steps,
            'cpu_s': self.seconds + time.process_time() - self.started,
            'success': sum(each.success for each in self.lately) / len(self.lately),
            'intervention': rate_of_interventions(self.lately),
            'steps': tally.steps,
            'takeovers': tally.takeovers,
        }
        self.folder.log(row | {name: metrics.get(name, 0.0) for name in ('value', 'critic_loss')})

    def _checkpoint(self) -> None:
        """Save, validate, keep the best."""
        student = self.student
        self.choice.offer(student.actor, student.steps)
        seconds = self.seconds + time.process_time() - self.started
        told = {'validated': self.choice.validated, 'cpu_s': seconds}
        self.folder.save_checkpoint(student.steps, {**student.state_dict(), **told})

    def _resume(self) -> int:
        """Take over the last checkpoint and all that was practised; number of the next file."""
        path = self.folder.checkpoints()[-1]
        state = load_state(path)
        begun = read_config(self.folder.path)
        if begun['task'] != self.task.id or begun['seed'] != self.config.seed:
            raise RunFolderError(
                f'{self.folder.path} was begun with the task {begun["task"]!r} and the seed '
                f'{begun["seed"]}: resume it with these, or choose another --name.'
            )
        self.student.load_state_dict(state)
        self.choice.validated, self.seconds = state['validated'], state['cpu_s']
        files = sessions.files(self.folder.path)
        for episode in (episode for file in files for episode in sessions.recorded(file)):
            self.student.practise(episode)
        self.folder.rewind(self.student.steps)
        return len(files)

    def _finish(self, actor: torch.nn.Module) -> None:
        """Score what was kept."""
        told = {
            'cpu_seconds_of_training': self.seconds + time.process_time() - self.started,
            'steps': self.student.steps,
            'robot_seconds': self.student.steps * self.task.control_dt,
            'intervention_rate': rate_of_interventions(self.lately),
        }
        self.choice.finish(actor, told)


def config_told(task: Task, config: HilConfig, rlpd: RlpdConfig) -> dict[str, Any]:
    """What config.json says of a run."""
    return {
        'task': task.id,
        'engine': config.engine,
        'seed': config.seed,
        'learner': config.learner,
        'hil': asdict(config)
        | {'demos': [str(path) for path in config.demos], 'reward': str(config.reward or '')},
        config.learner: asdict(rlpd if config.learner == 'rlpd' else BcConfig()),
    }


def judge_of(task: Task, reward: Path | None) -> Judge | None:
    """Who says that the task is done; None for the state. Raises RunFolderError, see BySight."""
    return BySight(task, reward) if reward else None


def person_of(operator: str, task: Task, seed: int) -> ScriptedPerson | None:
    """Who corrects. Raises SpecError for a task that no simulated person can do."""
    return ScriptedPerson(task, seed) if operator == 'scripted' else None
