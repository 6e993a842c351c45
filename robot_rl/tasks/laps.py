"""Laps: round one course as fast as may be, touching no wall, by a camera instead of the lidar.

The car, the tracks and the walls are those of race; the policy sees the image, the speed and the
yaw rate. It is not asked to know every course: after FastRLAP (Stachowicz et al., arXiv
2304.09831) a car practises on the one that it is to race on, alone (learn/unattended.py), with
eyes that were trained on driving elsewhere (learn/pretrain.py). As there, the action goes from a
walking pace to fast, and who is stuck backs off. What the critic sees beside, where on the track
the car is, no car has to know when it drives.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
import math
from typing import Any

import torch

from robot_rl.mdp import images, observations, rewards
from robot_rl.mdp.circuit import AHEAD
from robot_rl.mdp.courses import Courses
from robot_rl.mdp.memory import History, LowPass, Memory
from robot_rl.mdp.tracks import Tracks, tracks
from robot_rl.spec.camera import Camera
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Reward, Signals, Step, Task, Termination
from robot_rl.tasks import race

ROBOTS = ('racecar',)

CONTROL_DT = 0.1  # [s] as FastRLAP
COURSES, COURSE_SEED = 8, 2023  # to practise on; the tracks of race are for recorded driving
SPEED = (0.5, 4.5)  # [m/s] of the least and the largest action, FastRLAP's
EYE = Camera.pinhole('eye', 64, 32, math.radians(100.0))
"""What the policy sees of whatever image a robot takes."""
LOOKS = 2**12
"""Of recorded courses, beside the tracks: float32 tells all pairs apart."""
SIGNALS = ('base_lin_vel_b', 'base_ang_vel_b', 'rgb', 'rgb_info')
MEMORY = Memory(
    {
        'actions': History('action', 2, 2),
        'slow_action': LowPass('action', 2, 0.3),
        'velocity': LowPass('motion', 2, 0.15),
    },
    CONTROL_DT,
)
HASTE = 0.8  # of the driver who is recorded, part of the reference speed
FAILURE = 10.0  # [m] of way that it costs to touch a wall, or to turn round
ASTRAY = 2.0  # [rad] from the direction of the track


def numbers(signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    """Motion and how it changes, actions sent."""
    now = race.motion(signals)
    changes = 2.0 * (now - MEMORY(memory, 'velocity'))
    sent = MEMORY.all(memory, ('actions', 'slow_action'))
    return observations.concat((now, changes, sent))


def observe(signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    """`numbers`, then the image (height, width, 3) about zero in a row."""
    image = images.seen(signals['rgb'], signals['rgb_info'], EYE) - 0.5
    return observations.concat((numbers(signals, memory), image.flatten(1)))


def remember(memory: torch.Tensor, signals: Signals, action: torch.Tensor) -> torch.Tensor:
    """Filter action and motion."""
    moved = {'action': action.clamp(-1.0, 1.0), 'motion': race.motion(signals)}
    return MEMORY.update(memory, moved)


def privileged(signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    """What the critic sees: where the car is on the track, what comes, and how it really moves."""
    return observations.concat(
        (
            numbers(signals, memory),
            0.2 * signals['base_lin_vel_b'][:, 0:2],
            signals['track_offset'],
            signals['track_heading'],
            signals['track_side'],
            2.0 * signals['track_clearance'].clamp(max=1.0),
            2.0 * signals['track_curvature'],
            0.3 * signals['track_reference'],
        )
    )


def failed(step: Step) -> torch.Tensor:
    """Touches a wall, or faces the way it came from."""
    return race.touched_wall(step) | (step.signals['track_heading'][:, 0].abs() > ASTRAY)


def act(robot: Robot, action: torch.Tensor, *_: object) -> torch.Tensor:
    """Speed and steering angle."""
    steepest = robot.setpoint('drive').high[1]
    half = torch.tensor((0.5 * (SPEED[1] - SPEED[0]), steepest), device=action.device)
    middle = torch.tensor((0.5 * (SPEED[1] + SPEED[0]), 0.0), device=action.device)
    return middle + half * action.clamp(-1.0, 1.0)


def teacher(robot: Robot, observation: torch.Tensor) -> torch.Tensor:
    """Follow the middle between the walls at HASTE of the reference speed.

    `observation` is that of `privileged`: whose driving is recorded knows the track.
    """
    first = 8 + 2 + 2  # numbers of motion and actions, velocity
    curves = 0.5 * observation[:, first + 4 : first + 4 + len(AHEAD)]
    yaw, side = observation[:, first + 1], observation[:, first + 2]
    reference = observation[:, -1] / 0.3
    wheelbase = robot.parameters['wheelbase'].nominal[0]
    curve = curves[:, 0:3].mean(1) - 0.5 * side - 1.6 * yaw
    steering = torch.atan(wheelbase * curve) / robot.setpoint('drive').high[1]
    speed = (HASTE * reference - SPEED[0]) / (0.5 * (SPEED[1] - SPEED[0])) - 1.0
    return torch.stack((speed, steering), 1).clamp(-1.0, 1.0)


def task(robot: Robot) -> Task:
    """Build the task on the courses to practise on."""
    return seen_by(robot, tracks(COURSES, COURSE_SEED))


def by_lidar(robot: Robot) -> Task:
    """The race on the very same courses, from the same starts."""
    return race.on(robot, courses(robot, tracks(COURSES, COURSE_SEED)))


def elsewhere(robot: Robot) -> Task:
    """The same on the tracks of race, each time with another look; with a driver, and a scan."""
    bank = tracks(race.TRACKS, race.TRACK_SEED)
    where = courses(robot, bank, camera=EYE, looks=LOOKS, rolling=True)
    return replace(on(robot, where), teacher=partial(teacher, robot))


def seen_by(robot: Robot, bank: Tracks, drawn_by: str = 'raycast', camera: Camera = EYE) -> Task:
    """The task with images that the renderer `drawn_by` draws for `camera`."""
    where = courses(robot, bank, camera=camera, drawn_by=drawn_by, blind=True)
    again, others = partial(seen_by, robot, bank), partial(elsewhere, robot)
    return replace(on(robot, where), seen_by=again, elsewhere=others)


def courses(
    robot: Robot,
    bank: Tracks,
    *,
    camera: Camera | None = None,
    blind: bool = False,
    **options: Any,
) -> Courses:
    """The tracks of `bank` as this robot meets them; without a `camera` no images are drawn.

    `blind` traces only the two outermost beams.
    """
    if camera is not None:
        own = robot.cameras[0]
        camera = replace(camera, position=own.position, quat=own.quat)
    return Courses(*race.surveyed(robot, bank, blind=blind), camera=camera, **options)


def on(robot: Robot, where: Courses) -> Task:
    """Build the task on other courses."""
    return Task(
        name='laps',
        robot=robot,
        level='drive',
        signal_names=SIGNALS,
        action_size=2,
        memory_size=MEMORY.size,
        observe=observe,
        privileged=privileged,
        act=partial(act, robot),
        remember=remember,
        commands=where,
        initial_state=race.initial_state,
        rewards=(
            Reward('progress', lambda step: step.signals['track_speed'][:, 0], CONTROL_DT),
            Reward('failed', failed, -FAILURE),
            Reward('near_wall', race.near_wall, -0.3),
            Reward('action_rate_l2', rewards.action_rate_l2, -0.02),
        ),
        terminations=(Termination('failed', failed),),
        error=race.shortfall,
        error_unit='of the reference speed',
        success_error=0.5,
        control_dt=CONTROL_DT,
        episode_length_s=20.0,
        perceive=where.perceive,
        eye=EYE,
        world=where.world,
    )
