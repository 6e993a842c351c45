"""The interleaved records of a kernel as torch tensors; kernels/launch.py describes the layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import importlib
from typing import Any

import torch

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.kernels import launch
from robot_rl.kernels.memory import Recycler, block
from robot_rl.kernels.scatter import gather, scatter
from robot_rl.spec.robot import Robot

Fields = Mapping[str, tuple[int, int]]
"""Name to (offset, size) in a record."""


def kernel_of(robot: Robot, table: str, level: str) -> tuple[Any, str]:
    """Kernel module of a robot, and its entry for a setpoint level in `table` (LEVELS or DRIVES).

    Raises SpecError where the robot has no closed-form model, UnknownNameError where the model has
    no such level.
    """
    if not robot.model:
        raise SpecError(
            f'Robot {robot.name!r} has no closed-form model in kernels/. Choose an engine that '
            'simulates its URDF (see robot_rl list), on which a setpoint level needs a drive.'
        )
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

        Parameters that the kernel does not know are another engine's. Raises SpecError for one
        that it needs and the robot lacks.
        """
        self.kernel, self.num_envs = kernel, num_envs
        self.blocks = launch.num_blocks(num_envs)
        shape = (self.blocks, kernel.FIELDS, launch.LANES)
        self.data = torch.zeros(shape, dtype=dtype, device=device)
        self.flat = self.data.view(-1)
        self._rows: dict[tuple, torch.Tensor] = {}
        self._plain = self.data.device.type == 'cpu' and dtype == torch.float32
        self._memory: dict[int, Recycler] = {}
        for name in kernel.PARAMETERS:
            if name not in robot.parameters:
                raise SpecError(
                    f'{kernel.__name__} needs {name!r}, which {robot.name!r} lacks. Add it to the '
                    'parameters of the robot.'
                )
            nominal = robot.parameters[name].nominal
            offset, size = self._field(kernel.PARAMETERS, 'parameter', name, len(nominal))
            values = torch.tensor(nominal, dtype=dtype, device=device)
            self.data[:, offset : offset + size] = values[:, None]
        self.data[:, kernel.SIGNALS['base_quat_w'][0]] = 1.0

    def _field(self, fields: Fields, kind: str, name: str, size: int) -> tuple[int, int]:
        if name not in fields:
            raise SpecError(
                f'{self.kernel.__name__} does not simulate the {kind} {name!r}. '
                f'Known: {", ".join(fields)}.'
            )
        if fields[name][1] != size:
            raise SpecError(
                f'{self.kernel.__name__} takes the {kind} {name!r} of {fields[name][1]} '
                f'components, got {size}.'
            )
        return fields[name]

    def rows(self, offset: int, size: int) -> torch.Tensor:
        """View of fields as (blocks, LANES, size)."""
        return self.data[:, offset : offset + size].transpose(1, 2)

    def write(
        self, fields: Fields, kind: str, values: Mapping[str, torch.Tensor], env_ids: torch.Tensor
    ) -> None:
        """Write named values, each (len(env_ids), size). Raises SpecError for an unknown name."""
        places = self._places(fields, kind, values)
        self._put(places, block(list(values.values())), self._columns(env_ids))

    def start(
        self, fields: Fields, values: Mapping[str, torch.Tensor], env_ids: torch.Tensor
    ) -> None:
        """Write signals as `write` does, and zero what no signal reports: integrators and such."""
        places = self._places(fields, 'signal', values)
        columns, memory = self._columns(env_ids), tuple(self.kernel.MEMORY.values())
        total = sum(size for _, size in memory)
        if total:
            zeros = torch.zeros(total, len(env_ids), device=self.data.device)
            self._put(memory, zeros, columns)
        self._put(places, block(list(values.values())), columns)

    def _places(
        self, fields: Fields, kind: str, values: Mapping[str, torch.Tensor]
    ) -> tuple[tuple[int, int], ...]:
        """Offset and size of each. Raises SpecError for an unknown name."""
        return tuple(
            self._field(fields, kind, name, value.shape[-1]) for name, value in values.items()
        )

    def _check(self, env_ids: torch.Tensor) -> None:
        if len(env_ids) and not 0 <= int(env_ids.min()) <= int(env_ids.max()) < self.num_envs:
            raise IndexError(
                f'environments {int(env_ids.min())} to {int(env_ids.max())} were named, '
                f'there are {self.num_envs}.'
            )

    def _put(
        self, places: tuple[tuple[int, int], ...], values: torch.Tensor, columns: torch.Tensor
    ) -> None:
        """Write `values` (total, len(columns)) to fields (offset, size), in one operation."""
        if places not in self._rows:
            self._rows[places] = self._starts([o + i for o, size in places for i in range(size)])
        rows = self._rows[places]
        if self._plain and values.dtype == torch.float32 and values.stride(1) == 1:
            scatter(self.data, rows, columns, values)
        else:
            self.flat[rows[:, None] + columns] = values.to(self.data.dtype)

    def _starts(self, fields: Sequence[int]) -> torch.Tensor:
        """Offset of each field in a record's block."""
        return torch.tensor(fields, device=self.data.device) * launch.LANES

    def _columns(self, env_ids: torch.Tensor) -> torch.Tensor:
        """Offset of each environment's first field. Raises IndexError if there is none."""
        self._check(env_ids)
        inner = self.kernel.FIELDS - 1
        return env_ids + (env_ids // launch.LANES) * (inner * launch.LANES)

    def fill(self, offset: int, values: torch.Tensor) -> None:
        """Write `values` (num_envs, size) of every environment at `offset`."""
        size = values.shape[1]
        target = self.rows(offset, size)
        whole, rest = divmod(self.num_envs, launch.LANES)
        split = whole * launch.LANES
        target[:whole] = values[:split].reshape(whole, launch.LANES, size)
        if rest:
            target[whole, :rest] = values[split:]

    def _get(self, start: int, stop: int, env_ids: torch.Tensor) -> torch.Tensor:
        """Fields from `start` to `stop` of `env_ids`, (n, size)."""
        key = ((start, stop - start),)
        if key not in self._rows:
            self._rows[key] = self._starts(range(start, stop))
        rows, columns = self._rows[key], self._columns(env_ids)
        if self._plain:
            return gather(self.data, rows, columns).T
        return self.flat[rows[:, None] + columns].T

    def _columns_for(self, size: int) -> torch.Tensor:
        """Return memory (size, blocks * LANES) that nobody else shows."""
        num = self.blocks * launch.LANES
        if not self._plain:
            return torch.empty(size, num, dtype=self.data.dtype, device=self.data.device)
        return self._memory.setdefault(size, Recycler(size, num)).take()

    def read(self, fields: Fields, env_ids: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Copy of adjoining `fields` of `env_ids` or all, each (n, size), in memory of its own."""
        start = min(offset for offset, _ in fields.values())
        stop = max(offset + size for offset, size in fields.values())
        if env_ids is not None:
            rows = self._get(start, stop, env_ids)
        else:
            columns = self._columns_for(stop - start)
            records = columns.unflatten(1, (self.blocks, launch.LANES))
            records.copy_(self.data[:, start:stop].transpose(0, 1))
            rows = columns[:, : self.num_envs].T
        return {
            name: rows[:, offset - start : offset - start + size]
            for name, (offset, size) in fields.items()
        }
