"""A trot: where four feet should be, by a clock and the velocity asked for.

Diagonal feet swing together, one pair in the first half of a turn, the other in the second. Feet
come in the robot's order: front left, front right, rear left, rear right. A clock is a phase
(n, 1) in [0, 1); at 0 all feet stand.
"""

from __future__ import annotations

import math

import torch

from robot_rl.mdp.legs import Legs, moved
from robot_rl.mdp.observations import concat, rotation_matrix
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Signals


def swing(clock: torch.Tensor) -> torch.Tensor:
    """How far each foot is lifted, (n, 4) from 0 to 1."""
    wave = (2.0 * math.pi * clock).sin()
    first, second = wave.clamp(min=0.0).square(), (-wave).clamp(min=0.0).square()
    return concat((first, second, second, first))


def standing(clock: torch.Tensor) -> torch.Tensor:
    """Share of the weight that each foot carries, (n, 4), together 1."""
    down = (swing(clock) < 0.01).float()
    return down / down.sum(1, keepdim=True).clamp(min=1.0)


def stride(clock: torch.Tensor) -> torch.Tensor:
    """Where each foot is in its stride, (n, 4) from -0.5 to 0.5 and back.

    Forwards while it swings, backwards at a steady speed while it stands.
    """
    first = 2.0 * clock  # below 1 the foot swings, then it stands
    second = torch.where(clock < 0.5, first + 1.0, first - 1.0)
    first, second = (
        torch.where(part < 1.0, -0.5 * (math.pi * part).cos(), 1.5 - part)
        for part in (first, second)
    )
    return concat((first, second, second, first))


class Trot:
    """The trot of one robot."""

    def __init__(
        self,
        robot: Robot,
        *,
        rate: float,
        height: float,
        lead: float,
        level: float,
        foresee: float,
    ) -> None:
        """Turn `rate` [Hz] times a second and lift the feet by `height` [m].

        Drives yield more along a stride than under the weight: the stride asked of them is the
        part `lead` of a turn ahead. Legs on the side that sinks push, by `level` times the tilt
        that will be there in `foresee` [s].
        """
        self.legs = Legs(robot)
        self._rest = torch.tensor([robot.rest['joint_pos']])
        # Drives yield under the weight: to stand they must be asked for that much more.
        self._yield = torch.tensor(robot.setpoint('positions').neutral) - self._rest
        self._feet, _ = self.legs.feet(self._rest, torch.zeros_like(self._rest))
        self.rate, self.height = rate, height
        self._lead, self._level, self._foresee = lead, level, foresee

    def footholds(
        self, asked: torch.Tensor, clock: torch.Tensor, pace: torch.Tensor, lead: float = 0.0
    ) -> torch.Tensor:
        """Where the feet should be in the body frame, (n, 12) [m]: all x, then y, then z.

        About their places at rest, with a stride that moves the body as `asked`: forwards, to the
        left [m/s] and turning [rad/s], (n, 3). `pace` (n, 1): how many times as fast as `rate`
        the clock turns, at least 1; strides are that much shorter.
        """
        x, y, z = self._feet.to(clock.device).split(4, 1)
        ahead = clock + lead
        reach = (0.5 / self.rate) * stride(ahead - ahead.floor()) / pace.clamp(min=1.0)
        return concat(
            (
                x + reach * (asked[:, 0:1] - asked[:, 2:3] * y),
                y + reach * (asked[:, 1:2] + asked[:, 2:3] * x),
                z + self.height * swing(clock),
            )
        )

    def targets(
        self,
        asked: torch.Tensor,
        clock: torch.Tensor,
        pace: torch.Tensor,
        signals: Signals,
        shift: torch.Tensor,
    ) -> torch.Tensor:
        """What to ask the drives for, (n, 12) [rad]; `shift` (n, 12) [m] moves the feet."""
        places = self.footholds(asked, clock, pace, self._lead) + shift
        up = rotation_matrix(signals['base_quat_w'])[:, 6:8]
        rate = self._foresee * signals['base_ang_vel_b']
        x, y, z = places.split(4, 1)
        push = (up[:, 0:1] - rate[:, 1:2]) * x + (up[:, 1:2] + rate[:, 0:1]) * y
        joints = self.legs.joints(concat((x, y, z + self._level * push)))
        return joints + self._yield.to(joints.device)

    def odometry(self, signals: Signals, clock: torch.Tensor) -> torch.Tensor:
        """Velocity of the base in its own frame (n, 3) [m/s], if the standing feet do not slip."""
        position, velocity = self.legs.feet(signals['joint_pos'], signals['joint_vel'])
        velocity = moved(position, velocity, signals['base_ang_vel_b'])
        share = standing(clock)
        x, y, z = velocity.split(4, 1)
        return -concat(tuple((share * part).sum(1, keepdim=True) for part in (x, y, z)))
