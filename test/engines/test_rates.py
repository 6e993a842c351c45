"""The level 'rates': the firmware's loop between collective thrust and body rates, and rotors."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

WEIGHT = 0.027 * 9.81


@pytest.fixture
def engine(make_engine, engine_name):
    engine = make_engine(engine_name, 'rates', 1)
    start(engine)
    return engine


def start(engine, **state):
    rest = {
        'base_pos_w': [0.0, 0.0, 50.0],
        'base_quat_w': [1.0, 0.0, 0.0, 0.0],
        'base_lin_vel_b': [0.0] * 3,
        'base_ang_vel_b': [0.0] * 3,
        'rotor_speed': [engine.robot.setpoint('motors').neutral[0]] * 4,
    }
    rest = {name: torch.tensor([value]) for name, value in (rest | state).items()}
    engine.reset(torch.arange(1), rest)


def fly(engine, setpoint, steps):
    for _ in range(steps):
        engine.step(torch.tensor([setpoint]))
    return {name: value[0] for name, value in engine.signals().items()}


def test_weight_and_no_rates_hover(engine):
    end = fly(engine, [WEIGHT, 0.0, 0.0, 0.0], 100)
    assert (end['base_pos_w'] - torch.tensor([0.0, 0.0, 50.0])).norm() < 1e-3


@pytest.mark.parametrize(
    ('axis', 'rate', 'seconds'), [(0, 2.0, 0.5), (1, -2.0, 0.5), (2, 1.0, 0.8)]
)
def test_each_axis_reaches_its_rate_and_leaves_the_others(engine, axis, rate, seconds):
    setpoint = [WEIGHT, 0.0, 0.0, 0.0]
    setpoint[1 + axis] = rate
    end = fly(engine, setpoint, round(100 * seconds))['base_ang_vel_b']
    assert end[axis].item() == pytest.approx(rate, rel=0.15)
    end[axis] = 0.0
    assert end.abs().max() < 0.05


def test_collective_thrust_lifts(engine):
    end = fly(engine, [1.3 * WEIGHT, 0.0, 0.0, 0.0], 100)
    # Half a second after the rotors have settled the acceleration is 0.3 g, less drag.
    assert end['base_lin_vel_b'][2].item() == pytest.approx(0.3 * 9.81 * 0.9, rel=0.15)
    speed = (1.3 * WEIGHT / 4.0 / engine.robot.parameters['mixer_thrust'].nominal[0]) ** 0.5
    assert end['rotor_speed'].tolist() == pytest.approx([speed] * 4, rel=1e-2)


def test_no_thrust_stops_the_rotors_whatever_the_rates(engine):
    end = fly(engine, [0.0, 5.0, -5.0, 2.0], 100)
    lag = engine.robot.parameters['rotor_time_constant'].nominal[0]
    hover = engine.robot.setpoint('motors').neutral[0]
    expected = hover * 2.718281828 ** (-1.0 / lag)
    assert end['rotor_speed'].tolist() == pytest.approx([expected] * 4, rel=1e-3)


def test_attitude_goes_before_height_at_full_thrust(engine):
    top = engine.robot.setpoint('rates').high[0]
    end = fly(engine, [top, 3.0, 0.0, 0.0], 60)
    assert end['base_ang_vel_b'][0] > 2.0
    limit = engine.robot.parameters['max_rotor_speed'].nominal[0]
    assert end['rotor_speed'].max() <= limit * (1.0 + 1e-5)


def test_the_integral_takes_out_an_uneven_pair_of_rotors(engine, robot):
    uneven = torch.tensor([robot.parameters['thrust_coefficient'].nominal])
    uneven = uneven * torch.tensor([[0.95, 0.95, 1.05, 1.05]])
    engine.randomize({'thrust_coefficient': uneven}, torch.arange(1))
    start(engine)
    early = fly(engine, [WEIGHT, 0.0, 0.0, 0.0], 20)['base_ang_vel_b'][0].abs()
    late = fly(engine, [WEIGHT, 0.0, 0.0, 0.0], 280)['base_ang_vel_b'][0].abs()
    assert early > 0.04
    assert late < 0.1 * early


def test_reset_forgets_the_integral(engine):
    fresh = fly(engine, [WEIGHT, 1.0, 0.0, 0.0], 20)
    fly(engine, [WEIGHT, 9.0, -9.0, 3.0], 50)
    start(engine)
    again = fly(engine, [WEIGHT, 1.0, 0.0, 0.0], 20)
    for name, value in fresh.items():
        assert torch.equal(value, again[name]), name
