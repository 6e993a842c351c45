"""Images in the policy's own graph: any camera that shows what the policy looks at will do.

A policy looks through a camera of its own, small and without a lens. Each of its pixels is the
mean of what the robot's image shows there, by the intrinsics that come with the image, so that
another resolution or focal length changes nothing but the grain.
"""

from __future__ import annotations

import torch

from robot_rl.spec.camera import Camera

INFO = ('fx', 'fy', 'cx', 'cy')
"""What the signal `rgb_info` says [px], pixels counted as in OpenCV."""


def info_of(camera: Camera, num: int, device: torch.device | None = None) -> torch.Tensor:
    """The signal `rgb_info` (num, 4) of images of `camera`."""
    numbers = [getattr(camera, name) for name in INFO]
    return torch.tensor([numbers], device=device).repeat(num, 1)


def seen(rgb: torch.Tensor, info: torch.Tensor, camera: Camera) -> torch.Tensor:
    """What `camera` would see of images `rgb` (n, H, W, 3) from 0 to 255 with `info` (n, 4).

    Returns (n, height, width, 3) from 0 to 1. What lies beyond the image is black.
    """
    fx, fy, cx, cy = (info[:, i : i + 1] for i in range(4))
    num, height, width = rgb.shape[0], rgb.shape[1], rgb.shape[2]
    rows = _shares(_edges(camera.height, camera.cy, camera.fy, info), fy, cy, height)
    columns = _shares(_edges(camera.width, camera.cx, camera.fx, info), fx, cx, width)
    lines = rows @ rgb.float().reshape(num, height, width * 3)
    lines = lines.reshape(num, camera.height, width, 3).transpose(1, 2)
    pixels = columns @ lines.reshape(num, width, camera.height * 3)
    pixels = pixels.reshape(num, camera.width, camera.height, 3).transpose(1, 2)
    return pixels * (1.0 / 255.0)


def grey(images: torch.Tensor) -> torch.Tensor:
    """Half as many rows and columns, without colour, in a row: (n, h, w, 3) to (n, h w / 4)."""
    num, height, width, _ = images.shape
    return images.mean(3).reshape(num, height // 2, 2, width // 2, 2).mean((2, 4)).flatten(1)


def _edges(count: int, middle: float, focal: float, like: torch.Tensor) -> torch.Tensor:
    """Slopes (1, count + 1) at which pixels of the policy's camera begin and end."""
    return ((torch.arange(count + 1, device=like.device) - (0.5 + middle)) / focal).unsqueeze(0)


def _shares(
    slopes: torch.Tensor, focal: torch.Tensor, middle: torch.Tensor, count: int
) -> torch.Tensor:
    """(n, pixels, count): how much of each of `count` lines of an image a pixel is made of."""
    edges = slopes * focal + middle + 0.5  # in lines: the first reaches from 0 to 1
    low, high = edges[:, :-1].unsqueeze(2), edges[:, 1:].unsqueeze(2)
    line = torch.arange(count, device=slopes.device)
    covered = torch.minimum(high, line + 1.0) - torch.maximum(low, 1.0 * line)
    return covered.clamp(min=0.0) / (high - low)
