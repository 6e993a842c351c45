"""How far points are from the shapes of a scene; compiled by numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.radiance import compiled

Array = NDArray[Any]
NOTHING, PLANE, SPHERE, CYLINDER, CAPSULE = 0, 1, 3, 4, 5  # as in spec/scene.py


@compiled
def nearest(
    kind: Array, position: Array, quat: Array, half: Array, rows: Array, points: Array, out: Array
) -> None:
    """Write the distance [m] of each of `points` (n, 3) to the nearest shape into `out` (n,).

    Point i is in the scene `rows[i]` of shapes (rows, k), see vision/scenes.py. Below zero inside
    of one; a mesh counts as its box.
    """
    zero, two = np.float32(0.0), np.float32(2.0)
    for i in range(len(points)):
        row, least = rows[i], np.float32(np.inf)
        for k in range(kind.shape[1]):
            if kind[row, k] == NOTHING:
                continue
            dx = points[i, 0] - position[row, k, 0]
            dy = points[i, 1] - position[row, k, 1]
            dz = points[i, 2] - position[row, k, 2]
            w = quat[row, k, 0]
            a, b, c = -quat[row, k, 1], -quat[row, k, 2], -quat[row, k, 3]
            tx, ty, tz = two * (b * dz - c * dy), two * (c * dx - a * dz), two * (a * dy - b * dx)
            x = dx + w * tx + b * tz - c * ty
            y = dy + w * ty + c * tx - a * tz
            z = dz + w * tz + a * ty - b * tx
            hx, hy, hz = half[row, k, 0], half[row, k, 1], half[row, k, 2]
            if kind[row, k] == PLANE:
                away = z
            elif kind[row, k] == SPHERE:
                away = math.sqrt(x * x + y * y + z * z) - hx
            elif kind[row, k] == CAPSULE:
                up = max(abs(z) - hz, zero)
                away = math.sqrt(x * x + y * y + up * up) - hx
            elif kind[row, k] == CYLINDER:
                aside, up = math.sqrt(x * x + y * y) - hx, abs(z) - hz
                ax, az = max(aside, zero), max(up, zero)
                away = math.sqrt(ax * ax + az * az) + min(max(aside, up), zero)
            else:
                bx, by, bz = abs(x) - hx, abs(y) - hy, abs(z) - hz
                ax, ay, az = max(bx, zero), max(by, zero), max(bz, zero)
                inside = min(max(bx, max(by, bz)), zero)
                away = math.sqrt(ax * ax + ay * ay + az * az) + inside
            least = min(least, np.float32(away))
        out[i] = least
