"""Engine for robots whose dynamics can be written down: the kernels, batched on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Mapping
import importlib
from typing import Any

import torch

from robot_rl.engines.engine import decimation
from robot_rl.errors import SpecError
from robot_rl.kernels import launch
from robot_rl.spec.robot import Robot


class AnalyticEngine:
    """The kernel of `robot.model` over `num_envs` records."""

    def __init__(
        self, robot: Robot, level: str, num_envs: int, control_dt: float, device: str = 'cpu'
    ) -> None:
        """Allocate records at the robot's nominal parameters."""
        if not robot.model:
            raise SpecError(f'Robot {robot.name!r} has no closed-form model; use the mujoco engine.')
        self.robot = robot
        self.num_envs = num_envs
        self.device = torch.device(device)
        self.physics_dt = min(control_dt, robot.setpoint(level).physics_dt)
        self._substeps = decimation(control_dt, self.physics_dt)
        self._kernel: Any = importlib.import_module(f'robot_rl.kernels.{robot.model}')
        self._blocks = launch.num_blocks(num_envs)
        shape = (self._blocks, self._kernel.FIELDS, launch.LANES)
        self._records = torch.zeros(shape, dtype=torch.float32, device=self.device)
        self._run = launch.batch(self._kernel, self._kernel.LEVELS[level], self.device)
        self._num_signals = sum(size for _, size in self._kernel.SIGNALS.values())
        self._fill_nominal(robot)

    def _fill_nominal(self, robot: Robot) -> None:
        fields = self._kernel.PARAMETERS
        for name, parameter in robot.parameters.items():
            offset, size = fields[name]
            values = torch.tensor(parameter.nominal, device=self.device)
            self._records[:, offset : offset + size] = values[:, None]
        offset, size = self._kernel.SIGNALS['base_quat_w']
        self._records[:, offset] = 1.0

    def _rows(self, offset: int, size: int) -> torch.Tensor:
        """View of a field as (blocks, LANES, size)."""
        return self._records[:, offset : offset + size].transpose(1, 2)

    def _write(self, fields: Mapping[str, tuple[int, int]], values: Mapping[str, torch.Tensor], env_ids: torch.Tensor) -> None:
        block, lane = env_ids // launch.LANES, env_ids % launch.LANES
        for name, value in values.items():
            offset, size = fields[name]
            self._rows(offset, size)[block, lane] = value

    def reset(self, env_ids: torch.Tensor, state: Mapping[str, torch.Tensor]) -> None:
        """See Engine.reset."""
        self._write(self._kernel.SIGNALS, state, env_ids)

    def randomize(self, parameters: Mapping[str, torch.Tensor], env_ids: torch.Tensor) -> None:
        """See Engine.randomize."""
        self._write(self._kernel.PARAMETERS, parameters, env_ids)

    def step(self, setpoint: torch.Tensor) -> None:
        """See Engine.step."""
        target = self._rows(self._kernel.SETPOINT, setpoint.shape[1])
        if self.num_envs % launch.LANES:
            block, lane = divmod(self.num_envs, launch.LANES)
            target[:block] = setpoint[: block * launch.LANES].view(block, launch.LANES, -1)
            target[block, :lane] = setpoint[block * launch.LANES :]
        else:
            target.copy_(setpoint.view(self._blocks, launch.LANES, -1))
        self._run(self._records.view(-1), self._blocks, self.physics_dt, self._substeps)

    def signals(self) -> dict[str, torch.Tensor]:
        """See Engine.signals."""
        rows = self._rows(0, self._num_signals).reshape(-1, self._num_signals)[: self.num_envs]
        return {
            name: rows[:, offset : offset + size]
            for name, (offset, size) in self._kernel.SIGNALS.items()
        }

    def contacts(self) -> torch.Tensor:
        """Nothing to touch: always False."""
        return torch.zeros(self.num_envs, dtype=torch.bool, device=self.device)
