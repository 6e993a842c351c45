"""What engines share that integrate the bodies of a URDF: drives, and how they begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.engines.drive import WrenchDrive
from robot_rl.engines.engine import Engine, physics_step
from robot_rl.engines.servo import ServoDrive
from robot_rl.errors import SpecError
from robot_rl.spec.robot import Robot

BASE = ('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b')
JOINTS = ('joint_pos', 'joint_vel')
ACTING_ON_JOINTS = ('joint_armature', 'joint_friction', 'external_force_w')
"""Of the parameters of bodies those without meaning where rotors drive: their kernel has its own
force, and their joints are left out."""


class Drives:
    """The drives of `num_envs` robots at one level, and the physics step that they need."""

    def __init__(
        self,
        engine: str,
        robot: Robot,
        level: str,
        num_envs: int,
        control_dt: float,
        device: str,
        longest: float,
    ) -> None:
        """Start at nominal parameters, with physics steps of at most `longest` [s].

        Raises SpecError for a device other than the CPU, and for a robot without such drives.
        """
        if torch.device(device).type != 'cpu':
            raise SpecError(
                f'The {engine} engine runs on a CPU, not on {device!r}. Choose the device cpu, or '
                'another engine.'
            )
        self._engine, self._robot, setpoint = engine, robot, robot.setpoint(level)
        longest = min(setpoint.physics_dt, longest)
        self.physics_dt, self.substeps = physics_step(control_dt, longest)
        self.rotors = self.servos = None
        if setpoint.drive is None:
            drive = self.rotors = WrenchDrive(robot, level, num_envs, self.physics_dt)
        else:
            drive = self.servos = ServoDrive(
                robot, setpoint.drive, num_envs, control_dt, self.physics_dt
            )
        self._drive: WrenchDrive | ServoDrive = drive
        self.names = drive.names
        """Parameters of the drives."""
        self.left_out = self.rotors.joints if self.rotors else ()
        """Joints that the drives stand for; an engine leaves them out."""
        self.state = (() if robot.fixed_base else BASE) + (JOINTS if self.servos else ())
        """Signals that an engine itself can start from; the drives take the others."""

    def reset(self, env_ids: torch.Tensor, state: Mapping[str, torch.Tensor]) -> None:
        """Give rotors their part of the true signals `state`.

        Raises SpecError for a signal that nobody takes.
        """
        rest = {name: value for name, value in state.items() if name not in self.state}
        if self.rotors:
            self.rotors.reset(env_ids, rest)
        elif unknown := sorted(rest):
            raise SpecError(
                f'The {self._engine} engine has no state {unknown[0]!r} to start '
                f'{self._robot.name!r} from. Known: {", ".join(self.state)}.'
            )

    def randomize(
        self,
        parameters: Mapping[str, torch.Tensor],
        env_ids: torch.Tensor,
        bodies: tuple[str, ...],
    ) -> None:
        """Set those of `parameters` that are the drives'; `bodies` are those of the engine.

        What neither simulates stays as it is. Raises SpecError for what the robot does not have
        either.
        """
        known = (*self.names, *bodies)
        strange = [name for name in parameters if name not in (*known, *self._robot.parameters)]
        if strange:
            raise SpecError(
                f'The {self._engine} engine does not simulate the parameter {strange[0]!r} of '
                f'{self._robot.name!r}. Known: {", ".join(known)}.'
            )
        self._drive.randomize(parameters, env_ids)

    def command(self, setpoint: torch.Tensor) -> None:
        """Hold `setpoint` (num_envs, size) [SI] from now on."""
        self._drive.command(setpoint)


def nominal(engine: Engine) -> None:
    """Give all environments of `engine` the nominal parameters of its robot."""
    values = {
        name: torch.tensor(parameter.nominal).expand(engine.num_envs, -1)
        for name, parameter in engine.robot.parameters.items()
    }
    engine.randomize(values, torch.arange(engine.num_envs))


def rest(engine: Engine) -> None:
    """Put all environments of `engine` into its robot's state at rest, where it says one."""
    state = {
        name: torch.tensor(row).repeat(engine.num_envs, 1)
        for name, row in engine.robot.rest.items()
    }
    if state:
        engine.reset(torch.arange(engine.num_envs), state)


def tensor(values: NDArray[Any]) -> torch.Tensor:
    """The same numbers as a float32 tensor of their own."""
    return torch.from_numpy(values.astype(np.float32))
