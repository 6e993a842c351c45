"""How long a policy takes from signals to setpoint, beside other ways to run the same graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
import time

import numpy as np

from robot_rl.deploy.policy import Policy, open_session
from robot_rl.deploy.timing import percentiles
from robot_rl.machine import machine_name
from robot_rl.spec import policy_file, registry

TARGET_P50, TARGET_P99 = 25.0, 60.0
"""[us] of `Policy.step`, signals written and setpoint read."""
BLOCK = 50
"""Calls in a row before the next contender's turn, so that noise falls on all alike."""
PACED_CALLS = 200
"""Calls that wait for the next control period, as on a robot: caches have gone cold by then."""
_WARM_UP = 10
Row = dict[str, np.ndarray]
Contender = Callable[[Row], object]


@dataclass(frozen=True)
class Latency:
    """Time from signals to setpoint of one contender."""

    name: str
    p50: float
    """[us]"""
    p99: float
    """[us]"""


@dataclass(frozen=True)
class Comparison:
    """All contenders on one policy file."""

    task: str
    calls: int
    """Of each contender, in turns."""
    rows: tuple[Latency, ...]
    """Ours first, then plain `session.run`, where torch and onnx are there and the network is a
    plain one torch eager, and last ours once a control period."""
    omitted: str
    """Why torch eager is not among them; '' if it is."""


def latency(path: str | Path, rounds: int = 400, paced: int = PACED_CALLS) -> Comparison:
    """Time a policy file.

    Args:
        path: The policy file.
        rounds: Turns of each contender, `BLOCK` calls each.
        paced: Calls once a control period.

    Raises:
        PolicyFileError: The file is not sound.
        MissingPackageError: onnxruntime is not installed.
    """
    policy = Policy.load(path)
    file = policy_file.read(path)
    rows = policy.golden
    contenders: dict[str, Contender] = {
        'robot_rl Policy.step': _ours(policy),
        'onnxruntime session.run': _plain(policy, open_session(file)),
    }
    eager, why_not = _eager(policy, file)
    if eager is not None:
        contenders['torch eager'] = eager
    results = [*_measure(contenders, rows, rounds), _paced(policy, rows, paced)]
    return Comparison(policy.contract.task, rounds * BLOCK, tuple(results), why_not)


def _ours(policy: Policy) -> Contender:
    buffers = list(policy.inputs.items())

    def call(row: Row) -> object:
        for name, buffer in buffers:
            buffer[:] = row[name]
        return policy.step()

    return call


def _plain(policy: Policy, session: object) -> Contender:
    """The usual way: a dictionary of arrays in, a list of new arrays out."""
    run = session.run  # type: ignore[attr-defined]
    sizes = policy.contract.input_sizes
    feed = {name: np.zeros((1, size), np.float32) for name, size in sizes.items()}

    def call(row: Row) -> object:
        for name in policy.inputs:
            feed[name][0] = row[name]
        outputs = run(None, feed)
        if 'memory' in feed:
            feed['memory'] = outputs[1]
        return outputs[0]

    return call


def _eager(policy: Policy, file: policy_file.PolicyFile) -> tuple[Contender | None, str]:
    """The task's functions and a network like the file's in torch; else None and the reason."""
    try:
        import torch

        from robot_rl.bench.network import network_like
        from robot_rl.envs.functions import observation_size
        from robot_rl.export.graph import PolicyGraph
    except ImportError as error:
        return None, f'{error.name} is not installed.'
    contract, task = policy.contract, registry.task(policy.contract.task)
    if contract.memory_size > task.memory_size:
        return None, f'the network is recurrent, or the task {task.id!r} has changed since.'
    if task.signals != contract.signals or task.memory_size != contract.memory_size:
        return None, f'the task {task.id!r} has changed since the export.'
    network = network_like(file.data, observation_size(task))
    if network is None:
        return None, 'the network is not a plain multilayer perceptron.'
    graph = PolicyGraph(task, network).eval()
    feed = {name: torch.zeros(1, size) for name, size in contract.input_sizes.items()}
    views = {name: tensor.numpy()[0] for name, tensor in feed.items()}

    def call(row: Row) -> np.ndarray:
        for name in policy.inputs:
            views[name][:] = row[name]
        with torch.inference_mode():
            outputs = graph(*feed.values())
        if 'memory' in views:
            views['memory'][:] = outputs[1].numpy()[0]
        return outputs[0].numpy()[0]

    return call, ''


def _measure(contenders: dict[str, Contender], rows: list[Row], rounds: int) -> list[Latency]:
    """Time the contenders in turns, over the same rows; another one begins each time."""
    seconds = {name: np.empty((rounds, BLOCK)) for name in contenders}
    names = list(contenders)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            contender = contenders[name]
            for index in range(
                _WARM_UP
            ):  # fetch what the contender before pushed out of the caches
                contender(rows[index % len(rows)])
            for index in range(BLOCK):
                seconds[name][turn, index] = _time(contender, rows[index % len(rows)])
    return [_summary(name, values) for name, values in seconds.items()]


def _paced(policy: Policy, rows: list[Row], num: int) -> Latency:
    """Time ours once a control period, asleep in between."""
    period, call = policy.contract.control_dt, _ours(policy)
    seconds = np.empty(num)
    for index in range(num):
        time.sleep(period)
        seconds[index] = _time(call, rows[index % len(rows)])
    return _summary(f'  every {1e3 * period:g} ms', seconds)


def _time(contender: Contender, row: Row) -> float:
    start = time.perf_counter()
    contender(row)
    return time.perf_counter() - start


def _summary(name: str, seconds: np.ndarray) -> Latency:
    return Latency(name, *percentiles(1e6 * seconds))


def text(found: Comparison) -> str:
    """The table for a terminal."""
    ours = found.rows[0]
    lines = [
        f'{found.task}, signals to setpoint, {found.calls} calls each, in turns',
        machine_name(),
        '',
        f'{"":26}{"p50 [us]":>10}{"p99 [us]":>10}{"p50 / ours":>12}',
    ]
    lines += [f'{r.name:26}{r.p50:10.1f}{r.p99:10.1f}{r.p50 / ours.p50:12.2f}' for r in found.rows]
    met = ours.p50 <= TARGET_P50 and ours.p99 <= TARGET_P99
    target = f'Target: p50 <= {TARGET_P50:g} us, p99 <= {TARGET_P99:g} us'
    lines += ['', f'{target}: {"met" if met else "not met"}.']
    if found.omitted:
        lines.append(f'torch eager left out: {found.omitted}')
    return '\n'.join(lines)
