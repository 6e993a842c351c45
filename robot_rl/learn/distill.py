"""Learn to see: a policy of images imitates a teacher that knows what no robot can measure.

DAgger (Ross et al., arXiv 1011.0686): the student drives, the teacher says of each moment what it
would have done, and the student learns from all moments so far. In the first round the teacher
drives, with noise, so that it is seen to come back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
import math
from pathlib import Path
import time
from typing import Any

import torch
from torch.nn import functional

from robot_rl.envs.engines import make_env
from robot_rl.envs.functions import observation_size
from robot_rl.envs.rollout import Policy, actor_policy
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import SpecError
from robot_rl.files import write_json
from robot_rl.learn.choice import score
from robot_rl.learn.config import TEST_SEED, VALIDATION_SEED, DistillConfig
from robot_rl.learn.image_actor import image_actor
from robot_rl.learn.run_folder import RunFolder, load_state, save_state
from robot_rl.learn.train import load_actor
from robot_rl.learn.witness import witness
from robot_rl.mdp.augmentation import Augmentation
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for
from robot_rl.spec.task import Task

RARE = 10.0
"""Weight of what is foretold where it comes to pass, which is seldom. A likelihood p of an exact
forecast is therefore told as RARE p / (1 + (RARE - 1) p)."""


COUNTS = (
    'rounds', 'num_envs', 'thin', 'capacity', 'batch', 'validation_episodes', 'test_episodes',
    'threads',
)  # fmt: skip
"""Options that must be positive."""


class Moments:
    """What was seen and what the teacher would have done; of too many, some are forgotten."""

    def __init__(self, capacity: int, numbers: int, image: tuple[int, ...], action: int) -> None:
        self.numbers = torch.zeros(capacity, numbers)
        self.images = torch.zeros(capacity, *image, dtype=torch.uint8)
        self.actions = torch.zeros(capacity, action)
        self._seen = 0

    def __len__(self) -> int:
        """How many there are."""
        return min(self._seen, len(self.numbers))

    def add(
        self,
        numbers: torch.Tensor,
        images: torch.Tensor,
        actions: torch.Tensor,
        generator: torch.Generator,
    ) -> None:
        """Keep a row each, or instead of one drawn at random where there is no room."""
        num, capacity = len(numbers), len(self.numbers)
        places = self._seen + torch.arange(num)
        drawn = torch.randint(capacity, (num,), generator=generator)
        places = torch.where(places < capacity, places, drawn)
        self.numbers[places], self.images[places], self.actions[places] = numbers, images, actions
        self._seen += num


def distill(config: DistillConfig, root: Path = Path('runs')) -> Path:
    """Learn and return the run folder; Ctrl-C ends early and leaves a usable run.

    Raises:
        UnknownNameError: No such task or engine.
        RunFolderError: The folder is occupied.
        SpecError: A task without a teacher or without an image, or none of what there must be.
    """
    _check(config)
    torch.set_num_threads(config.threads)
    task = registry.task(config.task)
    if task.eye is None or task.teacher is None:
        raise SpecError(
            f'The task {task.id!r} cannot be distilled: expected one with an eye and a teacher, '
            f'got {"no eye" if task.eye is None else "no teacher"}. Choose another task.'
        )
    task = task.drawn_by(config.renderer)
    config = replace(config, engine=engine_for(task.robot, config.engine))
    path = root / (config.name or f'{task.id}-distill-{time.strftime("%Y%m%d-%H%M%S")}')
    _Run(task, config, path).run()
    return path


def _check(config: DistillConfig) -> None:
    for name in COUNTS:
        if (count := getattr(config, name)) < 1:
            option = name.replace('_', '-')
            raise SpecError(f'--{option} must be at least 1, got {count}. Choose another.')


def teacher_policy(teacher: Callable[[torch.Tensor], torch.Tensor]) -> Policy:
    """A policy that does what the teacher of a task says."""
    return lambda _, observation: (teacher(observation['critic']), None)


def _started(task: Task, config: DistillConfig, run: Path) -> dict[str, Any]:
    """Weights of the policy of `run`. Raises RunFolderError, SpecError for one of another kind."""
    other, actor, made = load_actor(run)
    wanted, got = _kind(task, asdict(config)), _kind(other, made.get('distill', {}))
    if got != wanted:
        raise SpecError(f'--start {run} must be a run of {wanted}, got {got}. Choose another.')
    return actor.state_dict()


def _kind(task: Task, config: dict[str, Any]) -> str:
    """What weights are for: the task, the layers, and what is done to an image before them."""
    kind = f'{task.id!r} with hidden {list(config.get("hidden", ()))}'
    return kind + ''.join(f', {option}' for option in ('blind', 'exposure') if config.get(option))


class _Run:
    """One run."""

    def __init__(self, task: Task, config: DistillConfig, path: Path) -> None:
        assert task.eye
        assert task.teacher
        self.task, self.config, self.teacher = task, config, task.teacher
        torch.manual_seed(config.seed)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.actor = image_actor(task, asdict(config))
        if config.start:
            self.actor.load_state_dict(_started(task, config, config.start))
        self.folder = RunFolder(path)
        self.adam = torch.optim.AdamW(self.actor.parameters(), config.learning_rate)
        shape = (task.eye.height, task.eye.width, 3)
        size = observation_size(task)
        self.numbers = size - shape[0] * shape[1] * shape[2]
        self.moments = Moments(config.capacity, self.numbers, shape, task.action_size)
        self.augment = Augmentation()
        self.env = make_env(task, config.engine, config.num_envs, seed=config.seed)
        self.started = time.process_time()
        self.validated: list[dict[str, float]] = []
        self.folder.write_config(
            {
                'task': task.id,
                'engine': config.engine,
                'seed': config.seed,
                'learner': 'distill',
                'distill': {**asdict(config), 'start': str(config.start or '')},
            }
        )

    def run(self) -> None:
        """All rounds, then the score of the best."""
        try:
            for index in range(self.config.rounds):
                self._gather(index)
                loss = self._fit(index)
                self._validate(index, loss)
        except KeyboardInterrupt:
            pass
        finally:
            self.folder.close()
        if self.validated:
            self._finish()

    @torch.inference_mode()
    def _gather(self, index: int) -> None:
        """An episode's length in every environment, from each one moment of `thin`, in turn."""
        env, config = self.env, self.config
        observation = env.reset()
        wander = torch.zeros(env.num_envs, self.task.action_size)
        alone = bool(index or config.start)
        led = torch.arange(env.num_envs) < (env.num_envs // 8 if alone else env.num_envs)
        for step in range(self.task.max_episode_steps):
            wanted = self.teacher(observation['critic'])
            seen = observation['actor']
            kept = slice(step % config.thin, None, config.thin)
            numbers, images = seen[kept, : self.numbers], env.measured['rgb'][kept]
            self.moments.add(numbers, images, wanted[kept], self.generator)
            push = torch.randn(wander.shape, generator=self.generator)
            wander = 0.9 * wander + config.noise * push
            wander[:, self.task.action_size - self.task.foretold :] = 0.0
            action = torch.where(led[:, None], wanted + wander, self.actor(seen))
            observation = env.step(action).observation

    def _fit(self, index: int) -> float:
        """Some passes over what there is; mean loss of the last tenth."""
        config, moments, losses = self.config, self.moments, list[float]()
        last = index + 1 == config.rounds
        passes = config.last_passes if last else config.passes
        steps = max(1, int(passes * len(moments) / config.batch))
        self.actor.train()
        for step in range(steps):
            rate = config.learning_rate
            if last:
                rate *= 1.0 - step / steps
            for group in self.adam.param_groups:
                group['lr'] = rate
            rows = torch.randint(len(moments), (config.batch,), generator=self.generator)
            images = self.augment(moments.images[rows].float() / 255.0, self.generator)
            made = self.actor.of(self._rest(rows), images - 0.5)
            loss = self._loss(made, moments.actions[rows])
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()
            losses.append(loss.item())
        self.actor.eval()
        tail = losses[-max(1, len(losses) // 10) :]
        return sum(tail) / len(tail)

    def _loss(self, made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """How far it is from what the teacher does, and by a part from what the teacher knows."""
        acts = made.shape[1] - self.task.foretold
        loss = functional.smooth_l1_loss(made[:, :acts], wanted[:, :acts], beta=0.1)
        if self.task.foretold:
            likely, known = (0.5 * (rows[:, acts:] + 1.0) for rows in (made, wanted))
            weight = 1.0 + (RARE - 1.0) * known
            missed = functional.binary_cross_entropy(likely.clamp(1e-4, 1 - 1e-4), known, weight)
            loss = loss + self.config.foretell * missed
        return loss

    def _rest(self, rows: torch.Tensor) -> torch.Tensor:
        """Numbers and frames of before, the latter brighter or darker as if by another camera."""
        rest, first = self.moments.numbers[rows], self.actor.numbers
        gain = (0.3 * torch.randn(len(rows), 1, generator=self.generator)).exp()
        return torch.cat((rest[:, :first], (rest[:, first:] + 0.5) * gain - 0.5), 1)

    def _validate(self, index: int, loss: float) -> None:
        """Score what there is; keep the last as good as any, but for one standard error."""
        env = self._env(self.config.validation_episodes, VALIDATION_SEED)
        scores = score(env, actor_policy(self.actor), seed=VALIDATION_SEED)
        row = {
            'iteration': index + 1,
            'cpu_s': time.process_time() - self.started,
            'moments': len(self.moments),
            'loss': loss,
            **scores,
        }
        self.validated.append(row)
        self.folder.log({key: float(value) for key, value in row.items()})
        write_json(self.folder.path / 'validation.json', self.validated)
        top = max(each['success'] for each in self.validated)
        noise = math.sqrt(top * (1.0 - top) / env.num_envs)
        if row['success'] >= top - noise:  # of equals the one that has learned from more
            state = {'actor': self.actor.state_dict(), 'iteration': index + 1, **scores}
            state['witness'] = witness(self.task, self.actor, env.measured, env.memory)
            save_state(self.folder.path / 'best.pt', state)

    def _env(self, num: int, seed: int) -> VectorEnv:
        return make_env(self.task, self.config.engine, num, seed=seed)

    def _finish(self) -> None:
        """Score the best on seeds of test and write evaluation.json."""
        best = load_state(self.folder.path / 'best.pt')
        best.pop('witness')
        self.actor.load_state_dict(best.pop('actor'))
        told: dict[str, Any] = {
            'engine': self.config.engine,
            'episodes': self.config.test_episodes,
            'seed': TEST_SEED,
            'cpu_seconds_of_training': time.process_time() - self.started,
            'chosen_on_validation': best,
        }
        env = self._env(self.config.test_episodes, TEST_SEED)
        told |= score(env, actor_policy(self.actor.eval()), seed=TEST_SEED)
        told['teacher'] = score(env, teacher_policy(self.teacher), seed=TEST_SEED)
        write_json(self.folder.path / 'evaluation.json', told)
