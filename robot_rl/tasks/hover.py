"""Hover: reach a goal position and stay there, upright at yaw 0, whatever the start and the wind."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch

from robot_rl.mdp import actions, observations, rewards, terminations
from robot_rl.mdp.commands import LissajousGoal
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Reward, Signals, Step, Task, Termination

ROBOTS = ('crazyflie',)

CONTROL_DT = 0.01  # [s]
HISTORY = 16  # actions remembered: 0.16 s, the slowest rotor time constant
POSITION_LIMIT = 1.0  # [m] beyond this a goal looks no further away
SIGNALS = (
    'base_pos_w',
    'base_quat_w',
    'base_lin_vel_b',
    'base_ang_vel_b',
    'goal_pos_w',
    'goal_lin_vel_w',
)


def observe(signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    """Goal-relative position and velocity, attitude, body rate and the action history."""
    matrix = observations.rotation_matrix(signals['base_quat_w'])
    position = signals['base_pos_w'] - signals['goal_pos_w']
    velocity = observations.rotate(matrix, signals['base_lin_vel_b']) - signals['goal_lin_vel_w']
    return torch.cat(
        (
            observations.saturate_norm(position, POSITION_LIMIT),  # 3 [m]
            0.5 * velocity,  # 3 [2 m/s]
            matrix,  # 9
            0.1 * signals['base_ang_vel_b'],  # 3 [10 rad/s]
            memory,  # HISTORY x 4
        ),
        dim=1,
    )


def privileged(robot: Robot, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    """What the critic sees: the truth, the rotors and the disturbance."""
    setpoint = robot.setpoints['motors']
    weight = robot.parameters['mass'].nominal[0] * 9.81
    return torch.cat(
        (
            observe(signals, memory)[:, :18],
            signals['rotor_speed'] / setpoint.neutral[0] - 1.0,
            signals['external_force_w'] * (10.0 / weight),
        ),
        dim=1,
    )


def initial_state(goal: Mapping[str, torch.Tensor], num: int, generator: torch.Generator, device: torch.device) -> dict[str, torch.Tensor]:
    """Up to 0.5 m from the goal on each axis, tilted up to 90 degrees, 1 m/s and 1 rad/s on each axis."""
    u = 2.0 * torch.rand(num, 13, generator=generator, device=device) - 1.0
    axis = torch.randn(num, 3, generator=generator, device=device)
    half = 0.25 * torch.pi * u[:, 0:1].abs()
    axis = axis / axis.norm(dim=1, keepdim=True)
    return {
        'base_pos_w': goal['goal_pos_w'] + 0.5 * u[:, 1:4],
        'base_quat_w': torch.cat((half.cos(), half.sin() * axis), dim=1),
        'base_lin_vel_b': u[:, 4:7],
        'base_ang_vel_b': u[:, 7:10],
        'rotor_speed': 1516.0 * (1.0 + 0.0 * u[:, 9:13]),
    }


def task(robot: Robot) -> Task:
    """Build the hover task."""
    setpoint = robot.setpoint('motors')
    size = setpoint.size
    return Task(
        name='hover',
        robot=robot,
        level='motors',
        signal_names=SIGNALS,
        action_size=size,
        memory_size=HISTORY * size,
        observe=observe,
        privileged=partial(privileged, robot),
        act=actions.around_neutral(setpoint, tuple(0.54 * v for v in setpoint.neutral)),
        remember=lambda memory, signals, action: actions.push_history(memory, action),
        commands=partial(
            LissajousGoal,
            centre_low=(-1.0, -1.0, 2.2),
            centre_high=(1.0, 1.0, 2.5),
            control_dt=CONTROL_DT,
        ),
        initial_state=initial_state,
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
    )
