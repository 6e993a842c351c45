"""Hallways: the same for the same number, with a way through; distances; scenes kept in rows."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.spec.scene import Scene, Shape
from robot_rl.vision.distance import distance
from robot_rl.vision.eyes import Places
from robot_rl.vision.hallways import MARGIN, POINTS, SPACING, hallway
from robot_rl.vision.scenes import Scenes

ROW = np.zeros(1, np.int64)


@pytest.mark.parametrize('number', range(5))
def test_a_hallway_has_a_way_through(number):
    made = hallway(number)
    assert made.way.shape == (POINTS, 2)
    steps = np.linalg.norm(np.diff(made.way, axis=0), axis=1)
    assert np.abs(steps - SPACING).max() < 0.06, 'corners are cut'
    points = np.column_stack((made.way, np.ones(POINTS)))
    away = distance(Scenes([made.scene]), np.zeros(POINTS, np.int64), points)
    assert away.min() > MARGIN - 1e-3
    assert len(made.scene.shapes) > 15
    again = hallway(number)
    assert np.array_equal(made.way, again.way)
    assert made.scene.shapes == again.scene.shapes


@pytest.mark.parametrize(
    ('shape', 'point', 'away'),
    [
        (Shape('plane', (), (0.0, 0.0, 0.5)), (3.0, 1.0, 2.0), 1.5),
        (Shape('box', (2.0, 2.0, 2.0)), (4.0, 5.0, 0.0), 5.0),
        (Shape('box', (2.0, 2.0, 2.0)), (0.5, 0.0, 0.0), -0.5),
        (Shape('sphere', (1.0,)), (0.0, 3.0, 4.0), 4.0),
        (Shape('cylinder', (1.0, 2.0)), (4.0, 0.0, 5.0), 5.0),
        (Shape('cylinder', (1.0, 2.0)), (0.0, 0.8, 0.0), -0.2),
        (Shape('capsule', (1.0, 2.0)), (0.0, 0.0, 4.0), 2.0),
        (Shape('capsule', (1.0, 2.0)), (3.0, 0.0, 0.5), 2.0),
        (Shape('box', (2.0, 4.0, 2.0), quat=(0.5**0.5, 0.0, 0.0, 0.5**0.5)), (3.0, 0.0, 0.0), 1.0),
    ],
)
def test_distances_have_their_closed_forms(shape, point, away):
    found = distance(Scenes([Scene((shape,))]), ROW, np.array([point]))
    assert found[0] == pytest.approx(away, abs=1e-5)


def test_places_are_made_once_and_their_rows_used_again():
    made: list[int] = []

    def make(number: int) -> tuple[Scene, np.ndarray]:
        made.append(number)
        sphere = Shape('sphere', (1.0,), (float(number), 0.0, 0.0))
        return Scene((sphere,)), np.full((2, 2), number, np.float32)

    places = Places(make)
    for begin in (0, 0, 50, 400, 90):
        numbers = np.arange(begin, begin + 100)
        rows = places.rows(numbers)
        assert len({*rows.tolist()}) == 100
        assert (places.beside[rows, 0, 0] == numbers).all()
        assert (places.scenes.position[rows, 0, 0] == numbers).all()
    assert len(places.scenes) <= 400
    assert made.count(0) == 1
