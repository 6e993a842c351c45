"""Prove that onnxruntime computes from a policy file what torch does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from robot_rl.errors import MissingPackageError, PolicyFileError
from robot_rl.export.graph import PolicyGraph

PARITY = 1e-5
"""Largest difference between torch and onnxruntime, relative to the output's largest magnitude."""
PERIODS = 100
"""That are computed in a row."""


def check_parity(
    graph: PolicyGraph, data: bytes, inputs: list[np.ndarray], expected: list[np.ndarray]
) -> dict[str, float]:
    """Largest relative difference of each output from what torch computed.

    Args:
        graph: The module that was exported.
        data: The policy file's bytes.
        inputs: One (rows, size) an input.
        expected: One (rows, size) an output, from torch.

    Raises:
        PolicyFileError: An output differs by more than `PARITY`.
    """
    run = _session(data).run
    feeds = [_row(graph, inputs, row) for row in range(len(inputs[0]))]
    return _compare(graph, [run(graph.output_names, feed) for feed in feeds], expected)


def check_in_a_row(graph: PolicyGraph, data: bytes, inputs: list[np.ndarray]) -> dict[str, float]:
    """The same over periods in a row, torch and onnxruntime each with the memory that it made.

    What differs too little to be seen in one period may grow from one to the next. `inputs` are as
    above; the first PERIODS rows are taken one after another, without their memory.
    """
    if not graph.memory_size:
        return {}
    session, num = _session(data), min(PERIODS, len(inputs[0]))
    memory = np.zeros((1, graph.memory_size), np.float32)
    carried = torch.zeros(1, graph.memory_size)
    got: list[Any] = []
    made: list[list[np.ndarray]] = []
    with torch.inference_mode():
        for row in range(num):
            feed = _row(graph, inputs, row) | {'memory': memory}
            got.append(session.run(graph.output_names, feed))
            memory = got[-1][1]
            signals = [torch.from_numpy(value[row : row + 1]) for value in inputs[:-1]]
            setpoint, carried = graph(*signals, carried)
            made.append([setpoint.numpy(), carried.numpy()])
    return _compare(graph, got, [np.concatenate(rows) for rows in zip(*made, strict=True)])


def _session(data: bytes) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MissingPackageError('onnxruntime') from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=['CPUExecutionProvider'])


def _row(graph: PolicyGraph, inputs: Sequence[np.ndarray], row: int) -> dict[str, np.ndarray]:
    return {
        name: value[row : row + 1] for name, value in zip(graph.input_names, inputs, strict=True)
    }


def _compare(
    graph: PolicyGraph, rows: Sequence[Sequence[np.ndarray]], expected: Sequence[np.ndarray]
) -> dict[str, float]:
    worst: dict[str, float] = {}
    for index, (name, reference) in enumerate(zip(graph.output_names, expected, strict=True)):
        got = np.concatenate([row[index] for row in rows])
        scale = np.abs(reference).max(0)
        error = np.abs(got - reference) / np.where(scale > 0.0, scale, 1.0)
        worst[name] = float(error.max())
        if not worst[name] <= PARITY:  # also for NaN
            raise PolicyFileError(
                f'The exported graph does not compute what torch does: {name!r} differs by '
                f'{worst[name]:.2g} of its magnitude over {len(rows)} states, allowed is '
                f'{PARITY:g}. No file was written. Look for branches in the task or the actor '
                'that depend on values.'
            )
    return worst
