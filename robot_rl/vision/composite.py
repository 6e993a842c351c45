"""Lay what a ray caster draws into what a learned place looks like, each hiding the other."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of
from robot_rl.vision.optics import rays
from robot_rl.vision.renderer import Frames, Renderer
from robot_rl.vision.scenes import Scenes

MARGIN = 0.05
"""[m] by which the background must be nearer to hide what stands in it: about the error of its
depths, so that a ball on the floor does not sink into it."""
SHADE = 0.45
"""How much darker the ground is in the middle of a shadow."""


def composite(front: Frames, back: Frames, margin: float = MARGIN) -> Frames:
    """What of two images of the same cameras is nearer, pixel by pixel.

    Args:
        front: Of a ray caster; its depth is infinite where nothing stands.
        back: Of a learned place.
        margin: [m] the background gives way to what is less than this behind it.

    Returns:
        New arrays; ids are those of the front, -1 where the place is seen.
    """
    shown = np.isfinite(front.depth) & (front.depth < back.depth + np.float32(margin))
    return Frames(
        np.where(shown[..., None], front.rgb, back.rgb),
        np.where(shown, front.depth, back.depth),
        np.where(shown, front.ids, np.int32(-1)),
    )


def shadowed(
    back: Frames,
    position: Any,
    quat: Any,
    camera_rays: NDArray[np.float64],
    scenes: Scenes,
    rows: NDArray[np.int64],
    ground: float,
) -> Frames:
    """Darken the ground of `back` below what stands in `scenes`, as a wide lamp above would.

    Each shape has a round soft spot at its foot, as large as it is wide, that pales with its
    height above the ground. Shapes that are larger than 2 m are part of the place and cast none.

    Args:
        back: Images of n cameras.
        position: (n, 3) [m] world frame.
        quat: (n, 4) wxyz, optical frame to world.
        camera_rays: (h, w, 3) directions in the optical frame with z = 1.
        scenes: What stands there.
        rows: (n,) which scene each camera is in.
        ground: [m] height of the ground, world frame.
    """  # fmt: skip
    turns, rgb = matrix_of(np.asarray(quat, np.float64)), back.rgb.copy()
    for i, row in enumerate(rows):
        spots = _spots(scenes, int(row), ground)
        if not len(spots):
            continue
        depth = np.where(np.isfinite(back.depth[i]), back.depth[i], 0.0)
        points = (camera_rays * depth[..., None]) @ turns[i].T + position[i]
        level = np.abs(points[..., 2] - ground) < 3.0 * MARGIN
        level &= np.isfinite(back.depth[i])
        where = points[level][:, :2]
        light = np.ones(len(where))
        for x, y, radius, strength in spots:
            off = ((where - (x, y)) ** 2).sum(axis=1) / radius**2
            light *= 1.0 - strength * np.exp(-off * off)
        rgb[i][level] = np.round(rgb[i][level] * light[:, None]).astype(np.uint8)
    return Frames(rgb, back.depth, back.ids)


def _spots(scenes: Scenes, row: int, ground: float) -> NDArray[np.float64]:
    """Shadows (k, 4): x, y, radius [m] and strength."""
    spots = list[tuple[float, float, float, float]]()
    for kind, place, half in zip(
        scenes.kind[row], scenes.position[row], scenes.half[row], strict=True
    ):
        radius = float(max(half[0], half[1], 1e-3))
        if kind == 0 or not 0.0 < max(half) < 1.0:
            continue
        height = max(0.0, float(place[2] - half[2]) - ground)
        strength = SHADE / (1.0 + (height / (2.0 * radius)) ** 2)
        spots.append((float(place[0]), float(place[1]), 1.2 * radius + 0.3 * height, strength))
    return np.array(spots).reshape(-1, 4)


def _directions(camera: Camera) -> NDArray[np.float64]:
    """Of all pixels (h, w, 3), optical frame, with z = 1."""
    grid = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    flat = rays(camera, np.stack(grid, -1).astype(np.float64))
    return np.concatenate((flat, np.ones((*flat.shape[:2], 1))), axis=-1)


class Background(Protocol):
    """What draws a place without anything in it."""

    camera: Camera

    def render(self, position: Any, quat: Any) -> Frames:
        """Images of cameras, see `Renderer.render`."""
        ...


class Composite:
    """Draws a learned place with the shapes of scenes standing in it: a `Renderer`."""

    def __init__(self, front: Renderer, back: Background, ground: float | None = 0.0) -> None:
        """Take two renderers of one camera.

        Args:
            front: Draws shapes; its sky is never seen.
            back: NerfRenderer or ProbeRenderer.
            ground: [m] height of the ground that shadows fall on; None for no shadows.
        """
        self.camera: Camera = front.camera
        self._front, self._back = front, back
        self._rays, self._ground = _directions(self.camera), ground

    def render(
        self, position: Any, quat: Any, scenes: Scenes, rows: NDArray[np.int64] | None = None
    ) -> Frames:
        """See `Renderer.render`."""
        rows = np.arange(len(position)) if rows is None else rows
        back = self._back.render(position, quat)
        if self._ground is not None:
            back = shadowed(back, position, quat, self._rays, scenes, rows, self._ground)
        return composite(self._front.render(position, quat, scenes, rows), back)
