"""Running statistics against what training saw, and the window of the last seconds."""

from __future__ import annotations

from dataclasses import replace
import math
import tracemalloc

import numpy as np
import pytest

from robot_rl.deploy.drift import BLOCK_S, Drift, Window

SIZES = {
    'base_pos_w': 3,
    'base_quat_w': 4,
    'base_lin_vel_b': 3,
    'base_ang_vel_b': 3,
    'goal_pos_w': 3,
    'goal_lin_vel_w': 3,
}
TRAINED = {
    name: {'mean': [0.0] * n, 'std': [0.5] * n, 'low': [-2.0] * n, 'high': [2.0] * n}
    for name, n in SIZES.items()
}
TRAINED['goal_lin_vel_w'] = {key: [0.0] * 3 for key in ('mean', 'std', 'low', 'high')}


@pytest.fixture
def drift(flight):
    return Drift(replace(flight.contract, statistics=TRAINED))


def values(rng, n):
    """Signals as in training: within two and a bit standard deviations."""
    rows = np.clip(0.5 * rng.standard_normal((n, 19)), -1.5, 1.5)
    rows[:, 16:] = 0.0
    return rows


def push(drift, rows):
    for row in rows:
        drift.push(row)


def test_statistics_are_those_of_the_samples(drift):
    rows = values(np.random.default_rng(0), 700) + 100.0
    push(drift, rows)
    statistics = drift.statistics()
    np.testing.assert_allclose(statistics['mean'], rows.mean(0))
    np.testing.assert_allclose(statistics['std'], rows.std(0), atol=1e-9)
    np.testing.assert_array_equal(statistics['low'], rows.min(0))
    np.testing.assert_array_equal(statistics['high'], rows.max(0))


def test_old_samples_are_forgotten(drift):
    block = round(BLOCK_S / 0.01)
    push(drift, np.full((block, 19), 50.0))
    assert drift.statistics()['high'][0] == 50.0
    push(drift, np.zeros((2 * block, 19)))
    assert drift.statistics()['high'][0] == 0.0
    assert drift.statistics()['mean'][0] == pytest.approx(0.0)
    assert drift.excesses() == []


def test_nothing_seen_and_nothing_unusual_is_no_drift(drift):
    assert drift.excesses() == []
    assert all(np.isnan(row).all() for row in drift.statistics().values())
    push(drift, values(np.random.default_rng(1), 800))
    assert drift.excesses() == []
    drift.clear()
    assert np.isnan(drift.statistics()['mean']).all()


def test_each_kind_of_excess_names_signal_component_and_amount(drift):
    rows = values(np.random.default_rng(2), 800)
    rows[:, 1] += 5.0
    rows[100, 12] = -7.0
    push(drift, rows)
    found = {(e.signal, e.component, e.kind): e for e in drift.excesses()}
    assert set(found) == {
        ('base_pos_w', 1, 'above'),
        ('base_pos_w', 1, 'mean'),
        ('base_ang_vel_b', 2, 'below'),
    }
    assert found['base_ang_vel_b', 2, 'below'].text == (
        'base_ang_vel_b[2] reached -7 rad/s, the lowest in training was -2 '
        '(10.0 standard deviations beyond)'
    )
    assert found['base_pos_w', 1, 'mean'].value == pytest.approx(5.0, abs=0.1)


def test_degrees_for_radians_are_a_drift_in_spread(drift):
    rows = values(np.random.default_rng(3), 800)
    rows[:, 10:13] *= 57.3
    push(drift, rows)
    kinds = {e.kind for e in drift.excesses() if e.signal == 'base_ang_vel_b'}
    assert kinds == {'above', 'below', 'spread'}
    assert {e.signal for e in drift.excesses()} == {'base_ang_vel_b'}


def test_a_signal_that_never_changed_in_training(drift):
    rows = values(np.random.default_rng(4), 100)
    rows[:, 16] = 0.5
    push(drift, rows)
    assert {e.signal for e in drift.excesses()} == {'goal_lin_vel_w'}
    assert 'the highest in training was 0' in drift.excesses()[0].text


def test_signals_without_statistics_are_not_judged(flight):
    drift = Drift(flight.contract)
    push(drift, 1e3 * values(np.random.default_rng(5), 50))
    assert drift.excesses() == []


def test_the_controller_reports_drift_of_the_current_flight(flight):
    assert flight.controller.diagnostics()['drift'] == []
    policy = flight.policy
    policy.contract = replace(policy.contract, statistics=TRAINED)
    controller = type(flight.controller)(flight.robot, policy)
    flight.controller = controller
    flight.activate()
    flight.fly(20, base_lin_vel_b=(0.0, 4.0, 0.0))
    assert controller.diagnostics()['drift'][0].startswith('base_lin_vel_b[1] reached 4 m/s')
    controller.deactivate(flight.now)
    flight.fly(200)
    flight.activate()
    flight.fly(20)
    assert controller.diagnostics()['drift'] == []


def test_the_window_holds_the_last_rows_in_order():
    window = Window({'a': slice(0, 2), 'b': slice(2, 3)}, 4, rows=10)
    assert len(window.flight().time) == 0
    for i in range(23):
        window.push(0.1 * i, np.array([i, 2.0 * i, 3.0 * i]), np.full(4, -i))
        assert len(window.flight().time) == min(i + 1, 10)
    flight = window.flight()
    newest = np.arange(13, 23)
    np.testing.assert_allclose(flight.time, 0.1 * newest)
    np.testing.assert_array_equal(flight.signals['a'], np.stack((newest, 2 * newest), 1))
    np.testing.assert_array_equal(flight.signals['b'][:, 0], 3 * newest)
    np.testing.assert_array_equal(flight.setpoints[:, 3], -newest)
    window.clear()
    assert len(window.flight().time) == 0


def test_old_or_broken_inputs_are_not_kept_for_a_diagnosis(flight):
    window = flight.controller._evidence.window
    assert len(window.flight().time) == 10
    flight.fly(base_pos_w=(math.nan, 0.0, 1.0))
    flight.fly(3)
    assert flight.mode == 'recovery'
    assert len(window.flight().time) == 13
    flight.fly(10, skip=('base_lin_vel_b',))
    assert flight.mode == 'recovery'
    assert len(window.flight().time) == 13 + 4  # until the velocity was too old
    assert np.isfinite(window.flight().signals['base_pos_w']).all()


def test_a_message_seen_twice_counts_once(flight):
    flight.fly(3, skip=('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b'))
    assert flight.mode == 'active'
    assert len(flight.controller._evidence.window.flight().time) == 10


def test_pushes_allocate_nothing_that_stays(drift):
    window = Window({'a': slice(0, 19)}, 4, rows=100)
    row, setpoint = np.ones(19), np.ones(4)

    def run(n):
        for i in range(n):
            drift.push(row)
            window.push(float(i), row, setpoint)

    run(2500)
    tracemalloc.start()
    run(10)
    before, _ = tracemalloc.get_traced_memory()
    run(3000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 512
