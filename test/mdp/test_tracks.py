from __future__ import annotations

import numpy as np
import pytest

from robot_rl.errors import SpecError
from robot_rl.mdp import tracks as module
from robot_rl.mdp.racing import Grip, lap_time, least_curvature, speed_profile
from robot_rl.mdp.tracks import HALF_WIDTH, LENGTH, SECTIONS, SHARPEST_RADIUS, tracks

GRIP = Grip(friction=0.5, top_speed=6.0, acceleration=4.0, braking=8.0)


@pytest.fixture(scope='module')
def bank():
    return tracks(6, 11)


def test_the_seed_decides(bank):
    again = tracks.__wrapped__(6, 11)
    assert np.array_equal(again.centre, bank.centre)
    assert not np.array_equal(tracks(1, 12).centre[0], bank.centre[0])


def test_a_car_can_drive_them(bank):
    assert ((bank.length >= LENGTH[0]) & (bank.length <= LENGTH[1])).all()
    assert np.abs(bank.curvature).max() <= 1.0 / SHARPEST_RADIUS[0] + 1e-9
    for width in (bank.left, bank.right):
        assert width.min() >= HALF_WIDTH[0] - 1e-9
        assert width.max() <= HALF_WIDTH[1]
    turns = np.sign((bank.curvature * bank.spacing[:, None]).sum(1))
    assert set(turns) == {-1.0, 1.0}  # both ways round
    assert (np.ptp(bank.left + bank.right, axis=1) > 0.05).mean() > 0.5  # widths vary


def test_points_are_even_and_arrays_agree(bank):
    step = np.linalg.norm(np.roll(bank.centre, -1, 1) - bank.centre, axis=-1)
    assert np.allclose(step, bank.spacing[:, None], rtol=0.02)
    heading = np.unwrap(np.arctan2(bank.tangent[..., 1], bank.tangent[..., 0]), axis=1)
    turned = 0.5 * (np.roll(heading, -1, 1) - np.roll(heading, 1, 1))[:, 1:-1]
    assert np.allclose(turned, (bank.curvature * bank.spacing[:, None])[:, 1:-1], atol=0.02)


def _crossings(points: np.ndarray) -> int:
    """Pairs of pieces of closed lines (n, 2) that cross, all against all."""
    a, b = points, np.roll(points, -1, 1)
    a, b = a.reshape(-1, 2), b.reshape(-1, 2)

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return np.sign((q - p)[..., 0] * (r - p)[..., 1] - (q - p)[..., 1] * (r - p)[..., 0])

    p, q, r, s = a[:, None], b[:, None], a[None], b[None]
    cross = (side(p, q, r) * side(p, q, s) < 0) & (side(r, s, p) * side(r, s, q) < 0)
    return int(cross.sum())


def test_walls_never_cross(bank):
    for left, right in zip(*bank.walls, strict=True):
        assert _crossings(np.stack((left, right))) == 0
    eight = np.array([[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]])
    assert _crossings(eight) > 0


def test_too_few_tries_are_an_error(monkeypatch):
    monkeypatch.setattr(module, 'TRIES', 1)
    monkeypatch.setattr(module, 'LENGTH', (1e3, 2e3))
    with pytest.raises(SpecError, match='Found 0 of 1'):
        tracks.__wrapped__(1, 0)


def test_a_circle_is_driven_at_its_limit():
    radius, points = 2.0, 64
    curvature = np.full((1, points), 1.0 / radius)
    spacing = np.full((1, points), 2.0 * np.pi * radius / points)
    speed = speed_profile(curvature, spacing, GRIP)
    assert np.allclose(speed, np.sqrt(0.5 * 9.81 * radius))
    assert lap_time(speed, spacing)[0] == pytest.approx(2.0 * np.pi * radius / speed[0, 0])


def test_a_profile_keeps_within_the_friction_circle_and_uses_it(bank):
    spacing = np.repeat(bank.spacing[:, None], SECTIONS, 1)
    speed = speed_profile(bank.curvature, spacing, GRIP)
    along = (np.roll(speed, -1, 1) ** 2 - speed**2) / (2.0 * spacing)
    assert along.max() <= GRIP.acceleration + 1e-9
    assert along.min() >= -0.5 * 9.81 - 1e-9
    sideways = speed**2 * np.abs(bank.curvature)
    assert sideways.max() <= 0.5 * 9.81 + 1e-9
    # At every point something holds it back: the bend, the throttle, the brake or the top speed.
    total = np.hypot(sideways, np.minimum(np.abs(along), np.abs(np.roll(along, 1, 1))))
    free = (total < 0.8 * 0.5 * 9.81) & (speed < 5.99) & (np.abs(along) < 3.5)
    assert free.mean() < 0.1


def test_the_least_curved_line_is_faster_and_closed(bank):
    curvature, spacing = least_curvature(bank, 0.2)
    even = np.repeat(bank.spacing[:, None], SECTIONS, 1)
    slow = lap_time(speed_profile(bank.curvature, even, GRIP), even)
    assert (lap_time(speed_profile(curvature, spacing, GRIP), spacing) < 0.95 * slow).all()
    turn = (curvature * 0.5 * (spacing + np.roll(spacing, 1, 1))).sum(1)
    assert np.allclose(np.abs(turn), 2.0 * np.pi)
