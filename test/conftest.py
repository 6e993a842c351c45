"""Fixtures that tests of several areas share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
import signal

import pytest


@pytest.fixture(scope='session', autouse=True)
def interruptible() -> Iterator[None]:
    """Whoever starts pytest in the background has it ignore Ctrl-C, and children would inherit."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope='session')
def export_untrained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """(actor of sizes, num_envs, steps, task='hover-crazyflie') -> a sound policy file."""
    pytest.importorskip('torch')
    pytest.importorskip('onnxscript')
    from robot_rl.envs.engines import engine_factory
    from robot_rl.envs.functions import observation_size
    from robot_rl.envs.vector import VectorEnv
    from robot_rl.export.onnx import export_policy
    from robot_rl.export.states import collect
    from robot_rl.spec import registry
    from robot_rl.spec.engines import engine_for

    def write(make: Callable, num_envs: int, steps: int, name: str = 'hover-crazyflie') -> Path:
        task = registry.task(name)
        actor = make(observation_size(task), task.action_size)
        # A few steps: to compile the task would take longer than all of them.
        env = VectorEnv(
            task, engine_factory(engine_for(task.robot)), num_envs, seed=0, fused=False
        )
        states, statistics = collect(env, actor, steps=steps)
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

    return write


@pytest.fixture(scope='session')
def policy_file(export_untrained) -> Path:
    """A sound policy file of hover-crazyflie, untrained; copy it before changing it."""
    return export_untrained(make_actor, num_envs=32, steps=64)


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
