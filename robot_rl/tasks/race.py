"""Race: round closed tracks as fast as may be, touching no wall, from a lidar scan and the speed.

The policy knows neither the track nor where on it the car is. Every STRIDE-th of the lidar's beams
goes into its observation; the simulation traces just those (kernels/corridor.py). FastRLAP's
recovery (Stachowicz et al. 2023) is the robot's: its declaration says when it is stuck and how it
backs off, here (envs/unstick.py) as in the deployed controller; its checkpoints are in
mdp/circuit.py. Some episodes start at rest and askew, so that the policy also learns to reverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from robot_rl.errors import SpecError
from robot_rl.mdp import actions, observations, rewards
from robot_rl.mdp.circuit import Circuit
from robot_rl.mdp.memory import History, LowPass, Memory
from robot_rl.mdp.racing import Grip
from robot_rl.mdp.tracks import Tracks, tracks
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Reward, Signals, Step, Task, Termination

ROBOTS = ('racecar',)

CONTROL_DT = 0.02  # [s]
STRIDE = 13  # of the beams, one in so many is seen: 84 of 1080, 3.3 degrees apart
TRACKS, TRACK_SEED = 128, 0
REFERENCE_FRICTION = 0.25  # part of the nominal; the most slippery floor has 0.48 of it
REAR, FRONT, HALF_WIDTH = -0.125, 0.455, 0.155  # [m] outline of the URDF, from the rear axle
NEAR = 0.15  # [m] a wall nearer than this is too near
TRAINING = {
    'iterations': 1000,
    'learning_rate': 1e-3,
    'final_learning_rate': 1e-4,
    'num_envs': 256,
    'num_steps': 32,
    'gamma': 0.99,
    'entropy': 0.002,  # reversing off a wall is found late
    'hidden': (128, 128),
    'episode_length_s': 10.0,
}
SIGNALS = ('scan', 'base_lin_vel_b', 'base_ang_vel_b')
MEMORY = Memory(
    {
        'actions': History('action', 2, 2),
        'slow_action': LowPass('action', 2, 0.15),
        'velocity': LowPass('motion', 2, 0.1),
    },
    CONTROL_DT,
)


def motion(signals: Signals) -> torch.Tensor:
    """Forward speed [5 m/s] and yaw rate [5 rad/s]."""
    speed, rate = signals['base_lin_vel_b'][:, 0:1], signals['base_ang_vel_b'][:, 2:3]
    return observations.concat((0.2 * speed, 0.2 * rate))


def observe(signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    """Beams on a scale that tells near ones better, motion and how it changes, actions sent."""
    beams = signals['scan'][:, ::STRIDE].clamp(min=0.0)  # noise may take a near one below zero
    now = motion(signals)
    return observations.concat(
        (
            1.5 - (0.3 + beams).log(),
            now,
            2.0 * (now - MEMORY(memory, 'velocity')),
            MEMORY.all(memory, ('actions', 'slow_action')),
        )
    )


def remember(memory: torch.Tensor, signals: Signals, action: torch.Tensor) -> torch.Tensor:
    """Filter action and motion."""
    return MEMORY.update(memory, {'action': action.clamp(-1.0, 1.0), 'motion': motion(signals)})


def privileged(signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    """What the critic sees: where the car is on the track, what comes, and how it really moves."""
    return observations.concat(
        (
            observe(signals, memory),
            0.2 * signals['base_lin_vel_b'][:, 0:2],
            signals['track_offset'],
            signals['track_heading'],
            signals['track_side'],
            2.0 * signals['track_clearance'].clamp(max=1.0),
            2.0 * signals['track_curvature'],
            0.3 * signals['track_reference'],
        )
    )


def initial_state(
    commands: Mapping[str, torch.Tensor],
    num: int,
    generator: torch.Generator,  # noqa: ARG001
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """Where the track says, moving straight ahead."""
    x, y, yaw, speed = commands['track_start'].unbind(1)
    zero = torch.zeros(num, device=device)
    half = 0.5 * yaw
    return {
        'base_pos_w': torch.stack((x, y, zero), 1),
        'base_quat_w': torch.stack((half.cos(), zero, zero, half.sin()), 1),
        'base_lin_vel_b': torch.stack((speed, zero, zero), 1),
        'base_ang_vel_b': torch.zeros(num, 3, device=device),
    }


def progress(step: Step) -> torch.Tensor:
    """Speed along the track [m/s], as far as it does not exceed the reference.

    With neither that ceiling nor a price on what is beyond it a policy drives as the usual floor
    allows and slides into walls on a slippery one: friction cannot be seen ahead of a bend.
    """
    signals = step.signals
    return torch.minimum(signals['track_speed'], signals['track_reference'])[:, 0]


def excess(step: Step) -> torch.Tensor:
    """Speed along the track beyond the reference [m/s]."""
    signals = step.signals
    return (signals['track_speed'] - signals['track_reference']).clamp(min=0.0)[:, 0]


def touched_wall(step: Step) -> torch.Tensor:
    """The car's outline crosses a wall."""
    return step.signals['track_clearance'][:, 0] <= 0.0


