"""Chain: the revolute joints between a robot's base and one of its links, read from its URDF.

NumPy float64, batched: joint positions (n, joints) in, in the order of the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np

from robot_rl.assets import asset
from robot_rl.errors import SpecError
from robot_rl.spec.drive import Array
from robot_rl.spec.robot import GRAVITY


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
            turn = turn @ (link.turn @ _turned(link.axis, angle))
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


def _turned(axis: Array, angle: Array) -> Array:
    """Rotations (n, 3, 3) by `angle` (n,) about `axis` (3,), after Rodrigues."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + sine * cross + (1.0 - cosine) * (cross @ cross)


def read_chain(urdf: str, base: str, tip: str) -> Chain:
    """Chain from link `base` to link `tip` of a file in urdf/.

    Raises SpecError where the links are not connected, or by a joint that does not revolve.
    """
    root = ElementTree.parse(asset('urdf', urdf)).getroot()
    inner = {_name(joint, 'child', 'link'): joint for joint in root.findall('joint')}
    path: list[Any] = []
    link = tip
    while link != base:
        if link not in inner:
            raise SpecError(
                f'{urdf} has no chain of joints from {base!r} to {tip!r}: it begins at {link!r}. '
                'Correct the names, or join these links.'
            )
        path.insert(0, inner[link])
        link = _name(inner[link], 'parent', 'link')
    links: list[Link] = []
    place, turn = np.zeros(3), np.eye(3)
    on_path = {_name(joint, 'child', 'link') for joint in path if joint.get('type') != 'fixed'}
    for joint in path:
        origin, attitude = _origin(joint)
        place, turn = place + turn @ origin, turn @ attitude
        if joint.get('type') == 'fixed':
            continue
        if joint.get('type') not in ('revolute', 'continuous'):
            raise SpecError(
                f'{urdf}: joint {joint.get("name")!r} is {joint.get("type")}, expected a chain of '
                'revolute, continuous and fixed joints.'
            )
        mass, moment = _carried(root, _name(joint, 'child', 'link'), on_path)
        links.append(_link(joint, place, turn, mass, moment))
        place, turn = np.zeros(3), np.eye(3)
    return Chain(tuple(links), place, turn)


def _link(joint: Any, place: Array, turn: Array, mass: float, moment: Array) -> Link:
    limit = joint.find('limit')
    low, high = (
        (float(limit.get('lower', '-inf')), float(limit.get('upper', 'inf')))
        if limit is not None
        else (-np.inf, np.inf)
    )
    axis = _numbers(joint.find('axis'), 'xyz', (1.0, 0.0, 0.0))
    return Link(
        joint=joint.get('name', ''),
        origin=place,
        turn=turn,
        axis=axis / np.linalg.norm(axis),
        low=low,
        high=high,
        mass=mass,
        centre=moment / mass if mass else moment,
    )


def _carried(root: Any, link: str, stops: set[str]) -> tuple[float, Array]:
    """Mass [kg] and first moment [kg m] of a link and all it carries, but not beyond `stops`."""
    mass, moment = 0.0, np.zeros(3)
    element = next(e for e in root.findall('link') if e.get('name') == link)
    inertial = element.find('inertial')
    if inertial is not None:
        mass = float(inertial.find('mass').get('value'))
        moment = mass * _origin(inertial)[0]
    for joint in root.findall('joint'):
        child = _name(joint, 'child', 'link')
        if _name(joint, 'parent', 'link') != link or child in stops:
            continue
        more, further = _carried(root, child, stops)
        origin, attitude = _origin(joint)
        mass, moment = mass + more, moment + more * origin + attitude @ further
    return mass, moment


def _name(element: Any, tag: str, key: str) -> str:
    return element.find(tag).get(key, '')


def _numbers(element: Any, key: str, default: Sequence[float] = (0.0, 0.0, 0.0)) -> Array:
    text = None if element is None else element.get(key)
    return np.array(default if text is None else [float(word) for word in text.split()])


def _origin(element: Any) -> tuple[Array, Array]:
    """Translation (3,) and rotation (3, 3) of the <origin> in `element`."""
    origin = element.find('origin')
    roll, pitch, yaw = _numbers(origin, 'rpy')
    turn = np.eye(3)
    for axis, angle in ((2, yaw), (1, pitch), (0, roll)):
        turn = turn @ _turned(np.eye(3)[axis], np.array([angle]))[0]
    return _numbers(origin, 'xyz'), turn
