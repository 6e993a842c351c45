"""Where the camera stands: it follows the robot, keeps the goal in sight and never jerks."""

from __future__ import annotations

import math

import numpy as np

from robot_rl.pictures.raster import Vector, View
from robot_rl.pictures.scene import Scene

FIELD = math.radians(38.0)
"""Vertical field of view."""
AZIMUTH, ELEVATION = math.radians(-130.0), math.radians(25.0)
"""Where the camera stands, seen from what it looks at: behind, to the right, above."""
SMOOTHING_S = 0.5
"""[s] standard deviation of the filter over the camera's way. It looks ahead, hence no lag."""
FURTHEST = 1.0, 6.0
"""A goal further off than this [m], and this many radii, does not draw the camera back."""


def smoothed(values: np.ndarray, deviation: float) -> np.ndarray:
    """Values (n, k) after a Gaussian filter of `deviation` [samples]."""
    reach = math.ceil(3.0 * deviation)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(deviation, 1e-9)) ** 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode='edge')
    columns = [np.convolve(column, weights / weights.sum(), 'valid') for column in padded.T]
    return np.stack(columns, axis=1)


def follow(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """What the camera looks at, (n, 3), and how much around it must be in sight, (n,) [m]."""
    focus, extent = aim(scene)
    if scene.episode.task.robot.fixed_base:
        return np.tile(focus.mean(axis=0), (len(focus), 1)), extent
    deviation = SMOOTHING_S / scene.episode.task.control_dt
    both = smoothed(np.column_stack([focus, extent]), deviation)
    return both[:, :3], both[:, 3]


def aim(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Like `follow`, before it is smoothed."""
    focus, extent = scene.robot.astype(float), np.full(len(scene.robot), 3.0 * scene.radius)
    if scene.episode.task.robot.fixed_base:
        return focus, 0.45 * extent
    if scene.goal is not None:
        way = scene.goal - focus
        distance = np.linalg.norm(way, axis=1)
        furthest = max(FURTHEST[0], FURTHEST[1] * scene.radius)
        near = np.minimum(1.0, furthest / (distance + 1e-9)) ** 2  # lets go of one out of reach
        focus = focus + 0.5 * near[:, None] * way
        extent = np.maximum(extent, 0.6 * near * distance + 2.5 * scene.radius)
    return focus, extent


def survey(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Like `follow`, for a camera that stands still and sees the whole way and the ground."""
    points = scene.robot if scene.goal is None else np.concatenate([scene.robot, scene.goal])
    low, high = points.min(axis=0), points.max(axis=0)
    low[2] = min(low[2], 0.0)
    num, extent = len(scene.robot), 0.5 * float(np.linalg.norm(high - low)) + scene.radius
    return np.tile(0.5 * (low + high), (num, 1)), np.full(num, 1.15 * extent)


def view_of(focus: np.ndarray, extent: float, width: int, height: int) -> View:
    """The camera that has `extent` [m] around `focus` in sight."""
    narrow = math.tan(0.5 * FIELD) * min(1.0, width / height)
    out = np.array(
        [
            math.cos(ELEVATION) * math.cos(AZIMUTH),
            math.cos(ELEVATION) * math.sin(AZIMUTH),
            math.sin(ELEVATION),
        ]
    )
    eye = focus + extent / narrow * out
    eye[2] = max(eye[2], 0.05)
    forward = (focus - eye) / np.linalg.norm(focus - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    focal = 0.5 * height / math.tan(0.5 * FIELD)
    return View(_vector(eye), _vector(right), _vector(up), _vector(forward), focal)


def _vector(values: np.ndarray) -> Vector:
    x, y, z = values.tolist()
    return x, y, z
