"""Simplified graphs are shorter and compute the same."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')

from onnx import TensorProto, helper, numpy_helper

from robot_rl.export.simplify import simplify


def _model(nodes, size: int, out: int, **constants):
    """x (1, size) -> y (1, out)."""
    graph = helper.make_graph(
        nodes,
        'g',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, size])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, [1, out])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)


def _run(model, x: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=['CPUExecutionProvider']
    )
    return session.run(None, {'x': x})[0]


def _kinds(model) -> list[str]:
    return [node.op_type for node in model.graph.node]


X = np.array([[1.0, -2.0, 3.0]], np.float32)


@pytest.mark.parametrize('condition', [True, False])
def test_a_constant_where_is_one_of_its_branches(condition: bool):
    nodes = [
        helper.make_node('Neg', ['x'], ['a']),
        helper.make_node('Exp', ['x'], ['b']),
        helper.make_node('Where', ['c', 'a', 'b'], ['w']),
        helper.make_node('Add', ['w', 'x'], ['y']),
    ]
    model = _model(nodes, 3, 3, c=np.array(condition))
    before = _run(model, X)
    simplify(model)
    assert _kinds(model) == ['Neg' if condition else 'Exp', 'Add']
    np.testing.assert_array_equal(_run(model, X), before)


def test_a_where_that_broadcasts_or_mixes_or_ends_the_graph_stays():
    mixed = np.array([True, False, True])
    nodes = [
        helper.make_node('Neg', ['x'], ['a']),
        helper.make_node('Where', ['m', 'a', 'x'], ['w']),  # takes from both
        helper.make_node('ReduceSum', ['x'], ['s']),
        helper.make_node('Where', ['c', 's', 'w'], ['v']),  # widens s
        helper.make_node('Where', ['c', 'v', 'x'], ['y']),  # the output's own name
    ]
    model = _model(nodes, 3, 3, m=mixed, c=np.array(True))
    before = _run(model, X)
    simplify(model)
    assert _kinds(model).count('Where') == 3
    np.testing.assert_array_equal(_run(model, X), before)


def test_transposes_around_a_constant_product_merge():
    matrix = np.arange(12, dtype=np.float32).reshape(4, 3)
    nodes = [
        helper.make_node('Transpose', ['x'], ['t'], perm=[1, 0]),
        helper.make_node('MatMul', ['m', 't'], ['p']),
        helper.make_node('Transpose', ['p'], ['y'], perm=[1, 0]),
    ]
    model = _model(nodes, 3, 4, m=matrix)
    before = _run(model, X)
    simplify(model)
    assert _kinds(model) == ['MatMul']
    assert [tensor.name for tensor in model.graph.initializer] == ['m_transposed']
    np.testing.assert_allclose(_run(model, X), before)


def test_a_product_that_is_used_twice_stays():
    matrix = np.ones((3, 3), np.float32)
    nodes = [
        helper.make_node('Transpose', ['x'], ['t'], perm=[1, 0]),
        helper.make_node('MatMul', ['m', 't'], ['p']),
        helper.make_node('Transpose', ['p'], ['q'], perm=[1, 0]),
        helper.make_node('MatMul', ['q', 'p'], ['n']),
        helper.make_node('Add', ['q', 'n'], ['y']),
    ]
    model = _model(nodes, 3, 3, m=matrix)
    before = _run(model, X)
    simplify(model)
    assert _kinds(model).count('Transpose') == 2
    np.testing.assert_allclose(_run(model, X), before)


def test_what_is_affine_before_a_layer_folds_into_it():
    draw = np.random.default_rng(0)
    nodes = [
        helper.make_node('Mul', ['x', 'half'], ['h']),
        helper.make_node('Exp', ['x'], ['e']),
        helper.make_node('Mul', ['row', 'e'], ['r']),
        helper.make_node('Sub', ['e', 'h'], ['d']),
        helper.make_node('Slice', ['x', 'zero', 'two', 'one', 'one'], ['s']),
        helper.make_node('MatMul', ['s', 'm'], ['p']),
        helper.make_node('Concat', ['h', 'r', 'd', 'p'], ['c'], axis=1),
        helper.make_node('Gemm', ['c', 'w', 'b'], ['g'], transB=1),
        helper.make_node('Relu', ['g'], ['y']),
    ]
    model = _model(
        nodes,
        3,
        2,
        half=np.array(0.5, np.float32),
        row=np.array([1.0, 2.0, 3.0], np.float32),
        zero=np.array([0]),
        one=np.array([1]),
        two=np.array([2]),
        m=draw.normal(size=(2, 5)).astype(np.float32),
        w=draw.normal(size=(2, 14)).astype(np.float32),
        b=draw.normal(size=2).astype(np.float32),
    )
    before = _run(model, X)
    simplify(model)
    assert _kinds(model) == ['Exp', 'Concat', 'Gemm', 'Relu']
    assert {tensor.name for tensor in model.graph.initializer} == {'w', 'b'}
    np.testing.assert_allclose(_run(model, X), before, rtol=1e-5)


def test_a_filter_that_leaves_the_graph_is_one_layer():
    nodes = [
        helper.make_node('Exp', ['x'], ['new']),
        helper.make_node('Sub', ['x', 'new'], ['d']),
        helper.make_node('Mul', ['d', 'k'], ['t']),
        helper.make_node('Add', ['new', 't'], ['y']),
    ]
    model = _model(nodes, 3, 3, k=np.array(0.9, np.float32))
    before = _run(model, X)
    simplify(model)
    assert _kinds(model) == ['Exp', 'Concat', 'Gemm']
    np.testing.assert_allclose(_run(model, X), before, rtol=1e-5)


def test_a_value_that_others_need_is_kept_and_read():
    nodes = [
        helper.make_node('Mul', ['x', 'half'], ['h']),
        helper.make_node('Concat', ['h', 'x'], ['c'], axis=1),
        helper.make_node('Gemm', ['c', 'w', 'b'], ['g'], transB=1),
        helper.make_node('ReduceMax', ['c'], ['s']),
        helper.make_node('Mul', ['g', 's'], ['y']),
    ]
    weights = {'w': np.ones((2, 6), np.float32), 'b': np.zeros(2, np.float32)}
    model = _model(nodes, 3, 2, half=np.array(0.5, np.float32), **weights)
    before = _run(model, X)
    simplify(model)
    assert 'ReduceMax' in _kinds(model)
    np.testing.assert_allclose(_run(model, X), before, rtol=1e-6)


def test_a_long_memory_is_not_turned_into_a_large_matrix():
    """Shifting 2,000 numbers is cheap as a Slice, and four million multiplications are not."""
    nodes = [
        helper.make_node('Slice', ['x', 'start', 'end', 'one', 'one'], ['old']),
        helper.make_node('Slice', ['x', 'zero', 'start', 'one', 'one'], ['first']),
        helper.make_node('Mul', ['first', 'half'], ['new']),
        helper.make_node('Concat', ['old', 'new'], ['y'], axis=1),
    ]
    model = _model(
        nodes,
        2000,
        2000,
        zero=np.array([0]),
        one=np.array([1]),
        start=np.array([10]),
        end=np.array([2000]),
        half=np.array(0.5, np.float32),
    )
    simplify(model)
    assert _kinds(model) == ['Slice', 'Slice', 'Mul', 'Concat']


def test_operations_that_only_look_affine_stay():
    nodes = [
        helper.make_node('Mul', ['x', 'x'], ['square']),  # no constant
        helper.make_node('ReduceSum', ['square'], ['sum'], keepdims=1),
        helper.make_node('Add', ['square', 'sum'], ['wide']),  # (1, 1) widened to (1, 3)
        helper.make_node('Transpose', ['wide'], ['column'], perm=[1, 0]),
        helper.make_node('MatMul', ['x', 'column'], ['dot']),  # the matrix is no constant
        helper.make_node('Gemm', ['x', 'w'], ['g'], transB=1, alpha=0.5),
        helper.make_node('Mul', ['g', 'dot'], ['y']),
    ]
    model = _model(nodes, 3, 2, w=np.ones((2, 3), np.float32))
    before, kinds = _run(model, X), _kinds(model)
    simplify(model)
    assert _kinds(model) == kinds
    np.testing.assert_array_equal(_run(model, X), before)


def test_what_no_output_needs_is_dropped():
    nodes = [
        helper.make_node('Exp', ['x'], ['a']),
        helper.make_node('Add', ['a', 'k'], ['b']),
        helper.make_node('Neg', ['x'], ['y']),
    ]
    model = _model(nodes, 3, 3, k=np.ones(3, np.float32))
    simplify(model)
    assert _kinds(model) == ['Neg']
    assert not model.graph.initializer
