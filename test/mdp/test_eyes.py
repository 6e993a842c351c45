"""Cameras of a batch: as late, as bright and as far off their place as the robot declares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from robot_rl.mdp import eyes
from robot_rl.robots import crazyflie
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of, product

CAMERA = crazyflie.robot().cameras[0]
NUM = 4000


def drawn(camera: Camera, num: int = NUM, seed: int = 0) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    return eyes.drawn(camera, num, generator, torch.device('cpu'))


def test_what_is_drawn_spreads_as_declared() -> None:
    one = drawn(CAMERA)
    spread = one['mount'].std(0).numpy()
    assert spread[:3] == pytest.approx(CAMERA.position_std, rel=0.06)
    assert spread[3:] == pytest.approx(CAMERA.rotation_std, rel=0.06)
    late = one['latency']
    assert CAMERA.latency_s[0] <= late.min() < late.max() <= CAMERA.latency_s[1]
    assert late.mean().item() == pytest.approx(sum(CAMERA.latency_s) / 2, rel=0.02)
    log = one['light'].log()
    tint = log - log.mean(1, keepdim=True)
    assert tint.std().item() == pytest.approx(CAMERA.tint_std * (2.0 / 3.0) ** 0.5, rel=0.06)
    assert log.std().item() == pytest.approx(
        (CAMERA.gain_std**2 + CAMERA.tint_std**2) ** 0.5, rel=0.06
    )
    assert all(torch.equal(value, drawn(CAMERA)[name]) for name, value in one.items())


def test_an_image_is_of_where_the_robot_was_a_latency_ago() -> None:
    """A turn about z while flying along a circle, against where that began."""
    late = 0.06
    still = {'position_std': 0.0, 'rotation_std': 0.0}
    camera = replace(CAMERA, latency_s=(late, late), **still)
    speed, rate = 2.0, 1.5  # [m/s], [rad/s]: 3 m/s^2 across
    radius = speed / rate

    def pose(time: float) -> tuple[np.ndarray, np.ndarray]:
        turn = rate * time
        place = radius * np.array([[np.sin(turn), 1.0 - np.cos(turn), 0.0]])
        return place, np.array([[np.cos(0.5 * turn), 0.0, 0.0, np.sin(0.5 * turn)]])

    position, quat = pose(0.3)
    signals = {
        'base_pos_w': position,
        'base_quat_w': quat,
        'base_lin_vel_b': np.array([[speed, 0.0, 0.0]]),
        'base_ang_vel_b': np.array([[0.0, 0.0, rate]]),
    }
    floats = {name: torch.from_numpy(value).float() for name, value in signals.items()}
    place, turn = eyes.exposed(floats, drawn(camera, 1), camera)
    was, way = pose(0.3 - late)
    expected = was + (matrix_of(way) @ np.array(camera.position)[None, :, None])[..., 0]
    assert place == pytest.approx(expected, abs=0.5 * speed * rate * late**2 + 1e-4)
    ahead = matrix_of(product(way, np.array([camera.quat])))
    assert matrix_of(turn.astype(float)) == pytest.approx(ahead, abs=1e-4)
    assert np.linalg.norm(place - position) > 0.5 * speed * late  # it is late at all


def test_brightness_is_a_factor_of_each_color_that_ends_at_white() -> None:
    image = np.full((2, 3, 4, 3), 100, np.uint8)
    light = {'light': torch.tensor([[1.0, 1.0, 1.0], [0.5, 1.2, 9.0]])}
    lit = eyes.lit(image, light)
    assert lit.dtype == torch.uint8
    assert torch.equal(lit[0], torch.from_numpy(image[0]))
    assert lit[1, 0, 0].tolist() == [50, 120, 255]
