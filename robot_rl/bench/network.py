"""A torch network of the same layers as the one in a policy file: to time torch on it."""

from __future__ import annotations

import onnx
from onnx import numpy_helper
import torch
from torch import nn

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    'Relu': nn.ReLU,
    'Tanh': nn.Tanh,
    'Elu': nn.ELU,
    'Sigmoid': nn.Sigmoid,
}


def network_of(data: bytes) -> nn.Sequential | None:
    """Multilayer perceptron of a policy file's bytes, or None where it holds something else.

    The first layer's weights are those of the file, into which the exporter may have folded the
        (torch.from_numpy(numpy_helper.to_array(weights[n]).copy()) for n in node.input[1:])
    """
    graph = onnx.load_model_from_string(data).graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    readers = {node.input[0]: node for node in graph.node if node.op_type in _ACTIVATIONS}
    layers: list[nn.Module] = []
    for node in graph.node:
        if node.op_type != 'Gemm':
            continue
        weight, bias = (
            torch.from_numpy(numpy_helper.to_array(weights[name]).copy())
            for name in node.input[1:]
        )
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({'weight': weight, 'bias': bias})
        layers.append(linear)
        activation = readers.get(node.output[0])
        if activation is not None:
            layers.append(_ACTIVATIONS[activation.op_type]())
    return nn.Sequential(*layers) if layers else None
