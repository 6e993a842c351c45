"""The driven base's kernel against its closed forms, under numba in two precisions and Warp."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.kernels import launch, unicycle
from robot_rl.spec import registry

BLOCKS = 3
MODULE: Any = unicycle  # pyright holds a module to be unhashable
STATE = slice(0, unicycle.TRACK)
LAG, LIMIT, YAW_LAG, YAW_LIMIT = 0.1, 2.0, 0.2, 6.0
NOMINAL = {
    'track': 0.5,
    'wheel_speed_limit': 2.5,
    'speed_time_constant': LAG,
    'yaw_time_constant': YAW_LAG,
    'acceleration_limit': LIMIT,
    'yaw_acceleration_limit': YAW_LIMIT,
    'speed_scale': 1.0,
    'yaw_rate_scale': 1.0,
}


def records(setpoints, v=0.0, w=0.0, real='float64', **changed) -> np.ndarray:
    """Bases that head along x, one a setpoint (speed, yaw rate), (blocks, FIELDS, LANES)."""
    setpoints = np.atleast_2d(setpoints)
    x = np.zeros((launch.num_blocks(len(setpoints)), unicycle.FIELDS, launch.LANES), real)
    for name, value in {**NOMINAL, **changed}.items():
        x[:, unicycle.PARAMETERS[name][0]] = value
    x[:, unicycle.QUAT], x[:, unicycle.VEL], x[:, unicycle.RATE + 2] = 1.0, v, w
    padded = np.resize(setpoints, (x.shape[0] * launch.LANES, 2))
    x[:, unicycle.SETPOINT : unicycle.FIELDS] = padded.reshape(x.shape[0], -1, 2).swapaxes(1, 2)
    return x


def run(x: np.ndarray, dt: float, steps: int = 1) -> np.ndarray:
    """A copy of `x`, `steps` later."""
    x = x.copy()
    launch.numba_batch(MODULE, 'step', x.dtype.name)(x.reshape(-1), len(x), dt, steps)
    return x


def first(x: np.ndarray) -> dict[str, Any]:
    """Signals of the first record, and its yaw."""
    found = {name: x[0, o : o + size, 0] for name, (o, size) in unicycle.SIGNALS.items()}
    w, _, _, z = found['base_quat_w']
    return {**found, 'yaw': 2.0 * math.atan2(z, w)}


def test_fields_do_not_overlap_and_fit():
    fields = {**unicycle.SIGNALS, **unicycle.PARAMETERS, 'setpoint': (unicycle.SETPOINT, 2)}
    taken = [i for start, size in fields.values() for i in range(start, start + size)]
    assert sorted(taken) == list(range(unicycle.FIELDS))


@pytest.mark.parametrize('robot', ['jackal', 'turtlebot'])
def test_a_robot_gives_it_what_it_needs(robot):
    parameters = registry.robot(robot).parameters
    assert unicycle.PARAMETERS.keys() <= parameters.keys()


@pytest.mark.parametrize('dt', [0.01, 0.05, 0.3, 2.0])
def test_within_its_limits_it_is_a_first_order_lag(dt):
    """Speed and way of a base that asks for less than the limits give."""
    speed, turn = 0.9 * LIMIT * LAG, 0.9 * YAW_LIMIT * YAW_LAG
    end = first(run(records((speed, 0.0)), dt))
    assert end['base_lin_vel_b'][0] == pytest.approx(speed * (1.0 - math.exp(-dt / LAG)), abs=1e-6)
    way = speed * (dt - LAG * (1.0 - math.exp(-dt / LAG)))
    assert end['base_pos_w'][0] == pytest.approx(way, abs=1e-6)
    end = first(run(records((0.0, turn)), dt))
    wanted = turn * (1.0 - math.exp(-dt / YAW_LAG))
    assert end['base_ang_vel_b'][2] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize('dt', [0.01, 0.2, 1.0])
@pytest.mark.parametrize('sign', [1.0, -1.0])
def test_beyond_them_it_changes_in_a_straight_line_first(dt, sign):
    """From -0.5 m/s to 1 m/s, by 2 m/s^2 until the lag asks for less, which is 0.2 m/s before."""
    end = first(run(records((sign, 0.0), v=-0.5 * sign), dt))
    line = (1.5 - LIMIT * LAG) / LIMIT
    if dt <= line:
        v, way = -0.5 + LIMIT * dt, -0.5 * dt + 0.5 * LIMIT * dt**2
    else:
        left = LIMIT * LAG
        decay = math.exp(-(dt - line) / LAG)
        v = 1.0 - left * decay
        way = -0.5 * line + 0.5 * LIMIT * line**2 + (dt - line) - left * LAG * (1.0 - decay)
    assert end['base_lin_vel_b'][0] == pytest.approx(sign * v, abs=2e-6)
    assert end['base_pos_w'][0] == pytest.approx(sign * way, abs=2e-6)


@pytest.mark.parametrize('limit', [1e-3, 1e3])
@pytest.mark.parametrize('lag', [1e-3, 10.0])
@pytest.mark.parametrize('dt', [1e-3, 0.1, 1.0])
def test_it_never_overshoots_whatever_the_step(limit, lag, dt):
    x = records((1.0, 1.0), **{name: limit for name in NOMINAL if name.endswith('n_limit')})
    for name in ('speed_time_constant', 'yaw_time_constant'):
        x[:, unicycle.PARAMETERS[name][0]] = lag
    before = 0.0
    for _ in range(5):
        x = run(x, dt)
        now = x[0, unicycle.VEL, 0]
        assert before <= now <= 1.0 + 1e-9
        assert now - before <= limit * dt * (1.0 + 1e-9)
        assert x[0, unicycle.RATE + 2, 0] == pytest.approx(now, abs=1e-9)
        before = now


@pytest.mark.parametrize('dt', [0.01, 0.1, 0.5])
def test_a_steady_base_drives_a_circle(dt):
    v, w, seconds = 0.8, -1.5, 3.0
    end = first(run(records((v, w), v=v, w=w), dt, round(seconds / dt)))
    x, y = v / w * math.sin(w * seconds), v / w * (1.0 - math.cos(w * seconds))
    np.testing.assert_allclose(end['base_pos_w'], [x, y, 0.0], atol=2e-5)
    assert math.remainder(end['yaw'] - w * seconds, 2.0 * math.pi) == pytest.approx(0.0, abs=1e-4)
    assert np.linalg.norm(end['base_quat_w']) == pytest.approx(1.0)


def test_turning_in_place_stays_in_place():
    end = first(run(records((0.0, 3.0)), 0.05, 100))
    assert not end['base_pos_w'].any()
    assert end['base_ang_vel_b'] == pytest.approx([0.0, 0.0, 3.0])


def test_the_work_of_its_drives_is_the_energy_of_turning():
    """Coming to rest with a lag, the yaw rate dissipates what it had: 2/lag of it each second."""
    dt, start = 1e-3, 0.9 * YAW_LIMIT * YAW_LAG
    x, energy, lost = records((0.0, 0.0), w=start), 0.5 * start**2, 0.0
    for _ in range(1500):
        before = x[0, unicycle.RATE + 2, 0]
        x = run(x, dt)
        after = x[0, unicycle.RATE + 2, 0]
        lost += dt / YAW_LAG * (before**2 + before * after + after**2) / 3.0
    assert lost + 0.5 * after**2 == pytest.approx(energy, rel=1e-4)


def test_a_side_rolls_no_faster_than_it_can():
    """Full speed and full turn: the outer side is at its limit, the inner where it was asked."""
    x = run(records((2.0, 4.0), yaw_acceleration_limit=1e3, acceleration_limit=1e3), 20.0)
    v, w = x[0, unicycle.VEL, 0], x[0, unicycle.RATE + 2, 0]
    assert v - 0.25 * w == pytest.approx(2.0 - 0.25 * 4.0)
    assert v + 0.25 * w == pytest.approx(NOMINAL['wheel_speed_limit'])


def test_scales_multiply_what_is_reached():
    x = run(records((0.5, 1.0), speed_scale=1.04, yaw_rate_scale=0.7), 20.0)
    assert x[0, unicycle.VEL, 0] == pytest.approx(0.52)
    assert x[0, unicycle.RATE + 2, 0] == pytest.approx(0.7)


def test_it_cannot_move_sideways():
    x = records((0.0, 0.0))
    x[:, unicycle.VEL + 1] = 0.5
    assert not run(x, 0.01)[:, unicycle.VEL : unicycle.RATE].any()


def test_the_result_does_not_depend_on_the_step():
    """Speeds and heading are exact; the place errs with the square of the step."""
    random = np.random.default_rng(0)
    setpoints = random.uniform((-1.0, -3.0), (1.0, 3.0), (32, 2))
    ends = {n: run(records(setpoints, v=0.3, w=1.0), 0.4 / n, n) for n in (1, 2, 4, 400)}
    exact = ends[400]
    for n in (1, 2, 4):
        for field in (unicycle.VEL, unicycle.RATE + 2, unicycle.QUAT, unicycle.QUAT + 3):
            np.testing.assert_allclose(ends[n][:, field], exact[:, field], atol=1e-4)
    errors = [np.abs(ends[n][:, :2] - exact[:, :2]).max() for n in (1, 2, 4)]
    assert errors[2] < 2e-3
    assert errors[0] > 3.0 * errors[1] > 9.0 * errors[2]


def moving(real: str) -> np.ndarray:
    random = np.random.default_rng(1)
    num = BLOCKS * launch.LANES
    x = records(random.uniform((-2.0, -4.0), (2.0, 4.0), (num, 2)), real=real)
    yaw = random.uniform(-3.0, 3.0, (BLOCKS, launch.LANES))
    x[:, unicycle.QUAT], x[:, unicycle.QUAT + 3] = np.cos(yaw / 2.0), np.sin(yaw / 2.0)
    x[:, unicycle.VEL] = random.normal(size=yaw.shape)
    x[:, unicycle.RATE + 2] = random.normal(size=yaw.shape)
    return x


def largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Over the state, relative to the largest value of each field."""
    scale = np.maximum(np.abs(b[:, STATE]).max(axis=(0, 2), keepdims=True), 1e-6)
    return float((np.abs(a[:, STATE] - b[:, STATE]) / scale).max())


def test_single_precision_follows_double():
    single, double = (run(moving(real), 0.02, 100) for real in ('float32', 'float64'))
    assert largest_difference(single, double) < 2e-5
    assert np.array_equal(single[:, unicycle.TRACK :], moving('float32')[:, unicycle.TRACK :])


@pytest.mark.slow
def test_warp_gives_what_numba_gives():
    """One text, two compilers: a step within a few roundings, 100 steps within their sum."""
    wp = pytest.importorskip('warp')
    kernel = launch.warp_kernel(MODULE, 'step')
    for steps, bound in ((1, 2e-6), (100, 2e-5)):
        x = wp.array(moving('float32').reshape(-1), dtype=wp.float32, device='cpu')
        wp.launch(kernel, dim=BLOCKS * launch.LANES, inputs=[x, 0.02, steps], device='cpu')
        got = x.numpy().reshape(BLOCKS, unicycle.FIELDS, launch.LANES)
        assert largest_difference(got, run(moving('float32'), 0.02, steps)) < bound
