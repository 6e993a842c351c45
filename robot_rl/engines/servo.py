"""Joint drives over a batch: setpoint to targets to efforts, the same for every engine.

See spec.drive.JointDrive for the law. All arrays are NumPy float64.
"""

from __future__ import annotations

from collections.abc import Mapping
import math

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.errors import SpecError
from robot_rl.spec.drive import JointDrive
from robot_rl.spec.robot import Robot

Array = NDArray[np.float64]
PER_JOINT = ('joint_stiffness', 'joint_damping', 'joint_effort_limit', 'joint_velocity_limit')


class ServoDrive:
    """The joint drives of `num_envs` robots at one setpoint level."""

    def __init__(
        self, robot: Robot, drive: JointDrive, num_envs: int, control_dt: float, physics_dt: float
    ) -> None:
        """Start at nominal parameters.

        Raises SpecError for a robot that lacks one of them, or has not one value for each joint.
        """
        self._drive, self._control_dt, self._dt = drive, control_dt, physics_dt
        size = len(robot.joint_names)
        self._parameters: dict[str, Array] = {}
        for name, wanted in (*((name, size) for name in PER_JOINT), ('command_delay', 1)):
            if name not in robot.parameters:
                raise SpecError(
                    f'Robot {robot.name!r} has a joint drive but no {name!r}. Add it to the '
                    f'parameters of the robot, {wanted} values.'
                )
            nominal = robot.parameters[name].nominal
            if len(nominal) != wanted:
                raise SpecError(
                    f'Robot {robot.name!r}: {name!r} needs {wanted} values, got {len(nominal)}.'
                )
            self._parameters[name] = np.tile(nominal, (num_envs, 1))
        self.names = tuple(self._parameters)
        """Parameters that `randomize` takes."""
        self._rows = np.arange(num_envs)
        self._past = np.zeros((1, 3, num_envs, size))  # targets, the newest first
        self._bearing = np.zeros((num_envs, size))
        self._seen = np.zeros((num_envs, size))  # where the encoders last saw the joints
        self._age = 0.0
        self._make_room()

    def _make_room(self) -> None:
        """Keep as many periods of targets as the longest delay needs."""
        longest = float(self._parameters['command_delay'].max())
        lacking = 1 + math.ceil(longest / self._control_dt - 1e-6) - len(self._past)
        if lacking > 0:
            self._past = np.concatenate((self._past, *[self._past[-1:]] * lacking))

    def reset(self, env_ids: NDArray[np.int64], position: Array) -> None:
        """Hold `position` (len(env_ids), joints) until the first command."""
        self._past[:, :, env_ids] = 0.0
        self._past[:, 0, env_ids] = position
        self._seen[env_ids] = position

    def randomize(self, parameters: Mapping[str, torch.Tensor], env_ids: torch.Tensor) -> None:
        """Set those of `parameters` that are the drives'."""
        for name in self.names:
            if name in parameters:
                self._parameters[name][env_ids.numpy()] = parameters[name].numpy()
        if 'command_delay' in parameters:
            self._make_room()

    def command(self, setpoint: torch.Tensor) -> None:
        """Take `setpoint` (num_envs, size) [SI]; each drive hears of it after its delay."""
        wanted = self._drive.targets(
            setpoint.double().numpy(), self._past[0, 0], self._seen, self._control_dt
        )
        self._past[1:] = self._past[:-1].copy()
        self._past[0] = wanted
        self._age = 0.0

    def effort(self, position: Array, velocity: Array) -> Array:
        """Efforts (num_envs, joints) to be held over the next physics step; time moves on."""
        if self._drive.bearing and self._age == 0.0:
            self._bearing = self._drive.bearing(position)
        self._seen[:] = position
        goal, speed, given = self._heard()
        self._age += self._dt
        stiffness, damping, limit, fastest = (self._parameters[name] for name in PER_JOINT)
        effort = given + self._bearing
        if self._drive.stiff:
            effort += stiffness * (goal - position)
        if self._drive.damped:
            effort += damping * (speed - velocity)
        # Full effort up to the corner and when braking, none beyond the fastest velocity.
        share, steep = velocity / fastest, limit / (1.0 - self._drive.corner)
        upper = np.clip(steep * (1.0 - share), 0.0, limit)
        lower = np.clip(-steep * (1.0 + share), -limit, 0.0)
        return np.clip(effort, lower, upper, out=effort)

    def _heard(self) -> Array:
        """Targets (3, num_envs, joints) that have reached the drives by now."""
        if len(self._past) == 1:
            return self._past[0]
        late = self._parameters['command_delay'][:, 0] - self._age
        periods = np.maximum(np.ceil(late / self._control_dt - 1e-6), 0.0).astype(int)
        return self._past[periods, :, self._rows].swapaxes(0, 1)
