"""Copies of one robot in PyBullet that can neither touch nor disturb each other.

A client of PyBullet costs 31 MB and 0.15 s, and there can be 1024, so copies share one: all at the
same place over one ground, each in a collision group of its own. There are 31 groups. With islands
solved one by one, for a fixed number of iterations and in a fixed order, a copy moves as if it
were alone, to the bit.

More traps of PyBullet are closed here: links without inertia weigh 1 kg (lump.py), a changed mass
brings an inertia guessed from the shape and sets a fixed base loose, joints carry a motor that
brakes, velocities are damped and capped at 100 rad/s.
"""

from __future__ import annotations

from pathlib import Path
import tempfile
from typing import Any
import weakref
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from robot_rl.engines.lump import Body, lump
from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec.robot import GRAVITY, Robot
from robot_rl.spec.terrain import Terrain
from robot_rl.spec.urdf import load_urdf

Array = NDArray[np.float64]
PER_WORLD = 31  # bits of a collision group that are no sign
_FASTEST = 1e5  # [rad/s, m/s] beyond anything real
_BASE = -1
_CENTRE = '{centre}'
"""Stands in the URDF where a copy's own centre of mass comes."""


class Copies:
    """Where the copies are in PyBullet, and what is done to one at a time."""

    def __init__(
        self,
        bullet: Any,
        robot: Robot,
        num_envs: int,
        physics_dt: float,
        left_out: tuple[str, ...],
        terrain: Terrain | None,
    ) -> None:
        """Load `num_envs` copies; `left_out` are joints that stay rigid.

        Raises SpecError for a URDF that cannot be simulated.
        """
        self._p, self._robot = bullet, robot
        text = load_urdf(robot)
        try:
            self._tree, self.bodies = lump(text, left_out)
        except SpecError as error:
            raise SpecError(f'{robot.urdf}: {error}') from None
        self._refuse(self.bodies)
        origin = self._tree.find(f"link[@name='{robot.base_frame}']/inertial/origin")
        if origin is not None:
            origin.set('xyz', _CENTRE)
        self._text = ElementTree.tostring(self._tree, encoding='unicode')
        tool = robot.tool_frame or robot.base_frame
        self.tool = next(i for i, body in enumerate(self.bodies) if tool in body.links)
        """Index of the body that carries a payload and takes external forces."""
        clients: list[int] = []
        self._release = weakref.finalize(self, _disconnect, bullet, clients)
        self.clients = clients
        """Of each world."""
        self.places: list[tuple[int, int, int]] = []
        """(client, robot, ground) of each copy."""
        for env in range(num_envs):
            if env % PER_WORLD == 0:
                clients.append(self._world(physics_dt))
                ground = self._ground(clients[-1], terrain)
            self.places.append((clients[-1], -1, ground))
            self.load(env, np.zeros(3))
        self.joints = [
            self.links[self._child(name)] for name in robot.joint_names if name not in left_out
        ]
        """Index of each joint in the robot's order; PyBullet gives a joint and its link one."""
        for name in robot.touching:
            if name not in self.links:
                raise UnknownNameError(f'link of {robot.urdf}', name, self.links)

    def _refuse(self, bodies: list[Body]) -> None:
        base = bodies[0]
        if base.name != self._robot.base_frame:
            raise SpecError(
                f'{self._robot.urdf}: the pybullet engine needs {self._robot.base_frame!r} at the '
                f'root, found {base.name!r}. Turn the joint between them round.'
            )
        if 'inertia' in self._robot.parameters and not np.array_equal(base.axes, np.eye(3)):
            raise SpecError(
                f"{self._robot.urdf}: the parameter 'inertia' is about the axes of {base.name!r}, "
                'so the URDF must not give it products of inertia. Set ixy, ixz and iyz to 0.'
            )
        for body in bodies[1:] if self._robot.fixed_base else bodies:
            if body.mass <= 0.0 or body.inertia.min() <= 0.0:
                raise SpecError(
                    f'{self._robot.urdf}: link {body.name!r} moves, so it needs mass and inertia, '
                    f'got {body.mass:g} kg and {body.inertia} kg m^2. Give them to it, or to a '
                    'link that is fixed to it.'
                )

    def _child(self, joint: str) -> str:
        """Link that a joint of the URDF moves."""
        element = self._tree.find(f"joint[@name='{joint}']/child")
        return '' if element is None else element.get('link', '')

    def _world(self, physics_dt: float) -> int:
        p = self._p
        client = p.connect(p.DIRECT)
        p.setGravity(0.0, 0.0, -GRAVITY, physicsClientId=client)
        p.setTimeStep(physics_dt, physicsClientId=client)
        p.setPhysicsEngineParameter(
            minimumSolverIslandSize=1,  # each island alone
            solverResidualThreshold=0.0,  # the same number of iterations whatever the others do
            deterministicOverlappingPairs=1,
            enableFileCaching=0,
            physicsClientId=client,
        )
        return client

    def _ground_shape(self, client: int, terrain: Terrain | None) -> int:
        p = self._p
        if terrain is None:
            return p.createCollisionShape(
                p.GEOM_PLANE, planeNormal=[0.0, 0.0, 1.0], physicsClientId=client
            )
        rows, columns = terrain.heights.shape
        # What PyBullet calls rows runs along x; its heights are about the middle of their range.
        return p.createCollisionShape(
            p.GEOM_HEIGHTFIELD,
            meshScale=[terrain.cell, terrain.cell, 1.0],
            heightfieldData=terrain.heights.ravel().tolist(),
            numHeightfieldRows=columns,
            numHeightfieldColumns=rows,
            physicsClientId=client,
        )

    def _ground(self, client: int, terrain: Terrain | None) -> int:
        p, heights = self._p, np.zeros(1) if terrain is None else terrain.heights
        middle = 0.5 * (float(heights.min()) + float(heights.max()))
        shape, place = self._ground_shape(client, terrain), [0.0, 0.0, middle]
        # Where nothing is to be seen, PyBullet draws the shape, which takes 0.8 s for a terrain.
        dot = p.createVisualShape(p.GEOM_SPHERE, radius=1e-3, physicsClientId=client)
        ground = p.createMultiBody(0.0, shape, dot, place, physicsClientId=client)
        p.changeDynamics(ground, _BASE, lateralFriction=1.0, physicsClientId=client)
        every = (1 << PER_WORLD) - 1
        p.setCollisionFilterGroupMask(ground, _BASE, every, every, physicsClientId=client)
        return ground

    def load(self, env: int, com_offset: Array) -> None:
        """Load a copy afresh, its base's centre of mass moved by `com_offset` (3,) [m]."""
        p, (client, robot, ground) = self._p, self.places[env]
        if robot >= 0:
            p.removeBody(robot, physicsClientId=client)
        centre = ' '.join(map(repr, (self.bodies[0].centre + com_offset).tolist()))
        flags = p.URDF_USE_INERTIA_FROM_FILE | p.URDF_USE_SELF_COLLISION
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, 'robot.urdf')
            path.write_text(self._text.replace(_CENTRE, centre), 'us-ascii', 'xmlcharrefreplace')
            try:
                robot = p.loadURDF(
                    str(path),
                    useFixedBase=self._robot.fixed_base,
                    flags=flags,
                    physicsClientId=client,
                )
            except p.error as error:
                reason = str(error).rstrip('.')
                raise SpecError(
                    f'PyBullet refuses {self._robot.urdf}: {reason}. Correct the URDF; what is '
                    'above says more, often a mesh that is not there.'
                ) from None
        self.places[env] = client, robot, ground
        number = p.getNumJoints(robot, physicsClientId=client)
        infos = [p.getJointInfo(robot, i, physicsClientId=client) for i in range(number)]
        self.links = {info[12].decode(): i for i, info in enumerate(infos)}
        """Index of each link but the base."""
        self.links[self._robot.base_frame] = _BASE
        self.losses = {i: info[7] for i, info in enumerate(infos) if info[2] != p.JOINT_FIXED}
        """[N m] friction that the URDF gives each joint that moves."""
        self._choose_pairs(env)
        self.forget_contacts(env)

    def _choose_pairs(self, env: int) -> None:
        """No contact within a body or with the one it hangs on, as in MuJoCo."""
        client, robot, ground = self.places[env]
        owners = {n: body for body in self.bodies for n in body.links if n in self.links}
        pairs = [
            (robot, self.links[a], self.links[b])
            for a, one in owners.items()
            for b, other in owners.items()
            if one is other or one.parent == other.name
        ]
        if self._robot.fixed_base:
            pairs += [(ground, self.links[name], _BASE) for name in self._of_base()]
        for other, a, b in pairs:
            self._p.setCollisionFilterPair(robot, other, a, b, 0, physicsClientId=client)

    def _of_base(self) -> list[str]:
        """Links that are rigid with the base."""
        return [name for name in self.bodies[0].links if name in self.links]

    def forget_contacts(self, env: int) -> None:
        """Drop what the solver remembers: a reset copy must move like a new one.

        To choose a collision group makes PyBullet take a link out of the world and in again.
        """
        client, robot, _ = self.places[env]
        group = 1 << env % PER_WORLD
        for link in range(_BASE, len(self.links) - 1):
            self._p.setCollisionFilterGroupMask(robot, link, group, group, physicsClientId=client)

    def axes_quat(self) -> Array:
        """Principal axes of the base in base_link, (4,) wxyz, as PyBullet has them."""
        client, robot, _ = self.places[0]
        x, y, z, w = self._p.getDynamicsInfo(robot, _BASE, physicsClientId=client)[4]
        return np.array([w, x, y, z])

    def set_dynamics(self, env: int, mass: Array, inertia: Array, friction: float) -> None:
        """Set `mass` (bodies,) [kg], `inertia` (bodies, 3) and the friction with the ground.

        PyBullet multiplies the coefficients of two shapes: the ground has 1, and between two links
        of the robot the square is left. Sliding links have none.
        """
        p, (client, robot, _) = self._p, self.places[env]
        for name, link in self.links.items():
            value = 0.0 if name in self._robot.sliding else friction
            p.changeDynamics(robot, link, lateralFriction=value, physicsClientId=client)
            # In the same call these make PyBullet ignore the friction of all links but the base.
            p.changeDynamics(
                robot,
                link,
                linearDamping=0.0,
                angularDamping=0.0,
                maxJointVelocity=_FASTEST,
                physicsClientId=client,
            )
        first = 1 if self._robot.fixed_base else 0  # a base that is given a mass comes loose
        for body, kilograms, moments in list(zip(self.bodies, mass, inertia, strict=True))[first:]:
            p.changeDynamics(
                robot,
                self.links[body.name],
                mass=kilograms,
                localInertiaDiagonal=moments,
                physicsClientId=client,
            )

    def set_joint_friction(self, env: int, loss: dict[int, float]) -> None:
        """Let the motor of each joint brake with `loss` [N m]; the drives' efforts come on top."""
        client, robot, _ = self.places[env]
        for joint, value in loss.items():
            self._p.setJointMotorControl2(
                robot, joint, self._p.VELOCITY_CONTROL, force=value, physicsClientId=client
            )

    def touched(self, env: int) -> list[int]:
        """Links that touched something in the last step."""
        client, robot, _ = self.places[env]
        links: list[int] = []
        for point in self._p.getContactPoints(robot, physicsClientId=client):
            if point[8] <= 0.0 or point[9] > 0.0:  # within, or about to be and pushed back
                links += [point[i + 2] for i in (1, 2) if point[i] == robot]
        return links

    def grounded(self, env: int) -> list[int]:
        """Links that touch the ground now, where there was no step yet."""
        client, robot, ground = self.places[env]
        found = self._p.getClosestPoints(robot, ground, 0.0, physicsClientId=client)
        base = {self.links[name] for name in self._of_base()}
        ignored = base if self._robot.fixed_base else set[int]()
        return [point[3] for point in found if point[8] <= 0.0 and point[3] not in ignored]


def _disconnect(bullet: Any, clients: list[int]) -> None:
    for client in clients:
        bullet.disconnect(physicsClientId=client)
