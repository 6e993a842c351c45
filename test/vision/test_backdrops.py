"""Courses of gates keep their promises, and what they stand in hides them and is kept clear of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot_rl.errors import SceneFileError, SpecError, UnknownNameError
from robot_rl.spec.camera import Camera
from robot_rl.spec.scene import Look, Scene
from robot_rl.vision import rooms
from robot_rl.vision.backdrops import Backdrop, backdrop
from robot_rl.vision.gates import (
    BEND,
    FREE_GATE,
    FREE_WAY,
    GATES,
    SPACING,
    Course,
    course,
)
from robot_rl.vision.nerf.field import NOTHING, Field
from robot_rl.vision.nerf.frame import Frame
from robot_rl.vision.nerf.scene import NerfScene, save_scene
from robot_rl.vision.nerf.space import Space
from robot_rl.vision.scenes import Scenes

EYE = Camera.pinhole('eye', 40, 30, 1.5)
RED = Look((1.0, 0.0, 0.0))
FORWARD = np.array([[0.5, -0.5, 0.5, -0.5]])
"""Along x of the world, z up."""


@pytest.fixture(scope='module')
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one place: grey walls about 8 m x 7 m x 3 m of air, and a pillar at x = 2."""
    space = Space(False, (0.0, 0.0, 1.5), (4.0, 3.5, 1.5), 0.3)
    field = Field.blank(space, 0.125)
    corner = space.corners(field.shape)
    inside = (np.abs(corner - space.center) < np.array(space.half) - 0.1).all(1)
    pillar = (np.abs(corner[:, :2] - (2.0, 0.0)) < 0.6).all(1)
    field.grid[:, 0] = np.where(inside & ~pillar, NOTHING, 10.0)
    folder = tmp_path_factory.mktemp('places')
    save_scene(folder / 'hall.nerf', NerfScene(field.emptied(), Frame.identity(), {}))
    return folder


def _found(back: Backdrop, number: int) -> tuple[Course, np.ndarray]:
    """The first course of a number, and how near its way comes to what stands there."""
    for turn in range(100):
        spot = back.spot(number, turn)
        draw = np.random.default_rng((number, turn))
        made = course(draw, spot.low, spot.high, spot.clearance)
        if made is not None:
            assert (made.way > spot.low).all()
            assert (made.way < spot.high).all()
            for look in made.shapes(RED, RED)[:2]:
                assert spot.clearance(np.array([look.position])) > FREE_GATE
            return made, spot.clearance(made.way)
    raise AssertionError('no course was found')


@pytest.mark.parametrize('name', ['raycast', 'rooms:0,3', 'nerf:'])
def test_a_course_leads_through_all_its_gates(name: str, places: Path) -> None:
    back = backdrop(f'{name}{places}' if name == 'nerf:' else name, EYE)
    for number in (1, 2):
        made, away = _found(back, number)
        assert away.min() > FREE_WAY - 0.05, 'points between those that were tested'
        assert np.abs(np.diff(made.gates[:, 3])).max() <= BEND + 1e-9
        for (x, y, z, heading), at in zip(made.gates, made.at, strict=True):
            index = round(at / SPACING)
            assert made.way[index] == pytest.approx((x, y, z), abs=SPACING)
            ahead = made.way[index + 2] - made.way[index - 2]
            assert np.cos(np.arctan2(ahead[1], ahead[0]) - heading) > 0.99


def test_what_is_learned_hides_gates_and_is_seen_through_them(places: Path) -> None:
    back, number = backdrop(f'nerf:{places}', EYE), np.zeros(1, np.int64)
    back.spot(0, 0)
    made = Course(np.zeros((1, 3)), np.array([[0.0, 0.0, 1.2, 0.0]] * GATES), np.zeros(GATES), 0.0)
    scenes = Scenes([Scene(tuple(made.shapes(RED, RED)[:2]), ambient=(1.0, 1.0, 1.0))])

    def frame(x: float) -> tuple[np.ndarray, np.ndarray]:
        frames = back.render(np.array([[x, 0.0, 1.2]]), FORWARD, scenes, number, number)
        return (frames.rgb[0].astype(int) @ (1, -1, 0)) > 100, frames.depth[0]

    red, depth = frame(-1.5)
    assert red.sum() > 20
    assert not red[15, 20], 'its opening'
    assert depth[15, 20] == pytest.approx(2.9, abs=0.15), 'the pillar behind it'
    assert depth[red].max() < 1.6
    turned = np.array([[0.5, -0.5, -0.5, 0.5]])  # along -x, from behind the pillar
    frames = back.render(np.array([[3.2, 0.0, 1.2]]), turned, scenes, number, number)
    assert not ((frames.rgb[0].astype(int) @ (1, -1, 0)) > 100).any()
    near = back.away(np.zeros(3, np.int64), np.array([(2.0, 0, 1), (0.9, 0, 1), (9.0, 0, 1)]))
    assert near[0] < 0.0
    assert near[1] == pytest.approx(0.5, abs=0.13)
    assert near[2] < 0.0


def test_rooms_are_the_same_for_the_same_number_and_others_for_others() -> None:
    assert rooms.room(0).size == (6.0, 5.0, 2.6)
    assert len({rooms.room(number).size for number in range(6)}) == 6
    rooms.room.cache_clear()
    one = rooms.room(3)
    rooms.room.cache_clear()
    assert rooms.room(3).scene == one.scene
    assert len(one.furniture) > 5


def test_backdrops_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SceneFileError, match='no learned places'):
        backdrop(f'nerf:{tmp_path / "nowhere"}', EYE)
    (tmp_path / 'cut.nerf').write_bytes(b'PK')
    with pytest.raises(SceneFileError, match='damaged'):
        backdrop(f'nerf:{tmp_path}', EYE)
    with pytest.raises(SpecError, match='rooms:7,8'):
        backdrop('rooms:kitchen', EYE)
    with pytest.raises(UnknownNameError):
        backdrop('photo', EYE)
