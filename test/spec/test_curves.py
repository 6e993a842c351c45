"""Reference curves: derivatives, start from rest, peak speed, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.errors import SpecError
from robot_rl.spec.curves import Curve, figure_eight, hold, lissajous

CENTRE = (0.1, -0.2, 1.0)


@pytest.mark.parametrize(
    'curve',
    [
        figure_eight(CENTRE, 1.0),
        lissajous(CENTRE, (1.0, 0.5, 0.3), (1, 2, 3), 1.5, phase=(0.1, 0.2, 0.3), ramp_s=1.0),
        figure_eight(CENTRE, 1.0, ramp_s=0.0),
    ],
)
def test_velocity_and_acceleration_are_the_derivatives(curve):
    step = 1e-5
    time = np.linspace(0.01, 12.0, 997)  # off the ends of the ramp
    position, velocity, acceleration = curve(time)
    later, earlier = curve(time + step), curve(time - step)
    assert np.allclose((later[0] - earlier[0]) / (2 * step), velocity, atol=1e-5)
    assert np.allclose((later[1] - earlier[1]) / (2 * step), acceleration, atol=1e-4)
    assert position.shape == velocity.shape == acceleration.shape == (997, 3)


def test_starts_from_rest_and_reaches_its_peak_speed():
    curve = figure_eight(CENTRE, 1.0, ramp_s=2.0)
    for time in (-1.0, 0.0):
        position, velocity, _ = curve(time)
        assert np.allclose(position, CENTRE)
        assert np.allclose(velocity, 0.0)
    _, velocity, acceleration = curve(np.linspace(0.0, 60.0, 60_001))
    assert np.linalg.norm(velocity, axis=1).max() == pytest.approx(1.0, abs=1e-3)
    assert np.linalg.norm(acceleration, axis=1).max() < 3.0


def test_a_figure_eight_crosses_its_centre_and_keeps_its_size():
    curve = figure_eight(CENTRE, 1.0, length=1.2, width=0.4)
    position, _, _ = curve(np.linspace(2.0, 60.0, 40_000))
    spread = np.abs(position - np.array(CENTRE)).max(axis=0)
    assert spread == pytest.approx([1.2, 0.4, 0.0], abs=1e-3)


def test_a_point_stands_still():
    position, velocity, acceleration = hold(CENTRE)(np.array([0.0, 5.0]))
    assert np.allclose(position, CENTRE)
    assert not velocity.any()
    assert not acceleration.any()
    assert hold(CENTRE).peak_speed == 0.0


@pytest.mark.parametrize(
    'build',
    [
        lambda: figure_eight(CENTRE, 0.0),
        lambda: figure_eight(CENTRE, float('nan')),
        lambda: lissajous(CENTRE, (0.0, 0.0, 0.0), (1, 2, 3), 1.0),
        lambda: lissajous(CENTRE, (1.0, 0.0, 0.0), (0, 2, 3), 1.0),
        lambda: lissajous(CENTRE, (-1.0, 0.0, 0.0), (1, 2, 3), 1.0),
        lambda: Curve(CENTRE, ramp_s=-1.0),
        lambda: Curve((0.0, 0.0, float('inf'))),
    ],
)
def test_refuses_what_is_no_curve(build):
    with pytest.raises(SpecError):
        build()
