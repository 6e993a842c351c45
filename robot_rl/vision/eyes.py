"""What the cameras of a batch of robots see of scenes that are drawn from numbers."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import UnknownNameError
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import product, rotate
from robot_rl.spec.scene import Scene
from robot_rl.vision.renderer import Renderer
from robot_rl.vision.scenes import Scenes

Array = NDArray[np.float32]
RENDERERS = ('raycast', 'mujoco')


def renderer(name: str, camera: Camera, supersample: int = 1) -> Renderer:
    """Make the renderer `name`.

    Raises UnknownNameError for another name, MissingPackageError where it is not installed.
    """
    if name == 'raycast':
        from robot_rl.vision.raycast import Raycast

        return Raycast(camera, supersample)
    if name == 'mujoco':
        return _mujoco(camera, supersample)
    raise UnknownNameError('renderer', name, RENDERERS)


@cache
def _mujoco(camera: Camera, supersample: int) -> Renderer:
    """One for all who draw alike: the scenes that it keeps take two gigabytes."""
    from robot_rl.vision.mujoco import Mujoco

    made = Mujoco(camera, supersample, ids=False)
    atexit.register(made.close)  # before OpenGL's own modules are gone
    return made


class Places:
    """Scenes made when somebody first is in them, and kept as long as somebody is."""

    def __init__(self, make: Callable[[int], tuple[Scene, Array]]) -> None:
        """`make` gives the scene of a number, and whatever belongs to it as an array (n, k)."""
        self._make = make
        self.scenes = Scenes([])
        self.beside: Array = np.zeros((0, 0, 0), np.float32)
        """(rows, n, k) what belongs to each."""
        self._row: dict[int, int] = {}

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) where in `scenes` and `beside` those of `numbers` (n,) are."""
        wanted, back = np.unique(numbers, return_inverse=True)
        rows = np.array([self._row.get(int(number), -1) for number in wanted])
        if (rows < 0).any():
            self._add(wanted)
            rows = np.array([self._row[int(number)] for number in wanted])
        return rows[back]

    def _add(self, wanted: NDArray[np.int64]) -> None:
        """Make what of `wanted` is not there, in rows that nobody needs or in new ones."""
        needed = set(wanted.tolist())
        lacking = [number for number in wanted.tolist() if number not in self._row]
        spare = [number for number in self._row if number not in needed]
        more = len(lacking) - len(spare)
        if more > 0:
            self._grow(max(more, len(self.scenes), 64))
        taken = set(self._row.values())
        free = [row for row in range(len(self.scenes)) if row not in taken]
        free += [self._row.pop(number) for number in spare[: max(0, len(lacking) - len(free))]]
        rows = np.array(free[: len(lacking)], np.int64)
        made = [self._make(number) for number in lacking]
        self.scenes.put(rows, [scene for scene, _ in made])
        if not self.beside.size:
            self.beside = np.zeros((len(self.scenes), *made[0][1].shape), np.float32)
        self.beside[rows] = [beside for _, beside in made]
        self._row.update(zip(lacking, rows.tolist(), strict=True))

    def _grow(self, more: int) -> None:
        scenes = Scenes([*self.scenes.specs, *[Scene()] * more])
        self.scenes = scenes
        if self.beside.size:
            self.beside = np.concatenate(
                (self.beside, np.zeros((more, *self.beside.shape[1:]), np.float32))
            )


def mounted(position: Any, quat: Any, camera: Camera, error: Any) -> tuple[Array, Array]:
    """Poses of a camera on robots: positions (n, 3) [m] and quaternions wxyz (n, 4).

    `error` (n, 6) is how far the mounting is off: [m] along and [rad] about the robot's axes.
    """
    offset = np.asarray(camera.position, np.float32) + error[:, :3]
    half = 0.5 * np.asarray(error[:, 3:], np.float64)
    small = np.concatenate((np.ones_like(half[:, :1]), half), 1)
    small /= np.linalg.norm(small, axis=1, keepdims=True)
    own = np.tile(np.array(camera.quat), (len(small), 1))
    where = position + rotate(quat, offset)
    return where.astype(np.float32), product(quat, product(small, own)).astype(np.float32)
