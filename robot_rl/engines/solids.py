"""What stands around the robots of a batch, as boxes and upright cylinders: for any engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec.rotation import matrix_of
from robot_rl.spec.world import World

Array = NDArray[np.float64]
Ids = NDArray[np.int64]
Solid = tuple[bool, Sequence[float], Sequence[float], Sequence[float]]
"""Whether it is round, its centre (3,) [m], attitude wxyz, and half edges, or twice the radius and
half the height, (3,) [m]."""

WALL = 0.002
"""[m] thickness of a wall: a line where ranges are computed instead of traced."""
_UPRIGHT = (1.0, 0.0, 0.0, 0.0)
_NOTHING = 0.01  # [m] half edges of what is not there: an engine takes no shape without size


class Solids:
    """Padded arrays over (num_envs, most): people first, then what stays where it is."""

    def __init__(self, num_envs: int) -> None:
        """Nothing stands anywhere yet."""
        self.people = np.zeros(num_envs, np.int64)
        """(num_envs,) how many of an environment's solids, the first, are people."""
        self.there = np.zeros((num_envs, 0), bool)
        self.round = np.zeros((num_envs, 0), bool)
        """Cylinders; the others are boxes."""
        self.position: Array = np.zeros((num_envs, 0, 3))
        """[m] of centres."""
        self.quat: Array = np.zeros((num_envs, 0, 4))
        self.matrix: Array = np.zeros((num_envs, 0, 3, 3))
        """Attitudes, to the world."""
        self.half: Array = np.zeros((num_envs, 0, 3))
        """[m] half edges of a box; radius, radius and half height of a cylinder."""
        self._aim: Array = np.zeros((num_envs, 0, 2))

    def put(self, worlds: Sequence[World], ids: Ids) -> None:
        """Let `worlds` stand around the robots of `ids`."""
        for row, world in zip(ids, worlds, strict=True):
            found = list(_solids(world))
            self._make_room(len(found))
            self.there[row] = np.arange(self.there.shape[1]) < len(found)
            self.people[row] = len(world.people)
            self.half[row, len(found) :] = _NOTHING
            for column, (is_round, position, quat, half) in enumerate(found):
                self.round[row, column] = is_round
                self.position[row, column], self.quat[row, column] = position, quat
                self.half[row, column] = half
            self.matrix[row] = matrix_of(self.quat[row])
        self._aim[ids] = self.position[ids, :, :2]

    def _make_room(self, size: int) -> None:
        lacking = size - self.there.shape[1]
        if lacking <= 0:
            return
        for name in ('there', 'round', 'position', 'quat', 'matrix', 'half', '_aim'):
            old = getattr(self, name)
            width = [(0, 0), (0, lacking), (0, 0), (0, 0)][: old.ndim]
            setattr(self, name, np.pad(old, width))
        self.half[:, -lacking:] = _NOTHING

    def aim(self, places: Array) -> None:
        """Let people be at `places` (num_envs, n, 2) [m] when all of a `walk` is done."""
        count = min(places.shape[1], self._aim.shape[1])
        walks = (np.arange(count) < self.people[:, None])[:, :, None]
        aimed = self._aim[:, :count]
        aimed[:] = np.where(walks, places[:, :count], aimed)

    def walk(self, share: float) -> None:
        """Bring people nearer to where they are to be, by `share` of the way that is left."""
        count = self.people.max(initial=0)
        place = self.position[:, :count, :2]
        place += share * (self._aim[:, :count] - place)

    def distance(self, points: Array, ids: Ids) -> Array:
        """(len(ids), most) [m] from `points` (len(ids), 3) to each; infinite where none is."""
        away = points[:, None] - self.position[ids]
        local = np.abs((away[:, :, None] @ self.matrix[ids])[:, :, 0])
        half, is_round = self.half[ids], self.round[ids]
        beyond = np.maximum(local - half, 0.0)
        across = np.hypot(beyond[:, :, 0], beyond[:, :, 1])
        radial = np.maximum(np.hypot(local[:, :, 0], local[:, :, 1]) - half[:, :, 0], 0.0)
        found = np.hypot(np.where(is_round, radial, across), beyond[:, :, 2])
        return np.where(self.there[ids], found, np.inf)


def _solids(world: World) -> Iterator[Solid]:
    """All of `world`, people first. A line without a height is paint on the ground."""
    for one in (*world.people, *world.columns):
        yield True, one.position, _UPRIGHT, (one.radius, one.radius, 0.5 * one.height)
    for block in world.blocks:
        yield False, block.position, block.quat, tuple(0.5 * edge for edge in block.size)
    for line in world.lines:
        if not line.height:
            continue
        points = np.asarray(line.points, float)
        for start, end in pairwise(points):
            way, middle = end - start, 0.5 * (start + end)
            half = 0.5 * float(np.arctan2(way[1], way[0]))
            yield (
                False,
                (middle[0], middle[1], middle[2] + 0.5 * line.height),
                (float(np.cos(half)), 0.0, 0.0, float(np.sin(half))),
                (0.5 * float(np.hypot(way[0], way[1])), 0.5 * WALL, 0.5 * line.height),
            )
