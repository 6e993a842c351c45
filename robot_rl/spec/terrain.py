"""Terrain: the ground as a grid of heights, the same for every engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError


@dataclass(frozen=True)
class Terrain:
    """Heights on a square grid centred on the world's origin, between which the ground is flat."""

    heights: NDArray[np.float32]
    """(rows, columns) [m]: rows along y, columns along x, both from the lowest coordinate."""
    cell: float
    """[m] between neighbours."""

    def __post_init__(self) -> None:
        """Refuse a grid without a cell."""
        if self.heights.ndim != 2 or min(self.heights.shape) < 2 or not self.cell > 0.0:
            raise SpecError(
                f'A terrain needs at least 2 x 2 heights and a positive cell, got '
                f'{self.heights.shape} and {self.cell} m.'
            )

    @property
    def half_size(self) -> tuple[float, float]:
        """[m] half its extent along x and y."""
        rows, columns = self.heights.shape
        return 0.5 * self.cell * (columns - 1), 0.5 * self.cell * (rows - 1)
