"""The exported file: lean, whole, equal to torch, and either proven or not written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import errno
import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch')
onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')

from robot_rl.deploy.policy import Policy
from robot_rl.engines.analytic import AnalyticEngine
from robot_rl.envs.functions import observation_size
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import PolicyFileError, RunFolderError
from robot_rl.export import onnx as exporter
from robot_rl.export.graph import PolicyGraph
from robot_rl.export.states import States, collect, random_states
from robot_rl.spec import registry
from robot_rl.spec.task import Task


@pytest.fixture(scope='module')
def task() -> Task:
    return registry.task('hover-crazyflie')


@pytest.fixture
def actor(task: Task, make_actor: Callable):
    return make_actor(observation_size(task), task.action_size)


@pytest.fixture(scope='module')
def seen(task: Task, make_actor: Callable) -> tuple[States, dict]:
    network = make_actor(observation_size(task), task.action_size)
    return collect(VectorEnv(task, AnalyticEngine, 16, seed=7), network, steps=40)


def _export(task: Task, actor, path: Path, seen: tuple[States, dict]):
    states, statistics = seen
    return exporter.export_policy(
        task, actor, path, statistics=statistics, training={}, evaluation={}, golden_states=states
    )


@pytest.fixture
def traced(policy_file: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Let the exporter find the graph of `policy_file`, changed, instead of tracing anew."""

    def install(change: Callable) -> None:
        model = onnx.load(policy_file)
        change(model)
        monkeypatch.setattr(exporter, '_trace', lambda graph: model)

    return install


def _scale_weight(factor: float) -> Callable:
    def change(model) -> None:
        tensor = next(t for t in model.graph.initializer if t.name == 'actor.4.weight')
        tensor.raw_data = (np.frombuffer(tensor.raw_data, np.float32) * factor).tobytes()

    return change


def test_file_equals_torch_over_random_and_rollout_states(policy_file, task, actor, seen):
    states, _ = seen
    graph = PolicyGraph(task, actor)
    inputs = exporter._stack(graph, [states, random_states(states, 1000, seed=3)])
    assert len(inputs[0]) >= 2000
    with torch.inference_mode():
        expected = [out.numpy() for out in graph(*map(torch.from_numpy, inputs))]
    worst = exporter.check_parity(graph, policy_file.read_bytes(), inputs, expected)
    assert set(worst) == {'setpoint', 'memory_out'}
    assert max(worst.values()) <= 1e-5


def test_a_difference_that_grows_is_found(policy_file, task, actor, seen):
    """One too small for a single period: an integral that grows a little faster."""
    data = policy_file.read_bytes()
    graph, drifting = (
        PolicyGraph(task, actor),
        PolicyGraph(
            replace(task, remember=lambda *given: (1.0 + 2e-6) * task.remember(*given)), actor
        ),
    )
    inputs = exporter._stack(graph, [seen[0]])
    assert max(exporter.check_in_a_row(graph, data, inputs).values()) <= 1e-5
    with torch.inference_mode():
        expected = [out.numpy() for out in drifting(*map(torch.from_numpy, inputs))]
    exporter.check_parity(drifting, data, inputs, expected)
    with pytest.raises(PolicyFileError, match="'memory_out' differs"):
        exporter.check_in_a_row(drifting, data, inputs)


def test_policy_flies_as_torch_does(policy_file, task, actor):
    """A whole episode in closed loop: Policy on one side, torch functions on the other."""
    env = VectorEnv(task, AnalyticEngine, 1, seed=5, noise=False)
    policy = Policy.load(policy_file)
    observation = env.reset()
    with torch.inference_mode():
        for _ in range(50):
            for name, buffer in policy.inputs.items():
                buffer[:] = env.measured[name][0].numpy()
            action = actor(observation['actor'])
            expected = task.act(action)[0].numpy()
            np.testing.assert_allclose(policy.step(), expected, rtol=1e-5, atol=1e-2)
            transition = env.step(action)
            if transition.terminated.any():
                break
            observation = transition.observation


def test_file_is_lean_and_whole(policy_file: Path, task: Task):
    assert [path.name for path in policy_file.parent.iterdir()] == [policy_file.name]
    model = onnx.load(policy_file)
    onnx.checker.check_model(model, full_check=True)
    kinds = [node.op_type for node in model.graph.node]
    assert len(kinds) <= 60, 'each node costs 0.3 us: see export/simplify.py'
    assert not set(kinds) & {'Constant', 'Identity', 'Cast', 'Shape', 'Expand', 'Where'}
    assert not model.functions
    used = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= used


