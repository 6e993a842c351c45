"""Draw a place of Gaussians with gsplat, on a GPU (Kerbl et al., arXiv 2308.04079).

gsplat: Ye et al., arXiv 2409.06765. Written against its version 1.5; nothing here has run on a
GPU yet.
"""

from __future__ import annotations

from collections.abc import Mapping
import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import MissingPackageError, SpecError
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of
from robot_rl.vision.nerf.field import BACKGROUND
from robot_rl.vision.nerf.render import NEAR, checked
from robot_rl.vision.nerf.splats import Splats, intrinsics, lens, view_matrices
from robot_rl.vision.renderer import Frames
from robot_rl.vision.scenes import Scenes

TOGETHER = 32
"""Cameras that are drawn at once."""


def gpu() -> tuple[Any, Any]:
    """The modules torch and gsplat.

    Raises SpecError without a GPU, MissingPackageError where a package is not installed.
    """
    torch: Any = importlib.import_module('torch')
    if not torch.cuda.is_available():
        raise SpecError(
            'Gaussian splats need a GPU with CUDA, and torch finds none here. Use a machine that '
            'has one, or learn voxels with: robot_rl nerf train --method voxels'
        )
    try:
        return torch, importlib.import_module('gsplat')
    except ModuleNotFoundError as error:
        raise MissingPackageError('gsplat') from error


def rasterized(
    modules: tuple[Any, Any], splats: Mapping[str, Any], camera: Camera, views: Any, near: float
) -> tuple[Any, Any]:
    """What cameras see, as tensors on the GPU.

    Args:
        modules: Of `gpu`.
        splats: As `Splats.arrays`, tensors.
        camera: Of all views, with its lens.
        views: (n, 4, 4) as `view_matrices` gives them, a tensor.
        near: What is nearer is not drawn, units of the capture.

    Returns:
        (n, height, width, 4) colors from 0 to 1 and depth along the axis, the mean of what is
        seen; (n, height, width, 1) how much of the light comes from there.
    """
    torch, gsplat = modules
    num, place = len(views), views.device
    options: dict[str, Any] = {}
    if any(camera.distortion):  # by the unscented transform: Wu et al., arXiv 2412.12507
        radial, tangential = (torch.from_numpy(part).to(place) for part in lens(camera))
        options = {
            'with_ut': True,
            'with_eval3d': True,
            'radial_coeffs': radial.expand(num, -1).contiguous(),
            'tangential_coeffs': tangential.expand(num, -1).contiguous(),
        }
    matrix = torch.from_numpy(intrinsics(camera)).to(place)
    images, through, _ = gsplat.rasterization(
        splats['means'], splats['quats'], splats['scales'], splats['opacities'][:, 0],
        splats['colors'], views, matrix.expand(num, 3, 3).contiguous(), camera.width,
        camera.height, near_plane=near, packed=False, render_mode='RGB+ED',
        backgrounds=torch.full((num, 3), BACKGROUND, device=place), **options,
    )  # fmt: skip
    return images, through


class SplatRenderer:
    """Draws the place with a GPU; lenses that distort are drawn as they are."""

    def __init__(self, camera: Camera, splats: Splats) -> None:
        """Take up the place. Raises as `gpu` does."""
        self._modules = torch, _ = gpu()
        self.camera, self.splats = camera, splats
        self._tensors = {
            name: torch.from_numpy(array).cuda() for name, array in splats.arrays.items()
        }

    def render(
        self,
        position: Any,
        quat: Any,
        scenes: Scenes | None = None,
        rows: NDArray[np.int64] | None = None,
    ) -> Frames:
        """See `NerfRenderer.render`, which this is like."""
        del scenes, rows
        torch, _ = self._modules
        position, quat = checked(position, quat)
        frame = self.splats.frame
        views = view_matrices(frame.to_capture(position), frame.rotation.T @ matrix_of(quat))
        shape = (len(views), self.camera.height, self.camera.width)
        rgb, depth = np.empty((*shape, 3), np.uint8), np.empty(shape, np.float32)
        with torch.inference_mode():
            for first in range(0, len(views), TOGETHER):
                some = slice(first, first + TOGETHER)
                images, through = rasterized(
                    self._modules, self._tensors, self.camera,
                    torch.from_numpy(views[some]).cuda(), NEAR / frame.scale,
                )  # fmt: skip
                rgb[some] = (255.0 * images[..., :3].clamp(0.0, 1.0)).round().byte().cpu().numpy()
                far = torch.full_like(images[..., 3], torch.inf)
                seen = torch.where(through[..., 0] > 0.5, frame.scale * images[..., 3], far)
                depth[some] = seen.cpu().numpy()
        return Frames(rgb, depth, np.full(shape, -1, np.int32))
