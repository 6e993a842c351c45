"""The lidar in MuJoCo: rays traced in a model of ground and surroundings, without a robot.

Beams must see all that stands around, further away than any contact can be, and nothing of the
robot itself. So they have a model of their own, whose shapes are those within range of the robot
whose turn it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.engines.solids import Solids
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.rotation import matrix_of, rotate

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

PLACEHOLDER: dict[str, Any] = {
    'mass': 0.0,
    'size': [0.01] * 3,
    'pos': [0.0, 0.0, -1000.0],
    'quat': [0.8, 0.6, 0.0, 0.0],
}
"""Of a geom that stands for nothing: far away, and not upright, or MuJoCo takes it for one that
never leaves the frame of its body."""
_FAR = 1e9
_FIRST_GROUP = np.array([1, 0, 0, 0, 0, 0], np.uint8)


def shapes(mujoco: Any, solids: Solids, rows: Any, columns: Any) -> dict[str, Any]:
    """Fields of a model that say what `solids` are, but not where."""
    half, is_round = solids.half[rows, columns], solids.round[rows, columns]
    size = half.copy()
    size[is_round, 1] = half[is_round, 2]  # MuJoCo has radius, then half height
    kinds = mujoco.mjtGeom
    return {
        'geom_type': np.where(is_round, int(kinds.mjGEOM_CYLINDER), int(kinds.mjGEOM_BOX)),
        'geom_size': size,
        'geom_rbound': np.sqrt((half * half).sum(-1)),
        'geom_aabb': np.concatenate((0.0 * half, half), axis=-1),
    }


class MujocoRays:
    """Lidars of robots among `solids`."""

    def __init__(self, mujoco: Any, ground: Any, lidar: Lidar, solids: Solids) -> None:
        """`mujoco` is the module, `ground` an MjSpec of what rays meet beside `solids`."""
        self._mj, self._ground, self._lidar, self._solids = mujoco, ground, lidar, solids
        angle = lidar.angle_min + lidar.angle_increment * np.arange(lidar.beams)
        beams = np.stack((np.cos(angle), np.sin(angle), 0.0 * angle), 1)
        self._beams: Array = beams.astype(np.float64)
        self._others = len(ground.geoms)
        self._hit, self._found = np.empty(lidar.beams, np.int32), np.empty(lidar.beams)
        self._compile()

    def _compile(self) -> None:
        """Have a shape for each of the solids that one environment can have."""
        shown = len(self._ground.geoms) - self._others
        for _ in range(self._solids.there.shape[1] - shown):
            self._ground.worldbody.add_geom(type=self._mj.mjtGeom.mjGEOM_BOX, **PLACEHOLDER)
        self._model = self._ground.compile()
        self._data = self._mj.MjData(self._model)
        self._mj.mj_kinematics(self._model, self._data)

    def scan(self, places: Array, quat: Array, ids: Ids) -> NDArray[np.float32]:
        """Ranges (len(ids), beams) [m] of robots at `places` (n, 3) and attitudes `quat` (n, 4).

        `ids` (n,) are their environments. A beam that meets nothing reads the lidar's range_max.
        """
        lidar, solids = self._lidar, self._solids
        if self._model.ngeom < self._others + solids.there.shape[1]:
            self._compile()
        eyes = places + rotate(quat, np.tile(lidar.position, (len(ids), 1)))
        seen = solids.distance(eyes, ids) < lidar.range_max
        turns = matrix_of(quat)
        ranges = np.empty((lidar.beams, len(ids)), np.float32).T
        for row, env in enumerate(ids):
            self._show(env, seen[row].nonzero()[0])
            found = self._trace(eyes[row], self._beams @ turns[row].T)
            ranges[row] = np.where(found < 0.0, lidar.range_max, found)
        return ranges.clip(lidar.range_min, lidar.range_max)

    def _show(self, env: int, seen: Ids) -> None:
        """Put those of an environment's solids that are `seen` into the model."""
        model, data = self._model, self._data
        mine = slice(self._others, self._others + len(seen))
        for name, value in shapes(self._mj, self._solids, env, seen).items():
            getattr(model, name)[mine] = value
        model.geom_group[mine], model.geom_group[mine.stop :] = 0, 1
        data.geom_xpos[mine] = self._solids.position[env, seen]
        data.geom_xmat[mine] = self._solids.matrix[env, seen].reshape(-1, 9)

    def _trace(self, eye: Array, rays: Array) -> Array:
        """Ranges of `rays` (beams, 3) from `eye` (3,); below 0 for those that meet nothing."""
        self._mj.mj_multiRay(
            self._model,
            self._data,
            eye,
            rays.ravel(),
            _FIRST_GROUP,
            1,
            -1,
            self._hit,
            self._found,
            None,
            len(rays),
            _FAR,
        )
        return self._found
