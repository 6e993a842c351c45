"""The car's kernel under numba in two precisions and under Warp."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.kernels import bicycle, launch
from robot_rl.spec import registry
from robot_rl.spec.robot import GRAVITY

BLOCKS = 3
MODULE: Any = bicycle  # pyright holds a module to be unhashable
STATE = slice(0, bicycle.STEERING + 1)


def test_gravity_is_that_of_robots_and_tasks() -> None:
    assert bicycle.GRAVITY == GRAVITY


def records(seed: int = 0) -> np.ndarray:
    """Nominal cars that slide and turn at all speeds, (BLOCKS, FIELDS, LANES) float32."""
    random = np.random.default_rng(seed)
    x = np.zeros((BLOCKS, bicycle.FIELDS, launch.LANES), np.float32)
    parameters = registry.robot('racecar').parameters
    for name, (offset, size) in bicycle.PARAMETERS.items():
        x[:, offset : offset + size] = np.array(parameters[name].nominal)[:, None]
    yaw = random.uniform(-3.0, 3.0, (BLOCKS, launch.LANES))
    x[:, 3], x[:, 6] = np.cos(yaw / 2.0), np.sin(yaw / 2.0)
    x[:, 7:9] = random.normal(size=(BLOCKS, 2, launch.LANES)) * np.array([2.0, 0.5])[:, None]
    x[:, 12] = random.normal(size=yaw.shape)
    x[:, 30] = random.uniform(-2.0, 6.0, yaw.shape)
    x[:, 31] = random.uniform(-0.4, 0.4, yaw.shape)
    return x


def run_numba(steps: int, real: str = 'float32') -> np.ndarray:
    x = records().astype(real)
    launch.numba_batch(MODULE, 'step', real)(x.reshape(-1), BLOCKS, 0.005, steps)
    return x


def run_warp(steps: int) -> np.ndarray:
    wp = pytest.importorskip('warp')
    kernel = launch.warp_kernel(MODULE, 'step')
    x = wp.array(records().reshape(-1), dtype=wp.float32, device='cpu')
    wp.launch(kernel, dim=BLOCKS * launch.LANES, inputs=[x, 0.005, steps], device='cpu')
    return x.numpy().reshape(BLOCKS, bicycle.FIELDS, launch.LANES)


def largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Over the state, relative to the largest value of each field."""
    scale = np.maximum(np.abs(b[:, STATE]).max(axis=(0, 2), keepdims=True), 1e-6)
    return float((np.abs(a[:, STATE] - b[:, STATE]) / scale).max())


def test_fields_do_not_overlap_and_fit():
    fields = {**bicycle.SIGNALS, **bicycle.PARAMETERS, 'setpoint': (bicycle.SETPOINT, 2)}
    taken = [i for start, size in fields.values() for i in range(start, start + size)]
    assert sorted(taken) == list(range(bicycle.FIELDS))


def test_single_precision_follows_double():
    assert largest_difference(run_numba(100), run_numba(100, 'float64')) < 1e-4


def test_parameters_are_left_alone():
    after = run_numba(10)
    assert np.array_equal(records()[:, bicycle.MASS :], after[:, bicycle.MASS :])


@pytest.mark.slow
def test_warp_gives_what_numba_gives():
    """One text, two compilers: a step within a few roundings, 100 steps within their sum."""
    assert largest_difference(run_warp(1), run_numba(1)) < 2e-6
    assert largest_difference(run_warp(100), run_numba(100)) < 1e-4
