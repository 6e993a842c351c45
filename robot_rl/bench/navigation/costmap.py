"""A costmap in odom that knows of the world only what scans have shown.

One grid holds the way to the goal and a margin around it. A scan changes it only within REACH, so
that each period grades a window about the robot anew and the rest stays right: the window is the
local costmap, the whole the global one. What was never seen is free, as with Nav2's
`allow_unknown`. Numbers of Nav2's bringup of 2026-08 where not said otherwise.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.kernels.costmap import INSCRIBED, cost_at, decay, hits, inflate, trace, vacate
from robot_rl.spec.lidar import Lidar

Array = NDArray[Any]

CELL = 0.05
"""[m]"""
INFLATION, SCALE = 0.70, 3.0
"""[m] and [1/m]."""
PADDING = 0.03
"""[m] around the footprint; costmap_2d has 0.01."""
REACH = 6.0
"""[m] how far beams count. Nav2's 2.5 m are for a TurtleBot; 2 m/s for 2.8 s go 5.6 m."""
MARGIN = 8.0
"""[m] around start and goal."""
FARTHEST = 100.0
"""[m] to a goal: the grid grows with the square."""
KEPT = 1.0
"""[m] about the robot that `clear` leaves: behind it the lidar sees nothing."""


def radii(footprint: Array) -> tuple[float, float]:
    """Inscribed and circumscribed radius [m] of a convex polygon (p, 2) around the origin."""
    step = np.roll(footprint, -1, 0) - footprint
    cross = footprint[:, 0] * step[:, 1] - footprint[:, 1] * step[:, 0]
    inner = cross / np.linalg.norm(step, axis=1)
    return float(inner.min()), float(np.linalg.norm(footprint, axis=1).max())


def padded(footprint: Array, padding: float) -> Array:
    """The polygon with every corner pushed outwards in x and in y, as costmap_2d does."""
    return footprint + padding * np.sign(footprint)


def _points(footprint: Array, inscribed: float) -> Array:
    """Points of the footprint a cell apart, on its outline closer: two cells are never missed.

    Where the inscribed circle surely finds an obstacle, by the cost of the middle, there are none.
    """
    step = np.roll(footprint, -1, 0) - footprint
    rows: list[Array] = []
    for corner, side in zip(footprint, step, strict=True):
        number = max(math.ceil(1.5 * float(np.linalg.norm(side)) / CELL), 1)
        rows.append(corner + np.arange(number)[:, None] / number * side)
    low, high = footprint.min(0), footprint.max(0)
    x, y = np.meshgrid(*(np.arange(low[axis], high[axis], CELL) for axis in (0, 1)))
    lattice = np.stack((x.ravel(), y.ravel()), 1)
    away = lattice[:, None] - footprint
    inside = (step[:, 0] * away[..., 1] - step[:, 1] * away[..., 0] > 0.0).all(1)
    outer = np.linalg.norm(lattice, axis=1) > inscribed - math.sqrt(2.0) * CELL
    return np.concatenate((*rows, lattice[inside & outer]))


def _discs(footprint: Array) -> tuple[Array, float]:
    """Middles (2, 2) and radius [m] of two discs that cover the box around the footprint."""
    low, high = footprint.min(0), footprint.max(0)
    half = 0.5 * (high - low)
    axis = int(np.argmax(half))
    half[axis] *= 0.5
    shift = np.eye(2)[axis] * half
    return 0.5 * (low + high) + np.array([-shift, shift]), float(np.linalg.norm(half))


