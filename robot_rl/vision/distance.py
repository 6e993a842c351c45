"""How far points are from what a scene consists of: the same shapes that are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.distance import nearest
from robot_rl.vision.scenes import Scenes


def distance(scenes: Scenes, rows: NDArray[np.int64], points: Any) -> NDArray[np.float32]:
    """[m] (n,) from `points` (n, 3), each in scene `rows` (n,), to the nearest shape.

    Below zero inside of one. Meshes count as their boxes.
    """
    points = np.ascontiguousarray(points, np.float32)
    found = np.empty(len(points), np.float32)
    nearest(scenes.kind, scenes.position, scenes.quat, scenes.half, rows, points, found)
    return found


def uphill(
    scenes: Scenes, rows: NDArray[np.int64], position: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Unit vectors (n, 2), about level, away from the nearest shape, at `position` (n, 3) [m].

    Zero half-way between two.
    """
    step = np.float32(0.02)
    sides = step * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]], np.float32)
    around = (position[:, None] + sides).reshape(-1, 3)
    away = distance(scenes, np.repeat(rows, 4), around).reshape(-1, 4)
    return np.stack((away[:, 0] - away[:, 1], away[:, 2] - away[:, 3]), 1) / (2.0 * step)


def blocked(
    scenes: Scenes,
    rows: NDArray[np.int64],
    position: NDArray[np.float32],
    directions: NDArray[np.float32],
    ahead: NDArray[np.float32],
    radius: float,
) -> NDArray[np.float32]:
    """(n, k) 1 where a robot of `radius` [m] would touch something on its way, else 0.

    Args:
        scenes: Of the robots.
        rows: (n,) which of them.
        position: (n, 3) [m] of the robots.
        directions: (n, k, 3) unit vectors, world frame.
        ahead: (m,) [m] along a direction where it is looked.
        radius: [m].
    """
    steps = position[:, None, None] + ahead[:, None] * directions[:, :, None]
    num, ways, points = steps.shape[:3]
    away = distance(scenes, np.repeat(rows, ways * points), steps.reshape(-1, 3))
    return (away.reshape(num, ways, points).min(2) < radius).astype(np.float32)
