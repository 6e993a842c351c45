"""Forward kinematics of a chain of joints: pure functions of joint positions, batched.

Attitudes are quaternions wxyz from the link to the base. A joint turns the one before by a product
that is linear in it; all vectors are then turned at once. So there are few operations to trace, to
fuse and to export.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from robot_rl.mdp.observations import quat_product, turning
from robot_rl.spec.chain import Chain
from robot_rl.spec.rotation import quaternion_of


class Tip(NamedTuple):
    """The tip of a chain, in the base's frame."""

    place: torch.Tensor
    """(n, 3) [m]"""
    quat: torch.Tensor
    """(n, 4) attitude."""
    linear: torch.Tensor
    """(n, 3, joints) velocity [m/s] for each joint at 1 rad/s."""
    angular: torch.Tensor
    """(n, 3, joints) angular velocity for each joint at 1 rad/s: the joints' axes."""


class Kinematics:
    """The kinematics of one chain; its numbers are those of the URDF."""

    def __init__(self, chain: Chain, *, fine: bool = False) -> None:
        """Take constants from `chain`.

        With `fine`, place and attitude of the tip are float64, where what is left to a goal counts
        by the micrometre: float32 rounds 0.5 m to 0.03 of one, and a sum of many to 0.2.
        """
        self._type = torch.float64 if fine else torch.float32
        links, self.joints = chain.links, len(chain.links)
        self.low = torch.tensor([link.low for link in links])
        """(joints,) [rad] limits of the URDF."""
        self.high = torch.tensor([link.high for link in links])
        fixed = [_right(_quat(link.turn)) for link in links]
        axes = [_right(torch.tensor([0.0, *link.axis])) for link in links]
        ways = [*(link.origin for link in links[1:]), chain.tip]
        self._fixed = torch.stack(fixed).to(self._type)
        self._turned = torch.stack(axes).to(self._type) @ self._fixed
        self._tip = _right(_quat(chain.tip_turn)).to(self._type)
        self._first = torch.tensor(links[0].origin.tolist(), dtype=self._type)
        self._ways = torch.stack([turning(way.tolist()) for way in ways], 2).to(self._type)
        self._axes = torch.stack([turning(link.axis.tolist()) for link in links], 2).to(self._type)
        self._before = torch.ones(self.joints, self.joints, dtype=self._type).triu(1)

    def __call__(self, angles: torch.Tensor) -> Tip:
        """Tip and Jacobian at joint positions `angles` (n, joints) [rad]."""
        quats = self._quats(angles.to(self._type))
        device = angles.device
        stacked = torch.stack(quats, 2)
        outer = (stacked.unsqueeze(2) * stacked.unsqueeze(1)).flatten(1, 2).unsqueeze(1)
        ways = (self._ways.to(device) * outer).sum(2)
        axes = (self._axes.to(device) * outer).sum(2)
        place = ways.sum(2) + self._first.to(device)
        origins = ways @ self._before.to(device) + self._first.to(device).unsqueeze(1)
        linear = _cross(axes, place.unsqueeze(2) - origins)
        quat = (self._tip.to(device) @ quats[-1].T).T
        return Tip(place, quat, linear.to(angles.dtype), axes.to(angles.dtype))

    def _quats(self, angles: torch.Tensor) -> list[torch.Tensor]:
        """Attitude (n, 4) of each joint."""
        half = (0.5 * angles).unsqueeze(2).unsqueeze(3)
        fixed, turned = self._fixed.to(angles.device), self._turned.to(angles.device)
        steps = half.cos() * fixed + half.sin() * turned  # (n, joints, 4, 4)
        quats = [steps[:, 0, :, 0]]
        for i in range(1, self.joints):
            quats.append((steps[:, i] * quats[-1].unsqueeze(1)).sum(2))
        return quats


def pose_error(
    tip: Tip, position: torch.Tensor, quat: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What is left to a goal (n, 3), (n, 4), in the base's frame.

    Returns the way (n, 3) [m], and the axis of the shorter turn times the sine of half its angle
    (n, 3), which has no jump up to a half turn.
    """
    inverse = tip.quat * torch.tensor([1.0, -1.0, -1.0, -1.0], device=quat.device)
    turn = quat_product(quat.to(inverse.dtype), inverse)
    shorter = 1.0 - 2.0 * (turn[:, 0:1] < 0.0)
    return (position - tip.place).to(position.dtype), (shorter * turn[:, 1:4]).to(quat.dtype)


def _cross(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Cross products along the second axis."""
    a1, b1 = (torch.cat((x[:, 1:3], x[:, 0:1]), 1) for x in (a, b))
    a2, b2 = (torch.cat((x[:, 2:3], x[:, 0:2]), 1) for x in (a, b))
    return a1 * b2 - a2 * b1


def _quat(matrix: Any) -> torch.Tensor:
    """Quaternion (4,) of a rotation matrix."""
    return torch.from_numpy(quaternion_of(matrix[None])[0]).float()


def _right(quat: torch.Tensor) -> torch.Tensor:
    """Matrix (4, 4) with matrix @ p = p * quat, a product of quaternions."""
    w, x, y, z = quat.tolist()
    return torch.tensor([[w, -x, -y, -z], [x, w, z, -y], [y, -z, w, x], [z, y, -x, w]])
