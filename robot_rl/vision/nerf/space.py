"""Where a field's voxels lie: a box, or all of space contracted into a cube."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import CaptureError
from robot_rl.vision.nerf.capture import Capture

Array = NDArray[Any]
Rays = NDArray[np.float32]

NEAR = 0.3
"""Part of the way from the focus to the furthest camera that nothing is looked for in front of a
camera in a place without bounds: floating blobs settle there."""
NEAR_IN_BOX = 0.35
"""[units of the capture] the same in a box."""


@dataclass(frozen=True)
class Space:
    """What of space a field fills."""

    open: bool
    """Whether space is contracted; otherwise it ends at the box."""
    center: tuple[float, float, float]
    """Middle of what is near, or of the box."""
    half: tuple[float, float, float]
    """Half edges of what is near (a cube) or of the box."""
    near: float
    """Way in front of a camera that is empty."""

    def shape(self, voxel: float) -> tuple[int, int, int]:
        """Corners of voxels of about size `voxel`, per axis."""
        edges = [(4.0 if self.open else 2.0) * half / voxel for half in self.half]
        x, y, z = (max(round(edge) + 1, 3) for edge in edges)
        return x, y, z

    def size(self, shape: tuple[int, int, int]) -> float:
        """Edge of a voxel of a grid with this `shape`, in what is near."""
        return (4.0 if self.open else 2.0) * self.half[0] / (shape[0] - 1)

    def rays(self, origins: Array, directions: Array, shape: tuple[int, int, int]) -> Rays:
        """Rays (n, 6) in voxels as kernels take them, from origins and unit directions (n, 3)."""
        size = self.size(shape)
        base = np.array(self.center) - (0.0 if self.open else np.array(self.half))
        return np.concatenate(((origins - base) / size, directions), axis=1).astype(np.float32)

    def corners(self, shape: tuple[int, int, int]) -> Array:
        """Places (x * y * z, 3) of the corners of voxels; far away for the end of the world."""
        axes = [np.linspace(-1.0, 1.0, num) * (2.0 if self.open else 1.0) for num in shape]
        places = np.stack(np.meshgrid(*axes, indexing='ij'), -1).reshape(-1, 3)
        if self.open:
            reach = np.abs(places).max(axis=1, keepdims=True)
            outside = 1.0 / (np.maximum(2.0 - reach, 1e-3) * np.maximum(reach, 1.0))
            places = np.where(reach > 1.0, outside, 1.0) * places
        return places * self.half + self.center


def space_of(capture: Capture) -> Space:
    """The box of the capture; without one, all of space around where the cameras look.

    Raises CaptureError for cameras outside of the box.
    """
    places = np.array([view.position for view in capture.views])
    if capture.box is not None:
        low, high = capture.box
        outside = ((places < low) | (places > high)).any(axis=1)
        if outside.any():
            name = capture.views[int(outside.argmax())].name
            raise CaptureError(
                f"{capture.path}: {outside.sum()} cameras lie outside of 'scene_box', the first "
                f'{name}. Make the box larger or leave it out.'
            )
        x, y, z = (0.5 * (low + high)).tolist()
        a, b, c = (0.5 * (high - low)).tolist()
        return Space(False, (x, y, z), (a, b, c), NEAR_IN_BOX)
    forward = np.array([view.rotation[:, 2] for view in capture.views])
    center = focus(places, forward)
    reach = float(np.abs(places - center).max())
    x, y, z = center.tolist()
    return Space(True, (x, y, z), (reach, reach, reach), NEAR * reach)


def focus(places: Array, forward: Array) -> Array:
    """The point (3,) nearest to all optical axes, or the middle of the cameras.

    Args:
        places: (n, 3) of the cameras.
        forward: (n, 3) unit vectors they look along.

    The middle is taken where most of the cameras look away from the point: when they stand in the
    midst of a place and look around.
    """
    across = np.eye(3) - forward[:, :, None] * forward[:, None]
    middle = places.mean(axis=0)
    total = across.sum(axis=0)
    if np.linalg.cond(total) > 1e3:
        return middle
    point = np.linalg.solve(total, (across @ places[:, :, None]).sum(axis=0))[:, 0]
    facing = ((point - places) * forward).sum(axis=1) > 0.0
    return point if facing.mean() > 0.8 else middle
