"""Where the feet of a legged robot are and how they move, from its joints alone.

Each leg is a hip that turns about x, then a thigh and a calf that turn about y. Legs and their
joints come in the robot's order: front left, front right, rear left, rear right.
"""

from __future__ import annotations

import torch

from robot_rl.mdp.observations import concat
from robot_rl.spec.robot import Robot

SHORTEST = 0.05  # [m] legs are never folded further than this


class Legs:
    """Forward kinematics of the legs of `robot`, by its parameters hip_x, hip_y, leg_lengths."""

    def __init__(self, robot: Robot) -> None:
        """Read the lengths."""
        self._x, self._y = (torch.tensor(robot.parameters[n].nominal) for n in ('hip_x', 'hip_y'))
        hip, self._thigh, self._calf = robot.parameters['leg_lengths'].nominal
        self._side = hip * self._y.sign()

    def feet(
        self, joint_pos: torch.Tensor, joint_vel: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions [m] and velocities [m/s] of the feet in the body frame.

        Both (n, 12): the x of all legs, then their y, then their z.
        """
        roll, thigh, calf = (joint_pos[:, i::3] for i in range(3))
        roll_rate, thigh_rate, calf_rate = (joint_vel[:, i::3] for i in range(3))
        knee, knee_rate = thigh + calf, thigh_rate + calf_rate
        upper_x, lower_x = -self._thigh * thigh.sin(), -self._calf * knee.sin()
        upper_z, lower_z = -self._thigh * thigh.cos(), -self._calf * knee.cos()
        down = upper_z + lower_z
        down_rate = -upper_x * thigh_rate - lower_x * knee_rate
        forward_rate = upper_z * thigh_rate + lower_z * knee_rate
        side = self._side.to(joint_pos.device)
        sine, cosine = roll.sin(), roll.cos()
        y, z = side * cosine - down * sine, side * sine + down * cosine
        position = concat(
            (
                upper_x + lower_x + self._x.to(joint_pos.device),
                y + self._y.to(joint_pos.device),
                z,
            )
        )
        velocity = concat(
            (
                forward_rate,
                -z * roll_rate - down_rate * sine,
                y * roll_rate + down_rate * cosine,
            )
        )
        return position, velocity

    def joints(self, position: torch.Tensor) -> torch.Tensor:
        """Joint angles (n, 12) [rad] that put the feet at `position` (n, 12), as `feet` gives it.

        For feet below their hips with knees bent to the back; one out of reach is reached for.
        """
        device = position.device
        x, y, z = position.split(4, 1)
        x, y = x - self._x.to(device), y - self._y.to(device)
        side = self._side.to(device)
        down = (y.square() + z.square() - side.square()).clamp(min=SHORTEST**2).sqrt()
        roll = (y / -z).atan() - (side / down).atan()
        reach = (x.square() + down.square()).clamp(max=(0.999 * (self._thigh + self._calf)) ** 2)
        cosine = (reach - self._thigh**2 - self._calf**2) / (2.0 * self._thigh * self._calf)
        calf = -cosine.clamp(-1.0, 1.0).acos()
        bend = (self._calf * calf.sin() / (self._thigh + self._calf * calf.cos())).atan()
        thigh = (-x / down).atan() - bend
        # From one row of legs a joint to the order of the joints.
        return torch.stack((roll, thigh, calf), dim=2).flatten(1)


def moved(position: torch.Tensor, velocity: torch.Tensor, ang_vel_b: torch.Tensor) -> torch.Tensor:
    """Velocity of points on a body that turns at `ang_vel_b` (n, 3), relative to its centre.

    `position` and `velocity` are as `Legs.feet` gives them, in the body frame.
    """
    x, y, z = position.split(position.shape[1] // 3, 1)
    wx, wy, wz = ang_vel_b[:, 0:1], ang_vel_b[:, 1:2], ang_vel_b[:, 2:3]
    return velocity + concat((wy * z - wz * y, wz * x - wx * z, wx * y - wy * x))
