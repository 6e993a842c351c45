"""Absolute deadlines and fixed-size statistics."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from robot_rl.deploy.timing import Pacer, Ring, TickMeter
from robot_rl.errors import SpecError

pytestmark = pytest.mark.timed


class Clock:
    """A clock that only sleeping and `work` move."""

    def __init__(self, oversleep=0.0):
        self.now, self.oversleep, self.slept = 5.0, oversleep, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds + self.oversleep


def paced(dt=0.01, oversleep=0.0):
    clock = Clock(oversleep)
    return clock, Pacer(dt, clock, clock.sleep)


def test_ticks_stay_on_the_grid_whatever_the_work_takes():
    clock, pacer = paced(oversleep=0.001)
    pacer.wait()
    rng = np.random.default_rng(0)
    for k in range(1, 1000):
        clock.now += rng.uniform(0.0, 0.008)
        assert pacer.wait() == 0
        assert clock.now == pytest.approx(5.0 + 0.01 * k + 0.001, abs=1e-9)
    assert pacer.missed == 0
    assert pacer.ticks == 1000
    assert pacer.lateness.statistics()['max'] == pytest.approx(0.001, abs=1e-9)


def test_work_over_one_deadline_is_late_but_misses_nothing():
    clock, pacer = paced()
    pacer.wait()
    clock.now += 0.013
    assert pacer.wait() == 0
    assert clock.now == pytest.approx(5.013)
    pacer.wait()
    assert clock.now == pytest.approx(5.02)
    assert pacer.lateness.statistics()['max'] == pytest.approx(0.003)


def test_missed_periods_are_skipped_not_made_up():
    clock, pacer = paced()
    pacer.wait()
    clock.now += 0.055
    assert pacer.wait() == 4
    assert clock.slept == []
    assert pacer.wait() == 0
    assert clock.now == pytest.approx(5.06)
    assert pacer.missed == 4


def test_a_wake_up_after_the_next_deadline_is_a_miss():
    _, pacer = paced(oversleep=0.012)
    pacer.wait()
    assert pacer.wait() == 1


def test_reset_starts_a_new_grid():
    clock, pacer = paced()
    pacer.wait()
    clock.now += 0.5
    pacer.reset()
    assert math.isnan(pacer.deadline)
    assert pacer.wait() == 0
    assert pacer.deadline == pytest.approx(5.51)
    assert (pacer.missed, pacer.ticks) == (0, 1)


@pytest.mark.parametrize('dt', [0.0, -0.01, math.inf, math.nan])
def test_a_period_that_makes_no_sense_is_refused(dt):
    with pytest.raises(SpecError, match='positive and finite'):
        Pacer(dt)


def test_real_clock_does_not_drift():
    pacer = Pacer(0.002)
    pacer.wait()
    start = time.perf_counter()
    for _ in range(50):
        pacer.wait()
    # On the grid: the 50th tick can be late by itself, but not by a sum of fifty.
    assert time.perf_counter() - start - (50 + pacer.missed) * 0.002 < 0.02


def test_ring_statistics_are_those_of_the_last_values():
    ring = Ring(100)
    values = np.random.default_rng(1).normal(size=257)
    for value in values:
        ring.push(value)
    held = values[-100:]
    statistics = ring.statistics()
    assert statistics['mean'] == pytest.approx(held.mean())
    assert statistics['p50'] == pytest.approx(np.percentile(held, 50))
    assert statistics['p99'] == pytest.approx(np.percentile(held, 99))
    assert statistics['max'] == held.max()
    assert ring.count == 257


def test_an_empty_or_cleared_ring_has_no_statistics():
    ring = Ring(4)
    assert all(math.isnan(value) for value in ring.statistics().values())
    ring.push(3.0)
    assert ring.statistics()['p99'] == 3.0
    ring.clear()
    assert math.isnan(ring.statistics()['mean'])


def test_meter_counts_missed_deadlines_in_a_row():
    meter = TickMeter(0.01)
    for now in (1.0, 1.01, 1.02, 1.034, 1.04):  # one late by less than half a period
        meter.begin(now)
        meter.end()
    assert (meter.missed, meter.streak) == (0, 0)
    meter.begin(1.06)
    assert meter.streak == 1
    meter.begin(1.09)
    assert (meter.missed, meter.streak) == (3, 3)
    meter.begin(1.10)
    assert (meter.missed, meter.streak) == (3, 0)
    assert meter.latency.statistics()['max'] < 0.1


def test_meter_does_not_count_a_pause_before_the_start():
    meter = TickMeter(0.01)
    meter.begin(1.0)
    meter.restart()
    meter.begin(9.0)
    assert (meter.gap, meter.missed) == (0.0, 0)
