"""A URDF in which only links that move have mass: what is rigid is one body, with one inertia.

Simulators differ in what they make of a link without inertia (PyBullet: 1 kg), of products of
inertia and of fixed joints. After this nothing is left to differ about. Links keep their names,
places and shapes, so contacts can still be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from robot_rl.errors import SpecError
from robot_rl.spec.rotation import Array, rpy_of
from robot_rl.spec.urdf import FIXED, TENSOR, Joint, end, inertial, tree


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
            joint.set('type', FIXED)
    owners = _owners(root)
    parts: dict[str, list[_Part]] = {}
    for name, owner in owners.items():
        parts.setdefault(owner.body, []).append(_part(links[name], owner))
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
        carriers = {end(joint, 'parent') for joint in root.findall('joint')}
        ends = [
            joint
            for joint in root.findall("joint[@type='fixed']")
            if (name := end(joint, 'child')) not in carriers
            and links[name].find('collision') is None
        ]
        for joint in ends:
            root.remove(joint)
            root.remove(links[end(joint, 'child')])


class _Owner(NamedTuple):
    """What a link is part of."""

    body: str
    place: Array
    turn: Array
    """Of the link in the body's frame."""
    joint: Joint | None
    """Above the body; None for the base."""


def _owners(root: ElementTree.Element) -> dict[str, _Owner]:
    """Owner of each link, parents before children."""
    top, joints = tree(root)
    owners = {top: _Owner(top, np.zeros(3), np.eye(3), None)}
    for joint in joints:
        body, place, turn, above = owners[joint.parent]
        owners[joint.child] = (
            _Owner(body, place + turn @ joint.place, turn @ joint.turn, above)
            if joint.kind == FIXED
            else _Owner(joint.child, np.zeros(3), np.eye(3), joint)
        )
    return owners


def _part(link: ElementTree.Element, owner: _Owner) -> _Part:
    mass, centre, axes, tensor = inertial(link)
    axes = owner.turn @ axes
    return _Part(
        link.get('name', ''), mass, owner.place + owner.turn @ centre, axes @ tensor @ axes.T
    )


def _body(name: str, owners: dict[str, _Owner], parts: list[_Part]) -> Body:
    joint = owners[name].joint
    parent = '' if joint is None else owners[joint.parent].body
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
    axis = axes.T @ (np.array([1.0, 0.0, 0.0]) if joint is None else joint.axis)
    return Body(name, parent, tuple(p.name for p in parts), mass, centre, axes, inertia, axis)


def _write(link: ElementTree.Element, body: Body | None) -> None:
    """Give a link the inertia of its body, or none."""
    for element in link.findall('inertial'):
        link.remove(element)
    inertial = ElementTree.SubElement(link, 'inertial')
    values = np.zeros(3) if body is None else body.inertia
    if body is not None:
        place = {'xyz': _text(body.centre), 'rpy': _text(rpy_of(body.axes))}
        ElementTree.SubElement(inertial, 'origin', place)
    mass = 0.0 if body is None else body.mass
    ElementTree.SubElement(inertial, 'mass', {'value': repr(float(mass))})
    tensor: dict[str, str] = dict.fromkeys(TENSOR, '0')
    tensor |= {key: repr(float(v)) for key, v in zip(('ixx', 'iyy', 'izz'), values, strict=True)}
    ElementTree.SubElement(inertial, 'inertia', tensor)


def _text(values: Array) -> str:
    return ' '.join(repr(float(value)) for value in values)
