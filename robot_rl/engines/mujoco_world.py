"""Surroundings in MuJoCo: shapes that a robot can touch, and that stop it.

A model is compiled once and arenas come and go, so it has a fixed number of shapes, NEAREST, that
are given type, size and place anew every control period: those of what is nearest to the robot
then. Its lidar sees further, see mujoco_rays.py.

Wheels touch the ground as spheres, of which there is more to the sides than of a wheel. What a
link that touches the ground is drawn as therefore touches the surroundings in its place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.engines.mujoco_rays import PLACEHOLDER, shapes
from robot_rl.engines.solids import Solids
from robot_rl.spec.robot import Robot

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

NEAREST = 32
"""Shapes that one robot can touch: more than there is room for about a robot."""
NAME = 'surroundings'
"""Of the body that has them, and of the sensor that counts contacts with it."""
DRAWN = '<mujoco><compiler discardvisual="false"/></mujoco></robot>'
"""In the place of </robot> in a URDF: keep what links are drawn as."""
_FAR = 1e9
_OURS = 2  # bit of contacts with surroundings


def add_room(mujoco: Any, spec: Any, robot: Robot) -> None:
    """Add shapes for surroundings to the MjSpec of a robot, and a sensor that counts contacts.

    They are as hard as the physics step allows: MuJoCo asks for a time constant of two of them.
    """
    for body in [body for body in spec.bodies if body.name != 'world']:
        stands = body.name in robot.touching
        for geom in body.geoms:
            drawn = not (geom.contype or geom.conaffinity)
            if drawn and not stands:
                spec.delete(geom)
            elif drawn or not stands:
                geom.conaffinity |= _OURS
    body = spec.worldbody.add_body(name=NAME, mocap=True)
    for _ in range(NEAREST):
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            contype=_OURS,
            conaffinity=0,
            solref=[2.0 * spec.option.timestep, 1.0],
            solmix=100.0,
            **PLACEHOLDER,
        )
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


class MujocoWorld:
    """What stands around the robots of a batch."""

    def __init__(self, mujoco: Any, model: Any, batch: Any) -> None:
        """Nothing stands there yet. `batch` is of `model`, which has `add_room`'s shapes."""
        self._mj, self.solids = mujoco, Solids(batch.nsim)
        body = model.body(NAME)
        self._first = int(body.geomadr[0])
        self._fields = {
            f'geom_{name}': batch.expand(f'geom_{name}')
            for name in ('type', 'pos', 'quat', 'size', 'rbound', 'aabb')
        }
        bounds = (0.0, 0.0, 0.0, _FAR, _FAR, _FAR)
        batch.expand('bvh_aabb')[:, model.body_bvhadr[body.id]] = bounds
        self._found = batch.bind('sensordata')
        self._sensor = int(model.sensor(NAME).adr[0])
        self._chosen = np.zeros((batch.nsim, NEAREST), np.int64)
        self.collision = np.zeros(batch.nsim, bool)
        """(num_envs,) whether the robot touches anything, or did in the last control period."""

    def _pool(self) -> slice:
        """Geoms that stand for something in some environment."""
        return slice(self._first, self._first + min(NEAREST, self.solids.there.shape[1]))

    def begin(self, places: Array) -> None:
        """Begin a control period with robots at `places` (num_envs, 3) [m]."""
        self.gather(places, np.arange(len(places)))
        self.collision[:] = False

    def gather(self, places: Array, ids: Ids) -> None:
        """Give the robots of `ids`, at `places` (len(ids), 3) [m], what is nearest to them."""
        solids, pool = self.solids, self._pool()
        count = pool.stop - pool.start
        if not count:
            return
        away = solids.distance(places, ids)
        chosen = np.argpartition(away, count - 1, axis=1)[:, :count]
        self._chosen[ids, :count] = chosen
        rows = ids[:, None]
        for name, value in shapes(self._mj, solids, rows, chosen).items():
            self._fields[name][ids, pool] = value
        there = solids.there[rows, chosen][:, :, None]
        for name, value in (('pos', solids.position), ('quat', solids.quat)):
            where = np.where(there, value[rows, chosen], PLACEHOLDER[name])
            self._fields[f'geom_{name}'][ids, pool] = where

    def walk(self, share: float) -> None:
        """Bring people nearer to where they are to be, by `share` of the way that is left."""
        solids, pool = self.solids, self._pool()
        if not solids.people.any():
            return
        solids.walk(share)
        chosen = self._chosen[:, : pool.stop - pool.start]
        env, shape = (chosen < solids.people[:, None]).nonzero()
        places = solids.position[env, chosen[env, shape]]
        self._fields['geom_pos'][env, pool.start + shape] = places

    def feel(self, ids: Ids | None = None) -> None:
        """Note who touches something; with `ids` for these alone, and forget what was before."""
        if ids is None:
            self.collision |= self._found[:, self._sensor] > 0.0
        else:
            self.collision[ids] = self._found[ids, self._sensor] > 0.0
