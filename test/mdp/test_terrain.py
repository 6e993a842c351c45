"""Rough ground: tiles, where they lie, and heights between grid points."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from robot_rl.mdp import terrain
from robot_rl.mdp.terrain import Ground
from robot_rl.spec.terrain import Terrain


@pytest.fixture(scope='module')
def field():
    return terrain.field()


def tile_of(field, kind, level):
    """Heights of one tile."""
    row, column = (terrain.MARGIN + terrain.TILE * index for index in (level, kind))
    return field.heights[row : row + terrain.TILE, column : column + terrain.TILE]


def test_tiles_meet_without_a_step(field):
    for kind in range(len(terrain.KINDS)):
        for level in range(terrain.LEVELS):
            tile = tile_of(field, kind, level)
            edges = np.concatenate((tile[0], tile[-1], tile[:, 0], tile[:, -1]))
            assert not edges.any(), (kind, level)


def test_every_kind_but_the_flat_one_is_harder_at_a_higher_level(field):
    for kind, make in enumerate(terrain.KINDS):
        spans = [np.ptp(tile_of(field, kind, level)) for level in range(terrain.LEVELS)]
        if make is terrain.flat:
            assert not any(spans)
        else:
            assert all(np.diff(spans) > 0.0), kind


def test_stairs_are_as_high_as_they_say(field):
    stairs = tile_of(field, terrain.KINDS.index(terrain.stairs), terrain.LEVELS - 1)
    rises = np.abs(np.diff(stairs[terrain.TILE // 2]))
    assert rises[rises > 0.0] == pytest.approx(terrain.MAX_RISE, abs=1e-6)


def test_the_centre_of_a_tile_is_its_middle(field):
    ground = Ground(field)
    kind = terrain.KINDS.index(terrain.stairs)
    for level in range(terrain.LEVELS):
        place = terrain.centre(torch.tensor([[float(kind)]]), torch.tensor([[float(level)]]))
        height = ground.height(place[:, 0:1], place[:, 1:2])
        assert float(height) == pytest.approx(tile_of(field, kind, level).max(), abs=1e-6)


def test_heights_between_points_are_interpolated():
    heights = np.array([[0.0, 1.0], [2.0, 4.0]], np.float32)  # rows along y
    ground = Ground(Terrain(heights, 1.0))
    x, y = torch.tensor([-0.5, 0.5, -0.5, 0.0, 9.0]), torch.tensor([-0.5, -0.5, 0.5, 0.0, -0.5])
    expected = [0.0, 1.0, 2.0, 1.75, 1.0]
    assert ground.height(x, y).tolist() == pytest.approx(expected, abs=0.01)


def test_the_same_seed_gives_the_same_ground(field):
    assert np.array_equal(field.heights, terrain.field().heights)
    assert not np.array_equal(field.heights, terrain.field(seed=1).heights)
