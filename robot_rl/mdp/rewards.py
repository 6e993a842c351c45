"""Reward terms: pure functions of a Step, each (num_envs,). Weights carry the sign."""

from __future__ import annotations

import torch

from robot_rl.mdp.observations import norm, rotate, rotation_matrix
from robot_rl.spec.task import Step


def alive(step: Step) -> torch.Tensor:
    """1 for every period survived."""
    return torch.ones_like(step.action[:, 0])


def goal_distance(step: Step) -> torch.Tensor:
    """Distance to the goal [m]."""
    return norm(step.signals['base_pos_w'] - step.signals['goal_pos_w'])


def goal_speed(step: Step) -> torch.Tensor:
    """Speed relative to the goal [m/s]."""
    signals = step.signals
    velocity = rotate(rotation_matrix(signals['base_quat_w']), signals['base_lin_vel_b'])
    return norm(velocity - signals['goal_lin_vel_w'])


def body_rate(step: Step) -> torch.Tensor:
    """Magnitude of the angular velocity [rad/s]."""
    return norm(step.signals['base_ang_vel_b'])


def attitude(step: Step) -> torch.Tensor:
    """1 - w^2 of the attitude: squared sine of half the angle from level at yaw 0."""
    return 1.0 - step.signals['base_quat_w'][:, 0].square()


def action_l2(step: Step) -> torch.Tensor:
    """Squared norm of the action."""
    return step.action.square().sum(1)


def action_rate_l2(step: Step) -> torch.Tensor:
    """Squared norm of the change of the action."""
    return (step.action - step.last_action).square().sum(1)


def tilt_l2(step: Step) -> torch.Tensor:
    """Squared sine of the angle between body z and world z."""
    matrix = rotation_matrix(step.signals['base_quat_w'])
    return matrix[:, 6:8].square().sum(1)