def test_file_tells_nothing_of_the_machine(policy_file: Path):
    data = policy_file.read_bytes()
    for secret in (str(Path(__file__).parents[2]), 'site-packages', '.py', os.uname().nodename):
        assert secret.encode() not in data


def test_contract_is_the_tasks(policy_file: Path, task: Task):
    contract = Policy.load(policy_file).contract
    assert contract.task == task.id
    assert contract.signals == task.signals
    assert contract.setpoint_high == task.setpoint.high
    assert contract.control_dt == task.control_dt
    assert set(contract.statistics) == {*task.signal_names, 'setpoint'}
    assert contract.training == {'run': 'untrained', 'seed': 0}


def test_export_is_repeatable(policy_file, task, actor, traced, tmp_path, seen):
    traced(lambda model: None)
    first, second = tmp_path / 'a.onnx', tmp_path / 'b.onnx'
    _export(task, actor, first, seen)
    _export(task, actor, second, seen)
    assert first.read_bytes() == second.read_bytes()
    assert Policy.load(first).self_test() < 0.2


def test_a_graph_that_differs_from_torch_leaves_no_file(task, actor, traced, tmp_path, seen):
    traced(_scale_weight(1.001))
    with pytest.raises(PolicyFileError, match='does not compute what torch does'):
        _export(task, actor, tmp_path / 'policy.onnx', seen)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_keeps_the_file_there_was(task, actor, traced, tmp_path, seen):
    path = tmp_path / 'policy.onnx'
    path.write_bytes(b'the policy of yesterday')
    traced(_scale_weight(float('nan')))
    with pytest.raises(PolicyFileError):
        _export(task, actor, path, seen)
    assert path.read_bytes() == b'the policy of yesterday'
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_keeps_the_file_there_was(task, actor, traced, tmp_path, seen, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / 'policy.onnx'
    path.write_bytes(b'the policy of yesterday')
    traced(lambda model: None)
    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(RunFolderError, match='No space left'):
        _export(task, actor, path, seen)
    assert path.read_bytes() == b'the policy of yesterday'
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(task, actor, traced, tmp_path, seen):
    traced(lambda model: None)
    (tmp_path / 'file').write_text('')
    with pytest.raises(RunFolderError, match=r'Cannot write .*file/policy'):
        _export(task, actor, tmp_path / 'file' / 'policy.onnx', seen)


def test_a_diverged_network_is_refused_before_tracing(task, actor, tmp_path, seen):
    with torch.no_grad():
        actor[2].weight[0, 0] = float('nan')
    with pytest.raises(PolicyFileError, match=r"weight 'actor\.2\.weight' holds NaN"):
        _export(task, actor, tmp_path / 'policy.onnx', seen)
    assert list(tmp_path.iterdir()) == []


def test_export_leaves_the_actor_alone(task, actor, traced, tmp_path, seen):
    traced(lambda model: None)
    actor.train()
    before = {name: value.clone() for name, value in actor.state_dict().items()}
    _export(task, actor, tmp_path / 'policy.onnx', seen)
    assert actor.training
    for name, value in actor.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_task_without_memory(task, make_actor, tmp_path):
    """Traced for real: no memory in the graph, and `Policy` steps without one."""
    bare = replace(
        task, memory_size=0, observe=lambda signals, memory: torch.cat(tuple(signals.values()), 1)
    )
    size = sum(signal.size for signal in task.signals)
    draw = np.random.default_rng(0)
    signals = {s.name: draw.normal(size=(50, s.size)).astype(np.float32) for s in task.signals}
    states = States(signals, np.zeros((50, 0), np.float32))
    entry = {'mean': 0.0, 'std': 1.0, 'low': -3.0, 'high': 3.0}
    statistics = {s.name: {k: [v] * s.size for k, v in entry.items()} for s in task.signals}
    path = tmp_path / 'policy.onnx'
    _export(bare, make_actor(size, task.action_size), path, (states, statistics))
    policy = Policy.load(path)
    assert policy.memory.size == 0
    assert policy.self_test() < 0.2
    assert np.isfinite(policy.step()).all()


@pytest.mark.slow
def test_a_network_that_branches_on_values_is_refused(task, tmp_path, seen):
    class Branching(torch.nn.Module):
        def forward(self, observation):
            return observation[:, :4] if observation.sum() > 0 else observation[:, 4:8]

    with pytest.raises(PolicyFileError, match='cannot be traced'):
        exporter._trace(PolicyGraph(task, Branching()))
