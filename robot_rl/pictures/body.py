"""A robot's body from its URDF: what it looks like, and where its links are (forward kinematics).

Poses are (..., 7): position [m] and quaternion wxyz, both in the world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from robot_rl.errors import SpecError
from robot_rl.pictures import mesh
from robot_rl.pictures.mesh import Mesh

Colour = tuple[float, float, float, float]
GREY: Colour = (0.62, 0.64, 0.67, 1.0)
TURNING, SLIDING = ('revolute', 'continuous'), ('prismatic',)


@dataclass(frozen=True)
class Part:
    """One visible shape, in the frame of its link."""

    link: str
    mesh: Mesh
    colour: Colour


@dataclass(frozen=True)
class Joint:
    """How a child link sits on its parent. Kinds that do not move count as fixed."""

    name: str
    kind: str
    parent: str
    child: str
    origin: np.ndarray
    """(4, 4) parent to joint, at zero."""
    axis: np.ndarray
    mimic: tuple[str, float, float] | None = None
    """The joint it follows, multiplier and offset."""


@dataclass(frozen=True)
class Body:
    """Visible shapes and joints, parents before children."""

    root: str
    parts: tuple[Part, ...]
    joints: tuple[Joint, ...]

    def link_poses(
        self, base_frame: str, base: np.ndarray, joint_pos: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Where every link is, (n, 4, 4) each.

        Args:
            base_frame: The link that `base` is the pose of.
            base: (n, 7) its pose.
            joint_pos: (n,) [rad or m] by joint; those left out stand at zero.
        """
        num, zero = len(base), np.zeros(len(base))
        poses = {self.root: np.broadcast_to(np.eye(4), (num, 4, 4))}
        for joint in self.joints:
            if joint.mimic is None:
                position = joint_pos.get(joint.name, zero)
            else:
                leader, multiplier, offset = joint.mimic
                position = multiplier * joint_pos.get(leader, zero) + offset
            poses[joint.child] = poses[joint.parent] @ joint.origin @ _motion(joint, position)
        if base_frame not in poses:
            raise SpecError(f'The URDF has no link {base_frame!r}. It has: {", ".join(poses)}.')
        to_world = transforms(base) @ np.linalg.inv(poses[base_frame])
        return {link: to_world @ pose for link, pose in poses.items()}


def _motion(joint: Joint, position: np.ndarray) -> np.ndarray:
    """(n, 4, 4) from the joint at zero to the child."""
    moved = np.tile(np.eye(4), (len(position), 1, 1))
    if joint.kind in SLIDING:
        moved[:, :3, 3] = position[:, None] * joint.axis
    elif joint.kind in TURNING:
        x, y, z = joint.axis
        cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        sine, cosine = np.sin(position)[:, None, None], np.cos(position)[:, None, None]
        moved[:, :3, :3] += sine * cross + (1.0 - cosine) * (cross @ cross)
    return moved


def transforms(poses: np.ndarray) -> np.ndarray:
    """(..., 7) poses as (..., 4, 4) matrices; quaternions need not be normalised."""
    quat = poses[..., 3:7] / np.linalg.norm(poses[..., 3:7], axis=-1, keepdims=True)
    w, x, y, z = np.moveaxis(quat, -1, 0)
    matrix = np.zeros((*poses.shape[:-1], 4, 4))
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            matrix[..., i, j] = value
    matrix[..., :3, 3] = poses[..., :3]
    matrix[..., 3, 3] = 1.0
    return matrix


def poses_of(matrix: np.ndarray) -> np.ndarray:
    """(n, 4, 4) matrices as (n, 7) poses; signs are such that neighbours can be interpolated."""
    m = matrix[..., :3, :3]
    diagonal = np.einsum('...ii->...i', m)
    trace = diagonal.sum(axis=-1)
    # The four candidates are one quaternion times 4 w, 4 x, 4 y and 4 z: take the largest.
    table = np.empty((len(m), 4, 4))
    table[:, 0, 0] = 1.0 + trace
    for i, (j, k) in enumerate(((1, 2), (2, 0), (0, 1)), start=1):
        table[:, 0, i] = table[:, i, 0] = m[:, k, j] - m[:, j, k]
        table[:, i, i] = 1.0 + 2.0 * diagonal[:, i - 1] - trace
        table[:, j + 1, k + 1] = table[:, k + 1, j + 1] = m[:, k, j] + m[:, j, k]
    largest = np.einsum('nii->ni', table).argmax(axis=1)
    quat = table[np.arange(len(m)), largest]
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    flips = np.cumprod(np.where((quat[1:] * quat[:-1]).sum(axis=1) < 0.0, -1.0, 1.0))
    quat[1:] *= flips[:, None]
    return np.concatenate([matrix[:, :3, 3], quat], axis=1)


