"""Images by casting rays at shapes on a CPU: no graphics library, no GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.kernels.raycast_run import RAYS, caster
from robot_rl.spec.camera import Camera
from robot_rl.spec.scene import KINDS
from robot_rl.vision.optics import rays
from robot_rl.vision.renderer import Frames
from robot_rl.vision.scenes import Scenes

_MESH = KINDS.index('mesh')


class Raycast:
    """Draws planes, boxes, spheres, cylinders and capsules with one thread."""

    def __init__(self, camera: Camera, supersample: int = 1, shadows: bool = False) -> None:
        """Trace supersample^2 rays for each pixel: 1, 4 or 16. The first one ever compiles.

        With `shadows` those that the sun casts are seen, with hard edges.

        Raises SpecError for another number and for a distortion that folds the image over.
        """
        if supersample not in (1, 2, 4):
            raise SpecError(
                f'Rays along the edge of a pixel must be 1, 2 or 4, got {supersample}.'
            )
        self.camera, self._samples = camera, supersample**2
        self._rays, self._boxes, self._pixels = _tiles(camera, supersample)
        self._shadows, self._pixel = shadows, 1.0 / (camera.fx * supersample)
        self._cast = caster()
        self._texels, self._table = np.zeros(3, np.uint8), np.zeros((0, 3), np.int64)

    def render(
        self, position: Any, quat: Any, scenes: Scenes, rows: NDArray[np.int64] | None = None
    ) -> Frames:
        """See `Renderer.render`. Raises SpecError for a mesh, which this cannot draw."""
        poses = np.concatenate((position, quat), axis=1, dtype=np.float32)
        rows = np.arange(len(poses)) if rows is None else np.asarray(rows, np.int64)
        strange = rows[(rows < 0) | (rows >= len(scenes))]
        if len(rows) != len(poses) or len(strange):
            raise SpecError(
                f'Every camera needs one of the scenes 0 to {len(scenes) - 1}, got {len(rows)} '
                f'scenes for {len(poses)} cameras, of which there are not: {strange.tolist()}.'
            )
        if (scenes.kind[rows] == _MESH).any():
            raise SpecError(
                'Rays need planes, boxes and round shapes, got a mesh. Use the renderer mujoco.'
            )
        self._take(scenes)
        height, width = self.camera.height, self.camera.width
        frames = Frames(
            np.empty((len(poses), height * width, 3), np.uint8),
            np.empty((len(poses), height * width), np.float32),
            np.empty((len(poses), height * width), np.int32),
        )
        self._cast(
            self._rays,
            self._boxes,
            self._pixels,
            self._samples,
            self._pixel,
            self._shadows,
            poses,
            rows,
            scenes.kind,
            scenes.position,
            scenes.quat,
            scenes.half,
            scenes.pattern,
            scenes.look,
            scenes.image,
            scenes.light,
            scenes.lamps,
            self._texels,
            self._table,
            np.uint64(RAYS),
            *frames,
        )
        rgb, depth, ids = frames
        shape = (len(poses), height, width)
        return Frames(rgb.reshape(*shape, 3), depth.reshape(shape), ids.reshape(shape))

    def _take(self, scenes: Scenes) -> None:
        """Have the texels of all images in a row, and a table of their begins and sizes."""
        if len(self._table) == max(len(scenes.images), 1):
            return
        sizes = np.array([(i.shape[0], i.shape[1]) for i in scenes.images] or [(1, 1)], np.int64)
        begins = 3 * np.cumsum([0, *sizes.prod(1)[:-1]])
        self._table = np.column_stack((begins, sizes))
        self._texels = np.concatenate([np.zeros(3, np.uint8), *(i.ravel() for i in scenes.images)])
        self._table[:, 0] += 3


def _tiles(camera: Camera, edge: int) -> tuple[NDArray, NDArray, NDArray]:
    """Rays (tiles, 2, RAYS), x / z and y / z; what holds them (tiles, 4); pixels (tiles, n).

    The edge^2 rays of a pixel follow one another. Where a tile reaches beyond the image it has
    pixel -1 and the rays of one inside.
    """
    size = 8 // edge  # pixels along a side of a tile
    down, across = (-(-length // size) for length in (camera.height, camera.width))
    row = (size * np.arange(down)[:, None] + np.arange(size)).reshape(down, 1, size, 1)
    column = (size * np.arange(across)[:, None] + np.arange(size)).reshape(1, across, 1, size)
    inside = (row < camera.height) & (column < camera.width)
    row, column = np.minimum(row, camera.height - 1), np.minimum(column, camera.width - 1)
    pixels = np.where(inside, row * camera.width + column, -1).reshape(down * across, -1)
    offset = (np.arange(edge) + 0.5) / edge - 0.5
    shape = (down, across, size, size, edge, edge)
    x = np.broadcast_to(column[..., None, None] + offset, shape)
    y = np.broadcast_to(row[..., None, None] + offset[:, None], shape)
    found = rays(camera, np.stack((x, y), -1)).reshape(down * across, RAYS, 2).transpose(0, 2, 1)
    found = np.ascontiguousarray(found, np.float32)
    boxes = np.ascontiguousarray(np.concatenate((found.min(2), found.max(2)), 1))
    return found, boxes, np.ascontiguousarray(pixels, np.int64)
