"""Learn from demonstrations and corrections: one robot practises while a learner learns.

In turns, in one process: a control period, then an update. That is reproducible. A real robot does
not wait for a learner: see learn/apart.py for both in processes of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
import time
from typing import Any

import torch

from robot_rl.data.episodes import EpisodeWriter, check, header_of
from robot_rl.data.reader import Episode, Episodes
from robot_rl.envs.engines import make_env
from robot_rl.envs.rollout import SCORED_S, actor_policy, rollout
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import RunFolderError
from robot_rl.files import write_json
from robot_rl.learn import sessions
from robot_rl.learn.bc import Bc, BcConfig
from robot_rl.learn.config import TEST_SEED, VALIDATION_SEED, HilConfig
from robot_rl.learn.people import ScriptedPerson
from robot_rl.learn.practice import Practice, Tally
from robot_rl.learn.rlpd import RlpdConfig
from robot_rl.learn.run_folder import RunFolder, load_state, read_config, save_state
from robot_rl.learn.student import Student
from robot_rl.learn.witness import witness
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for
from robot_rl.spec.task import Task

WINDOW = 20
"""Episodes over which success and the rate of interventions are told."""


def demonstrate(task: Task, engine: str, path: Path, *, episodes: int, seed: int) -> list[Tally]:
    """Record `episodes` successes of a simulated person to the new file `path`.

    What failed is recorded too and told by its outcome. Raises SpecError where no person is
    simulated who could do the task, RunFolderError where the file exists.
    """
    env = make_env(task, engine, 1, seed=seed)
    person = ScriptedPerson(task, seed, always=True)
    writer = EpisodeWriter(path, header_of(task, 'demonstration', f'{engine}, scripted, {seed}'))
    practice, tallies = Practice(env, person, writer), list[Tally]()
    action = torch.zeros(1, task.action_size)

    def idle(_observation: torch.Tensor) -> torch.Tensor:
        return action

    try:
        while sum(tally.success for tally in tallies) < episodes:
            tallies.append(practice.episode(idle)[1])
    finally:
        writer.close()
    return tallies


def shown(task: Task, paths: Sequence[Path]) -> Iterator[Episode]:
    """Episodes of files of demonstrations; of practice those parts in which people acted.

    Raises RecordingError for a file that is not of `task`.
    """
    for path in paths:
        file = Episodes(path)
        check(file.header, task)
        for episode in file:
            if (episode.person.all() and episode.success) or file.header.kind == 'online':
                yield episode


@torch.inference_mode()
def score(env: VectorEnv, actor: torch.nn.Module, *, seed: int) -> dict[str, float]:
    """Success and time to it, of one episode an environment.

    An episode succeeds as everywhere: by its mean error over the last second.
    """
    task, num = env.task, env.num_envs
    error, crashed = torch.zeros(num), torch.zeros(num, dtype=torch.bool)
    first = torch.full((num,), torch.inf)
    scored = round(SCORED_S / task.control_dt)
    for index, transition in enumerate(rollout(env, actor_policy(actor), seed=seed)):
        now = task.error(transition.step)
        crashed |= transition.terminated
        done = (now < task.success_error) & ~crashed & first.isinf()
        first[done] = (index + 1) * task.control_dt
        if index >= task.max_episode_steps - scored:
            error += now / scored
    success = (error < task.success_error) & ~crashed
    reached = first[success]
    return {
        'success': success.float().mean().item(),
        'crashed': crashed.float().mean().item(),
        'median_error': error[~crashed].median().item() if (~crashed).any() else torch.inf,
        'time_s': reached.mean().item() if len(reached) else torch.inf,
    }


def learn(config: HilConfig, root: Path = Path('runs')) -> Path:
    """Learn and return the run folder; Ctrl-C ends early and leaves a usable run.

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
    run = _Run(task, config, path)
    (run.clone if config.learner == 'bc' else run.practise)()
    return path


