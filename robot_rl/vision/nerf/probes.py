"""Bake a learned place into panoramas on a lattice, and draw from these: ten times as fast.

Where a camera may be is a lattice of probes; those within something solid are left out. What is
drawn is what the nearest probe saw, so edges that it did not see behind are drawn wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.kernels import radiance_probe
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of
from robot_rl.vision.nerf.render import checked, pixel_rays
from robot_rl.vision.nerf.scene import NerfScene
from robot_rl.vision.renderer import Frames
from robot_rl.vision.scenes import Scenes

ROUNDS = 3
LEAST_WAY = 0.05
"""[m] a probe that sees half of everything nearer than this stands within something."""
FAR = 1000.0
"""[m] what has no depth is this far away."""


@dataclass(frozen=True)
class Probes:
    """Panoramas of a place, world frame."""

    places: NDArray[np.float32]
    """(k, 3) [m]"""
    images: NDArray[np.uint8]
    """(k, rows, columns, 3), from straight up to straight down, from -pi to pi about z."""
    ways: NDArray[np.float32]
    """(k, rows, columns) [m] to what is seen."""
    nearest: NDArray[np.int32]
    """(a, b, c) which probe is nearest to each place of the lattice."""
    corner: NDArray[np.float32]
    """(3,) [m] first place of the lattice."""
    spacing: float
    """[m] of the lattice."""


def lattice(low: Sequence[float], high: Sequence[float], spacing: float) -> NDArray[np.float64]:
    """Places (a, b, c, 3) about `spacing` apart that fill a box."""
    axes = list[NDArray[Any]]()
    for first, last in zip(low, high, strict=True):
        num = max(1, math.floor((last - first) / spacing) + 1)
        rest = 0.5 * (last - first - (num - 1) * spacing)
        axes.append(first + rest + spacing * np.arange(num))
    return np.stack(np.meshgrid(*axes, indexing='ij'), -1)


def bake(
    scene: NerfScene, low: Sequence[float], high: Sequence[float], spacing: float, rows: int
) -> Probes:
    """Look around from a lattice of places.

    Args:
        scene: The place.
        low: (3,) [m] lowest corner of where cameras will be, world frame.
        high: (3,) [m] highest corner.
        spacing: [m] between probes.
        rows: Of a panorama [px]; it has twice as many columns.

    Raises SpecError for a box without probes in the open.
    """
    grid = lattice(low, high, spacing)
    directions = _panorama(rows)
    field, frame = scene.field, scene.frame
    turned = directions @ frame.rotation
    places, images, ways = list[Any](), list[Any](), list[Any]()
    for place in grid.reshape(-1, 3):
        origin = np.broadcast_to(frame.to_capture(place), turned.shape)
        colors, far = field.look(origin, turned, near=0.02 / frame.scale)
        far = far * np.float32(frame.scale)
        if np.median(far) > LEAST_WAY:
            places.append(place)
            images.append(np.round(255.0 * colors).astype(np.uint8))
            ways.append(np.minimum(far, np.float32(FAR)))
    if not places:
        raise SpecError(
            f'Between {tuple(low)} and {tuple(high)} m, all {grid[..., 0].size} probes are '
            'within something. Choose a box in the open.'
        )
    found = np.array(places)
    flat = grid.reshape(-1, 3)
    near = np.array([np.argmin(((found - place) ** 2).sum(1)) for place in flat])
    shape = (len(found), rows, 2 * rows)
    return Probes(
        found.astype(np.float32), np.array(images).reshape(*shape, 3),
        np.array(ways, np.float32).reshape(shape), near.reshape(grid.shape[:3]).astype(np.int32),
        grid[0, 0, 0].astype(np.float32), spacing,
    )  # fmt: skip


def _panorama(rows: int) -> NDArray[np.float64]:
    """Unit vectors (rows * 2 rows, 3) of the middles of texels."""
    up = 0.5 * np.pi - (np.arange(rows) + 0.5) * np.pi / rows
    about = (np.arange(2 * rows) + 0.5) * np.pi / rows - np.pi
    up, about = np.meshgrid(up, about, indexing='ij')
    parts = (np.cos(up) * np.cos(about), np.cos(up) * np.sin(about), np.sin(up))
    return np.stack(parts, -1).reshape(-1, 3)


class ProbeRenderer:
    """Draws a place from its probes, with one thread."""

    def __init__(self, camera: Camera, probes: Probes) -> None:
        """Take up the probes. Raises SpecError for a distortion that folds the image over."""
        self.camera, self.probes = camera, probes
        self._pixels = pixel_rays(camera)
        num = len(probes.places)
        self._images = probes.images.reshape(num, -1, 3)
        self._ways = probes.ways.reshape(num, -1)

    def render(
        self,
        position: Any,
        quat: Any,
        scenes: Scenes | None = None,
        rows: NDArray[np.int64] | None = None,
    ) -> Frames:
        """See `NerfRenderer.render`; what has no depth is FAR away along its ray."""
        del scenes, rows
        position, quat = checked(position, quat)
        num, probes = len(position), self.probes
        rgb = np.empty((num, len(self._pixels), 3), np.uint8)
        depth = np.empty((num, len(self._pixels)), np.float32)
        radiance_probe.look(
            probes.places, self._images, self._ways, *probes.images.shape[1:3], probes.nearest,
            probes.corner, np.float32(probes.spacing), self._pixels, position.astype(np.float32),
            matrix_of(quat).astype(np.float32), ROUNDS, rgb, depth,
        )  # fmt: skip
        shape = (num, self.camera.height, self.camera.width)
        return Frames(rgb.reshape(*shape, 3), depth.reshape(shape), np.full(shape, -1, np.int32))
