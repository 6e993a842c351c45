"""PyBullet, the judge: another simulator under the same robot, for scores and not for training.

Its multibody is Featherstone's algorithm, its contacts are rigid where MuJoCo's are springs, and
it steps by semi-implicit Euler: a kick of the velocity, then a drift of the position with the new
one. That errs in first order; in free fall a body is half a step's gravity ahead. But looked at
half a drift earlier, the same steps are drift, kick, drift: the leapfrog, of second order. So
PyBullet is always half a step's motion ahead of the state that this engine takes and reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.engines import start
from robot_rl.engines.pybullet_copies import Copies
from robot_rl.engines.pybullet_fields import Fields
from robot_rl.engines.start import tensor
from robot_rl.errors import MissingPackageError
from robot_rl.spec.robot import Robot
from robot_rl.spec.rotation import cross, inverse, product, rotate, rotate_inverse
from robot_rl.spec.terrain import Terrain

Array = NDArray[np.float64]
LONGEST_STEP = 0.002  # [s]


def _pybullet() -> Any:
    try:
        import pybullet
    except ImportError:
        raise MissingPackageError('pybullet') from None
    return pybullet


class PybulletEngine:
    """`num_envs` copies of one robot in PyBullet, on one thread, 1.5 MB each.

    An environment whose setpoint or state is not finite is lost until its next reset: all its
    signals of motion are NaN.
    """

    def __init__(
        self,
        robot: Robot,
        level: str,
        num_envs: int,
        control_dt: float,
        device: str = 'cpu',
        terrain: Terrain | None = None,
    ) -> None:
        """Load the robot at its nominal parameters.

        Raises SpecError for a device other than the CPU, and for a URDF that cannot be simulated.
        """
        drives = start.Drives('pybullet', robot, level, num_envs, control_dt, device, LONGEST_STEP)
        self.robot, self.num_envs, self.device = robot, num_envs, torch.device('cpu')
        self.physics_dt = drives.physics_dt
        self._drives, self._rotors, self._servos = drives, drives.rotors, drives.servos
        self._p = _pybullet()
        copies = Copies(self._p, robot, num_envs, self.physics_dt, drives.left_out, terrain)
        declared = robot.parameters.get('inertia')
        inertia = np.array(declared.nominal) if declared else copies.bodies[0].inertia
        self._copies = copies
        self._fields = Fields(copies, num_envs, bool(self._servos), inertia)
        self._joints = copies.joints if self._servos else []
        self._allocate()
        start.nominal(self)
        for env in range(num_envs):
            self._put(env)
        start.rest(self)

    def _allocate(self) -> None:
        num, joints = self.num_envs, len(self._joints)
        self._centre_pos, self._axes_quat = np.zeros((num, 3)), np.zeros((num, 4))
        self._axes_quat[:, 0] = 1.0
        self._centre_vel, self._rate = np.zeros((num, 3)), np.zeros((num, 3))
        """World: the base's centre of mass, its principal axes, and their velocities."""
        self._q, self._v, self._effort = (np.zeros((num, joints)) for _ in range(3))
        self._touched = np.zeros((num, len(self._copies.links)), bool)
        """By index of the link; the base is the last."""
        self._lost = np.zeros(num, bool)

    def reset(self, env_ids: torch.Tensor, state: Mapping[str, torch.Tensor]) -> None:
        """See Engine.reset."""
        ids = env_ids.numpy()
        self._drives.reset(env_ids, state)
        given = {name: value.double().numpy() for name, value in state.items()}
        base, still = self._base()[ids], np.zeros((len(ids), 3))
        base[:, 0:4] = given.get('base_quat_w', base[:, 0:4])
        base[:, 0:4] /= np.linalg.norm(base[:, 0:4], axis=1, keepdims=True)
        base[:, 4:7] = given.get('base_lin_vel_b', still)
        base[:, 7:10] = given.get('base_ang_vel_b', still)
        self._place(ids, given.get('base_pos_w', self._position()[ids]), base)
        if self._servos:
            self._q[ids] = given.get('joint_pos', 0.0)
            self._v[ids] = given.get('joint_vel', 0.0)
            self._effort[ids] = 0.0
            self._servos.reset(ids, self._q[ids])
        self._lost[ids] = False
        self._check()
        for env in ids.tolist():
            self._put(env)

    def _place(self, ids: NDArray[np.int64], position: Array, base: Array) -> None:
        """Take the pose and velocities of base_link, `base` as `_base` gives it."""
        quat = base[:, 0:4]
        arm = rotate(quat, self._fields.centre[ids])
        self._rate[ids] = rotate(quat, base[:, 7:10])
        self._centre_pos[ids] = position + arm
        self._centre_vel[ids] = rotate(quat, base[:, 4:7]) + cross(self._rate[ids], arm)
        self._axes_quat[ids] = product(quat, self._fields.axes[ids])

    def _put(self, env: int) -> None:
        """Write the state of one environment into PyBullet, half a step's motion ahead."""
        self._touched[env] = False
        if self._lost[env]:
            return
        p, (client, robot, _) = self._p, self._copies.places[env]
        half = 0.5 * self.physics_dt
        self._put_base(env)
        ahead = self._q[env] + half * self._v[env]
        for joint, q, v in zip(self._joints, ahead, self._v[env], strict=True):
            p.resetJointState(robot, joint, q, v, physicsClientId=client)
        self._copies.forget_contacts(env)
        self._touched[env, self._copies.grounded(env)] = True

    def _put_base(self, env: int) -> None:
        if self.robot.fixed_base or self._lost[env]:
            return
        p, (client, robot, _) = self._p, self._copies.places[env]
        half, row = 0.5 * self.physics_dt, slice(env, env + 1)
        position = self._centre_pos[env] + half * self._centre_vel[env]
        w, x, y, z = _turned(self._axes_quat[row], self._rate[row], half)[0]
        p.resetBasePositionAndOrientation(robot, position, (x, y, z, w), physicsClientId=client)
        p.resetBaseVelocity(robot, self._centre_vel[env], self._rate[env], physicsClientId=client)

    def randomize(self, parameters: Mapping[str, torch.Tensor], env_ids: torch.Tensor) -> None:
        """See Engine.randomize."""
        ids = env_ids.numpy()
        self._drives.randomize(parameters, env_ids, self._fields.names)
        position, base = self._position(), self._base()
        moved = self._fields.write(parameters, ids)  # loaded afresh: put them where they were
        self._place(moved, position[moved], base[moved])
        for env in moved.tolist():
            self._put(env)

    @property
    def simulated(self) -> tuple[str, ...]:
        """See Engine.simulated."""
        return tuple(dict.fromkeys((*self._drives.names, *self._fields.names)))

    def push(self, velocity: torch.Tensor, env_ids: torch.Tensor) -> None:
        """See Engine.push."""
        self._centre_vel[env_ids.numpy(), :2] += velocity.double().numpy()
        for env in env_ids.tolist():
            self._put_base(env)

    def step(self, setpoint: torch.Tensor) -> None:
        """See Engine.step."""
        self._drives.command(setpoint)
        for _ in range(self._drives.substeps):
            if self._rotors:
                wrench = self._rotors.wrench(torch.from_numpy(self._base())).double().numpy()
                self._pull(wrench[:, 0:3], wrench[:, 3:6])
            if self._servos:
                middle = self._q + 0.5 * self.physics_dt * self._v
                self._effort[:] = self._servos.effort(middle, self._v)
                self._drive()
                if self._fields.external_force_w.any():
                    self._touch(self._fields.external_force_w)
            for client in self._copies.clients:
                self._p.stepSimulation(physicsClientId=client)
            self._read()
        for env in range(self.num_envs):
            self._touched[env] = False
            self._touched[env, self._copies.touched(env)] = True

    def _check(self) -> None:
        """Lose the environments whose state is not finite."""
        state = (self._centre_pos, self._axes_quat, self._centre_vel, self._rate, self._q, self._v)
        self._lost |= ~np.isfinite(np.concatenate(state, axis=1)).all(axis=1)

    def _pull(self, force_w: Array, torque_w: Array | None = None) -> None:
        """Let a force [N] act on the base's centre of mass for a step, and a torque [N m]."""
        p, zero = self._p, (0.0, 0.0, 0.0)
        self._lost |= ~np.isfinite(force_w).all(axis=1)
        # For a base, PyBullet gets torques in WORLD_FRAME wrong; its LINK_FRAME is the axes'.
        force = rotate_inverse(self._axes_quat, force_w)
        torque = None if torque_w is None else rotate_inverse(self._axes_quat, torque_w)
        for env in np.flatnonzero(~self._lost).tolist():
            client, robot, _ = self._copies.places[env]
            p.applyExternalForce(robot, -1, force[env], zero, p.LINK_FRAME, physicsClientId=client)
            if torque is not None:
                p.applyExternalTorque(robot, -1, torque[env], p.LINK_FRAME, physicsClientId=client)

    def _touch(self, force_w: Array) -> None:
        """Let a force [N] act for a step on the body that carries the tool."""
        if self._copies.tool == 0:
            self._pull(force_w)
            return
        p, link = self._p, self._copies.links[self._copies.bodies[self._copies.tool].name]
        for env in np.flatnonzero(~self._lost & force_w.any(axis=1)).tolist():
            client, robot, _ = self._copies.places[env]
            place = p.getLinkState(robot, link, physicsClientId=client)[0]
            p.applyExternalForce(
                robot, link, force_w[env], place, p.WORLD_FRAME, physicsClientId=client
            )

    def _drive(self) -> None:
        """Let the drives' efforts act for a step."""
        p, joints = self._p, self._joints
        self._lost |= ~np.isfinite(self._effort).all(axis=1)
        for env in np.flatnonzero(~self._lost).tolist():
            client, robot, _ = self._copies.places[env]
            p.setJointMotorControlArray(
                robot,
                joints,
                p.TORQUE_CONTROL,
                forces=self._effort[env],
                physicsClientId=client,
            )

    def _read(self) -> None:
        """Read PyBullet's state, which is half a step's motion ahead."""
        p, joints, places = self._p, self._joints, self._copies.places
        half = 0.5 * self.physics_dt
        if not self.robot.fixed_base:
            poses = [p.getBasePositionAndOrientation(r, physicsClientId=c) for c, r, _ in places]
            rates = [p.getBaseVelocity(r, physicsClientId=c) for c, r, _ in places]
            self._centre_vel[:] = [linear for linear, _ in rates]
            self._rate[:] = [angular for _, angular in rates]
            ahead = np.array([position for position, _ in poses])
            self._centre_pos[:] = ahead - half * self._centre_vel
            ahead = _turned(
                np.array([quat for _, quat in poses])[:, [3, 0, 1, 2]], self._rate, -half
            )
            # A quaternion and its negative are one attitude; from step to step the sign stays.
            flipped = (ahead * self._axes_quat).sum(axis=1, keepdims=True) < 0.0
            self._axes_quat[:] = np.where(flipped, -ahead, ahead)
        if joints:
            states = np.array(
                [
                    [(s[0], s[1]) for s in p.getJointStates(r, joints, physicsClientId=c)]
                    for c, r, _ in places
                ]
            )
            self._v[:] = states[:, :, 1]
            self._q[:] = states[:, :, 0] - half * self._v
        self._check()

    def _quat(self) -> Array:
        """Attitude of base_link."""
        return product(self._axes_quat, inverse(self._fields.axes))

    def _position(self) -> Array:
        """Position of base_link's origin."""
        return self._centre_pos - rotate(self._quat(), self._fields.centre)

    def _velocity(self) -> Array:
        """Velocity of base_link's origin in the world."""
        arm = rotate(self._quat(), self._fields.centre)
        return self._centre_vel - cross(self._rate, arm)

    def _base(self) -> Array:
        """Attitude, linear and angular velocity in the body frame: (num_envs, 10)."""
        quat = self._quat()
        velocity = rotate_inverse(quat, self._velocity())
        return np.concatenate((quat, velocity, rotate_inverse(quat, self._rate)), axis=1)

    def signals(self, env_ids: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """See Engine.signals."""
        moving: dict[str, Array] = {}
        if not self.robot.fixed_base:
            base = self._base()
            moving = {
                'base_pos_w': self._position(),
                'base_quat_w': base[:, 0:4],
                'base_lin_vel_b': base[:, 4:7],
                'base_ang_vel_b': base[:, 7:10],
            }
        if self._servos:
            moving |= {'joint_pos': self._q, 'joint_vel': self._v, 'joint_effort': self._effort}
        gone = self._lost[:, None]
        signals = {name: tensor(np.where(gone, np.nan, v)) for name, v in moving.items()}
        if self._rotors:
            signals |= self._rotors.signals()
        if self.robot.touching:
            feet = [self._copies.links[name] for name in self.robot.touching]
            signals['touch'] = tensor(self._touched[:, feet])
            others = np.delete(self._touched, feet, axis=1)
            signals['contact'] = tensor(others.max(axis=1, keepdims=True))
        elif self._servos:  # nothing may touch
            signals['contact'] = tensor(self._touched.max(axis=1, keepdims=True))
        if env_ids is None:
            return signals
        return {name: value[env_ids] for name, value in signals.items()}


def _turned(quat: Array, rate_w: Array, seconds: float) -> Array:
    """Attitudes (n, 4) after turning at `rate_w` (n, 3) [rad/s] for less than a step."""
    turn = np.concatenate((np.ones((len(quat), 1)), 0.5 * seconds * rate_w), axis=1)
    return product(turn / np.linalg.norm(turn, axis=1, keepdims=True), quat)
