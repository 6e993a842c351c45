"""A velocity controller of a quadrotor, in a policy's graph: velocities to thrust and body rates.

Feedback of velocity, and what a turn takes, give a force; the body's z axis is turned towards it
at a rate that is proportional to the angle between them (after Lee et al., CDC 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from robot_rl.mdp import observations
from robot_rl.mdp.actions import within
from robot_rl.spec.robot import GRAVITY, Robot
from robot_rl.spec.task import Signals


@dataclass(frozen=True)
class Gains:
    """Of the feedback [1/s]."""

    across: float = 3.0
    up: float = 6.0
    attitude: float = 6.0
    most: float = 5.0
    """[m/s^2] of acceleration across."""
    turning: float = 1.0
    """What part of the acceleration that a turn takes is fed forward."""


def rates(
    robot: Robot, wanted: torch.Tensor, lift: torch.Tensor, signals: Signals, gains: Gains
) -> torch.Tensor:
    """Setpoints 'rates' (n, 4), within their limits.

    Args:
        robot: Its nominal mass is counted on.
        wanted: (n, 4) velocity ahead, to the left and up [m/s], in the heading frame, and yaw
            rate [rad/s].
        lift: (n, 1) [m/s^2] that thrust is too weak by, as far as it is known.
        signals: Attitude and velocity of the robot.
        gains: Of the feedback.
    """
    setpoint = robot.setpoint('rates')
    matrix = observations.rotation_matrix(signals['base_quat_w'])
    velocity_w = observations.rotate(matrix, signals['base_lin_vel_b'])
    ahead = to_heading(matrix, velocity_w)
    turning = wanted[:, 3:4] * observations.concat((-ahead[:, 1:2], ahead[:, 0:1]))
    push = gains.across * (wanted[:, 0:2] - ahead[:, 0:2]) + gains.turning * turning
    push = observations.saturate_norm(push, gains.most)
    up = gains.up * (wanted[:, 2:3] - velocity_w[:, 2:3]) + lift + GRAVITY
    force_w = _from_heading(matrix, observations.concat((push, up.clamp(min=0.3 * GRAVITY))))
    force = observations.rotate_inverse(matrix, force_w)
    thrust = robot.parameters['mass'].nominal[0] * force[:, 2:3]
    aim = force / observations.norm(force).clamp(min=1e-3).unsqueeze(1)
    turn = (-gains.attitude * aim[:, 1:2], gains.attitude * aim[:, 0:1])
    low, high = (
        torch.tensor(side, device=wanted.device) for side in (setpoint.low, setpoint.high)
    )
    return within(observations.concat((thrust, *turn, wanted[:, 3:4])), low, high)


def _heading(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine (n, 1) of the direction that the body's x axis points to."""
    x, y = matrix[:, 0:1], matrix[:, 3:4]
    length = (x.square() + y.square()).sqrt().clamp(min=1e-3)
    return x / length, y / length


def to_heading(matrix: torch.Tensor, vector_w: torch.Tensor) -> torch.Tensor:
    """World vectors (n, 3) ahead, to the left and up, by row-major attitudes (n, 9)."""
    cosine, sine = _heading(matrix)
    x, y = vector_w[:, 0:1], vector_w[:, 1:2]
    return observations.concat((cosine * x + sine * y, cosine * y - sine * x, vector_w[:, 2:3]))


def _from_heading(matrix: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    cosine, sine = _heading(matrix)
    x, y = vector[:, 0:1], vector[:, 1:2]
    return observations.concat((cosine * x - sine * y, sine * x + cosine * y, vector[:, 2:3]))
