"""Shapes and places of links, against closed forms and against MuJoCo's own kinematics."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from robot_rl.assets import asset
from robot_rl.errors import SpecError
from robot_rl.pictures import mesh
from robot_rl.pictures.body import load_body, poses_of, transforms
from robot_rl.pictures.mesh import Mesh

NUM = 7


def _random_base(generator: np.random.Generator) -> np.ndarray:
    quat = generator.normal(size=(NUM, 4))
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    return np.concatenate([generator.normal(size=(NUM, 3)), quat], axis=1)


@pytest.mark.parametrize('name', ['crazyflie', 'limbed'])
def test_links_are_where_mujoco_has_them(name: str, limbed: Path) -> None:
    mujoco = pytest.importorskip('mujoco')
    path = asset('urdf', 'crazyflie.urdf') if name == 'crazyflie' else limbed
    base_frame = 'base_link' if name == 'crazyflie' else 'footprint'
    body = load_body(path)
    spec = mujoco.MjSpec.from_string(path.read_text())
    spec.compiler.fusestatic = False
    spec.body(base_frame).add_freejoint(name='free')
    if name == 'limbed':  # MuJoCo wants a mass on what moves
        spec.body(base_frame).mass = 1.0
        spec.body(base_frame).inertia = [1.0, 1.0, 1.0]
        spec.body(base_frame).explicitinertial = True
    model = spec.compile()
    data = mujoco.MjData(model)
    moving = [joint.name for joint in body.joints if joint.kind != 'fixed']
    generator = np.random.default_rng(0)
    base = _random_base(generator)
    joints = {joint: generator.uniform(-2.0, 2.0, NUM) for joint in moving}
    links = body.link_poses(base_frame, base, joints)
    assert len(moving) >= 3
    for row in range(NUM):
        data.joint('free').qpos[:] = base[row]
        for joint in moving:
            data.joint(joint).qpos[:] = joints[joint][row]
        mujoco.mj_kinematics(model, data)
        for link, pose in links.items():
            there = data.body(link)
            np.testing.assert_allclose(pose[row, :3, 3], there.xpos, atol=1e-9)
            np.testing.assert_allclose(
                pose[row, :3, :3], there.xmat.reshape(3, 3), atol=1e-9, err_msg=link
            )


def test_the_base_need_not_be_the_root(limbed: Path) -> None:
    base = _random_base(np.random.default_rng(1))
    body = load_body(limbed)
    links = body.link_poses('base_link', base, {})
    np.testing.assert_allclose(links['base_link'], transforms(base), atol=1e-12)
    assert not np.allclose(links['footprint'], links['base_link'])
    with pytest.raises(SpecError, match="no link 'nose'"):
        body.link_poses('nose', base, {})


def test_a_joint_that_mimics_follows(tmp_path: Path) -> None:
    path = tmp_path / 'gripper.urdf'
    path.write_text(
        '<robot name="g"><link name="base_link"/><link name="a"/><link name="b"/>'
        '<joint name="left" type="prismatic"><parent link="base_link"/><child link="a"/>'
        '<axis xyz="0 1 0"/></joint><joint name="right" type="prismatic">'
        '<parent link="base_link"/><child link="b"/><axis xyz="0 1 0"/>'
        '<mimic joint="left" multiplier="-2" offset="0.5"/></joint></robot>'
    )
    still = np.array([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    links = load_body(path).link_poses('base_link', still, {'left': np.array([0.1])})
    np.testing.assert_allclose(links['a'][0, :3, 3], [0.0, 0.1, 0.0])
    np.testing.assert_allclose(links['b'][0, :3, 3], [0.0, 0.3, 0.0])


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('<robot', 'not well-formed XML'),
        ('<robot name="x"><link name="a"/><link name="b"/></robot>', 'must form one tree'),
        (
            '<robot name="x"><link name="a"/><joint name="j" type="fixed"><parent link="q"/>'
            '<child link="r"/></joint></robot>',
            "'j' names no link 'q'",
        ),
        (
            '<robot name="x"><link name="a"><visual><geometry><cone/></geometry></visual></link>'
            '</robot>',
            'cone',
        ),
        (
            '<robot name="x"><link name="a"><visual><geometry><box size="a b c"/></geometry>'
            '</visual></link></robot>',
            'must hold finite numbers, 3 of them',
        ),
        (
            '<robot name="x"><link name="a"><visual><geometry><sphere/></geometry></visual></link>'
            '</robot>',
            "<sphere radius> must hold finite numbers, 1 of them, got ''",
        ),
    ],
)
def test_a_broken_urdf_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / 'broken.urdf'
    path.write_text(text)
    with pytest.raises(SpecError, match=message):
        load_body(path)


def test_collision_shapes_stand_in_for_visuals(tmp_path: Path) -> None:
    path = tmp_path / 'bare.urdf'
    path.write_text(
        '<robot name="x"><link name="a"><collision><geometry><sphere radius="1"/></geometry>'
        '</collision></link></robot>'
    )
    assert len(load_body(path).parts) == 1


def test_poses_survive_the_way_there_and_back() -> None:
    poses = _random_base(np.random.default_rng(2))
    again = poses_of(transforms(poses))
    np.testing.assert_allclose(transforms(again), transforms(poses), atol=1e-12)
    assert ((again[1:, 3:] * again[:-1, 3:]).sum(axis=1) >= 0.0).all()


def _volume(shape: Mesh) -> float:
    """By the divergence theorem: positive only if the triangles face outward."""
    a, b, c = (shape.vertices[shape.faces[:, i]].astype(float) for i in range(3))
    return float((np.cross(a, b) * c).sum() / 6.0)


@pytest.mark.parametrize(
    ('shape', 'volume'),
    [
        (mesh.box((1.0, 2.0, 3.0)), 6.0),
        (mesh.cylinder(0.5, 2.0), 0.5 * math.pi),
        (mesh.sphere(2.0), 32.0 / 3.0 * math.pi),
        (mesh.capsule(0.5, 2.0), 0.5 * math.pi + math.pi / 6.0),
    ],
)
def test_shapes_are_closed_and_face_outward(shape: Mesh, volume: float) -> None:
    assert _volume(shape) == pytest.approx(volume, rel=0.02)
    corners = shape.vertices[shape.faces]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sides = np.einsum('mi,mki->mk', facing, shape.normals[shape.faces])
    assert (sides > -1e-6).all()
    np.testing.assert_allclose(np.linalg.norm(shape.normals, axis=1), 1.0, atol=1e-5)


def test_an_arrow_points_along_x() -> None:
    shape = mesh.arrow(2.0)
    assert shape.vertices[:, 0].min() == pytest.approx(0.0, abs=1e-6)
    assert shape.vertices[:, 0].max() == pytest.approx(2.0)
    assert _volume(shape) > 0.0


def test_ground_faces_up_and_has_its_heights() -> None:
    x, y = np.meshgrid(np.arange(4), np.arange(5), indexing='ij')
    ground = mesh.surface(0.1 * x + 0.2 * y, 0.5, (1.0, -1.0))
    assert (ground.normals[:, 2] > 0.9).all()
    np.testing.assert_allclose(
        ground.vertices[:, 2],
        0.2 * (ground.vertices[:, 0] - 1.0) + 0.4 * (ground.vertices[:, 1] + 1.0),
        atol=1e-6,
    )
    stripe = mesh.ribbon(np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 1.0, 0.0]]), 0.1)
    assert (stripe.normals[:, 2] > 0.9).all()


CUBE = mesh.box((0.1, 0.1, 0.1))


def _stl(binary: bool) -> bytes:
    corners = CUBE.vertices[CUBE.faces]
    if binary:
        row = np.zeros(len(corners), [('n', '<f4', 3), ('c', '<f4', (3, 3)), ('a', '<u2')])
        row['c'] = corners
        return bytes(80) + len(corners).to_bytes(4, 'little') + row.tobytes()
    lines = ['solid x']
    for triangle in corners:
        lines += ['facet normal 0 0 0', 'outer loop']
        lines += [f'vertex {x} {y} {z}' for x, y, z in triangle]
        lines += ['endloop', 'endfacet']
    return '\n'.join([*lines, 'endsolid']).encode()


@pytest.mark.parametrize('binary', [True, False])
def test_mesh_files_beside_the_urdf(binary: bool, tmp_path: Path) -> None:
    (tmp_path / 'urdf').mkdir()
    (tmp_path / 'meshes').mkdir()
    (tmp_path / 'meshes' / 'cube.stl').write_bytes(_stl(binary))
    path = tmp_path / 'urdf' / 'x.urdf'
    path.write_text(
        '<robot name="x"><link name="a"><visual><geometry>'
        '<mesh filename="package://any_name/meshes/cube.stl" scale="2 1 1"/>'
        '</geometry></visual></link></robot>'
    )
    (part,) = load_body(path).parts
    assert _volume(part.mesh) == pytest.approx(0.002)
    assert part.mesh.vertices[:, 0].max() == pytest.approx(0.1)


@pytest.mark.parametrize(('name', 'data'), [('x.dae', b''), ('x.stl', b'solid'), ('no.stl', None)])
def test_other_mesh_files_are_refused(name: str, data: bytes | None, tmp_path: Path) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(SpecError, match=name):
        mesh.load_stl(tmp_path / name)
