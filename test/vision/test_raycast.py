"""The ray caster against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.bench.render import poses, room
from robot_rl.errors import SpecError
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of
from robot_rl.spec.scene import Lamp, Look, Scene, Shape
from robot_rl.spec.world import Block, Column, Line, World
from robot_rl.vision.optics import project
from robot_rl.vision.raycast import Raycast
from robot_rl.vision.scenes import Scenes
from robot_rl.vision.world import PERSON, WALL, scene_of

WHITE = Look((1.0, 1.0, 1.0))
TILTED = (0.8, 0.2, -0.4, 0.4)
RED, GREEN = Look((1.0, 0.0, 0.0)), Look((0.0, 1.0, 0.0))


def test_depth_of_a_plane(look, ray) -> None:
    found = look(Scene((Shape('plane', position=(0.0, 0.0, -0.5)),))).depth
    expected = np.where(ray[..., 2] < 0.0, -0.5 / np.minimum(ray[..., 2], -1e-9), np.inf)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_depth_of_a_sphere(look, ray) -> None:
    middle = np.array([2.0, 0.3, -0.2])
    found = look(Scene((Shape('sphere', (0.7,), tuple(middle)),))).depth
    square, b = (ray**2).sum(-1), ray @ middle
    inner = b**2 - square * (middle @ middle - 0.7**2)
    expected = np.where(inner >= 0.0, (b - np.sqrt(np.maximum(inner, 0.0))) / square, np.inf)
    sure = np.abs(inner) > 1e-3
    np.testing.assert_allclose(found[sure], expected[sure], rtol=1e-4)
    assert np.isfinite(found).sum() > 50


def _march(ray, inside):
    """Depth of a body by steps of a millimetre along each ray, within a step."""
    t = np.arange(1.5, 3.5, 0.001)
    points = t[:, None, None, None] * ray
    hit = inside(points)
    return np.where(hit.any(0), t[hit.argmax(0)], np.inf)


@pytest.mark.parametrize(
    ('kind', 'size', 'inside'),
    [
        ('box', (0.8, 1.2, 0.6), lambda p: (np.abs(p) <= (0.4, 0.6, 0.3)).all(-1)),
        (
            'cylinder',
            (0.4, 1.1),
            lambda p: (np.hypot(p[..., 0], p[..., 1]) <= 0.4) & (np.abs(p[..., 2]) <= 0.55),
        ),
        (
            'capsule',
            (0.3, 0.7),
            lambda p: (
                np.hypot(np.hypot(p[..., 0], p[..., 1]), np.maximum(np.abs(p[..., 2]) - 0.35, 0.0))
                <= 0.3
            ),
        ),
    ],
)
def test_depth_of_a_tilted_body(look, ray, kind, size, inside) -> None:
    place = np.array([2.5, 0.1, 0.2])
    turn = matrix_of(np.array(TILTED))
    found = look(Scene((Shape(kind, size, tuple(place), TILTED),))).depth
    found, some = found[::2, ::2], ray[::2, ::2]
    expected = _march(some, lambda p: inside((p - place) @ turn))
    both = np.isfinite(expected) & np.isfinite(found)
    assert both.sum() > 15
    assert (np.isfinite(expected) != np.isfinite(found)).sum() <= 2  # grazing
    assert np.abs(found[both] - expected[both]).max() < 1.5e-3


def test_what_is_nearer_hides_what_is_behind_whatever_their_order(look) -> None:
    near = Shape('box', (0.2, 0.6, 0.6), (1.0, 0.0, 0.0), look=RED)
    far = Shape('box', (0.2, 4.0, 4.0), (3.0, 0.0, 0.0), look=GREEN)
    one, other = look(Scene((near, far))), look(Scene((far, near)))
    assert (one.ids[15, 20], other.ids[15, 20], one.ids[15, 8]) == (0, 1, 1)
    assert one.depth[15, 20] == pytest.approx(0.9)
    np.testing.assert_array_equal(one.rgb, other.rgb)
    np.testing.assert_array_equal(one.ids == 0, other.ids == 1)


def test_a_body_around_the_camera_and_one_behind_it_are_not_seen(look) -> None:
    around = Shape('box', (1.0, 1.0, 1.0))
    behind = Shape('sphere', (0.5,), (-2.0, 0.0, 0.0))
    assert (look(Scene((around, behind))).ids == -1).all()


def test_light_falls_as_much_as_a_surface_faces_it(look) -> None:
    wall = Shape('box', (0.2, 6.0, 6.0), (2.1, 0.0, 0.0), look=WHITE)
    slanting = Scene(
        (wall,), sun=(0.6, 0.4, 0.2), to_sun=(-1.0, 0.0, 3.0**0.5), ambient=(0.1, 0.1, 0.1)
    )
    expected = 255.0 * (0.1 + 0.5 * np.array([0.6, 0.4, 0.2]))
    np.testing.assert_allclose(look(slanting).rgb[15, 20], expected, atol=0.5)
    lamp = Lamp((1.0, 0.0, 0.0), (0.8, 0.8, 0.8), reach=1.0)
    lit = replace(slanting, sun=(0.0, 0.0, 0.0), lamps=(lamp,))
    np.testing.assert_allclose(look(lit).rgb[15, 20], 255.0 * (0.1 + 0.8 / 2.0), atol=0.6)


def test_a_shadow_lies_where_the_sun_is_hidden(look, ray) -> None:
    ball = Shape('sphere', (0.5,), (3.0, 0.0, 1.0), look=RED)
    scene = Scene((Shape('plane', position=(0.0, 0.0, -1.0), look=WHITE), ball), to_sun=(0, 0, 1))
    frame = look(scene, shadows=True)
    ground = frame.ids == 0
    place = ray[ground] * frame.depth[ground][:, None]
    away = np.hypot(place[:, 0] - 3.0, place[:, 1])
    dark = frame.rgb[ground][:, 0] < 150
    assert dark.sum() > 5
    np.testing.assert_array_equal(dark, away < 0.5)


def test_patterns_have_both_colours_and_images_lie_the_right_way_up(look) -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, :, 0], picture[1, :, 1] = 255, 255  # red above green
    wall = Shape('box', (0.2, 2.0, 2.0), (2.1, 0.0, 0.0))
    looks = [Look((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), name, 0.5) for name in ('checker', 'stripes')]
    for pattern in looks:
        frame = look(Scene((replace(wall, look=pattern),), to_sun=(-1, 0, 0)))
        values = frame.rgb[..., 0][frame.ids == 0]
        assert set(np.unique(values)) == {0, 255}
        assert 0.35 < (values > 0).mean() < 0.65
    image = Look(pattern='image', image=picture, scale=2.0, phase=(-1.0, -1.0))
    frame = look(Scene((replace(wall, look=image),), to_sun=(-1, 0, 0)))
    assert frame.rgb[9, 20].tolist() == pytest.approx([255, 0, 0], abs=4)
    assert frame.rgb[21, 20].tolist() == pytest.approx([0, 255, 0], abs=4)


def test_one_in_a_batch_is_drawn_as_if_alone() -> None:
    renderer = Raycast(Camera.pinhole('front', 40, 30, 1.4), shadows=True)
    scenes = Scenes([room(n, n, patterns=True) for n in range(0, 12, 2)])
    place, quat = poses(12)
    rows = np.tile(np.arange(6), 2)
    every = renderer.render(place, quat, scenes, rows)
    for i in (0, 5, 9):
        alone = Scenes([scenes.specs[rows[i]]])
        one = renderer.render(place[i : i + 1], quat[i : i + 1], alone)
        for mine, theirs in zip(one, every, strict=True):
            np.testing.assert_array_equal(mine[0], theirs[i])


def test_culling_leaves_nothing_out() -> None:
    """A shape alone is seen wherever it is nearer than all that a full scene shows."""
    camera = Camera.pinhole('front', 40, 30, 1.6)
    place, quat = poses(8, 3)
    scene = room(12, 4)
    full = Raycast(camera).render(place, quat, Scenes([scene] * 8))
    for number, shape in enumerate(scene.shapes):
        alone = Raycast(camera).render(place, quat, Scenes([Scene((shape,))] * 8))
        assert (alone.depth >= full.depth * (1.0 - 1e-6)).all()
        np.testing.assert_allclose(
            alone.depth[full.ids == number], full.depth[full.ids == number], rtol=1e-6
        )


def test_distortion_bends_the_image(look) -> None:
    bent = replace(Camera.pinhole('f', 64, 48, 1.2), distortion=(-0.25, 0.05, 0.001, 0.002, 0.0))
    marks = np.array([[2.0, y, z] for y in (-0.9, 0.0, 0.8) for z in (-0.6, 0.5)])
    scene = Scene(tuple(Shape('sphere', (0.04,), tuple(mark)) for mark in marks))
    quat = np.array([[0.5, -0.5, 0.5, -0.5]])
    ids = Raycast(bent, supersample=4).render(np.zeros((1, 3)), quat, Scenes([scene])).ids[0]
    optical = np.stack((-marks[:, 1], -marks[:, 2], marks[:, 0]), 1)
    for number, (u, v) in enumerate(project(bent, optical)):
        rows, columns = (ids == number).nonzero()
        assert abs(columns.mean() - u) < 0.6
        assert abs(rows.mean() - v) < 0.6


def test_more_rays_smooth_edges_and_keep_depth(look, ray) -> None:
    plane = Scene((Shape('plane', position=(0.0, 0.0, -0.5)),))
    for number in (2, 4):
        frame = look(plane, supersample=number)
        sure = ray[..., 2] < -0.05
        np.testing.assert_allclose(frame.depth[sure], -0.5 / ray[sure][:, 2], rtol=1e-4)
    edge = Scene((Shape('box', (0.2, 1.03, 9.0), (2.0, 0.0, 0.0), look=RED),))
    assert len(np.unique(look(edge).rgb[15, :, 0])) < len(
        np.unique(look(edge, supersample=4).rgb[15, :, 0])
    )


def test_surroundings_of_a_task_become_a_scene() -> None:
    world = World(
        lines=(Line(np.array([[0.0, 2.0, 0.0], [4.0, 2.0, 0.0], [4.0, -2.0, 0.0]]), height=1.0),),
        blocks=(Block((2.0, 1.0, 0.2), (0.4, 0.4, 0.4)),),
        people=(Column((1.5, 0.0, 0.9), 0.25, 1.8),),
    )
    scenes = Scenes([scene_of(world)])
    quat = np.array([[0.5, -0.5, 0.5, -0.5]])
    renderer = Raycast(Camera.pinhole('front', 41, 31, 1.4))
    frames = renderer.render(np.array([[0.0, 0.0, 0.5]]), quat, scenes)
    assert frames.depth[0, 15, 20] == pytest.approx(1.25, abs=1e-4)
    assert scenes.label[0, frames.ids[0, 15, 20]] == PERSON
    scenes.position[0, 0] = (-5.0, 0.0, 0.9)  # it has walked on
    frames = renderer.render(np.array([[0.0, 0.0, 0.5]]), quat, scenes)
    assert frames.depth[0, 15, 20] == pytest.approx(3.999, abs=1e-4)
    assert scenes.label[0, frames.ids[0, 15, 20]] == WALL


def test_what_cannot_be_drawn_is_refused() -> None:
    camera, quat = Camera.pinhole('front', 8, 8, 1.0), np.array([[1.0, 0.0, 0.0, 0.0]])
    mesh = Scenes([Scene((Shape('mesh', (1.0, 1.0, 1.0), file='a.stl'),))])
    with pytest.raises(SpecError, match='got a mesh'):
        Raycast(camera).render(np.zeros((1, 3)), quat, mesh)
    with pytest.raises(SpecError, match='needs one of the scenes 0 to 0'):
        Raycast(camera).render(np.zeros((1, 3)), quat, mesh, np.array([1]))
    with pytest.raises(SpecError, match='1, 2 or 4'):
        Raycast(camera, supersample=3)
    with pytest.raises(SpecError, match='2 positive numbers'):
        Shape('cylinder', (0.1,))
