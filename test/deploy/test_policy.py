"""Policy: runs what was exported, and refuses every kind of bad file with one clear error."""

from __future__ import annotations

from collections.abc import Callable
import json
from pathlib import Path
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from robot_rl.deploy.policy import Policy, contract_of
from robot_rl.errors import MissingPackageError, PolicyFileError
from robot_rl.spec import policy_file as file_format

pytest.importorskip('onnxruntime')


@pytest.fixture
def policy(policy_file: Path) -> Policy:
    return Policy.load(policy_file)


def _fill(policy: Policy, seed: int) -> None:
    draw = np.random.default_rng(seed)
    for buffer in policy.inputs.values():
        buffer[:] = draw.uniform(-0.5, 0.5, buffer.shape)


def test_golden_rows_reproduce_and_leave_no_trace(policy: Policy):
    _fill(policy, 0)
    policy.memory[:] = 0.25
    before = {name: buffer.copy() for name, buffer in policy.inputs.items()}
    assert policy.self_test() < 0.2
    assert (policy.memory == 0.25).all()
    assert all((policy.inputs[name] == value).all() for name, value in before.items())


def test_step_computes_what_a_plain_session_computes(policy: Policy, policy_file: Path):
    import onnxruntime

    session = onnxruntime.InferenceSession(policy_file, providers=['CPUExecutionProvider'])
    memory = np.zeros((1, policy.contract.memory_size), np.float32)
    for step in range(20):
        _fill(policy, step)
        feed = {name: buffer[None].copy() for name, buffer in policy.inputs.items()}
        setpoint, memory = map(np.asarray, session.run(None, {**feed, 'memory': memory}))
        np.testing.assert_allclose(policy.step(), setpoint[0], rtol=1e-6)
        np.testing.assert_allclose(policy.memory, memory[0], rtol=1e-6, atol=1e-7)


def test_reset_forgets(policy: Policy):
    _fill(policy, 1)
    first = policy.step().copy()
    _fill(policy, 2)
    policy.step()
    policy.reset()
    _fill(policy, 1)
    assert (policy.step() == first).all()


def test_step_returns_one_array_and_allocates_nothing(policy: Policy):
    _fill(policy, 3)
    assert policy.step() is policy.setpoint
    assert policy.step() is policy.step()
    policy.step()
    tracemalloc.start()
    try:
        for _ in range(300):  # onnxruntime and the interpreter fill their own caches first
            policy.step()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            policy.step()
        assert tracemalloc.get_traced_memory()[0] - before < 1000  # less than a byte a step
    finally:
        tracemalloc.stop()


def test_setpoint_stays_within_the_contract_whatever_comes_in(policy: Policy):
    draw = np.random.default_rng(0)
    low, high = np.array(policy.contract.setpoint_low), np.array(policy.contract.setpoint_high)
    for _ in range(50):
        for buffer in policy.inputs.values():
            buffer[:] = draw.normal(0.0, 100.0, buffer.shape)
        setpoint = policy.step()
        assert (setpoint >= low).all()
        assert (setpoint <= high * (1 + 1e-6)).all()


def test_missing_file(tmp_path: Path):
    with pytest.raises(PolicyFileError, match='There is no policy file'):
        Policy.load(tmp_path / 'none.onnx')


def test_directory(tmp_path: Path):
    with pytest.raises(PolicyFileError, match='is a directory'):
        Policy.load(tmp_path)


@pytest.mark.parametrize('part', [0.0, 0.1, 0.5, 0.999])
def test_cut_short(policy_file: Path, tmp_path: Path, part: float):
    data = policy_file.read_bytes()
    path = tmp_path / 'short.onnx'
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(PolicyFileError, match='cut short'):
        Policy.load(path)


def test_not_onnx(tmp_path: Path):
    path = tmp_path / 'text.onnx'
    path.write_text('the quick brown fox jumps over the lazy dog\n' * 20)
    with pytest.raises(PolicyFileError, match='not a complete ONNX file'):
        Policy.load(path)


def _without_metadata(model, metadata):
    metadata.clear()


def _nan_weight(model, metadata):
    tensor = next(t for t in model.graph.initializer if t.name == 'actor.0.weight')
    values = np.frombuffer(tensor.raw_data, np.float32).copy()
    values[7] = np.nan
    tensor.raw_data = values.tobytes()


def _other_weight(model, metadata):
    tensor = next(t for t in model.graph.initializer if t.name == 'actor.0.weight')
    tensor.raw_data = (np.frombuffer(tensor.raw_data, np.float32) * 1.1).tobytes()


