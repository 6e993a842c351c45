"""MuJoCo's C engine over a batch: bodies and contacts from the URDF, parameters per environment.

The drive's wrench is the one of the middle of a step and MuJoCo integrates by RK4, so a step errs
in second order only: after a second of tumbling, two 5 ms steps a control period are within 3 mm
of the analytic engine. Semi-implicit Euler at 2 ms is a third faster, and 27 mm off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from robot_rl.engines.drive import WrenchDrive
from robot_rl.engines.engine import physics_step
from robot_rl.engines.urdf import load_urdf
from robot_rl.errors import MissingPackageError, SpecError
from robot_rl.spec.robot import Robot

LONGEST_STEP = 0.005  # [s] default contacts have a time constant of 20 ms
_POS, _QUAT = slice(0, 3), slice(3, 7)  # of a free joint in qpos
_VEL, _RATE = slice(0, 3), slice(3, 6)  # of a free joint in qvel: world, body
_BASE = ('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b')


def _mujoco() -> Any:
    try:
        import mujoco
        import mujoco.batch
    except ImportError:
        raise MissingPackageError(
            'mujoco-core', 'The mujoco engine', "Install it with: pip install 'robot_rl[train]'"
        ) from None
    return mujoco


def build_model(robot: Robot, physics_dt: float, left_out: tuple[str, ...] = ()) -> Any:
    """Compile the robot's URDF with a free base over a floor into a mujoco.MjModel.

    `left_out` are joints whose links become part of their parents. Raises SpecError for a URDF
    that is missing, malformed or cannot be simulated.
    """
    mujoco = _mujoco()
    text = load_urdf(robot)
    try:
        spec = mujoco.MjSpec.from_string(text)
        for joint in [joint for joint in spec.joints if joint.name in left_out]:
            spec.delete(joint)
        spec.body(robot.base_frame).add_freejoint(name='base_joint')
        spec.worldbody.add_geom(
            name='floor', type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0.0, 0.0, 1.0]
        )
        spec.option.timestep = physics_dt
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_RK4
        # A NaN must stay visible instead of putting the robot back to its start.
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        return spec.compile()
    except ValueError as error:
        raise SpecError(f'MuJoCo refuses {robot.urdf}: {error}') from None


class MujocoEngine:
    """`num_envs` copies of one robot in MuJoCo; results do not depend on the number of threads."""

    def __init__(
        self,
        robot: Robot,
        level: str,
        num_envs: int,
        control_dt: float,
        device: str = 'cpu',
        threads: int = 0,
    ) -> None:
        """Load the robot at its nominal parameters, to step on `threads` threads (0: all CPUs).

        Raises SpecError for a device other than the CPU, and for a URDF that cannot be simulated.
        """
        if torch.device(device).type != 'cpu':
            raise SpecError(f'The mujoco engine runs on a CPU, not on {device!r}.')
        self.robot = robot
        self.num_envs = num_envs
        self.device = torch.device('cpu')
        longest = min(robot.setpoint(level).physics_dt, LONGEST_STEP)
        self.physics_dt, self._substeps = physics_step(control_dt, longest)
        self._drive = WrenchDrive(robot, level, num_envs, self.physics_dt)
        model = build_model(robot, self.physics_dt, self._drive.joints)
        self._load(model, threads)
        everyone = torch.arange(num_envs)
        nominal = {
            name: torch.tensor(parameter.nominal).expand(num_envs, -1)
            for name, parameter in robot.parameters.items()
        }
        self.randomize(nominal, everyone)
        self._batch.forward()

    def _load(self, model: Any, threads: int) -> None:
        self._mj = _mujoco()
        self._body = model.body(self.robot.base_frame).id
        if model.nbody != 2:
            raise SpecError(
                f'Robot {self.robot.name!r} has moving parts beside its base; the mujoco engine '
                f'has no drive for joints yet.'
            )
        batch = self._batch = self._mj.batch.Batch(model, self.num_envs, threads)
        self._qpos, self._qvel = batch.bind('qpos'), batch.bind('qvel')
        self._force, self._contacts = batch.bind('xfrc_applied'), batch.bind('ncon')
        self._mass, self._inertia = batch.expand('body_mass'), batch.expand('body_inertia')
        # MuJoCo sorts principal axes by size; ours are the axes of base_link.
        batch.expand('body_iquat')[:, self._body] = (1.0, 0.0, 0.0, 0.0)

    def reset(self, env_ids: torch.Tensor, state: Mapping[str, torch.Tensor]) -> None:
        """See Engine.reset."""
        ids = env_ids.numpy()
        qpos, qvel = self._qpos[ids], self._qvel[ids]
        self._batch.reset(ids, stage=self._mj.mjtStage.mjSTAGE_NONE)  # time, warm start, forces
        if 'base_pos_w' in state:
            qpos[:, _POS] = state['base_pos_w'].numpy()
        if 'base_quat_w' in state:
            quat = state['base_quat_w'].double().numpy()
            qpos[:, _QUAT] = quat / np.linalg.norm(quat, axis=1, keepdims=True)
        if 'base_lin_vel_b' in state:
            qvel[:, _VEL] = _rotate(qpos[:, _QUAT], state['base_lin_vel_b'].double().numpy())
        if 'base_ang_vel_b' in state:
            qvel[:, _RATE] = state['base_ang_vel_b'].numpy()
        self._qpos[ids], self._qvel[ids] = qpos, qvel
        self._drive.reset(env_ids, {n: v for n, v in state.items() if n not in _BASE})
        self._batch.forward(ids)

    def randomize(self, parameters: Mapping[str, torch.Tensor], env_ids: torch.Tensor) -> None:
        """See Engine.randomize."""
        self._drive.randomize(parameters, env_ids)
        ids = env_ids.numpy()
        if 'mass' in parameters:
            self._mass[ids, self._body] = parameters['mass'].numpy()[:, 0]
        if 'inertia' in parameters:
            self._inertia[ids, self._body] = parameters['inertia'].numpy()
        if 'mass' in parameters or 'inertia' in parameters:
            self._batch.set_const(ids)

    def step(self, setpoint: torch.Tensor) -> None:
        """See Engine.step."""
        self._drive.command(setpoint)
        for _ in range(self._substeps):
            self._force[:, self._body] = self._drive.wrench(self._base()).numpy()
            self._batch.step()

    def _base(self) -> torch.Tensor:
        """Attitude, linear and angular velocity in the body frame: (num_envs, 10) float64."""
        quat = self._qpos[:, _QUAT]
        velocity = _rotate_inverse(quat, self._qvel[:, _VEL])
        return torch.from_numpy(np.concatenate((quat, velocity, self._qvel[:, _RATE]), axis=1))

    def signals(self, env_ids: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """See Engine.signals."""
        base = self._base().float()
        signals = {
            'base_pos_w': torch.from_numpy(self._qpos[:, _POS].astype(np.float32)),
            'base_quat_w': base[:, 0:4],
            'base_lin_vel_b': base[:, 4:7],
            'base_ang_vel_b': base[:, 7:10],
            **self._drive.signals(),
        }
        if env_ids is None:
            return signals
        return {name: value[env_ids] for name, value in signals.items()}

    def contacts(self) -> torch.Tensor:
        """See Engine.contacts: as MuJoCo found them at the start of its last step."""
        return torch.from_numpy(self._contacts > 0)


def _rotate(quat: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Body vectors (n, 3) in the world, by unit quaternions wxyz (n, 4)."""
    axis = quat[:, 1:]
    twice = 2.0 * np.cross(axis, vector)
    return vector + quat[:, :1] * twice + np.cross(axis, twice)


def _rotate_inverse(quat: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """World vectors (n, 3) in the body frame."""
    return _rotate(quat * (1.0, -1.0, -1.0, -1.0), vector)
