"""The ray caster and MuJoCo's renderer draw the same images of the same scenes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('numba')
pytest.importorskip('mujoco')

from robot_rl.bench.render import poses, room
from robot_rl.errors import MissingPackageError, SpecError
from robot_rl.spec.camera import Camera
from robot_rl.spec.scene import Lamp, Look, Scene, Shape
from robot_rl.vision import mujoco as renderer
from robot_rl.vision.raycast import Raycast
from robot_rl.vision.scenes import Scenes

# PyOpenGL leaves a file open.
pytestmark = pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')

CAMERA = Camera('front', 80, 60, 48.0, 48.0, 42.0, 27.0)


@pytest.fixture
def other():
    try:
        made = renderer.Mujoco(CAMERA)
    except MissingPackageError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def _compare(other, scenes, place, quat, rows=None):
    ours = Raycast(CAMERA).render(place, quat, scenes, rows)
    theirs = other.render(place, quat, scenes, rows)
    same = (ours.ids == theirs.ids) & (ours.ids >= 0)
    error = np.abs(ours.depth[same] - theirs.depth[same])
    colour = np.abs(ours.rgb[same].astype(int) - theirs.rgb[same])
    return (ours.ids == theirs.ids).mean(), error, colour


def test_both_see_the_same_in_plain_colours(other) -> None:
    scenes = Scenes([room(8, 1)])
    place, quat = poses(6)
    agree, error, colour = _compare(other, scenes, place, quat, np.zeros(6, np.int64))
    assert agree > 0.99
    assert np.quantile(error, 0.98) < 5e-3  # the rest are balls, which have faces there
    assert np.median(error) < 2e-4
    assert colour.mean() < 2.0


def test_both_see_the_same_patterns(other) -> None:
    looks = [Look((0.9, 0.2, 0.1), (0.1, 0.3, 0.8), name, 0.3) for name in ('checker', 'stripes')]
    box = Shape('box', (1.0, 0.8, 1.2), (2.0, 0.4, 0.1), (0.9239, 0.0, 0.0, 0.3827), looks[0])
    roll = Shape('cylinder', (0.4, 1.0), (1.8, -0.9, 0.0), look=looks[1])
    floor = Shape('plane', position=(0.0, 0.0, -0.6), look=looks[0])
    lamp = Lamp((0.5, 0.3, 1.5), (0.4, 0.4, 0.4), 2.0)
    scenes = Scenes([Scene((box, roll, floor), lamps=(lamp,))])
    quat = np.array([[0.5, -0.5, 0.5, -0.5]])
    ours = Raycast(CAMERA).render(np.zeros((1, 3)), quat, scenes)
    theirs = other.render(np.zeros((1, 3)), quat, scenes)
    # MuJoCo smooths textures, the more the further away: where fields meet they differ.
    for number, most in ((0, 10.0), (1, 10.0), (2, 45.0)):
        same = (ours.ids == number) & (theirs.ids == number)
        assert same.sum() > 500
        difference = ours.rgb[same].astype(int) - theirs.rgb[same]
        assert np.abs(difference).mean() < most
        assert np.abs(difference.mean(0)).max() < 10.0


def test_what_moves_is_drawn_where_it_went(other) -> None:
    scenes = Scenes([Scene((Shape('sphere', (0.3,), (2.0, 0.0, 0.0)),))])
    quat = np.array([[0.5, -0.5, 0.5, -0.5]])
    for y in (0.0, 0.5, -0.5):
        scenes.position[0, 0, 1] = y
        agree, error, _ = _compare(other, scenes, np.zeros((1, 3)), quat)
        assert agree > 0.99
        assert len(error) > 50


def test_a_lens_that_distorts_is_refused() -> None:
    with pytest.raises(SpecError, match='square pixels and no distortion'):
        renderer.Mujoco(Camera('front', 8, 8, 8.0, 9.0, 3.5, 3.5))


def test_without_a_graphics_library_it_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(renderer, '_BACKENDS', ('there_is_none',))
    with pytest.raises(MissingPackageError, match='apt install libosmesa6'):
        renderer.Mujoco(CAMERA)


def test_scenes_that_take_turns_are_not_mixed_up(other) -> None:
    scenes = Scenes([room(8, 1), room(2, 2)])
    place, quat = poses(2)
    rows = np.array([0, 1])
    first = other.render(place, quat, scenes, rows)
    for _ in range(2):
        again = other.render(place, quat, scenes, rows)
        assert np.array_equal(again.rgb, first.rgb)
        assert np.array_equal(again.depth, first.depth)
