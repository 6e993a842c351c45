"""Rough ground: a field of tiles, each kind of roughness from easy to hard; and its heights.

Tiles in the manner of Rudin et al., "Learning to Walk in Minutes Using Massively Parallel Deep
Reinforcement Learning", arXiv 2109.11978, 2022.
"""

from __future__ import annotations

from collections.abc import Callable
import math

import torch

from robot_rl.mdp.observations import concat
from robot_rl.spec.terrain import Terrain

CELL = 0.1  # [m]
TILE = 60  # cells along an edge, 6 m
MARGIN = 200  # cells of flat ground around all tiles, 20 m
LEVELS = 5  # rows of tiles, from the easiest to the hardest
FLAT_TOP = 0.6  # [m] half the edge of the level middle of slopes and stairs
MAX_SLOPE = 0.25  # [rad]
MAX_RISE = 0.06  # [m] of a stair
TREAD = 3  # cells from stair to stair, 0.3 m
MAX_BLOCK = 0.03  # [m] up or down of a block
BLOCK = 4  # cells along the edge of a block, 0.4 m
MAX_NOISE = 0.025  # [m] up or down of a point

Tile = Callable[[float, torch.Generator], torch.Tensor]
"""(difficulty in (0, 1], generator) -> heights (TILE, TILE) [m], zero along the edges."""


def _inwards() -> torch.Tensor:
    """Distance of each point of a tile from its nearest edge [cells]."""
    line = torch.arange(TILE, dtype=torch.float32)
    line = torch.minimum(line, TILE - 1.0 - line)
    return torch.minimum(line[:, None], line[None, :])


def _plateau() -> float:
    """Distance of the level middle from the edge [cells]."""
    return 0.5 * (TILE - 1) - FLAT_TOP / CELL


def flat(_difficulty: float, _generator: torch.Generator) -> torch.Tensor:
    """No roughness."""
    return torch.zeros(TILE, TILE)


def slope(difficulty: float, _generator: torch.Generator) -> torch.Tensor:
    """A pyramid with a level top."""
    return CELL * math.tan(difficulty * MAX_SLOPE) * _inwards().clamp(max=_plateau())


def stairs(difficulty: float, _generator: torch.Generator) -> torch.Tensor:
    """A pyramid of stairs with a level top."""
    return difficulty * MAX_RISE * (_inwards().clamp(max=_plateau()) / TREAD).floor()


def blocks(difficulty: float, generator: torch.Generator) -> torch.Tensor:
    """Square blocks of random heights."""
    number = TILE // BLOCK
    height = difficulty * MAX_BLOCK * (2.0 * torch.rand(number, number, generator=generator) - 1.0)
    return height.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1) * (_inwards() >= BLOCK)


def noise(difficulty: float, generator: torch.Generator) -> torch.Tensor:
    """Every point at a random height."""
    height = difficulty * MAX_NOISE * (2.0 * torch.rand(TILE, TILE, generator=generator) - 1.0)
    return height * (_inwards() >= 1.0)


def _sunk(tile: Tile) -> Tile:
    """The same, downwards."""
    return lambda difficulty, generator: -tile(difficulty, generator)


KINDS: tuple[Tile, ...] = (flat, noise, slope, _sunk(slope), stairs, _sunk(stairs), blocks)
"""Columns of tiles along x; levels are rows along y."""


def field(seed: int = 0) -> Terrain:
    """All kinds of tiles at all levels, on a square grid about the origin."""
    generator = torch.Generator().manual_seed(seed)
    rows = [
        torch.cat([kind((level + 1) / LEVELS, generator) for kind in KINDS], dim=1)
        for level in range(LEVELS)
    ]
    heights = torch.nn.functional.pad(torch.cat(rows), (MARGIN,) * 4)
    return Terrain(heights.numpy(), CELL)


def centre(kind: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Middle (n, 2) [m] of the tiles of `kind` and `level`, both (n, 1) of whole numbers."""
    edge = CELL * TILE
    x = (kind + 0.5 - 0.5 * len(KINDS)) * edge
    y = (level + 0.5 - 0.5 * LEVELS) * edge
    return concat((x, y))


class Ground:
    """Heights of a terrain at any place, for a batch."""

    def __init__(self, terrain: Terrain) -> None:
        """Take over its grid."""
        self._heights = torch.from_numpy(terrain.heights).float()
        self._half, self._cell = terrain.half_size, terrain.cell

    def height(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Height [m] at world `x` and `y` [m], of any one shape; beyond the edge that of the edge.

        Between grid points it is interpolated along both axes.
        """
        heights = self._heights.to(x.device)
        rows, columns = heights.shape
        u = ((x + self._half[0]) / self._cell).clamp(0.0, columns - 1.001)
        v = ((y + self._half[1]) / self._cell).clamp(0.0, rows - 1.001)
        column, row = u.floor(), v.floor()
        corner = row.long() * columns + column.long()
        flat_heights = heights.flatten()
        near = torch.lerp(flat_heights[corner], flat_heights[corner + 1], u - column)
        corner = corner + columns
        far = torch.lerp(flat_heights[corner], flat_heights[corner + 1], u - column)
        return torch.lerp(near, far, v - row)
