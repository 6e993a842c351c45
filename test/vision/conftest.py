from __future__ import annotations

import numpy as np
import pytest

from robot_rl.spec.camera import Camera

pytest.importorskip('numba')

from robot_rl.vision.raycast import Raycast
from robot_rl.vision.scenes import Scenes

FORWARD = np.array([[0.5, -0.5, 0.5, -0.5]])
"""Along x of the world, z up."""


@pytest.fixture(scope='session')
def camera():
    """One that sees its middle in the middle of a pixel."""
    return Camera.pinhole('front', 41, 31, 1.4)


@pytest.fixture(scope='session')
def ray(camera):
    """Directions (h, w, 3) of pixels in a world where the camera looks along x."""
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    return np.stack((np.ones_like(x), -x, -y), -1)


@pytest.fixture(scope='session')
def look(camera):
    """Frame of one camera at a place, looking along x, without a batch."""

    def draw(scene, at=(0.0, 0.0, 0.0), **options):
        frames = Raycast(camera, **options).render(np.array([at]), FORWARD, Scenes([scene]))
        return type(frames)(*(part[0] for part in frames))

    return draw
