"""Join operations that are affine together into one product of a matrix.

Scaling, differences, slices, filters and linear layers in a row are one matrix and one offset.
Written out, each of them is a node that costs a robot 0.3 us a step; joined, the whole row is a
Concat and a Gemm. The matrix is computed in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import NodeProto, helper, numpy_helper

Constants = dict[str, np.ndarray]
Shapes = dict[str, list[int]]

MULTIPLICATIONS = 1500
"""Multiplications that may be added for each node that is saved: they take about as long."""
LONGEST = 1024
"""Components of a vector that is looked at: a flattened image is no place for square matrices."""


@dataclass
class Affine:
    """A row vector as offset + sum of atom @ matrix."""

    terms: dict[str, np.ndarray]
    """Atom (a value that is computed in some other way) to its matrix (atom size, size)."""
    offset: np.ndarray
    """(size,)"""

    def map(self, matrix: np.ndarray) -> Affine:
        """This vector @ matrix."""
        return Affine({n: m @ matrix for n, m in self.terms.items()}, self.offset @ matrix)

    def plus(self, other: Affine, sign: float) -> Affine:
        """This vector + sign * other."""
        terms = dict(self.terms)
        for name, matrix in other.terms.items():
            terms[name] = terms.get(name, 0.0) + sign * matrix
        return Affine(terms, self.offset + sign * other.offset)


def join(graph: Any, constants: Constants, shapes: Shapes) -> None:
    """Replace rows of affine operations in an ONNX graph where that saves nodes."""
    reader = _Reader(graph, constants, shapes)
    for root in reader.roots:
        found = reader.read(root, at_root=True)
        nodes = reader.exclusive(root)
        saved = len(nodes) - (1 if len(found.terms) == 1 else 2)
        size = sum(matrix.size for matrix in found.terms.values())
        before = sum(constants[n].size for node in nodes for n in node.input if n in constants)
        if found.terms and saved > 0 and size - before <= MULTIPLICATIONS * saved:
            _replace(graph, reader.made[root], found)


class _Reader:
    """Reads values of a graph as affine functions of the values that must exist anyway."""

    def __init__(self, graph: Any, constants: Constants, shapes: Shapes) -> None:
        self.constants, self.shapes = constants, shapes
        self.made = {name: node for node in graph.node for name in node.output}
        self._known: dict[str, Affine | None] = {}
        self._users: dict[str, list[NodeProto | None]] = {v.name: [None] for v in graph.output}
        for node in graph.node:
            for name in node.input:
                self._users.setdefault(name, []).append(node)
        self._affine = {n for n, node in self.made.items() if self._step(node) is not None}
        self.roots = [
            name
            for name in self.made
            if name in self._affine
            and any(
                u is None or u.output[0] not in self._affine for u in self._users.get(name, [])
            )
        ]

    def read(self, name: str, at_root: bool = False) -> Affine:
        """Value `name`; other roots, inputs and what is not affine are atoms."""
        size = self.shapes[name][1]
        if not at_root and (name not in self._affine or name in self.roots):
            return Affine({name: np.eye(size)}, np.zeros(size))
        step = self._step(self.made[name])
        assert step is not None
        return step()

    def exclusive(self, root: str) -> list[NodeProto]:
        """Nodes that nobody needs any more once `root` is computed in another way."""
        found, names = [self.made[root]], {root}
        for node in found:
            for name in node.input:
                if name not in self._affine or name in self.roots or name in names:
                    continue
                if all(u is not None and u.output[0] in names for u in self._users[name]):
                    found.append(self.made[name])
                    names.add(name)
        return found

    def _vector(self, name: str) -> bool:
        shape = self.shapes.get(name, [])
        row = len(shape) == 2 and shape[0] == 1 and 0 < shape[1] <= LONGEST
        return row and name not in self.constants

    def _step(self, node: NodeProto) -> Any:
        """Function that reads an affine node, or None for a node that is not."""
        if not self._vector(node.output[0]):
            return None
        rules = {
            'Add': self._sum,
            'Sub': self._sum,
            'Mul': self._scale,
            'Slice': self._slice,
            'Concat': self._concat,
            'MatMul': self._product,
            'Gemm': self._layer,
        }
        rule = rules.get(node.op_type)
        return rule(node) if rule else None

    def _operand(self, name: str, size: int) -> Any:
        """Function that reads an operand of `size` components, constant or not; else None."""
        if self._vector(name):
            return (lambda: self.read(name)) if self.shapes[name][1] == size else None
        value = self.constants.get(name)
        if value is None or value.size not in (1, size):
            return None
        row = np.broadcast_to(value.astype(np.float64).ravel(), (size,))
        return lambda: Affine({}, row)

    def _sum(self, node: NodeProto) -> Any:
        size = self.shapes[node.output[0]][1]
        first, second = (self._operand(name, size) for name in node.input)
        sign = 1.0 if node.op_type == 'Add' else -1.0
        return first and second and (lambda: first().plus(second(), sign))

    def _scale(self, node: NodeProto) -> Any:
        source, factor = node.input
        if source in self.constants:
            source, factor = factor, source
        size = self.shapes[node.output[0]][1]
        vector, scale = self._operand(source, size), self._operand(factor, size)
        if factor not in self.constants or source in self.constants:
            return None
        return vector and scale and (lambda: vector().map(np.diag(scale().offset)))

    def _slice(self, node: NodeProto) -> Any:
        source, *rest = node.input
        if (
            len(rest) != 4
            or not self._vector(source)
            or any(n not in self.constants for n in rest)
        ):
            return None
        start, stop, axis, step = (self.constants[name].ravel() for name in rest)
        if list(axis) not in ([1], [-1]):
            return None
        size = self.shapes[source][1]
        columns = np.arange(size)[slice(int(start[0]), int(stop[0]), int(step[0]))]
        return lambda: self.read(source).map(np.eye(size)[:, columns])

    def _concat(self, node: NodeProto) -> Any:
        axis = helper.get_attribute_value(node.attribute[0])
        if axis not in (1, -1) or not all(self._vector(name) for name in node.input):
            return None
        sizes = [self.shapes[name][1] for name in node.input]
        starts = np.cumsum([0, *sizes])
        place = np.eye(starts[-1])

        def read() -> Affine:
            whole = Affine({}, np.zeros(starts[-1]))
            for name, start, size in zip(node.input, starts, sizes, strict=False):
                whole = whole.plus(self.read(name).map(place[start : start + size]), 1.0)
            return whole

        return read

    def _product(self, node: NodeProto) -> Any:
        source, matrix = node.input[0], self.constants.get(node.input[1])
        if matrix is None or matrix.ndim != 2 or not self._vector(source):
            return None
        return lambda: self.read(source).map(matrix.astype(np.float64))

    def _layer(self, node: NodeProto) -> Any:
        options = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        plain = options.get('transB') == 1 and not options.get('transA')
        scaled = options.get('alpha', 1.0) != 1.0 or options.get('beta', 1.0) != 1.0
        weight = self.constants.get(node.input[1])
        if not plain or scaled or weight is None or not self._vector(node.input[0]):
            return None
        bias = self._operand(node.input[2], len(weight)) if len(node.input) > 2 else None
        matrix = weight.T.astype(np.float64)

        def read() -> Affine:
            product = self.read(node.input[0]).map(matrix)
            return product.plus(bias(), 1.0) if bias else product

        return read


def _replace(graph: Any, root: NodeProto, found: Affine) -> None:
    """Compute the output of `root` by one Gemm over its atoms."""
    output = root.output[0]
    old = {tensor.name: tensor for tensor in graph.initializer}
    # A layer keeps the name of its weight, so that messages about it name something known.
    names = [f'{output}.weight', f'{output}.bias']
    if root.op_type == 'Gemm':
        names = [*root.input[1:], *names[len(root.input) - 1 :]]
    weight = np.concatenate(list(found.terms.values())).T
    for name, value in zip(names, (weight, found.offset), strict=True):
        tensor = numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name)
        if name in old:
            old[name].CopyFrom(tensor)
        else:
            graph.initializer.append(tensor)
    nodes = []
    source = next(iter(found.terms))
    if len(found.terms) > 1:
        source = f'{output}.atoms'
        nodes.append(helper.make_node('Concat', list(found.terms), [source], axis=1))
    nodes.append(helper.make_node('Gemm', [source, *names], [output], transB=1))
    index = next(i for i, node in enumerate(graph.node) if node.output[0] == output)
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*rest[:index], *nodes, *rest[index + 1 :]])
