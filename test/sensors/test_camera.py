"""Noise, gain, blur, rate and latency of a camera, against what its declaration says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.sensors.camera import CameraSensor
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of

PLAIN = replace(Camera.pinhole('front', 16, 12, 1.2), rate_hz=20.0)
DT = 0.02
QUAT = np.array([1.0, 0.0, 0.0, 0.0])


def _grey(value):
    return lambda position, quat, ids: np.full((len(ids), 12, 16, 3), value, np.uint8)


def _clock(position, quat, ids):
    """Images as bright as the camera is far along x [m], times 100."""
    level = np.rint(100.0 * position[:, 0]).astype(np.uint8)
    return np.broadcast_to(level[:, None, None, None], (len(ids), 12, 16, 3))


def _start(camera, num, draw, **options):
    sensor = CameraSensor(camera, num, DT, 0, **options)
    sensor.reset(np.zeros((num, 3)), np.tile(QUAT, (num, 1)), np.arange(num), draw)
    return sensor


def _drive(sensor, steps, draw=_clock):
    """Go 0.01 m along x each period; yields the period and which images are new."""
    num = len(sensor.age)
    quat, place = np.tile(QUAT, (num, 1)), np.zeros((num, 3))
    for step in range(1, steps + 1):
        before, place = place, place + (0.01, 0.0, 0.0)
        yield step, sensor.step(place, quat, before, quat, draw)


def test_noise_has_the_spread_of_its_light() -> None:
    noisy = replace(PLAIN, shot=0.2, read_std=3.0)
    for value in (40, 160):
        image = _start(noisy, 200, _grey(value)).image.astype(float)
        assert image.std() == pytest.approx((0.2 * value + 9.0) ** 0.5, rel=0.03)
        assert image.mean() == pytest.approx(value, abs=0.2)


def test_gain_is_drawn_once_an_episode_and_tint_for_each_colour() -> None:
    camera = replace(PLAIN, gain_std=0.2, tint_std=0.05)
    sensor = _start(camera, 1000, _grey(100))
    first = np.log(sensor.image[:, 0, 0] / 100.0)
    assert first.mean(1).std() == pytest.approx(np.hypot(0.2, 0.05 / 3**0.5), rel=0.1)
    assert first.std(1, ddof=1).mean() == pytest.approx(0.05 * 0.886, rel=0.1)
    before = sensor.image.copy()
    for _ in _drive(sensor, 5, _grey(100)):
        np.testing.assert_array_equal(sensor.image, before)


def test_frames_come_at_the_rate_of_the_camera_and_late() -> None:
    sensor = _start(replace(PLAIN, latency_s=(0.05, 0.05)), 400, _clock)
    count, moments = np.zeros(400), []
    for step, fresh in _drive(sensor, 50):
        count += fresh
        level = sensor.image[:, 0, 0, 0].astype(float)
        lag = step - level  # [periods] behind, with a scene that tells the time
        moments.append(np.unique(lag[fresh]))
        seen = count > 0
        np.testing.assert_allclose(sensor.age[seen], DT * lag[seen], atol=1e-9)
    # 50 ms are three periods of 20 ms when seen at their ends.
    assert np.unique(np.concatenate(moments)).tolist() == [3.0]
    assert count.mean() == pytest.approx(20.0 * (50 - 3) * DT, abs=0.1)


def test_without_noise_it_sees_at_once_what_there_is() -> None:
    camera = replace(
        PLAIN, rate_hz=50.0, latency_s=(0.1, 0.2), shot=1.0, gain_std=1.0, exposure_s=0.02
    )
    sensor = _start(camera, 3, _clock, noise=False)
    for step, fresh in _drive(sensor, 10):
        assert fresh.all()
        assert (sensor.image == step).all()


def test_blur_is_the_mean_over_the_exposure() -> None:
    camera = replace(PLAIN, rate_hz=50.0, exposure_s=0.02)

    def edge(position, quat, ids):
        """White where a pixel's number is below the place [mm] of the camera."""
        reached = np.arange(16) < 1600.0 * position[:, :1]
        return np.repeat(np.where(reached, 255, 0)[:, None, :, None], 12, 1).repeat(3, -1)

    sensor = _start(camera, 1, edge, blur=16)
    *_, last = (sensor.image[0, 0, :, 0].copy() for _ in _drive(sensor, 1, edge))
    # From 0 to 16 pixels in one exposure, backward from now: a ramp.
    np.testing.assert_allclose(last, 255.0 * (15.5 - np.arange(16)) / 16.0, atol=9.0)


def test_a_mount_is_off_by_its_spread() -> None:
    camera = replace(PLAIN, position=(0.1, 0.0, 0.2), position_std=0.01, rotation_std=0.02)
    sensor = _start(camera, 2000, _grey(0))
    place, quat = sensor.poses(np.zeros((2000, 3)), np.tile(QUAT, (2000, 1)), np.arange(2000))
    np.testing.assert_allclose(place.mean(0), (0.1, 0.0, 0.2), atol=1e-3)
    np.testing.assert_allclose(place.std(0), 0.01, rtol=0.06)
    axis = matrix_of(quat)[:, :, 2]  # where it looks: along x of the robot
    np.testing.assert_allclose(axis.mean(0), (1.0, 0.0, 0.0), atol=2e-3)
    np.testing.assert_allclose(axis[:, 1:].std(0), 0.02, rtol=0.06)
