"""A URDF in which only links that move have mass: what is rigid is one body, with one inertia.

Simulators differ in what they make of a link without inertia (PyBullet: 1 kg), of products of
inertia and of fixed joints. After this nothing is left to differ about. Links keep their names,
places and shapes, so contacts can still be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError

Array = NDArray[np.float64]
_TENSOR: tuple[str, ...] = ('ixx', 'ixy', 'ixz', 'iyy', 'iyz', 'izz')


@dataclass(frozen=True)
class Body:
    """A link that moves, with everything that is fixed to it."""

    name: str
    parent: str
    """Body it moves against; '' for the base."""
    links: tuple[str, ...]
    mass: float
    """[kg]"""
    centre: Array
    """(3,) [m] centre of mass in the frame of the link `name`."""
    axes: Array
    """(3, 3) principal axes in that frame, as columns."""
    inertia: Array
    """(3,) [kg m^2] about those axes."""
    axis: Array
    """(3,) axis of its joint along its principal axes."""


@dataclass(frozen=True)
class _Part:
    """What a link brings to its body, in the frame of the body."""

    name: str
    mass: float
    centre: Array
    inertia: Array


def lump(text: str, left_out: tuple[str, ...] = ()) -> tuple[ElementTree.Element, list[Body]]:
    """URDF `text` with all mass on links that move, and those, base first.

    Joints `left_out` become fixed. What is only for the eye and links that then have neither
    shape nor mass are dropped. Raises SpecError where the
    links are no tree, or the moments of inertia are none that a body can have.
    """
    root = ElementTree.fromstring(text)
    links = {link.get('name', ''): link for link in root.findall('link')}
    for link in links.values():
        for visual in link.findall('visual'):
            link.remove(visual)
    for joint in root.findall('joint'):
        if joint.get('name') in left_out:
            joint.set('type', 'fixed')
    owners = _owners(root, list(links))
    parts: dict[str, list[_Part]] = {}
    for name, (owner, turn, place, _) in owners.items():
        parts.setdefault(owner, []).append(_part(links[name], turn, place))
    bodies = [_body(name, owners, found) for name, found in parts.items()]
    for name, link in links.items():
        body = next((body for body in bodies if body.name == name), None)
        _write(link, body)
    _prune(root)
    return root, bodies


def _prune(root: ElementTree.Element) -> None:
    """Drop fixed links at the ends of the tree that have no shape: they would only cost time."""
    links = {link.get('name', ''): link for link in root.findall('link')}
    ends = True
    while ends:
        carriers = {_named(joint, 'parent') for joint in root.findall('joint')}
        ends = [
            joint
            for joint in root.findall("joint[@type='fixed']")
            if (name := _named(joint, 'child')) not in carriers
            and links[name].find('collision') is None
        ]
        for joint in ends:
            root.remove(joint)
            root.remove(links[_named(joint, 'child')])


_Owner = tuple[str, Array, Array, ElementTree.Element | None]
"""Body of a link, rotation and place of the link in it, and the joint above the body."""


def _owners(root: ElementTree.Element, links: list[str]) -> dict[str, _Owner]:
    """Owner of each link, parents before children."""
    below: dict[str, list[tuple[str, ElementTree.Element]]] = {name: [] for name in links}
    children: list[str] = []
    for joint in root.findall('joint'):
        ends = [_named(joint, tag) for tag in ('parent', 'child')]
        for end in ends:
            if end not in below:
                raise SpecError(
                    f'URDF joint {joint.get("name")!r} names no link {end!r} that is there. There '
                    f'are: {", ".join(links)}.'
                )
        below[ends[0]].append((ends[1], joint))
        children.append(ends[1])
    tops = [name for name in links if name not in children]
    owners: dict[str, _Owner] = {name: (name, np.eye(3), np.zeros(3), None) for name in tops}
    waiting = list(owners)
    while waiting:
        name = waiting.pop(0)
        owner, turn, place, above = owners[name]
        for child, joint in below[name]:
            waiting.append(child)
            if joint.get('type') == 'fixed':
                to, at = _pose(joint)
                owners[child] = (owner, turn @ to, place + turn @ at, above)
            else:
                owners[child] = (child, np.eye(3), np.zeros(3), joint)
    if len(tops) != 1 or len(owners) != len(links) or len(set(children)) != len(children):
        raise SpecError(
            f'The links of a URDF must form one tree, its roots are {tops}. Give each link but '
            'one exactly one joint that has it as its child.'
        )
    return owners


def _named(joint: ElementTree.Element, tag: str) -> str:
    element = joint.find(tag)
    return '' if element is None else element.get('link', '')


def _part(link: ElementTree.Element, turn: Array, place: Array) -> _Part:
    name, inertial = link.get('name', ''), link.find('inertial')
    mass = None if inertial is None else inertial.find('mass')
    if inertial is None or mass is None:
        return _Part(name, 0.0, np.zeros(3), np.zeros((3, 3)))
    to, at = _pose(inertial)
    values = inertial.find('inertia')
    xx, xy, xz, yy, yz, zz = (
        float(values.get(key, '0')) if values is not None else 0.0 for key in _TENSOR
    )
    tensor = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    to = turn @ to
    return _Part(name, float(mass.get('value', '0')), place + turn @ at, to @ tensor @ to.T)


def _body(name: str, owners: dict[str, _Owner], parts: list[_Part]) -> Body:
    joint = owners[name][3]
    parent = '' if joint is None else owners[_named(joint, 'parent')][0]
    mass = sum(part.mass for part in parts)
    centre = sum((part.mass * part.centre for part in parts), np.zeros(3)) / (mass or 1.0)
    tensor = np.zeros((3, 3))
    for part in parts:
        arm = part.centre - centre
        tensor += part.inertia + part.mass * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    inertia, axes = np.diag(tensor).copy(), np.eye(3)
    if np.abs(tensor - np.diag(inertia)).max() > 1e-9 * np.trace(tensor):
        inertia, axes = np.linalg.eigh(tensor)
        axes *= np.linalg.det(axes)  # a rotation, no reflection
    if 2.0 * inertia.max() > inertia.sum() * (1.0 + 1e-6) or inertia.min() < 0.0:
        raise SpecError(
            f'URDF link {name!r}: no body has the principal moments of inertia {inertia} kg m^2; '
            'none may exceed the sum of the others. Correct its <inertia>.'
        )
    axis = np.array([1.0, 0.0, 0.0])
    if joint is not None and (element := joint.find('axis')) is not None:
        axis = _vector(element, 'xyz')
    axis = axes.T @ (axis / np.linalg.norm(axis))
    return Body(name, parent, tuple(p.name for p in parts), mass, centre, axes, inertia, axis)


def _write(link: ElementTree.Element, body: Body | None) -> None:
    """Give a link the inertia of its body, or none."""
    for element in link.findall('inertial'):
        link.remove(element)
    inertial = ElementTree.SubElement(link, 'inertial')
    values = np.zeros(3) if body is None else body.inertia
    if body is not None:
        place = {'xyz': _text(body.centre), 'rpy': _text(_rpy(body.axes))}
        ElementTree.SubElement(inertial, 'origin', place)
    mass = 0.0 if body is None else body.mass
    ElementTree.SubElement(inertial, 'mass', {'value': repr(float(mass))})
    tensor: dict[str, str] = dict.fromkeys(_TENSOR, '0')
    tensor |= {key: repr(float(v)) for key, v in zip(('ixx', 'iyy', 'izz'), values, strict=True)}
    ElementTree.SubElement(inertial, 'inertia', tensor)


def _pose(element: ElementTree.Element) -> tuple[Array, Array]:
    """Rotation and translation of an <origin>."""
    origin = element.find('origin')
    if origin is None:
        return np.eye(3), np.zeros(3)
    (sr, sp, sy), (cr, cp, cy) = (f(_vector(origin, 'rpy')) for f in (np.sin, np.cos))
    turn = np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )
    return turn, _vector(origin, 'xyz')


def _rpy(turn: Array) -> Array:
    pitch = np.arctan2(-turn[2, 0], np.hypot(turn[2, 1], turn[2, 2]))
    if abs(turn[2, 0]) > 1.0 - 1e-12:  # straight up or down: yaw and roll are one
        return np.array([np.arctan2(-turn[1, 2], turn[1, 1]), pitch, 0.0])
    roll, yaw = np.arctan2(turn[2, 1], turn[2, 2]), np.arctan2(turn[1, 0], turn[0, 0])
    return np.array([roll, pitch, yaw])


def _vector(element: ElementTree.Element, key: str) -> Array:
    values = np.array((element.get(key) or '0 0 0').split(), np.float64)
    if values.shape != (3,):
        raise SpecError(f'URDF <{element.tag} {key}> needs three numbers, got {values.tolist()}.')
    return values


def _text(values: Array) -> str:
    return ' '.join(repr(float(value)) for value in values)
