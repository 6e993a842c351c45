"""Arenas drawn without end: passable, never the same, the same for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.errors import SpecError
from robot_rl.mdp.arenas import Arenas
from robot_rl.spec.arena import Arena
from robot_rl.spec.lidar import Lidar

NUM = 200
OUTLINE = ((0.25, -0.2), (0.25, 0.2), (-0.25, 0.2), (-0.25, -0.2))
LIDAR = Lidar(90, -math.pi, math.tau / 90, 0.05, 8.0, (0.1, 0.0, 0.2), 'test')


def arenas(given=()):
    return Arenas(LIDAR, OUTLINE, 0.06, 0.05, given)


def draw(where, seed=0, num=NUM):
    return where.draw(num, torch.Generator().manual_seed(seed), torch.device('cpu'))


def at(place, speed=0.0):
    """Signals of robots that stand at x, y, yaw (n, 3)."""
    num, half = len(place), 0.5 * place[:, 2]
    quat = torch.zeros(num, 4)
    quat[:, 0], quat[:, 3] = half.cos(), half.sin()
    velocity = torch.zeros(num, 3)
    velocity[:, 0] = speed
    position = torch.cat((place[:, :2], torch.zeros(num, 1)), 1)
    return {'base_pos_w': position, 'base_quat_w': quat, 'base_lin_vel_b': velocity}


@pytest.fixture(scope='module')
def drawn():
    where = arenas()
    goals = draw(where)
    return where, goals, where.perceive(at(goals['arena_start']), goals)


def test_every_start_is_free_and_every_goal_can_be_reached(drawn):
    _, goals, seen = drawn
    assert (seen['arena_clearance'] > 0.03).all()
    straight = torch.linalg.norm(goals['goal_pos_w'][:, :2] - goals['arena_start'][:, :2], dim=1)
    way = seen['arena_distance'][:, 0]
    assert (way < 80.0).all()
    assert (way > straight - 0.3).all(), 'no way is shorter than the straight one'
    assert (straight > 0.5).all()


def test_worlds_are_of_many_kinds(drawn):
    """Open space, where every beam reads its maximum, and robots close to a wall among them."""
    _, _, seen = drawn
    nearest = seen['scan'].amin(1)
    assert (seen['scan'] == LIDAR.range_max).all(1).any()
    assert (seen['arena_clearance'] < 0.15).any()
    assert nearest.std() > 0.3


def test_a_seed_determines_all(drawn):
    where, goals, seen = drawn
    again = draw(arenas())
    for name, value in goals.items():
        assert torch.equal(value, again[name]), name
    assert not torch.equal(draw(where, seed=1)['arena_key'], goals['arena_key'])
    other = arenas()
    more = other.perceive(at(goals['arena_start']), goals)
    assert torch.equal(more['scan'], seen['scan']), 'of the key alone, whoever drew it'


def test_the_cache_forgets_nothing_that_matters(drawn):
    """More arenas than there are slots, then the first ones again."""
    where, goals, seen = drawn
    for seed in range(1, 12):
        draw(where, seed)
    again = where.perceive(at(goals['arena_start']), goals)
    assert torch.equal(again['scan'], seen['scan'])


def test_approach_is_how_fast_the_way_shortens():
    room = Arena('open', (0.0, 0.0, 0.0), (4.0, 0.0), 4.0)
    where = arenas([room])
    goals = draw(where, num=1)
    ahead = where.perceive(at(torch.tensor([[1.0, 0.0, 0.0]]), speed=0.8), goals)
    back = where.perceive(at(torch.tensor([[1.0, 0.0, math.pi]]), speed=0.8), goals)
    assert ahead['arena_approach'].item() == pytest.approx(0.8, abs=0.1)
    assert back['arena_approach'].item() == pytest.approx(-0.8, abs=0.1)
    assert ahead['arena_distance'].item() == pytest.approx(3.0, abs=0.15)


def test_given_arenas_come_in_turn_and_as_they_are():
    circle = np.array([(2.0, 0.0, 0.5)])
    wall = np.array([(2.0, -3.0, 2.0, 3.0)])
    where = arenas(
        [
            Arena('a', (0.0, 0.0, 0.0), (4.0, 0.0), 4.2, circles=circle),
            Arena('b', (0.0, 0.0, 0.0), (4.0, 0.0), 9.0, segments=wall),
        ]
    )
    goals = draw(where, num=4)
    assert goals['arena_key'][:, 0].tolist() == [0.0, 0.0, 1.0, 1.0]
    seen = where.perceive(at(goals['arena_start']), goals)
    straight = seen['scan'][:, 45]  # along x, from the lidar
    torch.testing.assert_close(straight, torch.tensor([1.4, 1.4, 1.9, 1.9]), atol=1e-3, rtol=0.0)
    torch.testing.assert_close(
        seen['arena_clearance'][:, 0], torch.tensor([1.0, 1.0, 1.0, 1.0]), atol=1e-3, rtol=0.0
    )
    assert seen['arena_distance'][2] > seen['arena_distance'][0] + 2.0


def test_people_are_elsewhere_later():
    walker = np.array([(2.0, 0.0, 0.0, 1.0, 0.25)])
    where = arenas(
        [Arena('p', (0.0, 0.0, 0.0), (4.0, 0.0), 4.0, walkers=walker, room=(0, -2, 3, 2))]
    )
    goals = draw(where, num=1)
    now = where.perceive(at(goals['arena_start']), goals)
    later = where.perceive(
        at(goals['arena_start']), {**goals, 'arena_time': torch.tensor([[1.0]])}
    )
    assert now['scan'][0, 45] == pytest.approx(1.65, abs=1e-3)
    assert later['scan'][0, 45] == LIDAR.range_max


def test_a_world_can_be_drawn(drawn):
    where, goals, _ = drawn
    worlds = [where.world({'arena_key': goals['arena_key'][i].numpy()}) for i in range(20)]
    assert any(world.lines for world in worlds)
    assert any(world.columns for world in worlds)


def test_a_curriculum_chooses_the_kind_of_world():
    where, num = arenas(), 64
    crowded = torch.tensor([[0.8, 0.1, 0.5, 1.0]]).repeat(num, 1)
    empty = torch.tensor([[0.99, 0.0, 0.5, 0.0]]).repeat(num, 1)
    generator, cpu = torch.Generator().manual_seed(0), torch.device('cpu')
    people, nothing = (where.choose(key, generator, cpu) for key in (crowded, empty))
    assert len(where.coordinates) == crowded.shape[1]
    assert (people['arena_key'][:, 0] != nothing['arena_key'][:, 0]).all(), 'seeds stay chance'
    for drawn, some in ((people, True), (nothing, False)):
        worlds = [where.world({'arena_key': key.numpy()}) for key in drawn['arena_key'][:8]]
        assert all(bool(world.people) is some for world in worlds)


def test_the_largest_mazes_fit():
    """One with more cells than there was room for was written over what lay beside it."""
    where, wide = arenas(), torch.tensor([[0.7, 0.34, 1.0, 0.0]]).repeat(300, 1)
    where.choose(wide, torch.Generator().manual_seed(0), torch.device('cpu'))
    cells = where._bank.frame[:, 2] * where._bank.frame[:, 3]
    assert 2000 < cells.max() < where._bank.head.shape[1]


def test_an_arena_that_is_too_large_is_refused():
    hall = np.array([[0.0, 0.0, 30.0, 0.0], [0.0, 0.0, 0.0, 30.0]])
    with pytest.raises(SpecError, match=r"'hall' is too large: 32 x 32 m"):
        draw(arenas([Arena('hall', (1.0, 1.0, 0.0), (29.0, 29.0), 40.0, segments=hall)]))
