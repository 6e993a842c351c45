"""A traced torch graph evaluated on arrays of symbols: see fuse.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from robot_rl.errors import SpecError
from robot_rl.kernels.rows import Scalar, Scalars

Array = np.ndarray
"""Of Scalars, dtype object."""

ELEMENTWISE = {
    'add': 'add', 'mul': 'mul', 'sub': 'sub', 'div': 'div', 'neg': 'neg', 'abs': 'abs',
    'sqrt': 'sqrt', 'floor': 'floor', 'sin': 'sin', 'cos': 'cos', 'exp': 'exp', 'log': 'log',
    'tanh': 'tanh', 'minimum': 'min', 'maximum': 'max', 'where': 'where',
    'clamp_min': 'max', 'clamp_max': 'min',
    'lt': 'lt', 'le': 'le', 'gt': 'gt', 'ge': 'ge', 'eq': 'eq', 'ne': 'ne',
    'bitwise_and': 'and', 'bitwise_or': 'or', 'bitwise_not': 'not',
    'logical_and': 'and', 'logical_or': 'or', 'logical_not': 'not',
}  # fmt: skip
SAME = {'clone', 'lift_fresh_copy', 'lift_fresh', 'detach', 'alias', '_to_copy', 'contiguous'}
RESHAPE = {'view', '_unsafe_view', 'reshape'}


class Graph:
    """What a function of one environment computes, as Scalars."""

    def __init__(
        self,
        function: Callable[..., tuple[dict[str, torch.Tensor], ...]],
        inputs: Sequence[Mapping[str, int]],
    ) -> None:
        """Trace `function(*groups)`. Raises SpecError for an operation without a translation."""
        self.scalars = Scalars()
        self.groups: list[dict[str, torch.dtype]] = []
        self.sizes: list[int] = []
        self.draws = False
        sizes = [size for group in inputs for size in group.values()]
        with torch.inference_mode(False), torch.no_grad():
            traced = make_fx(lambda *t: self._flat(function, inputs, t))(
                *(torch.zeros(1, size) for size in sizes)
            )
        loads = [
            np.array(
                [self.scalars.load(i, row) for row in range(start, start + size)], object
            ).reshape(1, size)
            for i, group in enumerate(inputs)
            for start, size in zip(accumulate(group.values(), initial=0), group.values())  # noqa: B905
        ]
        results = self._evaluate(traced, iter(loads))
        self.outputs = [value for array in results for value in array.flat]

    def _flat(
        self, function: Callable, inputs: Sequence[Mapping[str, int]], tensors: Sequence
    ) -> list[torch.Tensor]:
        """Call `function` and take note of the names, types and sizes of what it returns."""
        rest = iter(tensors)
        results = function(*({name: next(rest) for name in group} for group in inputs))
        values = [value for group in results for value in group.values()]
        for value in values:
            if value.dim() != 2 or value.shape[0] != 1:
                raise SpecError(f'Expected results (num_envs, size), got {tuple(value.shape)}.')
        self.groups = [{name: value.dtype for name, value in group.items()} for group in results]
        self.sizes = [value.shape[1] for value in values]
        return values

    def _evaluate(self, traced: torch.fx.GraphModule, loads: Any) -> list[Array]:
        values: dict[torch.fx.Node, Any] = {}
        for node in traced.graph.nodes:
            if node.op == 'placeholder':
                values[node] = next(loads)
            elif node.op == 'get_attr':
                values[node] = _constant(getattr(traced, node.target))
            elif node.op == 'output':
                return [values[n] for n in node.args[0]]
            else:
                args = torch.fx.map_arg(node.args, values.__getitem__)
                kwargs = torch.fx.map_arg(node.kwargs, values.__getitem__)
                values[node] = self._call(node.target, args, dict(kwargs))
        raise SpecError('The function returns nothing; expected groups of tensors.')

    def _call(self, target: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        if getattr(target, '__name__', '') == 'getitem':
            return args[0][args[1]]
        name = target._schema.name.removeprefix('aten::')
        translate = getattr(self, f'_op_{name}', None)
        if translate is not None:
            return translate(*args, **_only(target, kwargs))
        if name in SAME:
            if kwargs.get('dtype') not in (None, torch.float32):
                raise SpecError(
                    f'{target} to {kwargs["dtype"]} cannot be fused; expected torch.float32.'
                )
            return args[0]
        if name in RESHAPE:
            return args[0].reshape(args[1])
        if name not in ELEMENTWISE or kwargs.get('rounding_mode'):
            raise SpecError(
                f'The operation {target} cannot be fused; use those that envs/graph.py knows.'
            )
        if kwargs.get('alpha', 1) != 1:
            args = (args[0], self._apply('mul', args[1], kwargs['alpha']))
        return self._apply(ELEMENTWISE[name], *args)

    def _apply(self, operation: str, *values: Any) -> Array:
        arrays = [v if isinstance(v, np.ndarray) else _scalar(v) for v in values]
        one = np.frompyfunc(lambda *v: self.scalars.apply(operation, *v), len(values), 1)
        with np.errstate(all='ignore'):  # constants fold to infinity and NaN as torch's do
            return np.asarray(one(*arrays), object)

    def _fold(self, operation: str, terms: Sequence[Scalar]) -> Scalar:
        total = terms[0]
        for term in terms[1:]:
            total = self.scalars.apply(operation, total, term)
        return total

    def _reduce(self, operation: str, a: Array, dim: Any, keepdim: bool) -> Array:
        dims = [dim] if isinstance(dim, int) else list(dim or range(a.ndim))
        dims = sorted(d % a.ndim for d in dims)
        moved = np.moveaxis(a, dims, range(-len(dims), 0))
        kept = moved.shape[: a.ndim - len(dims)]
        result = np.empty(kept, object)
        for index in np.ndindex(*kept):
            result[index] = self._fold(operation, list(moved[index].flat))
        return np.expand_dims(result, dims) if keepdim else result

    # Arithmetic.

    def _op_rsub(self, a: Array, b: Any, alpha: float = 1) -> Array:
        return self._apply('sub', b, self._apply('mul', a, alpha))

    def _op_reciprocal(self, a: Array) -> Array:
        return self._apply('div', 1.0, a)

    def _op_rsqrt(self, a: Array) -> Array:
        return self._apply('div', 1.0, self._apply('sqrt', a))

    def _op_square(self, a: Array) -> Array:
        return self._apply('mul', a, a)

    def _op_pow(self, a: Array, power: Any) -> Array:
        if not isinstance(power, int | float) or power not in (-2, -1, -0.5, 0.5, 1, 2, 3, 4):
            raise SpecError(
                f'A power of {power} cannot be fused; expected a whole one from -2 to 4, '
                '0.5 or -0.5.'
            )
        size, result = abs(power), a
        if size == 0.5:
            result = self._apply('sqrt', a)
        for _ in range(int(size) - 1):
            result = self._apply('mul', result, a)
        return self._apply('div', 1.0, result) if power < 0 else result

    def _op_clamp(self, a: Array, low: Any = None, high: Any = None) -> Array:
        a = a if low is None else self._apply('max', low, a)
        return a if high is None else self._apply('min', high, a)

    def _op_lerp(self, a: Array, b: Array, weight: Any) -> Array:
        return self._apply('add', a, self._apply('mul', weight, self._apply('sub', b, a)))

    def _op_sum(self, a: Array, dim: Any = None, keepdim: bool = False) -> Array:
        return self._reduce('add', a, dim, keepdim)

    def _op_mean(self, a: Array, dim: Any = None, keepdim: bool = False) -> Array:
        total = self._reduce('add', a, dim, keepdim)
        return self._apply('div', total, a.size / total.size)

    def _op_amax(self, a: Array, dim: Any = (), keepdim: bool = False) -> Array:
        return self._reduce('max', a, dim, keepdim)

    def _op_amin(self, a: Array, dim: Any = (), keepdim: bool = False) -> Array:
        return self._reduce('min', a, dim, keepdim)

    def _op_any(self, a: Array, dim: Any = None, keepdim: bool = False) -> Array:
        return self._reduce('or', a, dim, keepdim)

    def _op_all(self, a: Array, dim: Any = None, keepdim: bool = False) -> Array:
        return self._reduce('and', a, dim, keepdim)

    def _op_linalg_vector_norm(
        self, a: Array, order: float = 2, dim: Any = None, keepdim: bool = False
    ) -> Array:
        if order != 2:
            raise SpecError(f'A norm of order {order} cannot be fused; expected order 2.')
        return self._apply('sqrt', self._reduce('add', self._op_square(a), dim, keepdim))

    def _op_mm(self, a: Array, b: Array) -> Array:
        return self._op_sum(self._apply('mul', a[:, :, None], b[None]), 1)

    def _op_bmm(self, a: Array, b: Array) -> Array:
        return self._op_sum(self._apply('mul', a[:, :, :, None], b[:, None]), 2)

    def _op_addmm(self, bias: Array, a: Array, b: Array) -> Array:
        return self._apply('add', bias, self._op_mm(a, b))

    # Random numbers.

    def _op_rand(self, size: Sequence[int]) -> Array:
        self.draws = True
        count = int(np.prod(size))
        return np.array([self.scalars.uniform() for _ in range(count)], object).reshape(size)

    def _op_randn(self, size: Sequence[int]) -> Array:
        self.draws = True
        return np.array(self.scalars.normals(int(np.prod(size))), object).reshape(size)

    # Constants and moves.

    def _op_full(self, size: Sequence[int], value: float) -> Array:
        return np.full(size, value, object)

    def _op_arange(self, *bounds: float) -> Array:
        return np.arange(*bounds).astype(object)

    def _op_zeros(self, size: Sequence[int]) -> Array:
        return np.full(size, 0.0, object)

    def _op_ones(self, size: Sequence[int]) -> Array:
        return np.full(size, 1.0, object)

    def _op_zeros_like(self, a: Array) -> Array:
        return np.full(a.shape, 0.0, object)

    def _op_ones_like(self, a: Array) -> Array:
        return np.full(a.shape, 1.0, object)

    def _op_full_like(self, a: Array, value: float) -> Array:
        return np.full(a.shape, value, object)

    def _op_cat(self, parts: Sequence[Array], dim: int = 0) -> Array:
        return np.concatenate(parts, axis=dim)

    def _op_stack(self, parts: Sequence[Array], dim: int = 0) -> Array:
        return np.stack(parts, axis=dim)

    def _op_select(self, a: Array, dim: int, index: int) -> Array:
        return np.asarray(np.moveaxis(a, dim, 0)[index], object)

    def _op_slice(
        self,
        a: Array,
        dim: int = 0,
        start: int | None = None,
        end: int | None = None,
        step: int = 1,
    ) -> Array:
        index = [slice(None)] * a.ndim
        index[dim] = slice(start, end, step)
        return a[tuple(index)]

    def _op_index(self, a: Array, indices: Sequence[Array | None]) -> Array:
        if any(isinstance(v, str) for index in indices if index is not None for v in index.flat):
            raise SpecError(
                'An index that depends on values cannot be fused, expected a constant; use '
                'torch.where.'
            )
        return a[tuple(slice(None) if i is None else i.astype(np.int64) for i in indices)]

    def _op_unsqueeze(self, a: Array, dim: int) -> Array:
        return np.expand_dims(a, dim)

    def _op_squeeze(self, a: Array, dim: Any = None) -> Array:
        dims = range(a.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
        return np.squeeze(a, tuple(d for d in dims if a.shape[d] == 1))

    def _op_permute(self, a: Array, dims: Sequence[int]) -> Array:
        return a.transpose(dims)

    def _op_transpose(self, a: Array, one: int, other: int) -> Array:
        return np.swapaxes(a, one, other)

    def _op_t(self, a: Array) -> Array:
        return a.T

    def _op_expand(self, a: Array, size: Sequence[int]) -> Array:
        shape = [old if new == -1 else new for new, old in zip(size[::-1], a.shape[::-1])]  # noqa: B905
        return np.broadcast_to(a, [*size[: len(size) - a.ndim], *shape[::-1]])

    def _op_repeat(self, a: Array, times: Sequence[int]) -> Array:
        return np.tile(a, times)

    def _op_split_with_sizes(self, a: Array, sizes: Sequence[int], dim: int = 0) -> list[Array]:
        return np.split(a, list(accumulate(sizes))[:-1], axis=dim)

    def _op_split(self, a: Array, size: int, dim: int = 0) -> list[Array]:
        return np.split(a, range(size, a.shape[dim], size or 1), axis=dim)  # 0 parts nothing


_PLACEMENT = {'dtype', 'layout', 'device', 'pin_memory', 'generator', 'memory_format'}


def _only(target: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments that say something about values, not about where they are kept."""
    if kwargs.get('dtype') not in (None, torch.float32, torch.bool):
        raise SpecError(
            f'{target} in {kwargs["dtype"]} cannot be fused; expected torch.float32 or torch.bool.'
        )
    return {name: value for name, value in kwargs.items() if name not in _PLACEMENT}


def _scalar(value: Any) -> Array:
    return np.array(value if isinstance(value, bool) else float(value), object)


def _constant(tensor: Any) -> Any:
    if not isinstance(tensor, torch.Tensor):  # a generator
        return tensor
    return np.array(tensor.tolist(), object).reshape(tuple(tensor.shape))
