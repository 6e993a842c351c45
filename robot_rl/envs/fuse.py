"""Fuse a pure function of tensors into one kernel: traced once, then run in a single pass.

A task says what it means in ordinary torch functions. Run one operation after another, they read
and write memory for each; fused, an environment's numbers are read once, all arithmetic happens in
registers, and the results are written once. The function is traced with one environment by
torch.fx, and its graph is evaluated on arrays of symbols, so that everything that only moves
numbers about (slices, transpositions, concatenations) vanishes.

Rules for the function: tensors (num_envs, size) in and out; no row looks at another row; no
decision in Python depends on a tensor's values. Random numbers come from `torch.rand` and
`torch.randn`; fused, they are drawn by a counter-based generator whose keys are drawn from the
environment's own, so a seed still determines everything, if not the same numbers as unfused.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import accumulate
import logging
from typing import NamedTuple

import torch

from robot_rl.envs.graph import Graph
from robot_rl.errors import RobotRLError
from robot_rl.kernels import rows
from robot_rl.kernels.memory import Recycler, block
from robot_rl.kernels.scatter import gather, scatter

Group = dict[str, torch.Tensor]
"""Tensors (num, size) by name; a group's order is kept."""
Function = Callable[..., tuple[Group, ...]]
"""`function(num, *groups)` -> groups. `num` says how many rows to make where no group comes in."""

_LOG = logging.getLogger(__name__)


class Program(NamedTuple):
    """What tracing and compiling a function gave: nothing in it changes."""

    function: Function
    """Kept, so that what a key names by its identity stays alive."""
    graph: Graph
    run: Callable[..., None]


_PROGRAMS: dict[Hashable, Program] = {}
"""The newest programs by key."""
KEPT = 64


def fuse(
    name: str,
    function: Function,
    inputs: Sequence[Mapping[str, int]],
    generator: torch.Generator,
    key: Hashable = None,
) -> Function:
    """`function` as one kernel, or itself where that cannot be done: never an error for speed.

    `inputs` gives the sizes of the tensors of each group. A warning names what stood in the way.
    Functions of the same `key`, name and sizes must be the same: they are compiled once.
    """
    whole = (key, name, *(tuple(group.items()) for group in inputs))
    try:
        program = _PROGRAMS.get(whole) if key is not None else None
        if program is None:
            program = compiled(name, function, inputs)
            if key is not None:
                _PROGRAMS[whole] = program
                while len(_PROGRAMS) > KEPT:
                    del _PROGRAMS[next(iter(_PROGRAMS))]
        return Fused(program, inputs, generator)
    except (RobotRLError, RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        _LOG.warning('%s runs unfused, and slower: %s', name, error)
        return function


def compiled(name: str, function: Function, inputs: Sequence[Mapping[str, int]]) -> Program:
    """Trace and compile. Raises SpecError for an operation that cannot be fused."""
    graph = Graph(partial(function, 1), inputs)
    widths = [sum(group.values()) for group in inputs]
    return Program(function, graph, rows.compiled(name, graph.scalars, widths, graph.outputs))


class Rows(dict[str, torch.Tensor]):
    """A group that is known to lie in one piece."""

    def __init__(self, tensors: Mapping[str, torch.Tensor], columns: torch.Tensor) -> None:
        """`columns` (total, num) are `tensors` side by side, not to be changed any more."""
        super().__init__(tensors)
        self.columns = columns


class Fused:
    """One compiled function. All tensors it returns lie in one block of memory of their own."""

    def __init__(
        self,
        program: Program,
        inputs: Sequence[Mapping[str, int]],
        generator: torch.Generator,
    ) -> None:
        """Run `program` with random numbers from `generator`."""
        self._generator = generator
        self._inputs = [tuple(group) for group in inputs]
        graph = program.graph
        self._groups: list[dict[str, torch.dtype]] = graph.groups
        self._sizes = graph.sizes
        self._widths = [
            sum(self._sizes[i] for i in range(start, start + len(group)))
            for start, group in zip(accumulate(map(len, self._groups), initial=0), self._groups)  # noqa: B905
        ]
        self._draws = graph.draws
        self._rows = sum(self._sizes)
        self._num, self._memory = 0, Recycler(self._rows, 0)
        self._run = program.run

    def __call__(self, num: int, *inputs: Group) -> tuple[Group, ...]:
        """Run over `num` rows."""
        arrays: list[int] = []
        held = []  # until the kernel has run
        for names, group in zip(self._inputs, inputs, strict=True):
            held.append(_columns(group, names))
            arrays += (held[-1].data_ptr(), 4 * held[-1].stride(0))
        if num != self._num:
            self._num, self._memory = num, Recycler(self._rows, num)
        columns = self._memory.take()
        key, other = 0, 0
        if self._draws:
            keys = torch.randint(2**32, (2,), generator=self._generator)
            key, other = keys.tolist()
        self._run(key, other, num, *arrays, columns.data_ptr(), 4 * columns.stride(0))
        return self._taken_apart(columns)

    def _taken_apart(self, columns: torch.Tensor) -> tuple[Group, ...]:
        parts = columns.T.split(self._sizes, 1)
        groups, first = [], 0
        for group, piece in zip(self._groups, columns.split(self._widths), strict=True):
            named = {
                name: part.bool() if kind == torch.bool else part
                for (name, kind), part in zip(group.items(), parts[first:], strict=False)
            }
            first += len(group)
            groups.append(Rows(named, piece))
        return tuple(groups)


def _columns(group: Group, names: Sequence[str]) -> torch.Tensor:
    """Tensors `names` of `group` as (total, num), for a kernel to read."""
    if isinstance(group, Rows) and tuple(group) == names:
        return group.columns
    return padded(block([group[name] for name in names]))


def padded(columns: torch.Tensor) -> torch.Tensor:
    """`columns` (rows, num), copied if a kernel could not read whole vectors up to their end."""
    count, num = columns.shape
    if not count:
        return columns
    stride = columns.stride(0) if count > 1 else num
    end = columns.storage_offset() + (count - 1) * stride + -(-num // rows.LANES) * rows.LANES
    if columns.stride(1) == 1 and 4 * end <= columns.untyped_storage().nbytes():
        return columns
    copy = Recycler(count, num).take()
    return copy.copy_(columns)


def write(target: Group, env_ids: torch.Tensor, source: Group) -> None:
    """Write rows `source` to `env_ids` of the tensors of the same names.

    A group that does not lie in one piece gets new tensors: others may hold the old ones.
    """
    if isinstance(target, Rows) and isinstance(source, Rows) and tuple(target) == tuple(source):
        whole = target.columns
        scatter(whole, _row_starts(len(whole), whole.stride(0)), env_ids, source.columns)
        return
    for name, value in source.items():
        if isinstance(target, Rows):
            target[name][env_ids] = value
        else:
            target[name] = target[name].index_copy(0, env_ids, value)


def read(source: Group, env_ids: torch.Tensor) -> Group:
    """Rows `env_ids` of every tensor."""
    if not isinstance(source, Rows):
        return {name: value[env_ids] for name, value in source.items()}
    whole = source.columns
    rows = gather(whole, _row_starts(len(whole), whole.stride(0)), env_ids).T
    parts = rows.split([value.shape[1] for value in source.values()], 1)
    return dict(zip(source, parts, strict=True))


@lru_cache(16)
def _row_starts(count: int, stride: int) -> torch.Tensor:
    return torch.arange(count) * stride