@cache
def load_body(path: Path) -> Body:
    """Read a URDF. Where no link has a visual, collision shapes are drawn instead.

    Raises SpecError, naming file and fault, for a file that is not a tree of links and joints.
    """
    try:
        robot = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise SpecError(
            f'Cannot read the URDF {path}: {error}. Expected a file of well-formed XML.'
        ) from None
    try:
        joints = [_joint(element) for element in robot.findall('joint')]
        colours = {m.get('name', ''): c for m in robot.findall('material') if (c := _rgba(m))}
        parts: list[Part] = []
        for kind in ('visual', 'collision'):
            parts = parts or [
                _part(path, link.get('name', ''), shape, colours)
                for link in robot.findall('link')
                for shape in link.findall(kind)
            ]
    except (ValueError, AttributeError, KeyError) as error:
        raise SpecError(
            f'{path} has a joint or shape that cannot be read: {error}. Correct it there.'
        ) from None
    links = [link.get('name', '') for link in robot.findall('link')]
    root, ordered = _ordered(path, links, joints)
    return Body(root, tuple(parts), ordered)


def _ordered(
    path: Path, links: Sequence[str], joints: Sequence[Joint]
) -> tuple[str, tuple[Joint, ...]]:
    """The root link, and the joints with parents before children."""
    children = {joint.child for joint in joints}
    roots = [link for link in links if link not in children]
    if len(roots) != 1:
        raise SpecError(f'{path} has the root links {roots}, expected exactly one.')
    ordered: list[Joint] = []
    reached = {roots[0]}
    while len(ordered) < len(joints):
        found = [joint for joint in joints if joint.parent in reached and joint not in ordered]
        if not found:
            lost = [joint.name for joint in joints if joint not in ordered]
            raise SpecError(
                f'{path}: the joints {lost} do not hang on {roots[0]!r}. Name links that do as '
                'their parents.'
            )
        ordered += found
        reached |= {joint.child for joint in found}
    return roots[0], tuple(ordered)


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def _origin(element: ElementTree.Element) -> np.ndarray:
    """(4, 4) of an <origin xyz rpy>, the identity where there is none."""
    found = element.find('origin')
    matrix = np.eye(4)
    if found is None:
        return matrix
    matrix[:3, 3] = _numbers(found.get('xyz', '0 0 0'))
    roll, pitch, yaw = _numbers(found.get('rpy', '0 0 0'))
    half = 0.5 * np.array([roll, pitch, yaw])
    (cr, cp, cy), (sr, sp, sy) = np.cos(half), np.sin(half)
    quat = (
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )
    return transforms(np.array([*matrix[:3, 3], *quat]))


def _joint(element: ElementTree.Element) -> Joint:
    axis = element.find('axis')
    direction = np.array(_numbers('1 0 0' if axis is None else axis.attrib['xyz']))
    follows = element.find('mimic')
    return Joint(
        name=element.attrib['name'],
        kind=element.attrib['type'],
        parent=element.find('parent').attrib['link'],  # pyright: ignore[reportOptionalMemberAccess]
        child=element.find('child').attrib['link'],  # pyright: ignore[reportOptionalMemberAccess]
        origin=_origin(element),
        axis=direction / np.linalg.norm(direction),
        mimic=None
        if follows is None
        else (
            follows.attrib['joint'],
            float(follows.get('multiplier', '1')),
            float(follows.get('offset', '0')),
        ),
    )


def _rgba(element: ElementTree.Element | None) -> Colour | None:
    colour = None if element is None else element.find('color')
    if colour is None:
        return None
    r, g, b, a = _numbers(colour.attrib['rgba'])
    return r, g, b, a


def _part(
    path: Path, link: str, visual: ElementTree.Element, colours: Mapping[str, Colour]
) -> Part:
    material = visual.find('material')
    named = colours.get(material.get('name', ''), GREY) if material is not None else GREY
    shape = visual.find('geometry/*')
    if shape is None:
        raise ValueError(f'a shape of link {link!r} has no geometry')
    return Part(link, _shape(path, shape).placed(_origin(visual)), _rgba(material) or named)


def _shape(path: Path, shape: ElementTree.Element) -> Mesh:
    if shape.tag == 'box':
        x, y, z = _numbers(shape.attrib['size'])
        return mesh.box((x, y, z))
    if shape.tag == 'sphere':
        return mesh.sphere(float(shape.attrib['radius']))
    if shape.tag in ('cylinder', 'capsule'):
        make = mesh.cylinder if shape.tag == 'cylinder' else mesh.capsule
        return make(float(shape.attrib['radius']), float(shape.attrib['length']))
    if shape.tag == 'mesh':
        x, y, z = _numbers(shape.get('scale', '1 1 1'))
        return mesh.load_stl(_mesh_path(path, shape.attrib['filename']), (x, y, z))
    raise ValueError(f'<{shape.tag}> is no shape of a URDF')


def _mesh_path(urdf: Path, name: str) -> Path:
    """A mesh's file: below the folder of the URDF, or of the package around that."""
    inner = name.removeprefix('file://')
    if name.startswith('package://'):
        _, _, inner = name.removeprefix('package://').partition('/')
        inside = urdf.parent.parent / inner
        if inside.is_file():
            return inside
    return urdf.parent / inner
