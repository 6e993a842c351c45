"""Both engines against motions that can be written down."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip('torch')

G = 9.81
HEIGHT = 20.0


@pytest.fixture
def engine(make_engine, engine_name):
    """One drone without drag, level and at rest, rotors stopped."""
    engine = make_engine(engine_name, 'motors', 1)
    engine.randomize({'drag': torch.zeros(1, 3)}, torch.arange(1))
    start(engine)
    return engine


def start(engine, rotor=0.0, **state):
    """Put the drone at rest at HEIGHT with its rotors at `rotor` [rad/s]."""
    rest = {
        'base_pos_w': [0.0, 0.0, HEIGHT],
        'base_quat_w': [1.0, 0.0, 0.0, 0.0],
        'base_lin_vel_b': [0.0] * 3,
        'base_ang_vel_b': [0.0] * 3,
        'rotor_speed': torch.as_tensor(rotor).expand(4).tolist(),
    }
    rest = {name: torch.tensor([value]) for name, value in (rest | state).items()}
    engine.reset(torch.arange(1), rest)


def fly(engine, setpoint, steps):
    target = torch.as_tensor(setpoint, dtype=torch.float32).expand(1, 4)
    for _ in range(steps):
        engine.step(target)
    return {name: value[0] for name, value in engine.signals().items()}


def nominal(robot, name):
    return robot.parameters[name].nominal


def test_free_fall_is_a_parabola(engine):
    start(engine, base_lin_vel_b=[1.0, -2.0, 3.0])
    end = fly(engine, 0.0, 50)
    expected = torch.tensor([0.5, -1.0, HEIGHT + 1.5 - 0.5 * G * 0.25])
    torch.testing.assert_close(end['base_pos_w'], expected, rtol=0.0, atol=1e-4)
    torch.testing.assert_close(
        end['base_lin_vel_b'][2], torch.tensor(3.0 - 0.5 * G), rtol=1e-5, atol=0
    )


def test_a_free_spin_about_a_principal_axis_keeps_its_rate(engine):
    start(engine, base_ang_vel_b=[0.0, 0.0, 5.0])
    end = fly(engine, 0.0, 50)
    half = 0.5 * 5.0 * 0.5
    expected = torch.tensor([math.cos(half), 0.0, 0.0, math.sin(half)])
    torch.testing.assert_close(end['base_quat_w'], expected, rtol=0.0, atol=1e-5)
    torch.testing.assert_close(end['base_ang_vel_b'][2], torch.tensor(5.0), rtol=1e-6, atol=0.0)


def test_hover_speed_balances_weight(engine, robot):
    hover = robot.setpoint('motors').neutral[0]
    start(engine, hover)
    end = fly(engine, hover, 100)
    assert abs(end['base_pos_w'][2] - HEIGHT) < 1e-4
    assert end['base_lin_vel_b'].abs().max() < 1e-4


def test_ten_percent_more_speed_climbs_at_21_percent_of_g(engine, robot):
    speed = 1.1 * robot.setpoint('motors').neutral[0]
    start(engine, speed)
    end = fly(engine, speed, 100)
    assert end['base_lin_vel_b'][2].item() == pytest.approx(0.21 * G, rel=1e-4)
    assert end['base_pos_w'][2].item() - HEIGHT == pytest.approx(0.105 * G, rel=1e-3)


def test_spin_imbalance_yaws_and_does_nothing_else(engine, robot):
    hover, delta = robot.setpoint('motors').neutral[0], 50.0
    spin = torch.tensor(nominal(robot, 'rotor_spin'))
    speed = hover + delta * spin
    start(engine, speed)
    end = fly(engine, speed, 50)
    # torque = c k sum(spin (w + delta spin)^2) = 8 c k w delta
    torque = 8.0 * nominal(robot, 'torque_coefficient')[0] * hover * delta
    torque *= nominal(robot, 'thrust_coefficient')[0]
    rate = 0.5 * torque / nominal(robot, 'inertia')[2]
    assert rate > 1.0
    assert end['base_ang_vel_b'][2].item() == pytest.approx(rate, rel=1e-4)
    assert end['base_ang_vel_b'][:2].abs().max() < 1e-4
    assert end['base_pos_w'][:2].abs().max() < 1e-4


@pytest.mark.parametrize(
    ('fast', 'axis', 'sign'),
    [((2, 3), 0, 1.0), ((1, 2), 1, 1.0), ((0, 1), 0, -1.0), ((0, 3), 1, -1.0)],
    ids=['left rotors roll right', 'back rotors pitch down', 'right', 'front'],
)
def test_each_pair_of_rotors_turns_the_right_way(engine, robot, fast, axis, sign):
    # REP-103: rolling to the right is positive about x, the nose going down positive about y.
    speed = torch.full((4,), robot.setpoint('motors').neutral[0])
    speed[list(fast)] += 10.0
    start(engine, speed)
    rate = fly(engine, speed, 5)['base_ang_vel_b']
    assert sign * rate[axis] > 0.1
    assert rate[1 - axis].abs() < 1e-3


@pytest.mark.parametrize('steps', [1, 5, 10, 30])
def test_rotors_follow_as_a_first_order_lag(engine, robot, steps):
    start(engine, 1000.0)
    end = fly(engine, 1500.0, steps)
    lag = nominal(robot, 'rotor_time_constant')[0]
    expected = 1500.0 - 500.0 * math.exp(-0.01 * steps / lag)
    assert end['rotor_speed'].tolist() == pytest.approx([expected] * 4, rel=1e-6)


def test_external_force_and_torque_accelerate(engine, robot):
    force, torque = [0.02, -0.01, 0.03], [1e-6, 2e-6, -3e-6]
    engine.randomize(
        {
            'external_force_w': torch.tensor([force]),
            'external_torque_b': torch.tensor([torque]),
        },
        torch.arange(1),
    )
    start(engine)
    end = fly(engine, 0.0, 10)
    mass, inertia = nominal(robot, 'mass')[0], nominal(robot, 'inertia')
    moved = [0.5 * 0.01 * f / mass for f in force]
    moved[2] += HEIGHT - 0.5 * 0.01 * G
    assert end['base_pos_w'].tolist() == pytest.approx(moved, abs=1e-5)
    turned = [0.1 * t / j for t, j in zip(torque, inertia, strict=True)]
    assert end['base_ang_vel_b'].tolist() == pytest.approx(turned, rel=1e-3)  # gyroscopic part


def test_drag_slows_level_flight_exponentially(engine, robot):
    hover = robot.setpoint('motors').neutral[0]
    drag = 10.0 * torch.tensor([nominal(robot, 'drag')])  # ten times, to be seen
    engine.randomize({'drag': drag}, torch.arange(1))
    start(engine, hover, base_lin_vel_b=[2.0, 0.0, 0.0])
    end = fly(engine, hover, 100)
    decay = math.exp(-drag[0, 0].item() * 4.0 * hover / nominal(robot, 'mass')[0])
    assert end['base_lin_vel_b'][0].item() == pytest.approx(2.0 * decay, rel=1e-3)
