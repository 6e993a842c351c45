"""Fixtures that tests of several areas share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound policy file of hover-crazyflie, untrained; copy it before changing it."""
    pytest.importorskip('torch')
    pytest.importorskip('onnxscript')
    from robot_rl.engines.analytic import AnalyticEngine
    from robot_rl.envs.vector import VectorEnv
    from robot_rl.export.graph import observation_size
    from robot_rl.export.onnx import export_policy
    from robot_rl.export.states import collect
    from robot_rl.spec import registry

    task = registry.task('hover-crazyflie')
    actor = make_actor(observation_size(task), task.action_size)
    states, statistics = collect(VectorEnv(task, AnalyticEngine, 32, seed=0), actor, steps=64)
    path = tmp_path_factory.mktemp('policies') / f'{task.id}.onnx'
    export_policy(
        task,
        actor,
        path,
        statistics=statistics,
        training={'run': 'untrained', 'seed': 0},
        evaluation={},
        golden_states=states,
    )
    return path


def make_actor(observation_size: int, action_size: int, seed: int = 0):
    """A small untrained network, the same for the same seed."""
    import torch
    from torch import nn

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(observation_size, 64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Linear(64, action_size),
        )


@pytest.fixture(name='make_actor', scope='session')
def make_actor_fixture() -> Callable:
    """(observation_size, action_size, seed=0) -> a small untrained network."""
    return make_actor


@pytest.fixture
def forge(policy_file: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a changed copy of the policy file: forge(change, sign=True) -> path.

    `change(model, metadata)` edits the ONNX model and the dictionary of metadata; `sign` gives the
    copy a digest that fits, so that the test reaches what lies behind the digest.
    """
    onnx = pytest.importorskip('onnx')
    from robot_rl.spec import policy_file as file_format

    def write(change: Callable, sign: bool = True) -> Path:
        model = onnx.load(policy_file)
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        change(model, metadata)
        if sign and file_format.DIGEST_KEY in metadata:
            metadata[file_format.DIGEST_KEY] = file_format.NO_DIGEST
        del model.metadata_props[:]
        for key, value in metadata.items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        data = model.SerializeToString()
        if sign:
            digest = file_format.digest_of(data, file_format.NO_DIGEST)
            data = data.replace(file_format.NO_DIGEST.encode(), digest.encode())
        path = tmp_path / 'forged.onnx'
        path.write_bytes(data)
        return path

    return write
