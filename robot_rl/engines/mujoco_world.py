"""Surroundings in MuJoCo: shapes that stop a robot, and the rays of its lidar.

A model is compiled once and arenas come and go, so it has a fixed number of shapes, NEAREST, that
are given type, size and place anew every control period: those of what is nearest to the robot
then. Beams must see all of it, further away than any contact can be: they are traced, by MuJoCo
too, in a model of ground and surroundings without a robot. So a robot's own body is in no beam's
way.

Wheels touch the ground as spheres, of which there is more to the sides than of a wheel. What a
link that touches the ground is drawn as therefore touches the surroundings in its place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.engines.solids import Solids
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Robot
from robot_rl.spec.rotation import matrix_of, rotate

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

NEAREST = 32
"""Shapes that one robot can touch: more than there is room for about a robot."""
NAME = 'surroundings'
"""Of the body that has them, and of the sensor that counts contacts with it."""
DRAWN = '<mujoco><compiler discardvisual="false"/></mujoco></robot>'
"""In the place of </robot> in a URDF: keep what links are drawn as."""
_FAR = 1e9
_FIRST_GROUP = np.array([1, 0, 0, 0, 0, 0], np.uint8)
_AWAY = (0.0, 0.0, -1000.0)  # [m] where shapes are that stand for nothing
_TILTED = (0.8, 0.6, 0.0, 0.0)  # or else a geom counts as fixed where its body is
_OURS = 2  # bit of contacts with surroundings
_STIFF = (0.01, 1.0)  # [s], 1: half the time constant of MuJoCo's default


def add_room(mujoco: Any, spec: Any, robot: Robot) -> None:
    """Add shapes for surroundings to the MjSpec of a robot, and a sensor that counts contacts."""
    for body in spec.bodies:
        for geom in body.geoms:
            drawn = not (geom.contype or geom.conaffinity)
            if body.name == 'world':
                continue
            if drawn and body.name not in robot.touching:
                spec.delete(geom)
            elif drawn:
                geom.mass, geom.conaffinity = 0.0, _OURS
            elif body.name not in robot.touching:
                geom.conaffinity |= _OURS
    body = spec.worldbody.add_body(name=NAME, mocap=True)
    for _ in range(NEAREST):
        _add_shape(mujoco, body, contype=_OURS, conaffinity=0, solref=_STIFF, solmix=100.0)
    spec.add_sensor(
        name=NAME,
        type=mujoco.mjtSensor.mjSENS_CONTACT,
        objtype=mujoco.mjtObj.mjOBJ_XBODY,
        objname=robot.base_frame,
        reftype=mujoco.mjtObj.mjOBJ_BODY,
        refname=NAME,
        intprm=[1 << int(mujoco.mjtConDataField.mjCONDATA_FOUND), 0, 1],
    )
    # The tree of a body's shapes would have to be built anew wherever they go.
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_MIDPHASE


def _add_shape(mujoco: Any, body: Any, **more: Any) -> None:
    kind = mujoco.mjtGeom.mjGEOM_BOX
    body.add_geom(type=kind, mass=0.0, size=[0.01] * 3, pos=_AWAY, quat=_TILTED, **more)


class MujocoWorld:
    """What stands around the robots of `batch`."""

    def __init__(self, mujoco: Any, model: Any, batch: Any, ground: Any, lidar: Lidar | None):
        """Nothing stands there yet.

        Args:
            mujoco: The module.
            model: Made by `add_room`.
            batch: Of that model.
            ground: An MjSpec of the ground alone, which rays meet.
            lidar: The robot's.
        """
        self._mj, self._ground, self._lidar = mujoco, ground, lidar
        self.solids = Solids(batch.nsim)
        first = model.body(NAME).geomadr[0]
        self._pool = slice(first, first + NEAREST)
        self._fields = {
            f'geom_{name}': batch.expand(f'geom_{name}')
            for name in ('type', 'pos', 'quat', 'size', 'rbound', 'aabb')
        }
        tree = model.body_bvhadr[model.body(NAME).id]
        batch.expand('bvh_aabb')[:, tree] = (0.0, 0.0, 0.0, _FAR, _FAR, _FAR)
        self._sensor = model.sensor(NAME).adr[0]
        self._found = batch.bind('sensordata')
        self._chosen = np.zeros((batch.nsim, NEAREST), np.int64)
        self.collision = np.zeros(batch.nsim, bool)
        """(num_envs,) whether the robot touches anything, or did in the last control period."""
        self._kinds = np.array([mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER])
        self._beams, self._rays = _beams(lidar), None

    def gather(self, places: Array, ids: Ids) -> None:
        """Give the robots of `ids`, at `places` (len(ids), 3) [m], what is nearest to them."""
        solids, count = self.solids, min(NEAREST, self.solids.there.shape[1])
        if not count:
            return
        away = solids.distance(places, ids)
        chosen = np.argpartition(away, count - 1, axis=1)[:, :count]
        self._chosen[ids, :count] = chosen
        rows, pool = ids[:, None], slice(self._pool.start, self._pool.start + count)
        there = solids.there[rows, chosen][:, :, None]
        for name, value in self._shapes(rows, chosen).items():
            self._fields[name][ids, pool] = value
        position = solids.position[rows, chosen]
        self._fields['geom_pos'][ids, pool] = np.where(there, position, _AWAY)
        self._fields['geom_quat'][ids, pool] = np.where(there, solids.quat[rows, chosen], _TILTED)

    def begin(self, places: Array) -> None:
        """Begin a control period with robots at `places` (num_envs, 3) [m]."""
        self.gather(places, np.arange(len(places)))
        self.collision[:] = False

    def _shapes(self, rows: Any, columns: Any) -> dict[str, Any]:
        """Fields of a model that say what the solids there are, but not where."""
        solids = self.solids
        half, is_round = solids.half[rows, columns], solids.round[rows, columns]
        size = half.copy()
        size[is_round, 1] = half[is_round, 2]  # MuJoCo has radius, then half height
        return {
            'geom_type': self._kinds[is_round.astype(int)],
            'geom_size': size,
            'geom_rbound': np.linalg.norm(half, axis=-1),
            'geom_aabb': np.concatenate((np.zeros_like(half), half), axis=-1),
        }

    def walk(self, share: float) -> None:
        """Bring people nearer to where they are to be, by `share` of the way that is left."""
        solids = self.solids
        if not solids.people.any():
            return
        solids.walk(share)
        count = min(NEAREST, solids.there.shape[1])
        chosen, rows = self._chosen[:, :count], np.arange(len(self._chosen))[:, None]
        pool = self._fields['geom_pos'][:, self._pool][:, :count]
        walks = chosen < solids.people[:, None]
        pool[walks] = solids.position[rows, chosen][walks]

    def feel(self, ids: Ids | None = None) -> None:
        """Note who touches something; with `ids` for these alone, and forget what was before."""
        if ids is None:
            self.collision |= self._found[:, self._sensor] > 0.0
        else:
            self.collision[ids] = self._found[ids, self._sensor] > 0.0

    def scan(self, places: Array, quat: Array, ids: Ids) -> NDArray[np.float32]:
        """Ranges (len(ids), beams) [m] of the lidars of robots at `places` and attitudes `quat`."""
        lidar, size = self._lidar, self.solids.there.shape[1]
        assert lidar is not None
        if self._rays is None or self._rays[2] < size:
            self._rays = (*self._trace_model(size), size)
        eyes = places + rotate(quat, np.tile(lidar.position, (len(ids), 1)))
        seen = self.solids.distance(eyes, ids) < lidar.range_max
        ranges = np.empty((lidar.beams, len(ids)), np.float32).T
        for row, number in enumerate(ids):
            ranges[row] = self._trace(eyes[row], quat[row], number, seen[row].nonzero()[0])
        return ranges

    def _trace_model(self, size: int) -> tuple[Any, Any]:
        """Model and data of the ground and `size` shapes in its first group, all from the first."""
        spec = self._ground
        for geom in list(spec.worldbody.geoms):
            if not geom.name:
                spec.delete(geom)
        for _ in range(size):
            _add_shape(self._mj, spec.worldbody)
        model = spec.compile()
        data = self._mj.MjData(model)
        self._mj.mj_kinematics(model, data)
        return model, data

    def _trace(self, eye: Array, quat: Array, number: int, seen: Ids) -> Array:
        """Ranges (beams,) from `eye` (3,) to what of the environment's solids are `seen`."""
        model, data, _ = self._rays
        first = model.ngeom - self._rays[2]
        mine, others = slice(first, first + len(seen)), slice(first + len(seen), None)
        for name, value in self._shapes(number, seen).items():
            getattr(model, name)[mine] = value
        model.geom_group[mine], model.geom_group[others] = 0, 1
        data.geom_xpos[mine] = self.solids.position[number, seen]
        data.geom_xmat[mine] = self.solids.matrix[number, seen].reshape(-1, 9)
        rays = self._beams @ matrix_of(quat).T
        count = len(rays)
        hit, found = np.empty(count, np.int32), np.empty(count)
        self._mj.mj_multiRay(
            model, data, eye, rays.ravel(), _FIRST_GROUP, 1, -1, hit, found, None, count, _FAR
        )
        low, high = self._lidar.range_min, self._lidar.range_max
        return np.where(found < 0.0, high, found.clip(low, high))


def _beams(lidar: Lidar | None) -> Array:
    """Unit vectors (beams, 3) in the body frame; none without a lidar."""
    if lidar is None:
        return np.zeros((0, 3))
    angle = lidar.angle_min + lidar.angle_increment * np.arange(lidar.beams)
    return np.stack((np.cos(angle), np.sin(angle), 0.0 * angle), 1)