def near_wall(step: Step) -> torch.Tensor:
    """How much nearer than NEAR a wall is, as a part of NEAR."""
    return (1.0 - step.signals['track_clearance'][:, 0] / NEAR).clamp(0.0, 1.0)


def shortfall(step: Step) -> torch.Tensor:
    """By which part the car is slower along the track than the reference; negative if faster."""
    return 1.0 - step.signals['track_speed'][:, 0] / step.signals['track_reference'][:, 0]


def grip(robot: Robot, friction: float) -> Grip:
    """The car's limits at `friction`, for speed profiles."""
    parameters = robot.parameters
    return Grip(
        friction,
        robot.setpoint('drive').high[0],
        parameters['acceleration_limit'].nominal[0],
        parameters['braking_limit'].nominal[0],
    )


def outline() -> tuple[tuple[float, float], ...]:
    """Points on the edge of the car, at most 0.18 m apart, in its body frame [m]."""
    along = [REAR + share * (FRONT - REAR) / 3.0 for share in range(4)]
    sides = [(x, side * HALF_WIDTH) for x in along for side in (-1.0, 1.0)]
    return (*sides, (REAR, 0.0), (FRONT, 0.0))


def circuit(robot: Robot, bank: Tracks, *, in_turn: bool = False, blind: bool = False) -> Circuit:
    """The tracks of `bank` as this robot meets them; `blind` traces only the two outermost beams.

    Raises SpecError for a robot without lidar.
    """
    return Circuit(*surveyed(robot, bank, blind=blind), in_turn=in_turn)


def surveyed(robot: Robot, bank: Tracks, *, blind: bool = False) -> tuple[Any, ...]:
    """What a Circuit needs of both. Raises SpecError, see `circuit`."""
    if robot.lidar is None:
        raise SpecError(
            f'Robot {robot.name!r} has no lidar to race with. Choose one that has, such as '
            'racecar.'
        )
    friction = REFERENCE_FRICTION * robot.parameters['friction'].nominal[0]
    stride = robot.lidar.beams - 1 if blind else STRIDE
    return bank, robot.lidar, stride, outline(), grip(robot, friction)


def task(robot: Robot) -> Task:
    """Build the race task on the tracks for training."""
    return on(robot, circuit(robot, tracks(TRACKS, TRACK_SEED)))


def on(robot: Robot, where: Circuit) -> Task:
    """Build the race task on other tracks."""
    setpoint = robot.setpoint('drive')
    return Task(
        name='race',
        robot=robot,
        level='drive',
        signal_names=SIGNALS,
        action_size=setpoint.size,
        memory_size=MEMORY.size,
        observe=observe,
        privileged=privileged,
        act=actions.spanning(setpoint),
        remember=remember,
        commands=where,
        initial_state=initial_state,
        rewards=(
            Reward('progress', progress, 1.0),
            Reward('excess', excess, -1.0),
            Reward('touched_wall', touched_wall, -200.0),
            Reward('near_wall', near_wall, -2.0),
            Reward('action_rate_l2', rewards.action_rate_l2, -0.3),
        ),
        terminations=(Termination('touched_wall', touched_wall),),
        error=shortfall,
        error_unit='of the reference speed',
        success_error=0.5,
        control_dt=CONTROL_DT,
        episode_length_s=20.0,
        perceive=where.perceive,
        training=TRAINING,
        world=where.world,
    )
