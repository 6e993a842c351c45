"""Draw a learned place, straight from its voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.kernels import radiance_render
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of
from robot_rl.vision.nerf.field import BACKGROUND, STOP
from robot_rl.vision.nerf.scene import NerfScene
from robot_rl.vision.optics import rays
from robot_rl.vision.renderer import Frames
from robot_rl.vision.scenes import Scenes

NEAR = 0.02
"""[m] in front of a camera that is not drawn."""


def pixel_rays(camera: Camera) -> NDArray[np.float32]:
    """Unit vectors (p, 3) of all pixels in the optical frame, row by row."""
    grid = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    flat = rays(camera, np.stack(grid, -1).reshape(-1, 2).astype(np.float64))
    full = np.column_stack((flat, np.ones(len(flat))))
    return (full / np.linalg.norm(full, axis=1, keepdims=True)).astype(np.float32)


class NerfRenderer:
    """Draws the place by following a ray for each pixel, with one thread."""

    def __init__(self, camera: Camera, scene: NerfScene) -> None:
        """Take up the scene. Raises SpecError for a distortion that folds the image over."""
        self.camera, self.scene = camera, scene
        self._pixels = pixel_rays(camera)

    def render(
        self,
        position: Any,
        quat: Any,
        scenes: Scenes | None = None,
        rows: NDArray[np.int64] | None = None,
    ) -> Frames:
        """See `Renderer.render`: what stands in `scenes` is not drawn here (see `Composite`).

        Returns ids of -1, and depths that are infinite where more than half of the light comes
        through. Raises SpecError for arrays of another shape.
        """
        del scenes, rows
        position, quat = checked(position, quat)
        field, frame = self.scene.field, self.scene.frame
        num = len(position)
        base = np.array(field.space.center)
        base -= 0.0 if field.space.open else np.array(field.space.half)
        origins = (frame.to_capture(position) - base) / field.voxel
        turns = frame.rotation.T @ matrix_of(quat)
        rgb = np.empty((num, len(self._pixels), 3), np.uint8)
        depth = np.empty((num, len(self._pixels)), np.float32)
        meters = frame.scale * field.voxel
        radiance_render.frames(
            field.grid, field.dims, field.skip, field.space.open, np.float32(NEAR / meters),
            self._pixels, origins.astype(np.float32), turns.astype(np.float32),
            np.float32(meters), np.float32(BACKGROUND), np.float32(STOP), rgb, depth,
        )  # fmt: skip
        shape = (num, self.camera.height, self.camera.width)
        ids = np.full(shape, -1, np.int32)
        return Frames(rgb.reshape(*shape, 3), depth.reshape(shape), ids)


def checked(position: Any, quat: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Poses as float64 (n, 3) and (n, 4). Raises SpecError for other shapes."""
    position, quat = np.asarray(position, np.float64), np.asarray(quat, np.float64)
    if position.shape != (len(position), 3) or quat.shape != (len(position), 4):
        raise SpecError(
            'Cameras need positions (n, 3) and quaternions (n, 4), got shapes '
            f'{position.shape} and {quat.shape}.'
        )
    return position, quat
