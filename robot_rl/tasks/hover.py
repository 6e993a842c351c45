"""Hover: reach a goal position and stay there, upright at yaw 0, whatever the start and the wind.

Everything the policy sees is relative to the goal and to its velocity and acceleration, so a goal
that moves is tracked by the same policy; a part of the training episodes has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
import math

import torch

from robot_rl.mdp import actions, observations, rewards, terminations
from robot_rl.mdp.commands import LissajousGoal
from robot_rl.mdp.memory import History, Integral, LowPass, Memory
from robot_rl.spec.robot import GRAVITY, Robot
from robot_rl.spec.task import Reward, Signals, Task, Termination

ROBOTS = ('crazyflie',)

CONTROL_DT = 0.01  # [s]
POSITION_LIMIT = 1.0  # [m] beyond this a goal looks no further away
NEAR = 0.2  # [m] a larger error is no steady offset and is not integrated further
AUTHORITY = (0.6, 0.5, 0.5, 0.5)  # of thrust, roll, pitch and yaw, in rotor speeds at hover
TRAINING = {
    'iterations': 160,
    'learning_rate': 2e-3,
    'num_envs': 256,
    'num_steps': 16,
    'episode_length_s': 1.5,  # more of the data is about recovering, less about staying
}
SIGNALS = (
    'base_pos_w',
    'base_quat_w',
    'base_lin_vel_b',
    'base_ang_vel_b',
    'goal_pos_w',
    'goal_lin_vel_w',
    'goal_lin_acc_w',
)
MEMORY = Memory(
    {
        'actions': History('action', 4, 2),
        # Rotor speeds cannot be measured; these two bracket their time constant, 0.05 to 0.15 s.
        'fast_action': LowPass('action', 4, 0.05),
        'slow_action': LowPass('action', 4, 0.15),
        # A rate or velocity less its filtered self is an acceleration: the torque or force acting.
        'rate': LowPass('base_ang_vel_b', 3, 0.03),
        'velocity': LowPass('velocity_w', 3, 0.15),
        # Added to the position error, so that a constant wind or weight leaves no offset.
        'offset': Integral('near_error_w', 3, 1.0, 0.5),
    },
    CONTROL_DT,
)


def state(signals: Signals, matrix: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """State relative to the goal, in the body frame; `offset` (n, 3) [m] adds to the error.

    `up` is the specific force that the goal asks for: opposite to gravity for one at rest. Seen
    from a goal that accelerates, nothing else differs (equivalence principle).
    """
    error = signals['base_pos_w'] - signals['goal_pos_w'] + offset
    up_w = torch.tensor([[0.0, 0.0, 1.0]], device=offset.device)
    position, goal_velocity, up = (
        observations.rotate_inverse(matrix, vector_w)
        for vector_w in (
            observations.saturate_norm(error, POSITION_LIMIT),
            signals['goal_lin_vel_w'],
            signals['goal_lin_acc_w'] * (1.0 / GRAVITY) + up_w,
        )
    )
    return observations.concat(
        (
            2.0 * position,  # 3 [m / 2]
            0.5 * (signals['base_lin_vel_b'] - goal_velocity),  # 3 [2 m/s]
            up,  # 3 [g]
            matrix[:, 0:2],  # 2: where the world's x axis points, for the heading
            0.1 * signals['base_ang_vel_b'],  # 3 [10 rad/s]
        )
    )


def observe(signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    """State, actions sent, and what the filters tell of the torque and force that act."""
    matrix = observations.rotation_matrix(signals['base_quat_w'])
    velocity = observations.rotate_inverse(
        matrix, MEMORY(memory, 'velocity') + signals['goal_lin_vel_w']
    )
    return observations.concat(
        (
            state(signals, matrix, MEMORY(memory, 'offset')),  # 14
            MEMORY.all(memory, ('actions', 'slow_action')),  # 16
            0.3 * (signals['base_ang_vel_b'] - MEMORY(memory, 'rate')),  # 3
            signals['base_lin_vel_b'] - velocity,  # 3 [m/s]
        )
    )


def remember(memory: torch.Tensor, signals: Signals, action: torch.Tensor) -> torch.Tensor:
    """Filter action, body rate and velocity; integrate the position error near the goal."""
    matrix = observations.rotation_matrix(signals['base_quat_w'])
    velocity_w = observations.rotate(matrix, signals['base_lin_vel_b'])
    error_w = signals['base_pos_w'] - signals['goal_pos_w']
    return MEMORY.update(
        memory,
        {
            'action': action.clamp(-1.0, 1.0),
            'base_ang_vel_b': signals['base_ang_vel_b'],
            'velocity_w': velocity_w - signals['goal_lin_vel_w'],
            'near_error_w': observations.saturate_norm(error_w, NEAR),
        },
    )


def privileged(robot: Robot, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    """What the critic sees: the truth, the rotors and the disturbance."""
    matrix = observations.rotation_matrix(signals['base_quat_w'])
    weight = robot.parameters['mass'].nominal[0] * GRAVITY
    return observations.concat(
        (
            state(signals, matrix, MEMORY(memory, 'offset')),
            signals['rotor_speed'] / robot.setpoint('motors').neutral[0] - 1.0,
            signals['external_force_w'] * (10.0 / weight),
        )
    )


def initial_state(
    robot: Robot,
    goal: Mapping[str, torch.Tensor],
    num: int,
    generator: torch.Generator,
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """0.5 m from the goal on each axis, tilted up to 90 degrees about any axis, 1 m/s, 1 rad/s."""
    u = 2.0 * torch.rand(num, 10, generator=generator, device=device) - 1.0
    axis = torch.randn(num, 3, generator=generator, device=device)
    half_angle = 0.25 * torch.pi * u[:, 0:1].abs()
    rotors = torch.tensor(robot.setpoint('motors').neutral, device=device)
    return {
        'base_pos_w': goal['goal_pos_w'] + 0.5 * u[:, 1:4],
        'base_quat_w': torch.cat(
            (half_angle.cos(), half_angle.sin() * axis / axis.norm(dim=1, keepdim=True)), dim=1
        ),
        'base_lin_vel_b': u[:, 4:7],
        'base_ang_vel_b': u[:, 7:10],
        'rotor_speed': rotors.repeat(num, 1),
    }


def mixer(robot: Robot) -> list[list[float]]:
    """Rotor speeds [rad/s] for full thrust, roll, pitch and yaw: a row a rotor."""
    x, y, spin = (robot.parameters[name].nominal for name in ('rotor_x', 'rotor_y', 'rotor_spin'))
    neutral = robot.setpoint('motors').neutral
    return [
        [
            neutral[i] * share * math.copysign(1.0, sign)
            for share, sign in zip(AUTHORITY, (1.0, y[i], -x[i], spin[i]), strict=True)
        ]
        for i in range(len(neutral))
    ]


def goals(*, furthest: float, max_speed: float, moving: float) -> LissajousGoal:
    """Goals well above the ground; the part `moving` of them by up to `furthest` [m] each way."""
    return LissajousGoal(
        centre_low=(-1.0, -1.0, 2.2),
        centre_high=(1.0, 1.0, 2.5),
        amplitude=(0.3, furthest),
        max_speed=max_speed,
        moving=moving,
        control_dt=CONTROL_DT,
    )


def task(robot: Robot) -> Task:
    """Build the hover task."""
    setpoint = robot.setpoint('motors')
    return Task(
        name='hover',
        robot=robot,
        level='motors',
        signal_names=SIGNALS,
        action_size=setpoint.size,
        memory_size=MEMORY.size,
        observe=observe,
        privileged=partial(privileged, robot),
        act=actions.mixed(setpoint, mixer(robot)),
        remember=remember,
        commands=goals(furthest=1.0, max_speed=1.0, moving=0.25),
        initial_state=partial(initial_state, robot),
        rewards=(
            Reward('alive', rewards.alive, 3.0),
            Reward('goal_distance', rewards.goal_distance, -1.0),
            Reward('goal_speed', rewards.goal_speed, -0.1),
            Reward('body_rate', rewards.body_rate, -0.02),
            Reward('attitude', rewards.attitude, -0.3),
            Reward('action_l2', rewards.action_l2, -0.01),
            Reward('action_rate_l2', rewards.action_rate_l2, -0.05),
        ),
        terminations=(
            Termination('far_from_goal', terminations.far_from_goal(2.0)),
            Termination('touched_ground', terminations.touched_ground),
        ),
        error=rewards.goal_distance,
        error_unit='m',
        success_error=0.1,
        control_dt=CONTROL_DT,
        episode_length_s=5.0,
        training=TRAINING,
    )
