"""Chain: the revolute joints between a robot's base and one of its links, read from its URDF.

NumPy float64, batched: joint positions (n, joints) in, in the order of the chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_rl.assets import asset
from robot_rl.errors import SpecError
from robot_rl.spec.drive import Array
from robot_rl.spec.robot import GRAVITY
from robot_rl.spec.rotation import about
from robot_rl.spec.urdf import FIXED, TURNING, Joint, inertial, read_urdf, tree


@dataclass(frozen=True)
class Link:
    """What one joint moves, up to the next joint."""

    joint: str
    origin: Array
    """(3,) [m] of the joint in the frame of the joint before."""
    turn: Array
    """(3, 3) attitude of the joint's frame at zero, in the frame of the joint before."""
    axis: Array
    """(3,) unit vector in the joint's frame."""
    low: float
    high: float
    """[rad] limits of the URDF."""
    mass: float
    """[kg] of everything that the joint carries up to the next joint, other branches included."""
    centre: Array
    """(3,) [m] centre of that mass in the joint's frame, other joints at zero."""


@dataclass(frozen=True)
class Chain:
    """Links from the base outwards and the tip behind the last."""

    links: tuple[Link, ...]
    tip: Array
    """(3,) [m] of the tip in the frame of the last joint."""
    tip_turn: Array
    """(3, 3) attitude of the tip in the frame of the last joint."""

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Joints in order."""
        return tuple(link.joint for link in self.links)

    def frames(self, positions: Array) -> tuple[list[Array], list[Array]]:
        """Origins (n, 3) [m] and attitudes (n, 3, 3) of joints and tip, in the base's frame."""
        num = len(positions)
        place, turn = np.zeros((num, 3)), np.broadcast_to(np.eye(3), (num, 3, 3))
        origins: list[Array] = []
        turns: list[Array] = []
        for link, angle in zip(self.links, positions.T, strict=True):
            place = place + turn @ link.origin
            turn = turn @ (link.turn @ about(link.axis, angle))
            origins.append(place)
            turns.append(turn)
        return [*origins, place + turn @ self.tip], [*turns, turn @ self.tip_turn]

    def jacobian(self, positions: Array) -> Array:
        """(n, 6, joints) from joint velocities to the tip's velocity [m/s, rad/s], base frame."""
        origins, turns = self.frames(positions)
        columns: list[Array] = []
        for link, origin, turn in zip(self.links, origins, turns, strict=False):
            axis = turn @ link.axis
            columns.append(np.concatenate((np.cross(axis, origins[-1] - origin), axis), axis=1))
        return np.stack(columns, axis=2)

    def weight(self, positions: Array) -> Array:
        """Efforts (n, joints) [N m] that hold the links up, gravity along -z of the base."""
        origins, turns = self.frames(positions)
        efforts = np.zeros_like(positions)
        load, moment = 0.0, np.zeros((len(positions), 3))  # of all links from here outwards
        for index in reversed(range(len(self.links))):
            link, turn = self.links[index], turns[index]
            load += link.mass
            moment = moment + link.mass * (origins[index] + turn @ link.centre)
            axis, arm = turn @ link.axis, moment - load * origins[index]
            # axis . (arm x (0, 0, g)): what balances the weight about the joint
            efforts[:, index] = GRAVITY * (axis[:, 0] * arm[:, 1] - axis[:, 1] * arm[:, 0])
        return efforts


def read_chain(urdf: str, base: str, tip: str) -> Chain:
    """Chain from link `base` to link `tip` of a file in urdf/.

    Raises SpecError where the links are not connected, or by a joint that does not revolve.
    """
    root = read_urdf(asset('urdf', urdf))
    try:
        joints = {joint.child: joint for joint in tree(root)[1]}
    except SpecError as error:
        raise SpecError(f'{urdf}: {error}') from None
    path: list[Joint] = []
    link = tip
    while link != base:
        if link not in joints:
            raise SpecError(
                f'{urdf} has no chain of joints from {base!r} to {tip!r}: it begins at {link!r}. '
                'Correct the names, or join these links.'
            )
        path.insert(0, joints[link])
        link = joints[link].parent
    return _chain(urdf, path, _Carried(root, list(joints.values()), path))


def _chain(urdf: str, path: list[Joint], carried: _Carried) -> Chain:
    """Links of the joints that revolve; the others are part of the way to the next."""
    links: list[Link] = []
    place, turn = np.zeros(3), np.eye(3)
    for joint in path:
        place, turn = place + turn @ joint.place, turn @ joint.turn
        if joint.kind == FIXED:
            continue
        if joint.kind not in TURNING:
            raise SpecError(
                f'{urdf}: joint {joint.name!r} is {joint.kind}, expected a chain of revolute, '
                'continuous and fixed joints.'
            )
        mass, moment = carried.by(joint.child)
        centre = moment / mass if mass else moment
        low, high = joint.low, joint.high
        links.append(Link(joint.name, place, turn, joint.axis, low, high, mass, centre))
        place, turn = np.zeros(3), np.eye(3)
    return Chain(tuple(links), place, turn)


class _Carried:
    """What the links of a URDF carry, up to the next joint of a chain."""

    def __init__(self, root: Any, joints: list[Joint], path: list[Joint]) -> None:
        self._inertials = {link.get('name', ''): inertial(link) for link in root.findall('link')}
        self._stops = {joint.child for joint in path if joint.kind != FIXED}
        self._joints = joints

    def by(self, link: str) -> tuple[float, Array]:
        """Mass [kg] and first moment (3,) [kg m] of a link and all it carries."""
        own = self._inertials[link]
        mass, moment = own.mass, own.mass * own.centre
        for joint in self._joints:
            if joint.parent == link and joint.child not in self._stops:
                more, further = self.by(joint.child)
                mass, moment = mass + more, moment + more * joint.place + joint.turn @ further
        return mass, moment
