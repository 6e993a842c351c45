"""Read a robot's URDF and refuse a broken one before a simulator sees it."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

from robot_rl.assets import asset
from robot_rl.errors import SpecError
from robot_rl.spec.robot import Robot


def load_urdf(robot: Robot) -> str:
    """Text of the robot's URDF.

    Raises SpecError, naming file and fault, where it is missing, not XML, no URDF, lacks base_link
    or a joint that the robot declares, or gives a link a mass or inertia that is not positive.
    """
    path = asset('urdf', robot.urdf)
    text = path.read_text(encoding='utf-8', errors='replace')
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise SpecError(f'{path} is not well-formed XML: {error}. Correct it there.') from None
    if root.tag != 'robot':
        raise SpecError(f'{path} is no URDF: its root is <{root.tag}>, expected <robot>.')
    _check_names(path, root, robot)
    for link in root.findall('link'):
        _check_inertial(path, link)
    return text


def _check_names(path: Path, root: ElementTree.Element, robot: Robot) -> None:
    links = (robot.base_frame, robot.tool_frame or robot.base_frame)
    for tag, wanted in (('link', links), ('joint', robot.joint_names)):
        there = [element.get('name', '') for element in root.findall(tag)]
        missing = [name for name in wanted if name not in there]
        if missing:
            raise SpecError(
                f'{path} has no {tag} {missing[0]!r}, which the robot {robot.name!r} declares. '
                f'It has: {", ".join(there) or "none"}.'
            )


def _check_inertial(path: Path, link: ElementTree.Element) -> None:
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