def _contract_field(name, value):
    def change(model, metadata):
        raw = json.loads(metadata[file_format.CONTRACT_KEY])
        raw[name] = value
        metadata[file_format.CONTRACT_KEY] = json.dumps(raw)

    return change


def _contract_text(model, metadata):
    metadata[file_format.CONTRACT_KEY] = '{"schema": 1, "task"'


def _other_order(model, metadata):
    raw = json.loads(metadata[file_format.CONTRACT_KEY])
    raw['signals'][0]['name'] = 'somewhere_else'
    raw['statistics'] = {}
    metadata[file_format.CONTRACT_KEY] = json.dumps(raw)


def _opset(number):
    def change(model, metadata):
        model.opset_import[0].version = number

    return change


def _unknown_operator(model, metadata):
    model.graph.node[0].op_type = 'NoSuchOperator'


def _output_renamed(model, metadata):
    model.graph.output[0].name = model.graph.node[0].output[0]


BAD = {
    'foreign': (_without_metadata, True, 'not a policy of robot_rl'),
    'NaN weight': (_nan_weight, True, "1 NaN or infinite values in the weight 'actor.0.weight'"),
    'NaN weight, unsigned': (_nan_weight, False, 'NaN or infinite'),
    'edited weight': (_other_weight, False, 'changed after it was exported'),
    'edited contract': (_contract_field('control_dt', 0.02), False, 'changed after'),
    'malformed contract': (_contract_text, True, 'not valid JSON'),
    'contract field': (_contract_field('robot', None), True, "field 'robot'"),
    'schema': (_contract_field('schema', 7), True, 'schema 7'),
    'other inputs': (_other_order, True, 'inputs of the graph disagree'),
    'other memory': (_contract_field('memory_size', 3), True, 'inputs of the graph disagree'),
    'old opset': (_opset(7), True, 'opset 7'),
    'new opset': (_opset(99), True, 'opset 99'),
    'unknown operator': (_unknown_operator, True, 'cannot be opened by onnxruntime'),
}


@pytest.mark.parametrize('fault', BAD)
def test_bad_file_is_refused_by_name(forge: Callable, fault: str):
    change, sign, named = BAD[fault]
    path = forge(change, sign=sign)
    with pytest.raises(PolicyFileError) as error:
        Policy.load(path)
    assert named in str(error.value)
    assert str(path) in str(error.value)


def test_a_foreign_file_has_no_contract_to_be_asked_for(forge: Callable):
    with pytest.raises(PolicyFileError, match='not a policy of robot_rl'):
        contract_of(forge(_without_metadata))


def test_unchanged_forgery_loads(forge: Callable):
    Policy.load(forge(lambda model, metadata: None)).self_test()


def _golden(change):
    def edit(model, metadata):
        rows = json.loads(metadata[file_format.GOLDEN_KEY])
        metadata[file_format.GOLDEN_KEY] = json.dumps(change(rows))

    return edit


def _off(rows):
    rows[2]['setpoint'][1] += 5.0
    return rows


def _short(rows):
    rows[0]['memory'] = rows[0]['memory'][1:]
    return rows


def _nameless(rows):
    del rows[0]['inputs']['base_pos_w']
    return rows


@pytest.mark.parametrize(
    ('change', 'named'),
    [
        (_golden(_off), 'does not reproduce its golden row 2'),
        (_golden(_short), 'do not fit the contract'),
        (_golden(_nameless), "KeyError('base_pos_w')"),
        (_golden(lambda rows: []), 'do not fit the contract'),
        (_golden(lambda rows: {'a': 1}), 'malformed'),
        (_other_weight, 'does not reproduce its golden row'),
    ],
)
def test_golden_rows_that_do_not_reproduce(forge: Callable, change: Callable, named: str):
    path = forge(change)
    with pytest.raises(PolicyFileError) as error:
        Policy.load(path).self_test()
    assert str(path) in str(error.value)
    assert named in str(error.value)


def test_without_onnxruntime(policy_file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(MissingPackageError, match='onnxruntime'):
        Policy.load(policy_file)


def test_needs_neither_torch_nor_onnx(policy_file: Path):
    code = (
        'import sys\n'
        'from robot_rl.deploy.check import check\n'
        f'assert check({str(policy_file)!r}).ok\n'
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'torch', 'onnx', 'rclpy', 'numba', 'mujoco'}, loaded\n"
    )
    subprocess.run([sys.executable, '-c', code], check=True)
