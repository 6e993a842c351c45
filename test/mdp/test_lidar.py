"""Scans of every lidar as the same few directions, in torch and in a policy file."""

from __future__ import annotations

from dataclasses import replace
import math

import pytest

torch = pytest.importorskip('torch')

from robot_rl.mdp.lidar import nearest
from robot_rl.spec.lidar import Directions, Lidar

FOUR = Directions(4, -math.pi, math.pi, 5.0)


def look(scan, first, step, directions=FOUR):
    return nearest(torch.tensor([scan]), torch.tensor([[first, step]]), directions)[0].tolist()


def test_each_direction_tells_its_nearest():
    eighth = math.pi / 4.0
    scan = [4.0, 3.0, 2.0, 1.0, 0.5, 6.0, 2.5, 3.5]
    assert look(scan, -math.pi + 0.1, eighth) == [3.0, 1.0, 0.5, 2.5]


def test_beams_in_clockwise_order_and_from_anywhere_are_the_same():
    eighth = math.pi / 4.0
    scan = [4.0, 3.0, 2.0, 1.0, 0.5, 6.0, 2.5, 3.5]
    wanted = look(scan, -math.pi + 0.1, eighth)
    assert look(scan[::-1], -math.pi + 0.1 + 7 * eighth, -eighth) == wanted
    assert look(scan, math.pi + 0.1, eighth) == wanted
    assert look([*scan[3:], *scan[:3]], -math.pi + 0.1 + 3 * eighth, eighth) == wanted


def test_what_is_no_measurement_is_left_out():
    """NaN, zero and less; infinity and what is beyond is as far as one looks."""
    eighth = math.pi / 4.0
    scan = [math.nan, 3.0, 0.0, 1.0, math.inf, 9.0, math.nan, 0.0]
    assert look(scan, -math.pi + 0.1, eighth) == [3.0, 1.0, 5.0, 5.0]
    scan = [math.nan, 3.0, 0.0, 1.0, 2.0, 9.0, math.nan, 0.0]
    assert look(scan, -math.pi + 0.1, eighth)[3] == 2.0, 'a blind direction reads its neighbour'


def test_a_lidar_of_more_beams_sees_the_same_world():
    def scan(beams):
        step = 1.5 * math.pi / (beams - 1)
        angle = -0.75 * math.pi + step * torch.arange(beams)
        return (2.0 / angle.cos().clamp(min=0.1)).unsqueeze(0), torch.tensor(
            [[-0.75 * math.pi, step]]
        )

    directions = Directions(72, -0.75 * math.pi, 0.75 * math.pi, 6.0)
    few, many = (nearest(*scan(beams), directions) for beams in (360, 1440))
    torch.testing.assert_close(few, many, rtol=0.04, atol=0.0)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({}, ''),
        ({'beams': 720, 'angle_increment': math.tau / 720}, ''),
        ({'range_max': 3.0}, 'it sees up to 3 m, the policy looks 5 m far'),
        ({'beams': 180}, 'no beam in 2 of the 4 directions'),
        ({'beams': 3, 'angle_increment': 2.0}, 'no beam in 1 of the 4 directions'),
    ],
)
def test_a_lidar_that_leaves_a_direction_blind_is_told(change, words):
    lidar = Lidar(360, -math.pi, math.tau / 360, 0.1, 10.0, (0.0, 0.0, 0.2), 'test')
    lacks = FOUR.lacks(replace(lidar, **change))
    assert (words in lacks) if words else not lacks
