"""URDF: read a file, refuse a broken one, take numbers, poses and the joints from it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from robot_rl.assets import asset
from robot_rl.errors import SpecError
from robot_rl.spec.robot import Robot
from robot_rl.spec.rotation import Array, matrix_of_rpy

Element = ElementTree.Element

FIXED, SLIDING, TURNING = 'fixed', 'prismatic', ('revolute', 'continuous')
TENSOR = ('ixx', 'ixy', 'ixz', 'iyy', 'iyz', 'izz')


class Joint(NamedTuple):
    """How a link sits on its parent."""

    name: str
    kind: str
    parent: str
    child: str
    place: Array
    """(3,) [m] of the child in the parent's frame, at zero."""
    turn: Array
    """(3, 3) attitude of the child in the parent's frame, at zero."""
    axis: Array
    """(3,) unit vector in the child's frame."""
    low: float
    high: float
    """[rad or m]"""
    mimic: tuple[str, float, float] | None
    """The joint it follows, multiplier and offset."""


class Inertial(NamedTuple):
    """Mass of a link, in the link's frame."""

    mass: float
    """[kg]"""
    centre: Array
    """(3,) [m]"""
    turn: Array
    """(3, 3) attitude of the axes that `tensor` is along."""
    tensor: Array
    """(3, 3) [kg m^2] about the centre."""


def load_urdf(robot: Robot) -> str:
    """Text of the robot's URDF, with what its tool holds.

    Raises SpecError, naming file and fault, where it is missing, not XML, no URDF, lacks base_link
    or a joint that the robot declares, or gives a link a mass or inertia that is not positive.
    """
    path = asset('urdf', robot.urdf)
    root = read_urdf(path)
    _check_names(path, root, robot)
    for link in root.findall('link'):
        _check_inertial(path, link)
    return _text(path, robot.held_urdf)


def _text(path: Path, added: str) -> str:
    text = path.read_text(encoding='utf-8', errors='replace')
    return text.replace('</robot>', f'{added}</robot>') if added else text


def read_urdf(path: Path, added: str = '') -> Element:
    """Root of a file, to which `added` is added; SpecError where it cannot be read or is no URDF.

    See Robot.held_urdf.
    """
    try:
        root = ElementTree.fromstring(_text(path, added))
    except OSError as error:
        raise SpecError(
            f'Cannot read the URDF {path}: {error.strerror}. Correct its name.'
        ) from None
    except ElementTree.ParseError as error:
        raise SpecError(f'{path} is not well-formed XML: {error}. Correct it there.') from None
    if root.tag != 'robot':
        raise SpecError(f'{path} is no URDF: its root is <{root.tag}>, expected <robot>.')
    return root


def _check_names(path: Path, root: Element, robot: Robot) -> None:
    links = (robot.base_frame, robot.tool_frame or robot.base_frame)
    for tag, wanted in (('link', links), ('joint', robot.joint_names)):
        there = [element.get('name', '') for element in root.findall(tag)]
        missing = [name for name in wanted if name not in there]
        if missing:
            raise SpecError(
                f'{path} has no {tag} {missing[0]!r}, which the robot {robot.name!r} declares. '
                f'It has: {", ".join(there) or "none"}.'
            )


def _check_inertial(path: Path, link: Element) -> None:
    for tag, keys in (('mass', ('value',)), ('inertia', ('ixx', 'iyy', 'izz'))):
        for element in link.findall(f'inertial/{tag}'):
            for key in keys:
                value = element.get(key, '')
                if not _positive(value):
                    raise SpecError(
                        f'{path}, link {link.get("name")!r}: <{tag} {key}> must be a positive '
                        f'number, got {value!r}.'
                    )


def _positive(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return value > 0.0 and math.isfinite(value)


def tree(root: Element) -> tuple[str, list[Joint]]:
    """The link that carries all others, and the joints, parents before children.

    Raises SpecError, without naming the file, where the links are no tree or a number is none.
    """
    links = {link.get('name', ''): link for link in root.findall('link')}
    below: dict[str, list[Joint]] = {name: [] for name in links}
    children: list[str] = []
    for element in root.findall('joint'):
        joint = _joint(element)
        for end in (joint.parent, joint.child):
            if end not in links:
                raise SpecError(
                    f'URDF joint {joint.name!r} names no link {end!r} that is there. There are: '
                    f'{", ".join(links) or "none"}.'
                )
        below[joint.parent].append(joint)
        children.append(joint.child)
    tops = [name for name in links if name not in children]
    waiting, ordered = list(tops), list[Joint]()
    while waiting:
        found = below[waiting.pop(0)]
        ordered += found
        waiting += [joint.child for joint in found]
    if len(tops) != 1 or len(ordered) != len(links) - 1:
        raise SpecError(
            f'The links of a URDF must form one tree, its roots are {tops}. Give each link but '
            'one exactly one joint that has it as its child.'
        )
    return tops[0], ordered


def _joint(element: Element) -> Joint:
    place, turn = pose(element)
    axis = numbers(element.find('axis'), 'xyz', '1 0 0')
    limit, follows = element.find('limit'), element.find('mimic')
    return Joint(
        name=element.get('name', ''),
        kind=element.get('type', ''),
        parent=end(element, 'parent'),
        child=end(element, 'child'),
        place=place,
        turn=turn,
        axis=axis / (np.linalg.norm(axis) or 1.0),
        low=number(limit, 'lower', -math.inf),
        high=number(limit, 'upper', math.inf),
        mimic=None
        if follows is None
        else (
            follows.get('joint', ''),
            number(follows, 'multiplier', 1.0),
            number(follows, 'offset', 0.0),
        ),
    )


def end(joint: Element, tag: str) -> str:
    """Link at the 'parent' or 'child' end of a joint."""
    element = joint.find(tag)
    return '' if element is None else element.get('link', '')


def inertial(link: Element) -> Inertial:
    """Mass of a link; nothing where it has none."""
    element = link.find('inertial')
    if element is None:
        return Inertial(0.0, np.zeros(3), np.eye(3), np.zeros((3, 3)))
    place, turn = pose(element)
    values = element.find('inertia')
    xx, xy, xz, yy, yz, zz = (number(values, key, 0.0) for key in TENSOR)
    tensor = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return Inertial(number(element.find('mass'), 'value', 0.0), place, turn, tensor)


def pose(element: Element) -> tuple[Array, Array]:
    """Place (3,) [m] and attitude (3, 3) of the <origin> inside `element`."""
    origin = element.find('origin')
    return numbers(origin, 'xyz'), matrix_of_rpy(numbers(origin, 'rpy'))


def numbers(element: Element | None, key: str, default: str = '0 0 0', count: int = 3) -> Array:
    """The `count` numbers of an attribute, which must be there if `default` is empty.

    Raises SpecError where they are none.
    """
    text = default if element is None else element.get(key, default)
    try:
        values = np.array(text.split(), np.float64)
    except ValueError:
        values = np.zeros(0)
    if values.shape != (count,) or not np.isfinite(values).all():
        tag = '' if element is None else element.tag
        raise SpecError(
            f'URDF <{tag} {key}> must hold finite numbers, {count} of them, got {text!r}.'
        )
    return values


def number(element: Element | None, key: str, default: float = math.nan) -> float:
    """An attribute that is one number; where it is missing `default`, or SpecError without one."""
    if (element is None or key not in element.attrib) and not math.isnan(default):
        return default
    return float(numbers(element, key, '', 1)[0])
