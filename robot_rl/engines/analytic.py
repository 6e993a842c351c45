"""Engine for robots whose dynamics can be written down: the kernels, batched on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from robot_rl.engines.engine import physics_step
from robot_rl.engines.records import Records, kernel_of
from robot_rl.errors import SpecError
from robot_rl.kernels import launch
from robot_rl.spec.robot import Robot
from robot_rl.spec.terrain import Terrain


class AnalyticEngine:
    """The kernel of `robot.model` over `num_envs` records."""

    def __init__(
        self,
        robot: Robot,
        level: str,
        num_envs: int,
        control_dt: float,
        device: str = 'cpu',
        terrain: Terrain | None = None,
    ) -> None:
        """Allocate records at the robot's nominal parameters; `device` is 'cpu' or 'cuda'.

        Raises SpecError for a `terrain`: these dynamics know no ground.
        """
        if terrain is not None:
            raise SpecError(
                f'The analytic engine has no ground, but the task of {robot.name!r} has a '
                'terrain. Choose another engine, such as mujoco.'
            )
        self.robot = robot
        self.num_envs = num_envs
        self.device = torch.device(device)
        self.physics_dt, self._substeps = physics_step(
            control_dt, robot.setpoint(level).physics_dt
        )
        self._kernel, entry = kernel_of(robot, 'LEVELS', level)
        self._records = Records(self._kernel, robot, num_envs, device=self.device)
        self._run = launch.batch(self._kernel, entry, str(self.device))

    def reset(self, env_ids: torch.Tensor, state: Mapping[str, torch.Tensor]) -> None:
        """See Engine.reset."""
        self._records.start(self._kernel.SIGNALS, state, env_ids)

    def randomize(self, parameters: Mapping[str, torch.Tensor], env_ids: torch.Tensor) -> None:
        """See Engine.randomize."""
        self._records.write(self._kernel.PARAMETERS, 'parameter', parameters, env_ids)

    def push(self, velocity: torch.Tensor, env_ids: torch.Tensor) -> None:
        """See Engine.push."""
        fields = {name: self._kernel.SIGNALS[name] for name in ('base_quat_w', 'base_lin_vel_b')}
        now = self._records.read(fields, env_ids)
        w, u = now['base_quat_w'].split((1, 3), 1)
        added = torch.nn.functional.pad(velocity, (0, 1))
        turn = 2.0 * torch.linalg.cross(added, u)
        body = added + w * turn + torch.linalg.cross(turn, u)
        changed = {'base_lin_vel_b': now['base_lin_vel_b'] + body}
        self._records.write(fields, 'signal', changed, env_ids)

    def step(self, setpoint: torch.Tensor) -> None:
        """See Engine.step."""
        records = self._records
        records.fill(self._kernel.SETPOINT, setpoint)
        self._run(records.flat, records.blocks, self.physics_dt, self._substeps)

    def signals(self, env_ids: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """See Engine.signals."""
        return self._records.read(self._kernel.SIGNALS, env_ids)

    @property
    def simulated(self) -> tuple[str, ...]:
        """See Engine.simulated."""
        return tuple(self._kernel.PARAMETERS)
