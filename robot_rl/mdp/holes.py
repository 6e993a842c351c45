"""Holes: where an arm with a peg in its hand starts, and the block with the hole below it.

An episode's start is drawn first and its hole under the peg, so that no inverse kinematics are
needed. What the policy is told of the hole is wrong by as much as a fixture is, or a camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any

import numpy as np
import torch

from robot_rl.mdp.kinematics import Kinematics
from robot_rl.mdp.observations import concat, quat_product
from robot_rl.spec.world import Block, World

State = Mapping[str, torch.Tensor]
WALL = 0.04  # [m] of the block around a hole
SIGNALS = ('start_joint_pos', 'hole_pos_w', 'hole_quat_w', 'goal_pos_w', 'goal_quat_w')


@dataclass(frozen=True)
class Peg:
    """A square peg in the hand, along the tool's z axis, and how deep it goes."""

    width: float
    """[m]"""
    below: float
    """[m] from the tool to its lower end."""
    depth: float
    """[m] of the hole."""


@dataclass(frozen=True)
class Spread:
    """How far episodes differ, uniform to both sides."""

    centre: tuple[float, ...]
    """[rad] joint positions at the start."""
    joints: tuple[float, ...]
    """[rad] about them."""
    aside: float
    """[m] from under the peg to the hole, along x and y."""
    yaw: float
    """[rad] of the hole to the peg."""
    gap: tuple[float, float]
    """[m] from the peg down to the block, smallest and largest."""
    clearance: tuple[float, float]
    """[m] by which the hole is wider than the peg: smallest and largest."""
    error: tuple[float, float, float]
    """[m], [m], [rad] of the place told: along x and y, along z, in yaw."""


class Holes:
    """Commands of an insertion: the pose of the tool when the peg is in."""

    def __init__(self, kinematics: Kinematics, peg: Peg, spread: Spread) -> None:
        """Draw with `spread`."""
        self._kinematics, self._peg, self._spread = kinematics, peg, spread

    def draw(
        self, num: int, generator: torch.Generator, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """Where `num` episodes start, their holes, and what is told of them."""
        spread, peg, size = self._spread, self._peg, self._kinematics.joints
        u = torch.rand(num, size + 9, generator=generator, device=device)
        about = 2.0 * u - 1.0
        width = torch.tensor(spread.joints, device=device)
        joints = torch.tensor(spread.centre, device=device) + width * about[:, :size]
        tip = self._kinematics(joints)
        above = tip.place.float()
        hole = _turned(_upright(tip.quat.float()), spread.yaw * about[:, size : size + 1])
        near, far = spread.gap
        gap = near + (far - near) * u[:, size + 1 : size + 2]
        aside = spread.aside * about[:, size + 2 : size + 4]
        place = concat((above[:, 0:2] + aside, above[:, 2:3] - gap - peg.depth))
        low, high = spread.clearance
        across, upright, turned = spread.error
        error = about[:, size + 5 : size + 9]
        told = place + concat((across * error[:, 0:2], upright * error[:, 2:3]))
        return {
            'start_joint_pos': joints,
            'hole_pos_w': place,
            'hole_quat_w': hole,
            'clearance': low + (high - low) * u[:, size + 4 : size + 5],
            'goal_pos_w': told,
            'goal_quat_w': _turned(hole, turned * error[:, 3:4]),
        }

    def step(self, _state: State) -> dict[str, torch.Tensor]:
        """Nothing changes."""
        return {}

    def signals(self, state: State) -> dict[str, torch.Tensor]:
        """The tool's pose with the peg in, as told and in truth, and where the arm starts."""
        return {name: state[name].clone() for name in SIGNALS}

    def world(self, drawn: Mapping[str, Any]) -> World:
        """The block with the hole: four walls around it and a floor."""
        peg, place = self._peg, np.asarray(drawn['hole_pos_w'], float)
        _, x, y, _ = (float(value) for value in drawn['hole_quat_w'])
        yaw = 2.0 * math.atan2(y, x)
        half = 0.5 * (peg.width + float(drawn['clearance'][0]))
        floor = float(place[2]) - peg.below
        top, middle = floor + peg.depth, half + 0.5 * WALL
        quat = (math.cos(0.5 * yaw), 0.0, 0.0, math.sin(0.5 * yaw))
        long, thin = 2.0 * half + WALL, WALL
        # Each wall begins at a corner and covers one end of the next, like the blades of a wheel.
        walls = [
            (middle, 0.5 * WALL, thin, long, top),
            (-0.5 * WALL, middle, long, thin, top),
            (-middle, -0.5 * WALL, thin, long, top),
            (0.5 * WALL, -middle, long, thin, top),
            (0.0, 0.0, 2.0 * half, 2.0 * half, floor),
        ]
        cosine, sine = math.cos(yaw), math.sin(yaw)
        blocks = [
            Block(
                (
                    float(place[0]) + cosine * x - sine * y,
                    float(place[1]) + sine * x + cosine * y,
                    0.5 * height,
                ),
                (length, breadth, height),
                quat,
            )
            for x, y, length, breadth, height in walls
        ]
        return World(blocks=tuple(blocks))


def _upright(quat: torch.Tensor) -> torch.Tensor:
    """The attitude (n, 4) of a tool that points straight down, nearest to `quat`."""
    zero = torch.zeros_like(quat[:, 0:1])
    length = (quat[:, 1:2].square() + quat[:, 2:3].square()).sqrt()
    return concat((zero, quat[:, 1:2] / length, quat[:, 2:3] / length, zero))


def _turned(quat: torch.Tensor, yaw: torch.Tensor) -> torch.Tensor:
    """`quat` (n, 4) turned by `yaw` (n, 1) [rad] about the world's z."""
    half, zero = 0.5 * yaw, torch.zeros_like(yaw)
    return quat_product(concat((half.cos(), zero, zero, half.sin())), quat)