class _Run:
    """One run."""

    def __init__(self, task: Task, config: HilConfig, path: Path) -> None:
        self.task, self.config = task, config
        demonstrations = list(shown(task, config.demos))
        self.folder = RunFolder(path, resume=config.resume)
        self.rlpd = replace(RlpdConfig(), **task.corrections)
        self.student = Student(task, self.rlpd, config.seed)
        self.student.watch(demonstrations)
        self.validated: list[dict[str, float]] = []
        self.lately: deque[Tally] = deque(maxlen=WINDOW)
        self.started, self.seconds = time.process_time(), 0.0
        self._envs: dict[int, VectorEnv] = {}
        if not config.resume:
            self.folder.write_config(config_told(task, config, self.rlpd))

    def clone(self) -> None:
        """Behavior cloning of all that people did."""
        replay = self.student.shown
        learner = Bc(replay.observation_size, self.task.action_size, BcConfig(), self.config.seed)
        seen = replay.all().observation
        learner.normalise(seen.mean(0), seen.std(0).clamp(min=0.05))
        learner.fit(replay, self.config.steps)
        self._keep(learner.actor, {'success': 1.0, 'median_error': 0.0}, self.config.steps)
        self._finish(learner.actor)

    def practise(self) -> None:
        """Practise and learn in turns."""
        config, student = self.config, self.student
        session = self._resume() if config.resume else 0
        env = make_env(self.task, config.engine, 1, seed=config.seed + 1000 * session)
        person = person_of(config.operator, self.task, 7919 * (session + 1) + config.seed)
        header = header_of(self.task, 'online', f'{self.folder.path.name}, {config.operator}')
        writer = EpisodeWriter(self.folder.path / sessions.EPISODES / f'{session:03}.mcap', header)
        practice = Practice(env, person, writer)
        due = (student.steps // config.validate_every + 1) * config.validate_every
        metrics: dict[str, float] = {}
        left = iter(range(config.steps - student.steps - 1, -1, -1))

        def update() -> bool:
            """Learn; whether that was the last period of the run."""
            if student.ready:
                metrics.update(student.update())
            return next(left) == 0

        try:
            while student.steps < config.steps:
                episode, tally = practice.episode(self._act, update)
                student.practise(episode)
                self._log(tally, metrics)
                if student.steps >= due:
                    due += config.validate_every
                    self._checkpoint(env)
        except KeyboardInterrupt:
            self._checkpoint(env)
        finally:
            writer.close()
            self.folder.close()
        self._finish(student.actor)

    def _act(self, observation: torch.Tensor) -> torch.Tensor:
        return self.student.rlpd.act(observation, explore=True)

    def _log(self, tally: Tally, metrics: dict[str, float]) -> None:
        self.lately.append(tally)
        steps = sum(each.steps for each in self.lately)
        row = {
            'iteration': self.student.steps,
            'cpu_s': self.seconds + time.process_time() - self.started,
            'success': sum(each.success for each in self.lately) / len(self.lately),
            'intervention': sum(each.by_people for each in self.lately) / steps,
            'steps': tally.steps,
            'takeovers': tally.takeovers,
        }
        self.folder.log(row | {name: metrics.get(name, 0.0) for name in ('value', 'critic_loss')})

    def _checkpoint(self, env: VectorEnv) -> None:
        """Save, validate, keep the best."""
        student, config = self.student, self.config
        scores = score(self._env(config.validation_episodes), student.actor, seed=VALIDATION_SEED)
        self.validated.append({'iteration': student.steps, **scores})
        write_json(self.folder.path / 'validation.json', self.validated)
        best = max(self.validated, key=_rank)
        if best is self.validated[-1]:
            self._keep(student.actor, scores, student.steps, env)
        seconds = self.seconds + time.process_time() - self.started
        state = {**student.state_dict(), 'validated': self.validated, 'cpu_s': seconds}
        self.folder.save_checkpoint(student.steps, state)

    def _keep(
        self,
        actor: torch.nn.Module,
        scores: dict[str, float],
        steps: int,
        env: VectorEnv | None = None,
    ) -> None:
        env = env or make_env(self.task, self.config.engine, 1, seed=self.config.seed)
        if env.episode_steps.sum() == 0:
            env.reset()
        state = {'actor': actor.state_dict(), 'iteration': steps, **scores}
        state['witness'] = witness(self.task, actor, env.measured, env.memory)
        save_state(self.folder.path / 'best.pt', state)

    def _env(self, num: int) -> VectorEnv:
        if num not in self._envs:
            self._envs[num] = make_env(self.task, self.config.engine, num, seed=VALIDATION_SEED)
        return self._envs[num]

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
        self.validated, self.seconds = state['validated'], state['cpu_s']
        files = sessions.files(self.folder.path)
        for episode in (episode for file in files for episode in sessions.recorded(file)):
            self.student.practise(episode)
        self.folder.rewind(self.student.steps)
        return len(files)

    def _finish(self, actor: torch.nn.Module) -> None:
        """Score what was kept on seeds of test and write evaluation.json."""
        best = load_state(self.folder.path / 'best.pt')
        best.pop('witness')
        actor.load_state_dict(best.pop('actor'))
        scores = score(self._env(self.config.test_episodes), actor, seed=TEST_SEED)
        last = list(self.lately)
        steps = sum(each.steps for each in last)
        told: dict[str, Any] = {
            'engine': self.config.engine,
            'episodes': self.config.test_episodes,
            'seed': TEST_SEED,
            'cpu_seconds_of_training': self.seconds + time.process_time() - self.started,
            'steps': self.student.steps,
            'robot_seconds': self.student.steps * self.task.control_dt,
            'intervention_rate': sum(each.by_people for each in last) / steps if steps else 0.0,
            'chosen_on_validation': best,
            **scores,
        }
        write_json(self.folder.path / 'evaluation.json', told)


def _rank(scores: dict[str, float]) -> tuple[float, float]:
    return scores['success'], -scores['time_s']


def config_told(task: Task, config: HilConfig, rlpd: RlpdConfig) -> dict[str, Any]:
    """What config.json says of a run."""
    return {
        'task': task.id,
        'engine': config.engine,
        'seed': config.seed,
        'learner': config.learner,
        'hil': asdict(config) | {'demos': [str(path) for path in config.demos]},
        config.learner: asdict(rlpd if config.learner == 'rlpd' else BcConfig()),
    }


def person_of(operator: str, task: Task, seed: int) -> ScriptedPerson | None:
    """Who corrects. Raises SpecError for a task that no simulated person can do."""
    return None if operator == 'none' else ScriptedPerson(task, seed)
