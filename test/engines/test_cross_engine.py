"""Engine against engine, and the analytic engine against an independent reference."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')

NUM, STEPS = 32, 100
SIGNALS = ('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b', 'rotor_speed')


@pytest.fixture
def flight(make_engine, random_states, random_parameters, random_setpoints):
    """(engine name, level) -> signals after a second of random setpoints and parameters."""

    def fly(name: str, level: str) -> dict:
        engine = make_engine(name, level, NUM)
        env_ids = torch.arange(NUM)
        engine.randomize(random_parameters(NUM, 1), env_ids)
        engine.reset(env_ids, random_states(NUM, 2))
        for setpoint in random_setpoints(level, NUM, STEPS, 3):
            engine.step(setpoint)
        return engine.signals()

    return fly


def differences(a: dict, b: dict) -> dict[str, float]:
    return {name: (a[name] - b[name]).norm(dim=1).max().item() for name in a}


# MuJoCo holds the wrench over a physics step, taken at the step's middle, so it differs by a
# multiple of the step squared: 5 ms on the level 'motors', tumbling at up to 25 rad/s, and 2 ms on
# 'rates'. 2.8 and 0.3 mm were measured after the second. PyBullet takes the gyroscopic torque of a
# tumble from the start of its step of 2 ms, an error of first order: 40 and 2.2 mm. The bounds
# leave a factor of about three.
@pytest.mark.parametrize(
    ('name', 'level', 'bounds'),
    [
        ('mujoco', 'motors', (8e-3, 4e-3, 8e-2, 5e-2, 1e-2)),
        ('mujoco', 'rates', (1e-3, 2e-4, 2e-3, 1e-3, 2e-1)),
        ('pybullet', 'motors', (0.12, 0.4, 6.0, 12.0, 1e-2)),
        ('pybullet', 'rates', (6e-3, 9e-4, 2e-2, 1e-2, 3.0)),
    ],
)
def test_engines_agree_after_a_second(flight, name, level, bounds):
    found = differences(flight('analytic', level), flight(name, level))
    for signal, bound in zip(SIGNALS, bounds, strict=True):
        assert found[signal] < bound, f'{signal}: {found[signal]:.2e}'
    assert found['external_force_w'] == found['external_torque_b'] == 0.0


def test_the_difference_shrinks_with_the_square_of_the_step(flight, monkeypatch):
    pytest.importorskip('mujoco')
    from robot_rl.engines import mujoco

    analytic = flight('analytic', 'motors')
    errors = []
    for step in (0.01, 0.005, 0.0025):
        monkeypatch.setattr(mujoco, 'LONGEST_STEP', step)
        errors.append(differences(analytic, flight('mujoco', 'motors'))['base_pos_w'])
    assert errors[0] > 3.0 * errors[1] > 9.0 * errors[2]


def reference(robot, parameters: dict, state: dict, setpoints: list, dt: float) -> np.ndarray:
    """Position after the setpoints of one drone: rotation matrices, scipy's DOP853, float64."""
    from scipy.integrate import solve_ivp

    nominal = {name: np.array(p.nominal) for name, p in robot.parameters.items()}
    p = nominal | {name: np.asarray(v, float) for name, v in parameters.items()}
    w, x, y, z = np.asarray(state['base_quat_w'], float)
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn = np.eye(3) + 2.0 * w * skew + 2.0 * skew @ skew
    velocity = turn @ np.asarray(state['base_lin_vel_b'], float)
    rate, rotor = (np.asarray(state[n], float) for n in ('base_ang_vel_b', 'rotor_speed'))
    start = np.concatenate((state['base_pos_w'], velocity, turn.ravel(), rate, rotor))

    def derivative(_, s, target):
        v, r, w, n = s[3:6], s[6:15].reshape(3, 3), s[15:18], s[18:22]
        thrust = p['thrust_coefficient'] * n**2
        force = np.array([0.0, 0.0, thrust.sum()]) - p['drag'] * n.sum() * (r.T @ v)
        torque = p['external_torque_b'] + [
            p['rotor_y'] @ thrust,
            -p['rotor_x'] @ thrust,
            p['torque_coefficient'][0] * (p['rotor_spin'] @ thrust),
        ]
        a = (r @ force + p['external_force_w']) / p['mass'][0] - [0.0, 0.0, 9.81]
        b = (torque - np.cross(w, p['inertia'] * w)) / p['inertia']
        cross = np.array([[0, -w[2], w[1]], [w[2], 0, -w[0]], [-w[1], w[0], 0]])
        return np.concatenate(
            (v, a, (r @ cross).ravel(), b, (target - n) / p['rotor_time_constant'])
        )

    s = start
    for target in setpoints:
        step = solve_ivp(
            derivative, (0.0, dt), s, 'DOP853', args=(target,), rtol=1e-10, atol=1e-10
        )
        s = step.y[:, -1]
    return s


def test_analytic_engine_matches_an_independent_float64_reference(
    robot, flight, random_states, random_parameters, random_setpoints
):
    """RK4 at 10 ms in float32 against error-controlled integration of the rotation-matrix form."""
    pytest.importorskip('scipy')
    end = flight('analytic', 'motors')
    parameters, states = random_parameters(NUM, 1), random_states(NUM, 2)
    setpoints = torch.stack(random_setpoints('motors', NUM, STEPS, 3)).double().numpy()
    for row in range(0, NUM, 8):
        exact = reference(
            robot,
            {name: value[row].numpy() for name, value in parameters.items()},
            {name: value[row].numpy() for name, value in states.items()},
            setpoints[:, row],
            0.01,
        )
        np.testing.assert_allclose(end['base_pos_w'][row], exact[0:3], atol=1e-4)
        np.testing.assert_allclose(end['base_ang_vel_b'][row], exact[15:18], atol=1e-3)
        np.testing.assert_allclose(end['rotor_speed'][row], exact[18:22], rtol=1e-5)
        body_velocity = exact[6:15].reshape(3, 3).T @ exact[3:6]
        np.testing.assert_allclose(end['base_lin_vel_b'][row], body_velocity, atol=1e-3)
