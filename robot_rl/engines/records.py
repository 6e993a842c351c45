"""The interleaved records of a kernel as torch tensors; kernels/launch.py describes the layout."""

from __future__ import annotations

from collections.abc import Mapping
import importlib
from typing import Any

import torch

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.kernels import launch
from robot_rl.spec.robot import Robot

Fields = Mapping[str, tuple[int, int]]
"""Name to (offset, size) in a record."""


def kernel_of(robot: Robot, table: str, level: str) -> tuple[Any, str]:
    """Kernel module of a robot, and its entry for a setpoint level in `table` (LEVELS or DRIVES).

    Raises SpecError where the robot has no closed-form model, UnknownNameError where the model has
    no such level.
    """
    if not robot.model:
        raise SpecError(f'Robot {robot.name!r} has no closed-form model in kernels/.')
    kernel = importlib.import_module(f'robot_rl.kernels.{robot.model}')
    entries = getattr(kernel, table)
    if level not in entries:
        raise UnknownNameError(f'setpoint level of the {robot.model} model', level, entries)
    return kernel, entries[level]


class Records:
    """`num_envs` records of one kernel module, padded to whole blocks."""

    def __init__(
        self,
        kernel: Any,
        robot: Robot,
        num_envs: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = 'cpu',
    ) -> None:
        """Start at rest, level, with the robot's nominal parameters.

        Raises SpecError for a parameter that the kernel does not know: nothing is left out
        silently.
        """
        self.kernel, self.num_envs = kernel, num_envs
        self.blocks = launch.num_blocks(num_envs)
        shape = (self.blocks, kernel.FIELDS, launch.LANES)
        self.data = torch.zeros(shape, dtype=dtype, device=device)
        self.flat = self.data.view(-1)
        for name, parameter in robot.parameters.items():
            offset, size = self._field(
                kernel.PARAMETERS, 'parameter', name, len(parameter.nominal)
            )
            values = torch.tensor(parameter.nominal, dtype=dtype, device=device)
            self.data[:, offset : offset + size] = values[:, None]
        self.data[:, kernel.SIGNALS['base_quat_w'][0]] = 1.0

    def _field(self, fields: Fields, kind: str, name: str, size: int) -> tuple[int, int]:
        if name not in fields:
            raise SpecError(
                f'{self.kernel.__name__} does not simulate the {kind} {name!r}. '
                f'It knows: {", ".join(fields)}.'
            )
        if fields[name][1] != size:
            raise SpecError(f'{kind} {name!r} has {fields[name][1]} components, got {size}.')
        return fields[name]

    def rows(self, offset: int, size: int) -> torch.Tensor:
        """View of fields as (blocks, LANES, size)."""
        return self.data[:, offset : offset + size].transpose(1, 2)

    def write(
        self, fields: Fields, kind: str, values: Mapping[str, torch.Tensor], env_ids: torch.Tensor
    ) -> None:
        """Write named values, each (len(env_ids), size). Raises SpecError for an unknown name."""
        block, lane = env_ids // launch.LANES, env_ids % launch.LANES
        for name, value in values.items():
            offset, size = self._field(fields, kind, name, value.shape[-1])
            self.rows(offset, size)[block, lane] = value.to(self.data.dtype)

    def clear(self, env_ids: torch.Tensor) -> None:
        """Zero what no signal reports: integrators and the like."""
        block, lane = env_ids // launch.LANES, env_ids % launch.LANES
        for offset, size in self.kernel.MEMORY.values():
            self.rows(offset, size)[block, lane] = 0.0

    def fill(self, offset: int, values: torch.Tensor) -> None:
        """Write `values` (num_envs, size) of every environment at `offset`."""
        size = values.shape[1]
        target = self.rows(offset, size)
        whole, rest = divmod(self.num_envs, launch.LANES)
        split = whole * launch.LANES
        target[:whole] = values[:split].reshape(whole, launch.LANES, size)
        if rest:
            target[whole, :rest] = values[split:]

    def read(self, fields: Fields, env_ids: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Copy of adjoining `fields` of `env_ids` or all, each (n, size), in memory of its own."""
        start = min(offset for offset, _ in fields.values())
        stop = max(offset + size for offset, size in fields.values())
        block = self.data[:, start:stop]
        if env_ids is not None:
            rows = block[env_ids // launch.LANES, :, env_ids % launch.LANES]
        else:
            # clone: with a single block, reshape alone would return a view of the records.
            columns = block.transpose(0, 1).clone(memory_format=torch.contiguous_format)
            rows = columns.view(stop - start, -1)[:, : self.num_envs].T
        return {
            name: rows[:, offset - start : offset - start + size]
            for name, (offset, size) in fields.items()
        }
