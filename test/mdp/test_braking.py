"""Braking: what is asked for is sent while there is room to stop; the way out stays open."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip('torch')

from robot_rl.mdp.braking import Brakes, Braking
from robot_rl.spec.lidar import Directions

LOOKS = Directions(72, -0.75 * math.pi, 0.75 * math.pi, 6.0)
BRAKES = Brakes((2.0, 4.0), 0.25, 0.03)
MOST = torch.tensor([0.125, 0.45])
FRONT = 0.25
braking = Braking(
    ((FRONT, -0.2), (FRONT, 0.2), (-FRONT, 0.2), (-FRONT, -0.2)), (0, 0), LOOKS, BRAKES
)


def angles():
    return LOOKS.low + LOOKS.width * (torch.arange(LOOKS.count) + 0.5)


def wall(ahead):
    """Ranges of a wall across, `ahead` [m] of the lidar; what is far elsewhere."""
    cosine = angles().cos()
    away = torch.where(cosine > 0.05, ahead / cosine.clamp(min=0.05), torch.tensor(6.0))
    return away.clamp(max=6.0).unsqueeze(0)


def send(ranges, wanted, sent=(0.0, 0.0), speed=None):
    speed = sent[0] if speed is None else speed
    asked, before = (torch.tensor([each]) for each in (wanted, sent))
    return braking(ranges, asked, before, MOST, torch.tensor([[speed]]))[0].tolist()


def test_with_room_everything_is_sent_as_fast_as_the_slew_allows():
    clear = torch.full((1, LOOKS.count), 6.0)
    assert send(clear, (2.0, 2.5), (1.95, 2.4)) == pytest.approx([2.0, 2.5])
    assert send(clear, (2.0, 2.5)) == pytest.approx([0.125, 0.45])
    assert send(clear, (-0.2, 0.0), (1.0, 0.0)) == pytest.approx([0.875, 0.0])


@pytest.mark.parametrize('gap', [0.2, 0.5, 1.0, 2.0, 3.0])
def test_a_robot_that_always_wants_full_speed_stops_before_a_wall(gap):
    """A base that follows with a lag of 0.15 s, obeys 0.05 s late and brakes with 2 m/s^2."""
    place, speed, sent = 0.0, 0.0, (0.0, 0.0)
    for _ in range(200):
        late = sent
        sent = tuple(send(wall(FRONT + gap - place), (2.0, 0.0), sent, speed))
        for _ in range(5):
            change = max(-2.0, min(2.5, (late[0] - speed) / 0.15))
            speed += 0.01 * change
            place += 0.01 * speed
    assert place < gap
    assert speed == pytest.approx(0.0, abs=0.02)
    assert place > gap - 0.25, 'it goes near, too'


def test_at_a_wall_the_way_back_stays_open_and_the_way_on_does_not():
    touching = wall(FRONT + 0.01)
    assert send(touching, (0.5, 0.0)) == [0.0, 0.0]
    assert send(touching, (-0.2, 0.0)) == pytest.approx([-0.125, 0.0])


def test_braking_keeps_the_arc():
    speed, rate = send(wall(FRONT + 0.05), (2.0, 1.0), (1.0, 0.5))
    assert speed == pytest.approx(0.875)
    assert rate / speed == pytest.approx(0.5)


def test_a_point_beside_stops_the_turn_that_would_sweep_it():
    """At the left of the front corner, nearer than the corner's circle."""
    ranges = torch.full((1, LOOKS.count), 6.0)
    bearing = math.atan2(0.25, 0.1)
    ranges[0, int((bearing - LOOKS.low) / LOOKS.width)] = math.hypot(0.25, 0.1)
    sent = (0.0, 1.0)
    assert send(ranges, (0.0, 1.5), sent)[1] < 1.0, 'the corner would come round to it'
    assert send(ranges, (0.0, -1.5), (0.0, -1.0))[1] < -1.0, 'the other way is free'
    assert send(ranges, (0.3, 0.0), (0.2, 0.0)) == pytest.approx([0.3, 0.0]), 'past it is free'
