"""The quadrotor's kernel under numba in two precisions and under Warp."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.kernels import launch, quadrotor
from robot_rl.spec import registry
from robot_rl.spec.robot import GRAVITY

BLOCKS = 3
MODULE: Any = quadrotor  # pyright holds a module to be unhashable
ENTRIES = ('step', 'step_rates', 'drive', 'drive_rates')
STATE = slice(0, quadrotor.ROTOR + 4)


def test_gravity_is_that_of_robots_and_tasks() -> None:
    assert quadrotor.GRAVITY == GRAVITY


def records(entry: str, seed: int = 0) -> np.ndarray:
    """Nominal drones at random attitudes and velocities, (BLOCKS, FIELDS, LANES) float32."""
    random = np.random.default_rng(seed)
    shape = (BLOCKS, quadrotor.FIELDS, launch.LANES)
    x = np.zeros(shape, np.float32)
    for name, parameter in registry.robot('crazyflie').parameters.items():
        offset, size = quadrotor.PARAMETERS[name]
        x[:, offset : offset + size] = np.array(parameter.nominal)[:, None]
    quat = random.normal(size=(BLOCKS, 4, launch.LANES))
    x[:, 3:7] = quat / np.linalg.norm(quat, axis=1, keepdims=True)
    x[:, 7:13] = random.normal(size=(BLOCKS, 6, launch.LANES))
    x[:, 13:17] = 1516.0
    setpoint = random.uniform(-1.0, 1.0, (BLOCKS, 4, launch.LANES))
    centre, width = (
        ([0.265, 0, 0, 0], [0.05, 2, 2, 1]) if 'rates' in entry else ([1516] * 4, [200] * 4)
    )
    x[:, 48:52] = np.array(centre)[:, None] + np.array(width)[:, None] * setpoint
    return x


def run_numba(entry: str, steps: int, real: str = 'float32') -> np.ndarray:
    x = records(entry).astype(real)
    launch.numba_batch(MODULE, entry, real)(x.reshape(-1), BLOCKS, 0.002, steps)
    return x


def run_warp(entry: str, steps: int) -> np.ndarray:
    wp = pytest.importorskip('warp')
    kernel = launch.warp_kernel(MODULE, entry)
    x = wp.array(records(entry).reshape(-1), dtype=wp.float32, device='cpu')
    wp.launch(kernel, dim=BLOCKS * launch.LANES, inputs=[x, 0.002, steps], device='cpu')
    return x.numpy().reshape(BLOCKS, quadrotor.FIELDS, launch.LANES)


def largest_difference(a: np.ndarray, b: np.ndarray, fields: slice) -> float:
    """Over all fields, relative to the largest value of each."""
    scale = np.maximum(np.abs(b[:, fields]).max(axis=(0, 2), keepdims=True), 1e-6)
    return float((np.abs(a[:, fields] - b[:, fields]) / scale).max())


def test_fields_do_not_overlap_and_fit():
    fields = {**quadrotor.SIGNALS, **quadrotor.PARAMETERS, **quadrotor.MEMORY}
    fields |= {'setpoint': (quadrotor.SETPOINT, 4), 'wrench': (quadrotor.WRENCH, 6)}
    taken = [i for start, size in fields.values() for i in range(start, start + size)]
    assert sorted(taken) == list(range(quadrotor.FIELDS))


@pytest.mark.parametrize('entry', ENTRIES)
def test_single_precision_follows_double(entry):
    """Rounding alone: a step turns velocities into the world and back, at 1e-7 each time."""
    single, double = run_numba(entry, 100), run_numba(entry, 100, 'float64')
    assert largest_difference(single, double, STATE) < 1e-4


def test_padding_and_parameters_are_left_alone():
    before, after = records('step'), run_numba('step', 10)
    assert np.array_equal(before[:, quadrotor.FORCE :], after[:, quadrotor.FORCE :])


@pytest.mark.slow
@pytest.mark.parametrize('entry', ENTRIES)
def test_warp_gives_what_numba_gives(entry):
    """One text, two compilers: a step within a few roundings, 100 steps within their sum."""
    warp, numba = run_warp(entry, 1), run_numba(entry, 1)
    assert largest_difference(warp, numba, STATE) < 2e-6
    # Components are small differences: of 0.27 N of thrust, and of 2e-3 N m of torque a rotor.
    force, torque = quadrotor.WRENCH, quadrotor.WRENCH_TORQUE
    np.testing.assert_allclose(warp[:, force:torque], numba[:, force:torque], rtol=0, atol=5e-7)
    np.testing.assert_allclose(warp[:, torque:], numba[:, torque:], rtol=0, atol=5e-9)
    assert largest_difference(run_warp(entry, 100), run_numba(entry, 100), STATE) < 1e-4


@pytest.mark.slow
def test_kernel_compiles_for_a_gpu_without_one(tmp_path):
    wp = pytest.importorskip('warp')
    module = launch.warp_kernel(MODULE, 'step_rates').module
    wp.compile_aot_module(module, arch=90, module_dir=str(tmp_path))
    binaries = list(tmp_path.glob('*.cubin')) + list(tmp_path.glob('*.ptx'))
    assert binaries, list(tmp_path.iterdir())
    assert binaries[0].stat().st_size > 10_000


@pytest.mark.gpu
def test_a_gpu_gives_what_a_cpu_gives():
    torch = pytest.importorskip('torch')
    pytest.importorskip('warp')
    if not torch.cuda.is_available():
        pytest.skip('no GPU')
    x = torch.from_numpy(records('step')).cuda()
    launch.batch(quadrotor, 'step', 'cuda')(x.view(-1), BLOCKS, 0.002, 100)
    assert largest_difference(x.cpu().numpy(), run_numba('step', 100), STATE) < 1e-4
