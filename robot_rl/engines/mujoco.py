"""MuJoCo's C engine over a batch: bodies and contacts from the URDF, parameters per environment.

The drive's wrench is the one of the middle of a step and MuJoCo integrates by RK4, so a step errs
in second order only: after a second of tumbling, two 5 ms steps a control period are within 3 mm
of the analytic engine. Semi-implicit Euler at 2 ms is a third faster, and 27 mm off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.engines import start
from robot_rl.engines.mujoco_fields import Fields
from robot_rl.engines.mujoco_rays import MujocoRays
from robot_rl.engines.mujoco_world import DRAWN, NAME, MujocoWorld, add_room
from robot_rl.engines.start import tensor
from robot_rl.errors import MissingPackageError, SpecError
from robot_rl.spec.robot import Robot
from robot_rl.spec.rotation import rotate, rotate_inverse
from robot_rl.spec.terrain import Terrain
from robot_rl.spec.urdf import load_urdf
from robot_rl.spec.world import World

LONGEST_STEP = 0.005  # [s] default contacts have a time constant of 20 ms
_POS, _QUAT = slice(0, 3), slice(3, 7)  # of a free joint in qpos
_VEL, _RATE = slice(0, 3), slice(3, 6)  # of a free joint in qvel: world, body
_DEEP = 5.0  # [m] of ground below the lowest point of a terrain


def _mujoco() -> Any:
    try:
        import mujoco
        import mujoco.batch
    except ImportError:
        raise MissingPackageError('mujoco') from None
    return mujoco


def build_model(
    robot: Robot,
    physics_dt: float,
    left_out: tuple[str, ...] = (),
    terrain: Terrain | None = None,
    surroundings: bool = False,
) -> Any:
    """Compile the robot's URDF over a floor or a terrain into a mujoco.MjModel.

    `left_out` are joints whose links become part of their parents. With `surroundings` there is
    room for them. Raises SpecError for a URDF that is missing, malformed or cannot be simulated.
    """
    mujoco = _mujoco()
    text = load_urdf(robot)
    if surroundings:
        text = text.replace('</robot>', DRAWN)
    try:
        spec = mujoco.MjSpec.from_string(text)
        spec.option.timestep = physics_dt
        spec.compiler.fusestatic = not (robot.touching or robot.fixed_base)  # names are kept
        for joint in [joint for joint in spec.joints if joint.name in left_out]:
            spec.delete(joint)
        if not robot.fixed_base:
            spec.body(robot.base_frame).add_freejoint(name='base_joint')
        _add_ground(mujoco, spec, terrain)
        _add_touch_sensors(mujoco, spec, robot)
        if surroundings:
            add_room(mujoco, spec, robot)
        for geom in [geom for name in robot.sliding for geom in spec.body(name).geoms]:
            geom.priority, geom.condim = 1, 1  # no friction, whatever it touches
        # Of a free body RK4 is exact to fourth order; joints and contacts are stiff instead.
        kinds = mujoco.mjtIntegrator
        jointed = any(joint.name in robot.joint_names for joint in spec.joints)
        spec.option.integrator = kinds.mjINT_IMPLICITFAST if jointed else kinds.mjINT_RK4
        if robot.skids:
            spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC  # a pyramid grips less along x and y
        # A NaN must stay visible instead of putting the robot back to its start.
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        return spec.compile()
    except ValueError as error:
        reason = str(error).strip().rstrip('.')
        raise SpecError(f'MuJoCo refuses {robot.urdf}: {reason}. Correct the URDF.') from None


def _add_ground(mujoco: Any, spec: Any, terrain: Terrain | None) -> None:
    kinds = mujoco.mjtGeom
    if terrain is None:
        spec.worldbody.add_geom(name='ground', type=kinds.mjGEOM_PLANE, size=[0.0, 0.0, 1.0])
        return
    heights = terrain.heights
    lowest, span = float(heights.min()), max(float(np.ptp(heights)), 1e-6)
    spec.add_hfield(
        name='ground',
        nrow=heights.shape[0],
        ncol=heights.shape[1],
        size=[*terrain.half_size, span, _DEEP],
        userdata=((heights - lowest) / span).ravel().tolist(),
    )
    # Stiff, and by far the heavier part of the mixture: what sinks in is caught between the prisms
    # that a height field consists of.
    spec.worldbody.add_geom(
        name='ground',
        type=kinds.mjGEOM_HFIELD,
        hfieldname='ground',
        pos=[0.0, 0.0, lowest],
        solref=[2.0 * LONGEST_STEP, 1.0],
        solmix=100.0,
    )


def _add_touch_sensors(mujoco: Any, spec: Any, robot: Robot) -> None:
    """One a link with a shape: how many contacts it has, with whatever it may be."""
    if not robot.touching:
        return
    for body in spec.bodies:
        if body.name != 'world' and len(body.geoms):
            spec.add_sensor(
                name=body.name,
                type=mujoco.mjtSensor.mjSENS_CONTACT,
                objtype=mujoco.mjtObj.mjOBJ_BODY,
                objname=body.name,
                intprm=[1 << int(mujoco.mjtConDataField.mjCONDATA_FOUND), 0, 1],
            )


class MujocoEngine:
    """`num_envs` copies of one robot in MuJoCo; results do not depend on the number of threads."""

    def __init__(
        self,
        robot: Robot,
        level: str,
        num_envs: int,
        control_dt: float,
        device: str = 'cpu',
        terrain: Terrain | None = None,
        threads: int = 0,
    ) -> None:
        """Load the robot at its nominal parameters, to step on `threads` threads (0: all CPUs).

        Raises SpecError for a device other than the CPU, and for a URDF that cannot be simulated.
        """
        drives = start.Drives('mujoco', robot, level, num_envs, control_dt, device, LONGEST_STEP)
        self.robot, self.num_envs, self.device = robot, num_envs, torch.device('cpu')
        self.physics_dt = drives.physics_dt
        self._drives, self._rotors, self._servos = drives, drives.rotors, drives.servos
        self._terrain, self._threads = terrain, threads
        self._world: MujocoWorld | None = None
        self._rays: MujocoRays | None = None
        self._load()

    def _load(self, surroundings: bool = False) -> None:
        self._mj = _mujoco()
        robot = self.robot
        model = self._model = build_model(
            robot, self.physics_dt, self._drives.left_out, self._terrain, surroundings
        )
        self._body = model.body(robot.base_frame).id
        self._tool = model.body(robot.tool_frame or robot.base_frame).id
        batch = self._batch = self._mj.batch.Batch(model, self.num_envs, self._threads)
        self._qpos, self._qvel = batch.bind('qpos'), batch.bind('qvel')
        self._force, self._effort = batch.bind('xfrc_applied'), batch.bind('qfrc_applied')
        self._ncon, self._xpos = batch.bind('ncon'), batch.bind('xpos')
        self._touched = batch.bind('sensordata') if robot.touching else None
        names = [model.sensor(i).name for i in range(model.nsensor)]
        self._feet = [names.index(name) for name in robot.touching]
        self._others = [i for i, n in enumerate(names) if n not in (*robot.touching, NAME)]
        joints = [model.joint(name).id for name in robot.joint_names] if self._servos else []
        self._q, self._v = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
        self._fields = Fields(model, batch, self._body, self._v, self._tool)
        if surroundings:
            self._world = MujocoWorld(self._mj, model, batch)
        if self._world and robot.lidar:
            ground = self._mj.MjSpec()
            _add_ground(self._mj, ground, self._terrain)
            self._rays = MujocoRays(self._mj, ground, robot.lidar, self._world.solids)
        start.nominal(self)
        self._batch.forward()
        start.rest(self)

    def make_room(self) -> None:
        """See HoldsWorlds.make_room."""
        self._load(surroundings=True)

    def surround(self, worlds: Sequence[World], env_ids: torch.Tensor) -> None:
        """See HoldsWorlds.surround."""
        self._room().solids.put(worlds, env_ids.numpy())

    def crowd(self, places: torch.Tensor) -> None:
        """See HoldsWorlds.crowd."""
        self._room().solids.aim(places.double().numpy())

    def _room(self) -> MujocoWorld:
        if self._world is None:
            raise RuntimeError('There is no room for a world: call make_room first.')
        return self._world

    def reset(self, env_ids: torch.Tensor, state: Mapping[str, torch.Tensor]) -> None:
        """See Engine.reset."""
        ids = env_ids.numpy()
        qpos, qvel = self._qpos[ids], np.zeros_like(self._qvel[ids])
        qpos[:, self._q] = self._model.qpos0[self._q]
        self._batch.reset(ids, stage=self._mj.mjtStage.mjSTAGE_NONE)  # time, warm start, forces
        if 'base_pos_w' in state:
            qpos[:, _POS] = state['base_pos_w'].numpy()
        if 'base_quat_w' in state:
            quat = state['base_quat_w'].double().numpy()
            qpos[:, _QUAT] = quat / np.linalg.norm(quat, axis=1, keepdims=True)
        if 'base_lin_vel_b' in state:
            qvel[:, _VEL] = rotate(qpos[:, _QUAT], state['base_lin_vel_b'].double().numpy())
        if 'base_ang_vel_b' in state:
            qvel[:, _RATE] = state['base_ang_vel_b'].numpy()
        if self._servos and 'joint_pos' in state:
            qpos[:, self._q] = state['joint_pos'].numpy()
        if self._servos and 'joint_vel' in state:
            qvel[:, self._v] = state['joint_vel'].numpy()
        self._qpos[ids], self._qvel[ids] = qpos, qvel
        self._drives.reset(env_ids, state)
        if self._servos:
            self._servos.reset(ids, qpos[:, self._q])
        if self._world:
            self._batch.forward(ids)
            self._world.gather(self._places()[ids], ids)
        self._batch.forward(ids)
        if self._world:
            self._world.feel(ids)

    def randomize(self, parameters: Mapping[str, torch.Tensor], env_ids: torch.Tensor) -> None:
        """See Engine.randomize."""
        self._drives.randomize(parameters, env_ids, self._fields.names)
        if self._fields.write(parameters, env_ids.numpy()):
            self._batch.set_const(env_ids.numpy())

    @property
    def simulated(self) -> tuple[str, ...]:
        """See Engine.simulated."""
        return tuple(dict.fromkeys((*self._drives.names, *self._fields.names)))

    def push(self, velocity: torch.Tensor, env_ids: torch.Tensor) -> None:
        """See Engine.push."""
        ids = env_ids.numpy()
        self._qvel[ids, :2] += velocity.numpy()
        self._batch.forward(ids)

    def step(self, setpoint: torch.Tensor) -> None:
        """See Engine.step."""
        self._drives.command(setpoint)
        if self._world:
            self._world.begin(self._places())
        if self._servos:
            self._force[:, self._tool, 0:3] = self._fields.external_force_w
        for left in range(self._drives.substeps, 0, -1):
            if self._rotors:
                self._force[:, self._body] = self._rotors.wrench(self._base()).numpy()
            if self._servos:
                self._effort[:, self._v] = self._servos.effort(
                    self._qpos[:, self._q], self._qvel[:, self._v]
                )
            if self._world:
                self._world.walk(1.0 / left)
            self._batch.step()
            if self._world:
                self._world.feel()

    def _places(self) -> NDArray[np.float64]:
        """(num_envs, 3) [m] of what may touch something: the base, or the tool of an arm."""
        if self.robot.fixed_base:
            return self._xpos[:, self._tool]
        return self._qpos[:, _POS]

    def _base(self) -> torch.Tensor:
        """Attitude, linear and angular velocity in the body frame: (num_envs, 10) float64."""
        quat = self._qpos[:, _QUAT]
        velocity = rotate_inverse(quat, self._qvel[:, _VEL])
        return torch.from_numpy(np.concatenate((quat, velocity, self._qvel[:, _RATE]), axis=1))

    def signals(self, env_ids: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """See Engine.signals."""
        signals: dict[str, torch.Tensor] = {}
        if not self.robot.fixed_base:
            base = self._base().float()
            signals = {
                'base_pos_w': tensor(self._qpos[:, _POS]),
                'base_quat_w': base[:, 0:4],
                'base_lin_vel_b': base[:, 4:7],
                'base_ang_vel_b': base[:, 7:10],
            }
        if self._rotors:
            signals |= self._rotors.signals()
        if self._servos:
            signals['joint_pos'] = tensor(self._qpos[:, self._q])
            signals['joint_vel'] = tensor(self._qvel[:, self._v])
            signals['joint_effort'] = tensor(self._effort[:, self._v])
        if self._touched is not None:
            signals['touch'] = tensor(self._touched[:, self._feet] > 0.0)
            others = (self._touched[:, self._others] > 0.0).any(axis=1, keepdims=True)
            signals['contact'] = tensor(others)
        elif self._servos:
            signals['contact'] = tensor(self._ncon[:, None] > 0)  # nothing may touch
        if env_ids is not None:
            signals = {name: value[env_ids] for name, value in signals.items()}
        if self._world:
            ids = np.arange(self.num_envs) if env_ids is None else env_ids.numpy()
            signals['collision'] = tensor(self._world.collision[ids, None])
            if self._rays:
                ranges = self._rays.scan(self._qpos[ids, _POS], self._qpos[ids, _QUAT], ids)
                signals['scan'] = torch.from_numpy(ranges)
        return signals
