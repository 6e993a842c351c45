"""Train eyes on recorded driving: what a lidar measures and what the driver does, of an image.

A driver who knows the way drives elsewhere, in places of many looks. Eyes learn to tell from the
image the ranges of the car's own lidar in the field of view, and what the driver wants to do: both
are known of every car that is driven about while it records. FastRLAP (Stachowicz et al., arXiv
2304.09831) trains its eyes offline too, there by values (IQL); like there they are not changed
afterwards.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from robot_rl.envs.engines import make_env
from robot_rl.errors import SpecError
from robot_rl.files import write_json
from robot_rl.learn import eyes as files
from robot_rl.learn.config import PretrainConfig
from robot_rl.learn.eyes import FEATURES, Eyes, Trained, numbers_of
from robot_rl.learn.replay import Batch
from robot_rl.learn.rlpd import RlpdConfig
from robot_rl.learn.run_folder import RunFolder
from robot_rl.mdp.augmentation import Augmentation
from robot_rl.spec import registry
from robot_rl.spec.camera import Camera
from robot_rl.spec.engines import engine_for
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.task import Task

BEAMS = 31  # that are foretold, over the field of view
FILE = 'eyes.pt'
HELD_OUT = 8  # one environment in so many is not learned from
LEAST_RANGE = 0.3  # [m] added, so that near walls do not count for everything


@dataclass(frozen=True)
class Driven:
    """Driving as it was recorded: t periods of n cars."""

    numbers: torch.Tensor
    """(t, n, k) of the observation before the image."""
    images: torch.Tensor
    """(t, n, height, width, 3) uint8."""
    critic: torch.Tensor
    """(t, n, m) what the critic sees."""
    wanted: torch.Tensor
    """(t, n, a) what the driver had in mind."""
    action: torch.Tensor
    """(t, n, a) what was done."""
    ranges: torch.Tensor
    """(t, n, BEAMS) [m]"""
    reward: torch.Tensor
    """(t, n)"""
    failed: torch.Tensor
    """(t, n) bool: the next row is of another episode."""


def pretrain(config: PretrainConfig, root: Path = Path('runs')) -> Path:
    """Record, train and return the run folder, in which FILE is.

    Raises:
        UnknownNameError: No such task or engine.
        RunFolderError: The folder is occupied.
        SpecError: A task that says of no other places to record in.
    """
    torch.set_num_threads(config.threads)
    task = registry.task(config.task)
    if task.eye is None or task.elsewhere is None or task.robot.lidar is None:
        raise SpecError(
            f'The task {task.id!r} has no eyes to train: expected one with a camera, a lidar and '
            'places elsewhere to record in. Choose another task, such as laps-racecar.'
        )
    config = replace(config, engine=engine_for(task.robot, config.engine))
    folder = RunFolder(root / (config.name or f'eyes-{time.strftime("%Y%m%d-%H%M%S")}'))
    folder.write_config({'task': task.id, 'learner': 'pretrain', 'pretrain': asdict(config)})
    started = time.process_time()
    driven = record(task, config)
    recorded = time.process_time() - started
    eyes, told = train(task, driven, config)
    images = driven.images.flatten(0, 1) if config.images else None
    trained = Trained(eyes, transitions(eyes, driven), images, config.num_envs)
    files.save(folder.path / FILE, task, trained)
    told |= {
        'moments': driven.reward.numel(),
        'failures': int(driven.failed.sum()),
        'cpu_seconds_of_recording': recorded,
        'cpu_seconds': time.process_time() - started,
    }
    write_json(folder.path / 'evaluation.json', told)
    return folder.path


@torch.inference_mode()
def record(task: Task, config: PretrainConfig) -> Driven:
    """Let the driver drive, each car off by an amount of its own and by noise."""
    assert task.elsewhere
    assert task.robot.lidar
    assert task.eye
    place = task.elsewhere()
    teacher, perceive = place.teacher, place.perceive
    assert teacher
    assert perceive
    place = replace(place, episode_length_s=2.0 * config.seconds)
    periods = round(config.seconds / task.control_dt)
    env = make_env(place, config.engine, config.num_envs, seed=config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    numbers, beams = numbers_of(task), _beams(task.robot.lidar, task.eye)
    observation = env.reset()
    ranges = perceive(env.engine.signals(), env.drawn)['scan'][:, beams]
    own = config.bias * torch.randn(env.num_envs, task.action_size, generator=generator)
    wander, rows = torch.zeros_like(own), list[tuple[torch.Tensor, ...]]()
    for _ in range(periods):
        wanted = teacher(observation['critic'])
        wander = 0.9 * wander + config.noise * torch.randn(wander.shape, generator=generator)
        action = (wanted + own + wander).clamp(-1.0, 1.0)
        before = (
            observation['actor'][:, :numbers].clone(),
            env.measured['rgb'].clone(),
            observation['critic'].clone(),
            wanted.clone(),
            action.clone(),
            ranges,
        )
        moved = env.step(action)
        rows.append((*before, moved.reward.clone(), moved.terminated.clone()))
        ranges = moved.step.signals['scan'][:, beams]
        observation = moved.observation
    return Driven(*(torch.stack(column) for column in zip(*rows, strict=True)))


def _beams(lidar: Lidar, eye: Camera) -> torch.Tensor:
    """Indices of BEAMS beams, evenly over the field of view of `eye`."""
    half = np.arctan(0.5 * eye.width / eye.fx)
    wanted = np.linspace(-half, half, BEAMS)
    return torch.from_numpy(np.round((wanted - lidar.angle_min) / lidar.angle_increment)).long()


def train(task: Task, driven: Driven, config: PretrainConfig) -> tuple[Eyes, dict[str, float]]:
    """Eyes, and how well they tell what they were not trained on."""
    assert task.eye
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    eyes = Eyes((task.eye.height, task.eye.width))
    head = nn.Linear(FEATURES, BEAMS + task.action_size)
    adam = torch.optim.AdamW([*eyes.parameters(), *head.parameters()], config.learning_rate)
    # Where an episode has just ended the ranges are of the place before.
    fresh = torch.cat((torch.ones_like(driven.failed[:1]), ~driven.failed[:-1]))
    held = torch.arange(driven.failed.shape[1]) % HELD_OUT == 0
    learned, unseen = ((fresh & which).flatten().nonzero().squeeze(1) for which in (~held, held))
    images = driven.images.flatten(0, 1)
    goals = torch.cat(((driven.ranges + LEAST_RANGE).log(), driven.wanted), 2).flatten(0, 1)
    mean, std = goals[learned].mean(0), goals[learned].std(0).clamp(min=0.05)
    augment = Augmentation(shift=1)
    steps = max(1, int(config.passes * len(learned) / config.batch))
    for step in range(steps):
        for group in adam.param_groups:
            group['lr'] = config.learning_rate * min(1.0, 2.0 * (1.0 - step / steps))
        rows = learned[torch.randint(len(learned), (config.batch,), generator=generator)]
        changed = augment(images[rows].float() / 255.0, generator)
        error = head(eyes(changed - 0.5)) - (goals[rows] - mean) / std
        loss = functional.smooth_l1_loss(error, torch.zeros_like(error), beta=0.3)
        adam.zero_grad()
        loss.backward()
        adam.step()
    eyes.eval().requires_grad_(False)
    with torch.no_grad():
        foretold = head(_seen(eyes, images[unseen])) * std + mean
    off = (foretold - goals[unseen]).abs()
    plain = (goals[unseen] - mean).abs()
    return eyes, {
        'range_error': off[:, :BEAMS].mean().item(),
        'range_error_of_the_mean': plain[:, :BEAMS].mean().item(),
        'action_error': off[:, BEAMS:].mean().item(),
        'action_error_of_the_mean': plain[:, BEAMS:].mean().item(),
    }


def _seen(eyes: Eyes, images: torch.Tensor) -> torch.Tensor:
    """Features (n, FEATURES) of images (n, height, width, 3) of uint8."""
    return torch.cat([eyes(part.float() / 255.0 - 0.5) for part in images.split(1024)])


@torch.no_grad()
def transitions(eyes: Eyes, driven: Driven) -> Batch:
    """What was recorded, as transitions of one step: see `Trained.driven`."""
    shape = driven.reward.shape
    features = _seen(eyes, driven.images.flatten(0, 1)).unflatten(0, shape)
    seen = torch.cat((driven.numbers, features, driven.critic), 2)
    now, following = seen[:-1].flatten(0, 1), seen[1:].flatten(0, 1)
    failed = driven.failed[:-1].flatten()
    none = torch.zeros(len(now), dtype=torch.long)
    return Batch(
        observation=now,
        action=driven.action[:-1].flatten(0, 1),
        reward=driven.reward[:-1].flatten(),
        next_observation=following,
        discount=RlpdConfig().discount * (~failed).float(),
        person=torch.ones(len(now), dtype=torch.bool),
        gripper=none,
        episode=none,
    )
