"""A robot's body from its URDF: what it looks like, and where its links are (forward kinematics).

Poses are (..., 7): position [m] and quaternion wxyz, both in the world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from robot_rl.errors import SpecError
from robot_rl.pictures import mesh
from robot_rl.pictures.mesh import Mesh
from robot_rl.spec.rotation import about, matrix_of, quaternion_of
from robot_rl.spec.urdf import (
    SLIDING,
    TURNING,
    Element,
    Joint,
    number,
    numbers,
    pose,
    read_urdf,
    tree,
)

Colour = tuple[float, float, float, float]
GREY: Colour = (0.62, 0.64, 0.67, 1.0)


@dataclass(frozen=True)
class Part:
    """One visible shape, in the frame of its link."""

    link: str
    mesh: Mesh
    colour: Colour

    @cached_property
    def corners(self) -> np.ndarray:
        """(8, 3) [m] of the box along the axes of the link that just holds it."""
        low, high = self.mesh.vertices.min(axis=0), self.mesh.vertices.max(axis=0)
        return np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(-1, 3)


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
            poses[joint.child] = poses[joint.parent] @ _motion(joint, position)
        if base_frame not in poses:
            raise SpecError(f'The URDF has no link {base_frame!r}. It has: {", ".join(poses)}.')
        to_world = transforms(base) @ np.linalg.inv(poses[base_frame])
        return {link: to_world @ pose for link, pose in poses.items()}


def _motion(joint: Joint, position: np.ndarray) -> np.ndarray:
    """(n, 4, 4) from the child to its parent."""
    away = position[:, None] * joint.axis if joint.kind == SLIDING else np.zeros(3)
    turned = about(joint.axis, position) if joint.kind in TURNING else np.eye(3)
    moved = np.tile(np.eye(4), (len(position), 1, 1))
    moved[:, :3, :3] = joint.turn @ turned
    moved[:, :3, 3] = joint.place + away @ joint.turn.T
    return moved


def transforms(poses: np.ndarray) -> np.ndarray:
    """(..., 7) poses as (..., 4, 4) matrices; quaternions need not be normalised."""
    matrix = np.zeros((*poses.shape[:-1], 4, 4))
    length = np.linalg.norm(poses[..., 3:7], axis=-1, keepdims=True)
    matrix[..., :3, :3] = matrix_of(poses[..., 3:7] / length)
    matrix[..., :3, 3] = poses[..., :3]
    matrix[..., 3, 3] = 1.0
    return matrix


def poses_of(matrix: np.ndarray) -> np.ndarray:
    """(n, 4, 4) matrices as (n, 7) poses; signs are such that neighbours can be interpolated."""
    quat = quaternion_of(matrix[:, :3, :3])
    flips = np.cumprod(np.where((quat[1:] * quat[:-1]).sum(axis=1) < 0.0, -1.0, 1.0))
    quat[1:] *= flips[:, None]
    return np.concatenate([matrix[:, :3, 3], quat], axis=1)


@cache
def load_body(path: Path, added: str = '') -> Body:
    """Read a URDF and what is `added`, see Robot.held_urdf.

    Where no link has a visual, collision shapes are drawn instead.

    Raises SpecError, naming file and fault, for a file that is not a tree of links and joints.
    """
    robot = read_urdf(path, added)
    try:
        root, joints = tree(robot)
        colours = {m.get('name', ''): c for m in robot.findall('material') if (c := _rgba(m))}
        parts: list[Part] = []
        for kind in ('visual', 'collision'):
            parts = parts or [
                _part(path, link.get('name', ''), shape, colours)
                for link in robot.findall('link')
                for shape in link.findall(kind)
            ]
    except SpecError as error:
        raise SpecError(f'{path}: {error}') from None
    return Body(root, tuple(parts), tuple(joints))


def _rgba(element: Element | None) -> Colour | None:
    colour = None if element is None else element.find('color')
    if colour is None:
        return None
    r, g, b, a = numbers(colour, 'rgba', '', 4)
    return r, g, b, a


def _part(path: Path, link: str, visual: Element, colours: Mapping[str, Colour]) -> Part:
    material = visual.find('material')
    named = colours.get(material.get('name', ''), GREY) if material is not None else GREY
    shape = visual.find('geometry/*')
    if shape is None:
        raise SpecError(f'A shape of link {link!r} has no <geometry>. Give it one.')
    matrix = np.eye(4)
    matrix[:3, 3], matrix[:3, :3] = pose(visual)
    return Part(link, _shape(path, shape).placed(matrix), _rgba(material) or named)


def _shape(path: Path, shape: Element) -> Mesh:
    if shape.tag == 'box':
        x, y, z = numbers(shape, 'size', '')
        return mesh.box((x, y, z))
    if shape.tag == 'sphere':
        return mesh.sphere(number(shape, 'radius'))
    if shape.tag in ('cylinder', 'capsule'):
        make = mesh.cylinder if shape.tag == 'cylinder' else mesh.capsule
        return make(number(shape, 'radius'), number(shape, 'length'))
    if shape.tag == 'mesh':
        x, y, z = numbers(shape, 'scale', '1 1 1')
        return mesh.load_stl(_mesh_path(path, shape.get('filename', '')), (x, y, z))
    raise SpecError(
        f'A URDF has no shape <{shape.tag}>, expected box, sphere, cylinder, capsule or mesh.'
    )


def _mesh_path(urdf: Path, name: str) -> Path:
    """A mesh's file: below the folder of the URDF, or of the package around that."""
    inner = name.removeprefix('file://')
    if name.startswith('package://'):
        _, _, inner = name.removeprefix('package://').partition('/')
        inside = urdf.parent.parent / inner
        if inside.is_file():
            return inside
    return urdf.parent / inner
