"""Termination terms: pure functions of a Step, each (num_envs,) bool. All of them mean failure."""

from __future__ import annotations

from collections.abc import Callable
import math

import torch

from robot_rl.mdp.observations import rotation_matrix
from robot_rl.mdp.rewards import goal_distance
from robot_rl.spec.task import Step


def far_from_goal(limit: float) -> Callable[[Step], torch.Tensor]:
    """Further than `limit` [m] from the goal."""
    return lambda step: goal_distance(step) > limit


def touched_ground(step: Step) -> torch.Tensor:
    """Centre of the base below 2 cm."""
    return step.signals['base_pos_w'][:, 2] < 0.02


def tilted(limit: float) -> Callable[[Step], torch.Tensor]:
    """Angle between body z and world z beyond `limit` [rad]."""
    lowest = math.cos(limit)
    return lambda step: rotation_matrix(step.signals['base_quat_w'])[:, 8] < lowest
