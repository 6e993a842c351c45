"""What images may look like that no renderer makes: applied while a policy learns, never after.

Each is drawn for every image by itself. Images are (n, h, w, 3) from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from robot_rl.kernels.augment import change

NOISES = 512
_noises: dict[tuple[int, ...], torch.Tensor] = {}


@dataclass(frozen=True)
class Augmentation:
    """How far images may be changed."""

    shift: int = 1
    """[px] along both axes; edges are repeated (Kostrikov et al., DrQ, arXiv 2004.13649)."""
    gain: float = 0.3
    """Spread of the logarithm of brightness."""
    contrast: float = 0.2
    """The same of the distance to the mean."""
    tint: float = 0.12
    """The same of each colour by itself."""
    noise: float = 0.04
    """Largest standard deviation of the noise of a pixel."""
    blur: float = 0.25
    """Part of the images that is blurred over three pixels."""
    cutout: float = 0.15
    """Part of the images of which a rectangle is grey."""

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Changed images, a new tensor, on a CPU."""
        num, height, width, _ = images.shape
        normal = torch.randn(num, 5, generator=generator)
        uniform = torch.rand(num, 7, generator=generator)
        span = 2 * self.shift + 1
        moved = torch.randint(span, (num, 2), generator=generator) - self.shift
        noise = self._noise(images, generator)
        noisy = torch.randint(len(noise), (num,), generator=generator)
        out = torch.empty_like(images)
        rows = (
            images, moved, uniform[:, 0] < self.blur, images.mean((1, 2, 3)),
            (self.contrast * normal[:, 0]).exp(),
            (self.gain * normal[:, 1:2] + self.tint * normal[:, 2:5]).exp(),
            self.noise * uniform[:, 1], noise, noisy, self._cut(uniform[:, 2:6], height, width),
            uniform[:, 6], out,
        )  # fmt: skip
        change(*(value.numpy() for value in rows))
        return out

    def _noise(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Standard normal; of NOISES images that are drawn again and again, for speed."""
        shape = images.shape[1:]
        if shape not in _noises:
            _noises[shape] = torch.randn(NOISES, *shape, generator=generator)
        return _noises[shape]

    def _cut(self, u: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """(n, 4) rows and columns of rectangles, by `u` (n, 4); empty where nothing is cut."""
        size = torch.where(u[:, 0] < self.cutout, 0.1 + 0.2 * u[:, 1], 0.0)
        sides = [
            (count * (u[:, axis] + end * size)).round()
            for axis, count in ((2, height), (3, width))
            for end in (-0.5, 0.5)
        ]
        return torch.stack(sides, 1).long()
