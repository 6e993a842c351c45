"""How far points are from what a scene consists of: the same shapes that are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec.scene import KINDS
from robot_rl.vision.scenes import Scenes

_NOTHING, _PLANE, _BOX, _SPHERE, _CYLINDER, _CAPSULE, _MESH = range(len(KINDS))


def distance(scenes: Scenes, rows: NDArray[np.int64], points: Any) -> NDArray[np.float32]:
    """[m] (n,) from `points` (n, 3), each in scene `rows` (n,), to the nearest shape.

    Below zero inside of one. Meshes count as their boxes.
    """
    away = np.asarray(points, np.float32)[:, None] - scenes.position[rows]
    quat = scenes.quat[rows]
    w, u = quat[..., :1], -quat[..., 1:]  # into the shape's frame
    turn = 2.0 * np.cross(u, away)
    local = away + w * turn + np.cross(u, turn)
    half, kind = scenes.half[rows], scenes.kind[rows]
    beyond = np.abs(local) - half
    box = np.linalg.norm(np.maximum(beyond, 0.0), axis=-1) + np.minimum(beyond.max(-1), 0.0)
    around = np.hypot(local[..., 0], local[..., 1]) - half[..., 0]
    above = beyond[..., 2]
    sphere = np.linalg.norm(local, axis=-1) - half[..., 0]
    cylinder = np.hypot(np.maximum(around, 0.0), np.maximum(above, 0.0)) + np.minimum(
        np.maximum(around, above), 0.0
    )
    stretched = np.maximum(above, 0.0)
    capsule = np.hypot(around + half[..., 0], stretched) - half[..., 0]
    found = np.select(
        [
            kind == _PLANE,
            (kind == _BOX) | (kind == _MESH),
            kind == _SPHERE,
            kind == _CYLINDER,
            kind == _CAPSULE,
        ],
        [local[..., 2], box, sphere, cylinder, capsule],
        np.inf,
    )
    return found.min(1).astype(np.float32)
