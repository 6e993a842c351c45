"""Between points and pixels of a camera, with the lens distortion of OpenCV.

x' = x (1 + k1 r^2 + k2 r^4 + k3 r^6) + 2 p1 x y + p2 (r^2 + 2 x^2)
y' = y (1 + k1 r^2 + k2 r^4 + k3 r^6) + p1 (r^2 + 2 y^2) + 2 p2 x y

with r^2 = x^2 + y^2 (OpenCV, "Camera Calibration and 3D Reconstruction").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.spec.camera import Camera

Array = NDArray[np.float64]
_ROUNDS = 30
_CLOSE = 1e-3  # [px]


def distort(camera: Camera, points: Array) -> Array:
    """Where the lens lets points (..., 2), x / z and y / z, appear, in the same units."""
    x, y = points[..., 0], points[..., 1]
    k1, k2, p1, p2, k3 = camera.distortion
    square = x * x + y * y
    radial = 1.0 + square * (k1 + square * (k2 + square * k3))
    return np.stack(
        (
            x * radial + 2.0 * p1 * x * y + p2 * (square + 2.0 * x * x),
            y * radial + p1 * (square + 2.0 * y * y) + 2.0 * p2 * x * y,
        ),
        -1,
    )


def project(camera: Camera, points: Array) -> Array:
    """Pixels (..., 2) of points (..., 3) [m] in the optical frame; NaN behind the camera."""
    depth = np.where(points[..., 2:] > 0.0, points[..., 2:], np.nan)
    seen = distort(camera, points[..., :2] / depth)
    return seen * (camera.fx, camera.fy) + (camera.cx, camera.cy)


def rays(camera: Camera, pixels: Array) -> Array:
    """Directions (..., 2), x / z and y / z, that pixels (..., 2) look in.

    Solved by Newton's method from where there is no distortion. Raises SpecError where the
    distortion folds the image over, so that no or several directions meet in a pixel.
    """
    focal, middle = np.array([camera.fx, camera.fy]), np.array([camera.cx, camera.cy])
    wanted = (pixels - middle) / focal
    found = wanted.copy()
    if any(camera.distortion):
        for _ in range(_ROUNDS):
            off = distort(camera, found) - wanted
            slope = _slope(camera, found)
            found -= np.linalg.solve(slope, off[..., None])[..., 0]
            if not np.abs(found).max(initial=0.0) < 1e3:
                break
        off = np.abs(distort(camera, found) - wanted) * focal
        if not (off < _CLOSE).all() or not _unfolded(camera, found):
            raise SpecError(
                f'Camera {camera.name!r}: its distortion {camera.distortion} folds the image over '
                'before its corners. Use numbers of a calibration that reaches them.'
            )
    return found


def _slope(camera: Camera, points: Array) -> Array:
    """Derivative (..., 2, 2) of `distort`."""
    x, y = points[..., 0], points[..., 1]
    k1, k2, p1, p2, k3 = camera.distortion
    square = x * x + y * y
    radial = 1.0 + square * (k1 + square * (k2 + square * k3))
    grows = 2.0 * (k1 + square * (2.0 * k2 + square * 3.0 * k3))  # d radial / d x is x times this
    slope = np.empty((*points.shape, 2))
    slope[..., 0, 0] = radial + x * x * grows + 2.0 * p1 * y + 6.0 * p2 * x
    slope[..., 1, 1] = radial + y * y * grows + 6.0 * p1 * y + 2.0 * p2 * x
    slope[..., 0, 1] = slope[..., 1, 0] = x * y * grows + 2.0 * p1 * x + 2.0 * p2 * y
    return slope


def _unfolded(camera: Camera, points: Array) -> bool:
    """Whether `distort` keeps its sense all the way from the middle to `points`."""
    return all(
        (np.linalg.det(_slope(camera, share * points)) > 0.0).all()
        for share in np.linspace(0.1, 1.0, 10)
    )
