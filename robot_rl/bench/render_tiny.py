"""PyBullet's TinyRenderer, to be compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import MissingPackageError
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of
from robot_rl.spec.scene import Scene, Shape

_NEAR, _FAR = 0.01, 100.0  # [m]


class Tiny:
    """Draws a scene without patterns, one image after another."""

    def __init__(self, camera: Camera, scene: Scene) -> None:
        """Raises MissingPackageError without PyBullet."""
        try:
            import pybullet
        except ImportError:
            raise MissingPackageError('pybullet') from None
        self._pb: Any = pybullet
        self._client, self._camera = pybullet.connect(pybullet.DIRECT), camera
        for shape in scene.shapes:
            self._add(shape)
        across, down = _NEAR / camera.fx, _NEAR / camera.fy
        self._projection = pybullet.computeProjectionMatrix(
            (-0.5 - camera.cx) * across,
            (camera.width - 0.5 - camera.cx) * across,
            (camera.cy + 0.5 - camera.height) * down,
            (camera.cy + 0.5) * down,
            _NEAR,
            _FAR,
        )
        self._sun = scene.to_sun

    def _add(self, shape: Shape) -> None:
        pb, half = self._pb, shape.half
        kinds = {
            'box': dict(shapeType=pb.GEOM_BOX, halfExtents=half),
            'sphere': dict(shapeType=pb.GEOM_SPHERE, radius=half[0]),
            'cylinder': dict(shapeType=pb.GEOM_CYLINDER, radius=half[0], length=2.0 * half[2]),
            'capsule': dict(shapeType=pb.GEOM_CAPSULE, radius=half[0], length=2.0 * half[2]),
        }
        seen = pb.createVisualShape(
            **kinds[shape.kind], rgbaColor=(*shape.look.colour, 1.0), physicsClientId=self._client
        )
        w, x, y, z = shape.quat
        pb.createMultiBody(
            baseVisualShapeIndex=seen,
            basePosition=shape.position,
            baseOrientation=(x, y, z, w),
            physicsClientId=self._client,
        )

    def render(self, position: NDArray, quat: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Colours (n, h, w, 3), depths (n, h, w) [m] and ids (n, h, w) of cameras.

        `position` is (n, 3) [m], `quat` (n, 4) wxyz from the optical frame to the world.
        """
        pb, camera = self._pb, self._camera
        shape = (len(position), camera.height, camera.width)
        rgb, depth = np.empty((*shape, 3), np.uint8), np.empty(shape, np.float32)
        ids = np.empty(shape, np.int32)
        view = np.eye(4)
        for i, turn in enumerate(matrix_of(quat)):
            view[:3, :3] = (turn * (1.0, -1.0, -1.0)).T  # OpenGL looks along -z, y is up
            view[:3, 3] = -view[:3, :3] @ position[i]
            _, _, colours, found, numbers = pb.getCameraImage(
                camera.width,
                camera.height,
                view.T.ravel().tolist(),
                self._projection,
                self._sun,
                shadow=0,
                renderer=pb.ER_TINY_RENDERER,
                physicsClientId=self._client,
            )
            rgb[i] = np.reshape(colours, (*shape[1:], 4))[..., :3]
            found = np.reshape(found, shape[1:])
            depth[i] = _FAR * _NEAR / (_FAR - (_FAR - _NEAR) * found)
            ids[i] = np.reshape(numbers, shape[1:])
        return rgb, depth, ids

    def close(self) -> None:
        """Give its world back."""
        self._pb.disconnect(self._client)
