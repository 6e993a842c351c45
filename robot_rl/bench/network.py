"""A torch network of the same layers as the one in a policy file, to time torch on."""

from __future__ import annotations

import onnx
from torch import nn

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    'Relu': nn.ReLU,
    'Tanh': nn.Tanh,
    'Elu': nn.ELU,
    'Sigmoid': nn.Sigmoid,
}


def network_like(data: bytes, observation_size: int) -> nn.Sequential | None:
    """Multilayer perceptron with a policy file's layers, or None where it holds another kind.

    The exporter joins what is affine around the first layer into its weights, so that the network
    here has the file's sizes and activations, not its numbers: it costs the same.
    """
    graph = onnx.load_model_from_string(data).graph
    sizes = {tensor.name: tensor.dims for tensor in graph.initializer}
    readers = {node.input[0]: node.op_type for node in graph.node}
    layers: list[nn.Module] = []
    width = observation_size
    for node in graph.node:
        if node.op_type != 'Gemm' or not node.input[1].startswith('actor.'):
            continue
        layers.append(nn.Linear(width, sizes[node.input[1]][0]))
        width = sizes[node.input[1]][0]
        activation = _ACTIVATIONS.get(readers.get(node.output[0], ''))
        if activation is not None:
            layers.append(activation())
    return nn.Sequential(*layers) if layers else None
