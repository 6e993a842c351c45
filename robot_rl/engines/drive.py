"""What turns a setpoint into forces, for engines that integrate the body themselves.

A drive holds the actuators of `num_envs` robots: their state, their parameters and the firmware
loop behind a setpoint level. An engine asks it once a physics step. `WrenchDrive` is for machines
whose actuators amount to a force and a torque on the base (rotors); servo.py drives joints.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from robot_rl.engines.records import Records, kernel_of
from robot_rl.kernels import launch
from robot_rl.spec.robot import Robot


class WrenchDrive:
    """The `drive` of a kernel: rotors, drag and disturbance, in the very text of its `step`."""

    def __init__(self, robot: Robot, level: str, num_envs: int, physics_dt: float) -> None:
        """Raise SpecError or UnknownNameError where the robot's model has no drive for `level`."""
        self._kernel, entry = kernel_of(robot, 'DRIVES', level)
        self._records = Records(self._kernel, robot, num_envs, torch.float64)
        self._run = launch.numba_batch(self._kernel, entry, 'float64')
        self._dt = physics_dt
        fields = self._kernel.SIGNALS
        self._state = {name: fields[name] for name in fields if not name.startswith('base_')}
        self.names = tuple(self._kernel.PARAMETERS)
        """Parameters that `randomize` takes."""
        self.joints = robot.joint_names
        """Joints that the drive stands for; an engine leaves them out."""

    def reset(self, env_ids: torch.Tensor, state: Mapping[str, torch.Tensor]) -> None:
        """Take the actuators' part of the true signals `state` and forget what came before."""
        self._records.start(self._state, state, env_ids)

    def randomize(self, parameters: Mapping[str, torch.Tensor], env_ids: torch.Tensor) -> None:
        """Set those of `parameters`, each (len(env_ids), size), that are the kernel's."""
        own = {name: value for name, value in parameters.items() if name in self.names}
        if own:
            self._records.write(self._kernel.PARAMETERS, 'parameter', own, env_ids)

    def command(self, setpoint: torch.Tensor) -> None:
        """Hold `setpoint` (num_envs, size) [SI] from now on."""
        self._records.fill(self._kernel.SETPOINT, setpoint)

    def wrench(self, base: torch.Tensor) -> torch.Tensor:
        """Advance by one physics step; force [N] and torque [N m] on the base, in the world.

        `base` is (num_envs, 10): attitude wxyz, linear and angular velocity in the body frame.
        Returns (num_envs, 6), to be held over the step.
        """
        records, kernel = self._records, self._kernel
        records.fill(kernel.SIGNALS['base_quat_w'][0], base)
        self._run(records.flat.numpy(), records.blocks, self._dt, 1)
        return records.read({'wrench': (kernel.WRENCH, 6)})['wrench']

    def signals(self) -> dict[str, torch.Tensor]:
        """State of the actuators and the disturbance, each (num_envs, size) float32."""
        return {name: v.float() for name, v in self._records.read(self._state).items()}
