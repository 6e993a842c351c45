"""What images may look like that no renderer makes: applied while a policy learns, never after.

Each is drawn for every image by itself. Images are (n, h, w, 3) from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

NOISES = 512
_noises: dict[tuple[int, ...], torch.Tensor] = {}


@dataclass(frozen=True)
class Augmentation:
    """How far images may be changed."""

    shift: int = 2
    """[px] along both axes; edges are repeated (Kostrikov et al., DrQ, arXiv 2004.13649)."""
    gain: float = 0.4
    """Spread of the logarithm of brightness."""
    contrast: float = 0.3
    """The same of the distance to the mean."""
    tint: float = 0.12
    """The same of each colour by itself."""
    noise: float = 0.04
    """Largest standard deviation of the noise of a pixel."""
    blur: float = 0.25
    """Part of the images that is blurred over three pixels."""
    cutout: float = 0.25
    """Part of the images of which a rectangle is grey."""

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Changed images, a new tensor."""
        images = self._shifted(images, generator)
        images = self._soft(images, generator)
        num = len(images)
        normal = torch.randn(num, 5, generator=generator)
        middle = images.mean((1, 2, 3), keepdim=True)
        contrast = (self.contrast * normal[:, 0]).exp().view(num, 1, 1, 1)
        colours = (self.gain * normal[:, 1:2] + self.tint * normal[:, 2:5]).exp()
        images = (middle + contrast * (images - middle)) * colours.view(num, 1, 1, 3)
        level = self.noise * torch.rand(num, 1, 1, 1, generator=generator)
        images = images + level * self._noise(images, generator)
        return self._cut(images, generator).clamp(0.0, 1.0)

    def _noise(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Standard normal; of NOISES images that are drawn again and again, for speed."""
        shape = images.shape[1:]
        if shape not in _noises:
            _noises[shape] = torch.randn(NOISES, *shape, generator=generator)
        return _noises[shape][torch.randint(NOISES, (len(images),), generator=generator)]

    def _shifted(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """A gather of rows and columns, one shift an image."""
        num, height, width, _ = images.shape
        span = 2 * self.shift + 1
        moved = torch.randint(span, (num, 2), generator=generator) - self.shift
        rows = (torch.arange(height) + moved[:, :1]).clamp(0, height - 1)
        columns = (torch.arange(width) + moved[:, 1:]).clamp(0, width - 1)
        which = torch.arange(num)
        return images[which[:, None, None], rows[:, :, None], columns[:, None, :]]

    def _soft(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        chosen = torch.rand(len(images), generator=generator) < self.blur
        if not chosen.any():
            return images
        flow = images[chosen].permute(0, 3, 1, 2)
        flow = functional.avg_pool2d(functional.pad(flow, (1, 1, 1, 1), 'replicate'), 3, 1)
        images[chosen] = flow.permute(0, 2, 3, 1)
        return images

    def _cut(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        num, height, width, _ = images.shape
        u = torch.rand(num, 5, generator=generator)
        size = torch.where(u[:, 0] < self.cutout, 0.1 + 0.2 * u[:, 1], torch.zeros(num))
        row, column = torch.arange(height) / height, torch.arange(width) / width
        inside = ((row[None, :, None] - u[:, 2, None, None]).abs() < 0.5 * size[:, None, None]) & (
            (column[None, None, :] - u[:, 3, None, None]).abs() < 0.5 * size[:, None, None]
        )
        grey = u[:, 4].view(num, 1, 1, 1)
        return torch.where(inside.unsqueeze(3), grey, images)