class Costmap:
    """What scans have shown; `cost` and `frame` as in kernels/costmap.py."""

    cost: Array
    """(rows, columns) uint8."""
    frame: Array
    """x, y [m] of the lower left corner in odom, side of a cell [m]."""

    def __init__(self, lidar: Lidar, footprint: Array) -> None:
        """Take the beams of `lidar` and a convex `footprint` (p, 2) [m] in base_link."""
        angle = lidar.angle_min + lidar.angle_increment * np.arange(lidar.beams)
        self._beams = np.stack((np.cos(angle), np.sin(angle)), 1)
        reach = min(REACH, lidar.range_max)
        self._lidar = np.array([*lidar.position[:2], lidar.range_min, reach])
        self._footprint = np.ascontiguousarray(footprint, np.float64)
        wide = padded(self._footprint, PADDING)
        inscribed, circumscribed = radii(wide)
        discs, radius = _discs(wide)
        own = radii(self._footprint)[0]
        self.shape = np.concatenate((discs, _points(wide, inscribed)))
        """(points, 2) [m] of the padded footprint, see `hits` of kernels/costmap.py."""
        self.bare = np.concatenate((discs, _points(self._footprint, own)))
        """The same without the padding, for a robot that touches what it is padded with."""
        self.inflation = max(INFLATION, circumscribed + 3.0 * CELL)
        """[m] from an obstacle at which it costs nothing any more."""
        self._table = decay(self.inflation, inscribed, SCALE, CELL)
        self.bands = (self._band(circumscribed), self._band(radius))
        """Costs below which the footprint is free, see there."""
        self.inscribed = inscribed
        """[m] of the padded footprint."""
        self._reach = reach + self.inflation + circumscribed

    def reset(self, pose: Array, goal: tuple[float, float]) -> None:
        """Forget everything and lay the grid around x, y of `pose` and the goal [m].

        Raises:
            SpecError: The goal is too far away, or a number is none.
        """
        ends = np.array([pose[:2], goal], np.float64)
        distance = float(np.linalg.norm(ends[1] - ends[0]))
        if not distance <= FARTHEST:
            raise SpecError(
                f'A goal must lie within {FARTHEST:g} m of the start, got {distance:g} m from '
                f'{ends[0]} to {ends[1]}. Choose a nearer one.'
            )
        low, high = ends.min(0) - MARGIN, ends.max(0) + MARGIN
        columns, rows = (int(size) for size in np.ceil((high - low) / CELL))
        self.frame = np.array([*low, CELL])
        self._occupied = np.zeros((rows, columns), np.uint8)
        self.cost = np.zeros((rows, columns), np.uint8)
        self._squares = np.zeros((rows, columns), np.int16)
        self._best = np.zeros(columns, np.int16)

    def update(self, scan: Array, pose: Array) -> None:
        """Take in a scan (beams,) [m] from a pose x, y [m], yaw [rad] in odom."""
        vacate(self._occupied, self.frame, pose, self._footprint)
        trace(self._occupied, self.frame, pose, self._beams, self._lidar, scan)
        self._grade(pose[:2], self._reach)

    def mark(self, places: Array) -> None:
        """Know of obstacles at `places` (n, 2) [m] from a map; those outside the grid are left."""
        index = np.floor((places - self.frame[:2]) / CELL).astype(np.int64)
        inside = ((index >= 0) & (index < np.array(self.cost.shape)[::-1])).all(1)
        columns, rows = index[inside].T
        self._occupied[rows, columns] = 1
        self._grade(self.frame[:2], math.inf)

    def clear(self, pose: Array) -> None:
        """Forget all but what is within KEPT of the robot."""
        low, high = (self.cell(pose[:2] + side) for side in (-KEPT, KEPT))
        kept = (slice(low[0], high[0] + 1), slice(low[1], high[1] + 1))
        part = self._occupied[kept].copy()
        self._occupied[:] = 0
        self._occupied[kept] = part
        self._grade(pose[:2], math.inf)

    def cell(self, place: Array) -> Array:
        """Row and column of a place x, y [m], the nearest one for a place outside."""
        size = np.array(self.cost.shape)[::-1] - 1
        index = np.clip(np.floor((np.asarray(place) - self.frame[:2]) / CELL), 0, size)
        return index.astype(np.int64)[::-1].copy()

    def place(self, rows: Array, columns: Array) -> Array:
        """x, y [m] of the middles of cells."""
        return self.frame[:2] + CELL * (np.stack((columns, rows), -1) + 0.5)

    def at(self, x: float, y: float) -> int:
        """Cost at a place [m]."""
        return int(cost_at(self.cost, self.frame, x, y))

    def clearance(self, x: float, y: float) -> float:
        """[m] from a place to the nearest obstacle, told from its cost; at most `inflation`."""
        cost = self.at(x, y)
        if cost >= INSCRIBED:
            return 0.0
        if cost == 0:
            return self.inflation
        return self.inscribed - math.log(cost / (INSCRIBED - 1)) / SCALE

    def hits(self, pose: Array, shape: Array | None = None) -> int:
        """How much of `shape`, or else the padded footprint, is on obstacles; 0 if it is free."""
        shape = self.shape if shape is None else shape
        yaw = float(pose[2])
        return int(
            hits(
                self.cost, self.frame, shape, self.bands,
                float(pose[0]), float(pose[1]), math.cos(yaw), math.sin(yaw),
            )
        )  # fmt: skip

    def _band(self, radius: float) -> int:
        """Cost below which every cell with an obstacle lies beyond `radius` [m] of a place."""
        ring = math.ceil(radius / CELL + math.sqrt(2.0))
        return int(self._table[ring * ring])

    def _grade(self, middle: Array, reach: float) -> None:
        rows, columns = self.cost.shape
        if reach == math.inf:
            window = np.array([0, 0, rows, columns])
        else:
            low, high = self.cell(middle - reach), self.cell(middle + reach)
            window = np.array([*low, *(high + 1)])
        inflate(self._occupied, window, self._table, self._squares, self._best, self.cost)
