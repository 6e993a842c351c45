"""Train a task: run folder, progress, checkpoints, and the choice of the best one."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, fields, replace
import filecmp
from functools import partial
from pathlib import Path
import time
from typing import Any

import torch

from robot_rl.assets import ranges_path
from robot_rl.curricula import curriculum
from robot_rl.envs.engines import make_env
from robot_rl.envs.functions import observation_size
from robot_rl.envs.rollout import Episodes, actor_policy, run_episodes
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import RunFolderError, SpecError, UnknownNameError
from robot_rl.files import write_json
from robot_rl.learn.config import TEST_SEED, VALIDATION_SEED, TrainConfig
from robot_rl.learn.eyes import sighted_actor
from robot_rl.learn.image_actor import image_actor
from robot_rl.learn.networks import Actor
from robot_rl.learn.ppo import Ppo, PpoConfig, untrained_actor
from robot_rl.learn.run_folder import RunFolder, load_state, ranges_of, read_config, save_state
from robot_rl.learn.witness import change, witness
from robot_rl.mdp.pinned import practised
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for
from robot_rl.spec.task import Task


def train(config: TrainConfig, root: Path = Path('runs')) -> Path:
    """Train and return the run folder; Ctrl-C ends early and leaves a usable run.

    Raises:
        UnknownNameError: No such task, engine, ranges or curriculum.
        SpecError: The randomization file is malformed, or leaves a curriculum nothing to choose.
        RunFolderError: The folder is occupied, or there is nothing to resume, or what is there
            was begun otherwise.
    """
    torch.set_num_threads(config.threads)
    task = registry.task(config.task)
    if not 0 <= config.seed < VALIDATION_SEED:
        raise RunFolderError(
            f'Training seeds must lie in [0, {VALIDATION_SEED}), got {config.seed}: larger ones '
            'are kept for validation and test.'
        )
    ppo_config_of(task, config)  # what cannot be is said before anything is looked for
    config = replace(
        config,
        engine=engine_for(task.robot, config.engine),
        randomization=str(ranges_path(config.randomization)) if config.randomization else '',
        curriculum=config.curriculum or task.curriculum,
    )
    name = config.name or f'{task.id}-{time.strftime("%Y%m%d-%H%M%S")}'
    if config.resume:
        config = _as_begun(config, root / name)
    return _Training(task, config, ppo_config_of(task, config), root / name).run()


def _as_begun(config: TrainConfig, run: Path) -> TrainConfig:
    """`config` with the ranges and the recurrent units that `run` was begun with.

    Raises RunFolderError if there is nothing to resume, or `config` asks for something else.
    """
    RunFolder(run, resume=True)
    told = read_config(run)
    begun = told['train']
    for name in ('task', 'engine', 'seed'):
        if (asked := getattr(config, name)) != begun[name]:
            option = '' if name == 'task' else f'--{name} '
            raise RunFolderError(
                f'{run} was begun with the {name} {begun[name]!r}, not {asked!r}: resume it with '
                f'{option}{begun[name]}, or choose another --name.'
            )
    asked, kept = config.randomization, ranges_of(run) or begun['randomization']
    both = Path(asked).is_file() and Path(kept).is_file()
    if asked not in ('', kept) and not (both and filecmp.cmp(asked, kept, shallow=False)):
        raise RunFolderError(
            f'{run} was begun with other ranges than those in {asked}: resume it without '
            '--randomization, or choose another --name.'
        )
    units = told['ppo'].get('recurrent', 0)
    if config.recurrent not in (None, units):
        raise RunFolderError(
            f'{run} was begun with {units} recurrent units, not {config.recurrent}: resume it '
            'without --recurrent, or choose another --name.'
        )
    return replace(config, randomization=kept, recurrent=units)


def ppo_config_of(task: Task, config: TrainConfig) -> PpoConfig:
    """Hyperparameters: the task's own, overridden by what was asked for.

    Raises UnknownNameError if the task names one that PPO does not have, and SpecError for a
    number of recurrent units below 0.
    """
    known = {field.name for field in fields(PpoConfig)}
    unknown = set(task.training) - known
    if unknown:
        kind = f'hyperparameter of PPO in the training of {task.id}'
        raise UnknownNameError(kind, sorted(unknown)[0], known)
    asked = {n: v for n in ('iterations', 'num_envs') if (v := getattr(config, n))}
    if config.recurrent is not None:
        asked['recurrent'] = config.recurrent
    ppo = replace(PpoConfig(), **{**task.training, **asked})
    if ppo.recurrent < 0:
        raise SpecError(
            f'There cannot be {ppo.recurrent} recurrent units. Choose 0 for none, or 64, say.'
        )
    return ppo


class _Training:
    """One run of training."""

    def __init__(self, task: Task, config: TrainConfig, ppo: PpoConfig, path: Path) -> None:
        self.task, self.config, self.ppo = task, config, ppo
        shorter = (
            replace(task, episode_length_s=ppo.episode_length_s) if ppo.episode_length_s else task
        )
        self.env = make_env(
            shorter,
            config.engine,
            ppo.num_envs,
            seed=config.seed,
            device=config.device,
            randomization=config.randomization,
            interval_scale=ppo.interval_scale,
            interval_spread=ppo.interval_spread,
            curriculum=partial(curriculum.make, config.curriculum),
        )
        # What is asked for is there: now something may be written.
        self.folder = RunFolder(path, resume=config.resume)
        self.validation: VectorEnv | None = None
        self.learner = Ppo(self.env, ppo, config.seed)
        self.best = (-1.0, -float('inf'))
        self.validated: list[dict[str, float]] = []
        self.seconds = 0.0  # CPU time spent, over all resumptions
        self.interrupted = False

    def run(self) -> Path:
        if self.config.resume:
            self._resume()
        else:
            self.folder.write_config(
                {
                    'task': self.task.id,
                    'engine': self.config.engine,
                    'seed': self.config.seed,
                    'train': asdict(self.config),
                    'ppo': asdict(self.ppo),
                }
            )
            if self.config.randomization:
                self.folder.keep_randomization(Path(self.config.randomization))
        try:
            self._loop()
        except KeyboardInterrupt:
            self.interrupted = True
            self._checkpoint()
        finally:
            self.folder.close()
        self._finish()
        return self.folder.path

    def _loop(self) -> None:
        total = self.ppo.iterations
        every = max(1, total // self.config.checkpoints)
        progress = _Progress(total, self.ppo.num_envs * self.ppo.num_steps, self.config.quiet)
        started = time.process_time() - self.seconds
        validated: dict[str, float] = {}
        with progress:
            while self.learner.iteration < total:
                row = self.learner.iterate()
                self.seconds = time.process_time() - started
                done = self.learner.iteration
                if done % every == 0 or done == total:
                    validated = self._checkpoint()
                    if done < total:
                        self.learner.restart()
                    self.seconds = time.process_time() - started
                row = {'iteration': done, 'cpu_s': self.seconds, **row}
                if self.env.curriculum:
                    row |= self.env.curriculum.report()
                self.folder.log(row)
                progress.show(done, row['reward'], validated)

    def _checkpoint(self) -> dict[str, float]:
        """Save; in the last third also validate and keep the best."""
        learner = self.learner
        state = {**learner.state_dict(), 'cpu_s': self.seconds, 'best': list(self.best)}
        state['validated'] = self.validated
        witnessed = witness(self.task, learner.actor, self.env.measured, self.env.memory)
        state['witness'] = witnessed
        lessons = self.env.curriculum
        state['curriculum'] = {self.config.curriculum: lessons.state_dict() if lessons else {}}
        scores: dict[str, float] = {}
        if 3 * learner.iteration >= 2 * self.ppo.iterations or self.interrupted:
            episodes = self._episodes(self.config.validation_episodes, VALIDATION_SEED)
            scores = summary(episodes)
            row = {'iteration': learner.iteration, 'cpu_s': self.seconds, **scores}
            self.validated.append(row)
            write_json(self.folder.path / 'validation.json', self.validated)
            rank = (scores['success'], -scores['median_error'])
            if rank > self.best:
                self.best = rank
                state['best'] = list(rank)
                save_state(
                    self.folder.path / 'best.pt',
                    {
                        'actor': learner.actor.state_dict(),
                        'iteration': learner.iteration,
                        'witness': witnessed,
                        **scores,
                    },
                )
        self.folder.save_checkpoint(learner.iteration, state)
        return scores

    def _episodes(self, num: int, seed: int) -> Episodes:
        if self.validation is None or self.validation.num_envs != num:
            self.validation = make_env(
                self.task,
                self.config.engine,
                num,
                seed=seed,
                device=self.config.device,
                randomization=self.config.randomization,
            )
        return run_episodes(self.validation, actor_policy(self.learner.actor), seed=seed)

    def _resume(self) -> None:
        path = self.folder.checkpoints()[-1]
        state = load_state(path)
        try:
            self.learner.load_state_dict(state)
        except (KeyError, RuntimeError) as error:
            raise _misfit(path, self.task, error) from error
        _refuse_changed(path, self.task, self.learner.actor, state)
        self._resume_curriculum(state.get('curriculum', {'none': {}}))
        self.seconds, self.best = state['cpu_s'], tuple(state['best'])
        self.validated = state['validated']
        self.folder.rewind(self.learner.iteration)
        self.learner.restart()

    def _resume_curriculum(self, states: dict[str, dict[str, Any]]) -> None:
        """Hand over what the curriculum had learned. Raises RunFolderError if it was another."""
        asked = self.config.curriculum
        if asked not in states:
            name = next(iter(states))
            raise RunFolderError(
                f'{self.folder.path} was trained with the curriculum {name!r}, not with '
                f'{asked!r}: resume it with --curriculum {name}.'
            )
        if self.env.curriculum:
            self.env.curriculum.load_state_dict(states[asked])

    def _finish(self) -> None:
        """Confirm the best checkpoint on test seeds and write evaluation.json."""
        best = load_state(self.folder.path / 'best.pt')
        best.pop('witness', None)
        self.learner.actor.load_state_dict(best.pop('actor'))
        episodes = self._episodes(self.config.test_episodes, TEST_SEED)
        write_json(
            self.folder.path / 'evaluation.json',
            {
                'engine': self.config.engine,
                'episodes': self.config.test_episodes,
                'seed': TEST_SEED,
                'cpu_seconds_of_training': self.seconds,
                'steps': self.learner.iteration * self.ppo.num_envs * self.ppo.num_steps,
                'interrupted': self.interrupted,
                'chosen_on_validation': best,
                **summary(episodes),
            },
        )


def summary(episodes: Episodes) -> dict[str, float]:
    """Success and crash rates, and the median error of the episodes that did not crash."""
    return {
        'success': episodes.success.float().mean().item(),
        'crashed': episodes.crashed.float().mean().item(),
        'median_error': episodes.median_error,
        'reward': episodes.reward.mean().item(),
    }


def load_actor(run: Path) -> tuple[Task, torch.nn.Module, dict[str, Any]]:
    """Task, best actor and configuration of a run folder. Raises RunFolderError."""
    config = read_config(run)
    task = practised(registry.task(config['task']), config)
    path = run / 'best.pt'
    state = load_state(path)
    try:
        actor = _actor_of(task, config)
        actor.load_state_dict(state['actor'])
    except (KeyError, RuntimeError) as error:
        raise _misfit(path, task, error) from error
    _refuse_changed(path, task, actor.eval(), state)
    return task, actor, config


def _actor_of(task: Task, config: dict[str, Any]) -> torch.nn.Module:
    """The actor that a run with `config` made, without its weights."""
    if 'ppo' in config:
        return untrained_actor(task, replace(PpoConfig(), **_tupled(config['ppo'])))
    if config['learner'] == 'distill':
        return image_actor(task, config['distill'])
    if config['learner'] == 'practise':
        return sighted_actor(task, tuple(config['rlpd']['hidden']))
    hidden = tuple(config[config['learner']]['hidden'])
    return Actor(observation_size(task), task.action_size, hidden, torch.Generator())


def _misfit(path: Path, task: Task, error: Exception) -> RunFolderError:
    """What weights that the networks of `task` have no place for say."""
    reason = str(error).rstrip('.')
    return RunFolderError(
        f'{path} does not fit the task {task.id!r} as it is now: {reason}. Train again, or check '
        'out the revision in its config.json.'
    )


def _refuse_changed(path: Path, task: Task, actor: torch.nn.Module, state: dict[str, Any]) -> None:
    """Raise RunFolderError where `task` computes something else than when `path` was written."""
    told = state.get('witness')  # runs of earlier versions have none
    if told and (what := change(task, deepcopy(actor).cpu(), told)):
        raise RunFolderError(
            f'The task {task.id!r} is not what it was when {path} was trained: {what}. Give a '
            'changed task a new name and train it, or check out the revision in its config.json.'
        )


def _tupled(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


class _Progress:
    """Progress bar with steps/s, reward, success and time left."""

    def __init__(self, total: int, steps: int, quiet: bool) -> None:
        from tqdm import tqdm

        self._steps = steps
        self._bar = tqdm(
            total=total * steps,
            unit='step',
            unit_scale=True,
            disable=quiet or None,
            desc='training',
        )

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, iteration: int, reward: float, scores: dict[str, float]) -> None:
        """Advance to `iteration`."""
        notes = {'reward': f'{reward:.2f}'}
        if scores:
            notes |= {
                'success': f'{scores["success"]:.1%}',
                'error': f'{scores["median_error"]:.3f}',
            }
        self._bar.set_postfix(notes, refresh=False)
        self._bar.update(iteration * self._steps - self._bar.n)
