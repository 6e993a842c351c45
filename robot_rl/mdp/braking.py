"""Braking: no setpoint from which the robot cannot stop before what its lidar sees.

The idea of the admissible velocities of D. Fox, W. Burgard, S. Thrun, "The dynamic window approach
to collision avoidance", IEEE Robotics & Automation Magazine 1997, here as a last step of a policy
that is traced into its file: what the policy asks for is scaled down, along the arc that it chose,
until the robot's outline, driven on for as long as it takes to stop, meets none of the points that
the lidar saw. A point that is already too near stops only motion towards it, so the way out stays
open. What no beam sees, such as the back of a lidar with less than a full turn, it cannot know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from robot_rl.spec.lidar import Directions

SHARES = ((1.0, 1.0), (0.5, 0.5), (0.0, 1.0))
"""Parts of the wanted speed and yaw rate that are tried in turn: less of both, then to turn."""
OUT = ((0.0, 0.5), (0.0, -0.5), (-0.1, 0.0))
"""[m/s], [rad/s] What is tried next: who only stood would see the same again, and do the same
again. The side to which it turns already comes first, or else the one that is wanted."""
TURNING = 0.02  # [rad/s] and more is turning
SAMPLES = 3
"""Places on the way to a stop at which the outline is looked at; one where it goes slowly out."""
NEARER = 0.003
"""[m] A point that comes nearer by less counts as staying where it is."""


@dataclass(frozen=True)
class Brakes:
    """How fast a base stops."""

    deceleration: tuple[float, float]
    """[m/s^2], [rad/s^2] at the least."""
    delay: float
    """[s] from the scan until the base obeys."""
    margin: float
    """[m] free around the outline where it stands still."""


class Braking:
    """Scales setpoints of speed and yaw rate; a pure function of scan and setpoint."""

    def __init__(
        self,
        footprint: Sequence[tuple[float, float]],
        lidar_position: Sequence[float],
        looks: Directions,
        brakes: Brakes,
    ) -> None:
        """Look at the rectangle around `footprint` [m], with a lidar at `lidar_position` [m]."""
        corners = torch.tensor(footprint)
        low, high = corners.min(0).values, corners.max(0).values
        self._middle, self._half = 0.5 * (low + high), 0.5 * (high - low)
        angle = looks.low + looks.width * (torch.arange(looks.count) + 0.5)
        self._cosine, self._sine = angle.cos(), angle.sin()
        self._x, self._y = lidar_position[0], lidar_position[1]
        self._brakes = brakes
        self._share, self._out = torch.tensor(SHARES), torch.tensor(OUT)
        ends = [SAMPLES * (index + 1) for index in range(len(SHARES))]
        ends += [ends[-1] + index + 1 for index in range(len(OUT))]
        self._samples = tuple(zip([0, *ends[:-1]], ends, strict=True))
        self._which = torch.tensor(
            [i for i, (a, b) in enumerate(self._samples) for _ in range(a, b)]
        )
        part = torch.arange(1, SAMPLES + 1).repeat(len(SHARES)) / SAMPLES
        self._part = torch.cat((part, torch.ones(len(OUT))))

    def __call__(
        self,
        ranges: torch.Tensor,
        wanted: torch.Tensor,
        sent: torch.Tensor,
        most: torch.Tensor,
        speed: torch.Tensor,
    ) -> torch.Tensor:
        """The setpoint (n, 2) [m/s, rad/s] to send next: `wanted`, or as much of it as will do.

        Args:
            ranges: (n, count) [m], see lidar.nearest.
            wanted: (n, 2) setpoint.
            sent: (n, 2) the setpoint before.
            most: (2,) by how much it may change.
            speed: (n, 1) [m/s] measured.
        """
        turning = torch.where(sent[:, 1:2].abs() > TURNING, sent[:, 1:2], wanted[:, 1:2])
        side = torch.where(turning < 0.0, -1.0, 1.0)
        out = self._out * torch.cat((torch.ones_like(side), side), 1).unsqueeze(1)
        aims = torch.cat((self._share * wanted.unsqueeze(1), out), 1)
        tried = _within(aims, sent.unsqueeze(1), most)
        hit = self._hits(ranges, tried, speed)
        chosen = _stopping(sent, most)
        for index, (first, last) in reversed(list(enumerate(self._samples))):
            blocked = hit[:, first:last].any(1, keepdim=True)
            chosen = torch.where(blocked, chosen, tried[:, index])
        return chosen

    def _hits(self, ranges: torch.Tensor, tried: torch.Tensor, now: torch.Tensor) -> torch.Tensor:
        """Whether the outline meets a point, (n, samples)."""
        x, y = self._x + ranges * self._cosine, self._y + ranges * self._sine
        before = self._clearance(x, y).unsqueeze(1)
        chord_x, chord_y, cosine, sine = _arc(*self._ahead(tried, now))
        dx, dy = x.unsqueeze(1) - chord_x, y.unsqueeze(1) - chord_y
        after = self._clearance(cosine * dx + sine * dy, cosine * dy - sine * dx)
        return ((after < self._brakes.margin) & (after < before - NEARER)).any(2)

    def _clearance(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """[m] from the outline to points in the body frame; how deep inside, where negative."""
        return torch.maximum(
            (x - self._middle[0]).abs() - self._half[0],
            (y - self._middle[1]).abs() - self._half[1],
        )

    def _ahead(self, tried: torch.Tensor, now: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Way [m] and turn [rad] (n, samples) at the places looked at."""
        slowing = self._brakes.deceleration
        speed, rate = tried[:, self._which, 0], tried[:, self._which, 1]
        speed = torch.where(now.abs() > speed.abs(), now, speed)
        stop = torch.maximum(speed.abs() / slowing[0], rate.abs() / slowing[1])
        time = self._part * (self._brakes.delay + 0.5 * stop)
        return speed * time, rate * time


def _stopping(sent: torch.Tensor, most: torch.Tensor) -> torch.Tensor:
    """The setpoint after `sent` that stops soonest while it stays on the same arc."""
    speed = sent[:, 0:1]
    slower = _within(torch.zeros_like(sent), sent, most)[:, 0:1]
    left = slower / torch.where(speed == 0.0, torch.ones_like(speed), speed)
    return _within(torch.cat((slower, left * sent[:, 1:2]), 1), sent, most)


def _within(wanted: torch.Tensor, sent: torch.Tensor, most: torch.Tensor) -> torch.Tensor:
    """`wanted`, no further from `sent` than `most`."""
    return torch.minimum(torch.maximum(wanted, sent - most), sent + most)


def _arc(way: torch.Tensor, turn: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Place x, y and heading's cosine, sine at the end of an arc, each with a last axis of 1."""
    half = 0.5 * turn
    chord = way * (1.0 - half * half / 6.0)
    cosine, sine = half.cos(), half.sin()
    found = (chord * cosine, chord * sine, 2.0 * cosine * cosine - 1.0, 2.0 * cosine * sine)
    return tuple(each.unsqueeze(2) for each in found)
