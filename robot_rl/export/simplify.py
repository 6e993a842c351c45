"""Remove from a traced graph what the exporter leaves behind; each node costs a robot its time.

Small tensors make the number of operations count, not their size: about 0.3 us each. Every rule
keeps what the graph computes, and the parity test at export sees the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from robot_rl.export.affine import Constants, Shapes, join


def simplify(model: Any) -> None:
    """Simplify an ONNX model in place. Shapes of intermediate values must still be in it."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    _choose_branches(graph, constants, shapes)
    _merge_transposes(graph, constants)
    _remove_unused(graph)
    fine = {v.name for v in graph.value_info if v.type.tensor_type.elem_type != TensorProto.FLOAT}
    rows = {name: shape for name, shape in shapes.items() if name not in fine}
    join(graph, {t.name: numpy_helper.to_array(t) for t in graph.initializer}, rows)
    _remove_unused(graph)


def _choose_branches(graph: Any, constants: Constants, shapes: Shapes) -> None:
    """Where(constant, a, b) is a or b; torch.lerp is exported with one."""
    outputs = {value.name for value in graph.output}
    renamed: dict[str, str] = {}
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        condition = constants.get(node.input[0]) if node.op_type == 'Where' else None
        if condition is None or node.output[0] in outputs:
            continue
        if condition.all() or not condition.any():
            chosen = node.input[1 if condition.all() else 2]
            if chosen in shapes and shapes[chosen] == shapes.get(node.output[0]):
                renamed[node.output[0]] = chosen


def _merge_transposes(graph: Any, constants: Constants) -> None:
    """(C @ x.T).T is x @ C.T, and C.T is a constant.

    Batched tensors are laid out with the environments side by side, where the first form is the
    faster one; for the single row of a robot it is two transposes too many.
    """
    made = {node.output[0]: node for node in graph.node}
    uses = [name for node in graph.node for name in node.input]
    uses += [value.name for value in graph.output]
    for index, last in enumerate(graph.node):
        product = made.get(last.input[0]) if _is_transpose(last) else None
        if product is None or product.op_type != 'MatMul' or uses.count(product.output[0]) > 1:
            continue
        matrix, first = constants.get(product.input[0]), made.get(product.input[1])
        if matrix is None or matrix.ndim != 2 or first is None or not _is_transpose(first):
            continue
        name = _constant(graph, constants, f'{product.input[0]}_transposed', matrix.T)
        merged = helper.make_node('MatMul', [first.input[0], name], list(last.output), last.name)
        graph.node[index].CopyFrom(merged)


def _constant(graph: Any, constants: Constants, name: str, value: np.ndarray) -> str:
    """Add a constant, once, and return its name."""
    if name not in constants:
        constants[name] = np.ascontiguousarray(value)
        graph.initializer.append(numpy_helper.from_array(constants[name], name))
    return name


def _is_transpose(node: NodeProto) -> bool:
    """Whether a node swaps the two axes of a matrix."""
    if node.op_type != 'Transpose':
        return False
    order = [list(attribute.ints) for attribute in node.attribute if attribute.name == 'perm']
    return order == [[1, 0]]


def _remove_unused(graph: Any) -> None:
    """Drop nodes and constants that no output depends on."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    kept.reverse()
    tensors = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(tensors)
