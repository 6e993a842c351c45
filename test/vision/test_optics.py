"""Projection against OpenCV's formulas, worked out by hand, and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.errors import SpecError
from robot_rl.spec.camera import Camera
from robot_rl.vision.optics import distort, project, rays

CAMERA = replace(
    Camera('front', 64, 48, 50.0, 52.0, 30.0, 25.0), distortion=(-0.3, 0.1, 0.002, -0.001, -0.02)
)


def test_points_land_where_the_formulas_say() -> None:
    # x = 0.2, y = -0.1: r^2 = 0.05, radial = 1 - 0.015 + 0.00025 - 0.0000025 = 0.9852475
    # x' = 0.2 * 0.9852475 + 2 * 0.002 * (-0.02) - 0.001 * (0.05 + 0.08) = 0.1968395
    # y' = -0.1 * 0.9852475 + 0.002 * (0.05 + 0.02) - 2 * 0.001 * (-0.02) = -0.09834475
    found = project(CAMERA, np.array([[0.4, -0.2, 2.0], [0.4, -0.2, -2.0]]))
    expected = [50.0 * 0.1968395 + 30.0, 52.0 * -0.09834475 + 25.0]
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-9)
    assert np.isnan(found[1]).all()


def test_rays_come_back_to_their_pixels() -> None:
    pixels = np.random.default_rng(0).uniform((-0.5, -0.5), (63.5, 47.5), (500, 2))
    seen = distort(CAMERA, rays(CAMERA, pixels)) * (50.0, 52.0) + (30.0, 25.0)
    np.testing.assert_allclose(seen, pixels, rtol=0, atol=1e-6)


def test_a_distortion_that_folds_the_image_over_is_refused() -> None:
    folding = replace(CAMERA, distortion=(-2.0, 0.0, 0.0, 0.0, 0.0))
    with pytest.raises(SpecError, match='folds the image over'):
        rays(folding, np.array([[0.0, 0.0], [63.0, 47.0]]))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'width': 0}, 'at least one pixel'),
        ({'fx': -1.0}, 'positive focal lengths'),
        ({'cx': float('nan')}, 'must be finite'),
        ({'distortion': (0.1, 0.2)}, 'five numbers'),
        ({'quat': (1.0, 1.0, 0.0, 0.0)}, 'unit quaternion'),
        ({'shot': -0.1}, 'shot must be 0 or greater'),
        ({'latency_s': (0.2, 0.1)}, 'least and the greatest'),
        ({'exposure_s': 0.1}, 'at most one period'),
    ],
)
def test_a_camera_that_contradicts_itself_is_refused(change, message) -> None:
    with pytest.raises(SpecError, match=message):
        replace(CAMERA, **change)
