"""Write a policy as one ONNX file that carries everything, and prove that it computes the same."""

from __future__ import annotations

from collections.abc import Mapping
import copy
import json
import logging
from pathlib import Path
from typing import Any
import warnings

import numpy as np
import torch

from robot_rl.errors import MissingPackageError, PolicyFileError
from robot_rl.export.graph import PolicyGraph
from robot_rl.export.parity import check_in_a_row, check_parity
from robot_rl.export.states import States, random_states
from robot_rl.files import write_file
from robot_rl.machine import package_versions
from robot_rl.spec import policy_file
from robot_rl.spec.contract import Contract, contract_of
from robot_rl.spec.task import Task

OPSET = 18
IR_VERSION = 8  # of opset 18; onnxruntime 1.17 reads up to 9
RANDOM_STATES = 1000
GOLDEN_ROWS = 8
GOLDEN_IMAGES = 2
_PACKAGES = ('robot_rl', 'torch', 'onnx', 'onnxruntime', 'numpy')


def export_policy(
    task: Task,
    actor: torch.nn.Module,
    path: str | Path,
    *,
    statistics: Mapping[str, Mapping[str, Any]],
    training: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    golden_states: States,
) -> Contract:
    """Write the policy file `path`, or nothing at all.

    Args:
        task: What the policy was trained on.
        actor: See envs/actor.py; deterministic.
        path: File to write; one that exists is replaced only by a policy that passed.
        statistics: Of each signal, from `states.collect`.
        training: What was run to get the policy: run, seed, revision, steps. JSON values.
        evaluation: How it scored. JSON values.
        golden_states: Inputs met in rollouts. Parity is tested over all of them, and a few become
            the golden rows that a robot computes again before it trusts the file.

    Returns:
        The contract written into the file.

    Raises:
        PolicyFileError: A weight is not finite, or torch and onnxruntime disagree.
        RunFolderError: The file could not be written.
        MissingPackageError: onnx, onnxscript or onnxruntime is not installed.
    """
    graph = PolicyGraph(task, copy.deepcopy(actor).cpu()).eval()
    _check_finite(graph)
    contract = contract_of(
        task,
        versions=package_versions(_PACKAGES),
        training=training,
        evaluation=evaluation,
        statistics=statistics,
        memory_size=graph.memory_size,
    )
    states = [golden_states, random_states(golden_states, RANDOM_STATES)]
    inputs = _stack(graph, states)
    with torch.inference_mode():
        expected = [out.numpy() for out in graph(*map(torch.from_numpy, inputs))]
    golden = _golden_rows(graph, inputs, expected, len(golden_states))
    data = _serialize(graph, contract, golden)
    check_parity(graph, data, inputs, expected)
    check_in_a_row(graph, data, [rows[: len(golden_states)] for rows in inputs])
    write_file(Path(path), data)
    return contract


def _check_finite(graph: PolicyGraph) -> None:
    for name, weight in graph.state_dict().items():
        if weight.is_floating_point() and not bool(torch.isfinite(weight).all()):
            raise PolicyFileError(
                f'The weight {name!r} holds NaN or infinity: training diverged. '
                'Export an earlier checkpoint.'
            )


def _stack(graph: PolicyGraph, states: list[States]) -> list[np.ndarray]:
    """Inputs of the graph in order, the rows of all `states` one after another."""
    return [
        np.concatenate(
            [part.memory if name == 'memory' else part.signals[name] for part in states]
        )
        for name in graph.input_names
    ]


def _golden_rows(
    graph: PolicyGraph, inputs: list[np.ndarray], expected: list[np.ndarray], num: int
) -> list[dict[str, Any]]:
    """Rows evenly spread over the first `num`: inputs and outputs as lists."""
    rows, most = [], GOLDEN_IMAGES if graph.task.eye else GOLDEN_ROWS
    for row in np.linspace(0, num - 1, min(num, most)).astype(int):
        named = zip(graph.input_names, inputs, strict=True)
        given = {name: values[row].ravel().tolist() for name, values in named}
        out = {n: v[row].tolist() for n, v in zip(graph.output_names, expected, strict=True)}
        memory = given.pop('memory', [])
        rows.append({'inputs': given, 'memory': memory, 'memory_out': [], **out})
    return rows


def _free(graph: PolicyGraph) -> Any:
    """Which dimensions are for the robot to say: beams, where any lidar will do, and pixels."""
    task = graph.task
    if task.directions is None and task.eye is None:
        return None
    frames = {signal.name: signal.frame for signal in task.signals}
    free: dict[str, Any] = {}
    if task.directions:
        free['beam'] = {1: torch.export.Dim(policy_file.BEAMS, min=2)}
    if task.eye:
        rows, columns = policy_file.ROWS_AND_COLUMNS
        free['pixel'] = {
            1: torch.export.Dim(rows, min=2),
            2: torch.export.Dim(columns, min=2),
        }
    return (tuple(free.get(frames.get(name, '')) for name in graph.input_names),)


def _trace(graph: PolicyGraph) -> Any:
    """ONNX model of a module: constants folded, every weight inside, batch 1."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    try:
        from robot_rl.export.simplify import simplify

        # Quiet: the exporter reports on packages it does not need and on its own internals.
        logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            program = torch.onnx.export(
                graph,
                graph.example(),
                input_names=graph.input_names,
                output_names=graph.output_names,
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=_free(graph),
                external_data=False,
                verbose=False,
            )
    except ModuleNotFoundError as error:
        raise MissingPackageError.of(error) or error from None
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise PolicyFileError(
            f'The policy of {graph.task.id!r} cannot be traced: {reason}. Observation, network, '
            'action and memory must be tensor operations that do not branch on values.'
        ) from error
    finally:
        logger.setLevel(level)
    assert program is not None
    model = program.model_proto
    simplify(model)
    return model


def _serialize(graph: PolicyGraph, contract: Contract, golden: list[dict[str, Any]]) -> bytes:
    """The policy file's bytes: graph, contract, golden rows and, over all of them, the digest."""
    model = _trace(graph)
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = 'robot_rl', contract.versions['robot_rl']
    # The exporter notes source lines of this machine on every node: not for others to read.
    for node in model.graph.node:
        del node.metadata_props[:]
    for part in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del part.metadata_props[:]
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    for key, value in (
        (policy_file.CONTRACT_KEY, contract.to_json()),
        (policy_file.GOLDEN_KEY, json.dumps(golden, allow_nan=False)),
        (policy_file.DIGEST_KEY, policy_file.NO_DIGEST),
    ):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    data = model.SerializeToString(deterministic=True)
    digest = policy_file.digest_of(data, policy_file.NO_DIGEST)
    return data.replace(policy_file.NO_DIGEST.encode(), digest.encode())
