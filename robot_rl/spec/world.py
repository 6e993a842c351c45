"""What stands around a robot: lines, walls, blocks, columns, people; for pictures and engines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Colour = tuple[float, float, float, float]
"""Red, green, blue and opacity from 0 to 1."""


@dataclass(frozen=True)
class Line:
    """A stripe on the ground along a path, or a wall if it has a height."""

    points: Array
    """(n, 3) [m] world frame."""
    height: float = 0.0
    """[m]"""
    width: float = 0.03
    """[m] of a stripe."""
    colour: Colour = (0.93, 0.94, 0.95, 1.0)


@dataclass(frozen=True)
class Block:
    """A box that does not move."""

    position: tuple[float, float, float]
    """[m] of its centre, world frame."""
    size: tuple[float, float, float]
    """[m] full edge lengths."""
    quat: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    """wxyz, block to world."""
    colour: Colour = (0.62, 0.66, 0.70, 1.0)


@dataclass(frozen=True)
class Column:
    """An upright cylinder."""

    position: tuple[float, float, float]
    """[m] of its centre, world frame."""
    radius: float
    """[m]"""
    height: float
    """[m]"""
    colour: Colour = (0.62, 0.66, 0.70, 1.0)


@dataclass(frozen=True)
class World:
    """Surroundings of one episode; the ground is the task's."""

    lines: tuple[Line, ...] = ()
    blocks: tuple[Block, ...] = ()
    columns: tuple[Column, ...] = ()
    people: tuple[Column, ...] = ()
    """Columns that walk, where they begin; `Task.crowd` says where they are later."""
