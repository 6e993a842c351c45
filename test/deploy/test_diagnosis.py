"""Planted faults must be named, and sound data must raise no alarm.

The fast tests make a flight out of formulas; the slow ones fly a Crazyflie in the analytic engine
with every parameter randomized and with noise, offsets and delays in its sensors, under a
hand-written controller that acts on the planted fault: most of these flights end in a crash within
a second.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from robot_rl.deploy.diagnosis import diagnose
from robot_rl.deploy.hypotheses import Flight
from robot_rl.robots import crazyflie
from robot_rl.spec.rotation import rotate

ROBOT = crazyflie.robot()
P = {name: np.array(parameter.nominal) for name, parameter in ROBOT.parameters.items()}
DT = 0.01
NAMES = ('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b')
DEGREES = 180.0 / np.pi


# Planted faults: functions of measured signals, each (n, size)


def negate(name, axis):
    def fault(signals):
        value = signals[name].copy()
        value[:, axis] *= -1.0
        return {**signals, name: value}

    return fault


def degrees(signals):
    return {**signals, 'base_ang_vel_b': DEGREES * signals['base_ang_vel_b']}


def world_velocity(signals):
    world = rotate(signals['base_quat_w'], signals['base_lin_vel_b'])
    return {**signals, 'base_lin_vel_b': world}


def world_rate(signals):
    world = rotate(signals['base_quat_w'], signals['base_ang_vel_b'])
    return {**signals, 'base_ang_vel_b': world}


def xyzw(signals):
    return {**signals, 'base_quat_w': signals['base_quat_w'][:, [1, 2, 3, 0]]}


def conjugate(signals):
    return {**signals, 'base_quat_w': signals['base_quat_w'] * [1.0, -1.0, -1.0, -1.0]}


def swap(name):
    return lambda signals: {**signals, name: signals[name][:, [1, 0, 2]]}


def attitude_in_degrees(signals):
    """Roll, pitch and yaw in degrees, put into the formula for radians."""
    w, x, y, z = signals['base_quat_w'].T
    roll = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = np.arcsin(np.clip(2 * (w * y - z * x), -1, 1))
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    (cr, cp, cy), (sr, sp, sy) = (
        [f(0.5 * DEGREES * angle) for angle in (roll, pitch, yaw)] for f in (np.cos, np.sin)
    )
    quat = (
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )
    return {**signals, 'base_quat_w': np.stack(quat, 1)}


FAULTS = {
    'rate x': (negate('base_ang_vel_b', 0), 'sign', 'the sign of base_ang_vel_b x is flipped'),
    'rate y': (negate('base_ang_vel_b', 1), 'sign', 'the sign of base_ang_vel_b y is flipped'),
    'rate z': (negate('base_ang_vel_b', 2), 'sign', 'the sign of base_ang_vel_b z is flipped'),
    'velocity x': (negate('base_lin_vel_b', 0), 'sign', 'the sign of base_lin_vel_b x is flipped'),
    'velocity z': (negate('base_lin_vel_b', 2), 'sign', 'the sign of base_lin_vel_b z is flipped'),
    'position y': (negate('base_pos_w', 1), 'sign', 'the sign of base_pos_w y is flipped'),
    'degrees': (degrees, 'degrees', 'base_ang_vel_b is in degrees per second'),
    'angles': (attitude_in_degrees, 'degrees', 'base_quat_w was made from angles in degrees'),
    'velocity w': (world_velocity, 'frame', 'base_lin_vel_b is given in the world frame'),
    'rate w': (world_rate, 'frame', 'base_ang_vel_b is given in the world frame'),
    'xyzw': (xyzw, 'quaternion', 'base_quat_w is ordered xyzw'),
    'conjugate': (conjugate, 'quaternion', 'base_quat_w rotates from the world to the body'),
    'axes of v': (swap('base_lin_vel_b'), 'axes', 'base_lin_vel_b arrive in the order yxz'),
    'axes of w': (swap('base_ang_vel_b'), 'axes', 'base_ang_vel_b arrive in the order yxz'),
}


# A flight out of formulas


def product(a, b):
    """Hamilton product of quaternions wxyz (n, 4)."""
    w = a[:, 0] * b[:, 0] - (a[:, 1:] * b[:, 1:]).sum(1)
    v = a[:, :1] * b[:, 1:] + b[:, :1] * a[:, 1:] + np.cross(a[:, 1:], b[:, 1:])
    return np.hstack((w[:, None], v))


def tumble(seed, n=300, calm=1.0):
    """Smooth random motion: (time, signals, rates) with a little noise."""
    rng = np.random.default_rng(seed)
    time = DT * np.arange(n, dtype=np.float64)
    phase, speed = rng.uniform(0, 6.28, (2, 3, 1)), rng.uniform(2.0, 6.0, (2, 3, 1))
    rate = calm * (2.0 * np.sin(speed[0] * time + phase[0])).T
    velocity_w = calm * np.sin(speed[1] * time + phase[1]).T
    position = np.cumsum(velocity_w, 0) * DT
    quat = np.zeros((n, 4))
    quat[0] = (1.0, 0.0, 0.0, 0.0)
    for i in range(n - 1):
        quat[i + 1] = quat[i] + 0.5 * DT * product(
            quat[i : i + 1], np.hstack(([[0.0]], rate[i : i + 1]))
        )
        quat[i + 1] /= np.linalg.norm(quat[i + 1])
    velocity = rotate(quat * [1.0, -1.0, -1.0, -1.0], velocity_w)
    values = dict(zip(NAMES, (position, quat, velocity, rate), strict=True))
    stds = {sensor.signal: sensor.noise_std for sensor in ROBOT.sensors}
    noisy = {name: v + stds[name] * rng.standard_normal(v.shape) for name, v in values.items()}
    return time, noisy


def kinematic(time, signals):
    """The laws that need no setpoint: a level that commands rates switches the rotors' law off."""
    return diagnose(ROBOT, 'rates', Flight(time, signals, np.zeros((len(time), 4))))


@pytest.mark.parametrize('name', FAULTS)
def test_planted_fault_in_formulas(name):
    fault, kind, words = FAULTS[name]
    for seed in range(4):
        time, signals = tumble(seed)
        found = kinematic(time, fault(signals))
        assert [(f.kind, words in f.text) for f in found] == [(kind, True)], found


@pytest.mark.parametrize('calm', [0.0, 0.01, 0.1, 1.0])
def test_sound_formulas_raise_no_alarm(calm):
    for seed in range(10):
        assert kinematic(*tumble(seed, calm=calm)) == []


def test_equally_likely_causes_are_all_named():
    time, signals = tumble(0)
    level = {**signals, 'base_quat_w': np.tile([1.0, 0.0, 0.0, 0.0], (300, 1))}
    way = np.cumsum(level['base_lin_vel_b'], 0) * DT
    level['base_pos_w'] = way * [1.0, -1.0, 1.0]
    level['base_ang_vel_b'] = np.zeros((300, 3))
    (found,) = kinematic(time, level)
    assert 'the sign of base_lin_vel_b y is flipped or' in found.text
    assert 'the sign of base_pos_w y is flipped' in found.text


def test_missing_signals_are_skipped():
    time, signals = tumble(0)
    faulty = negate('base_ang_vel_b', 0)(signals)
    assert kinematic(time, {}) == []
    assert kinematic(time, {'base_pos_w': signals['base_pos_w']}) == []
    del faulty['base_pos_w']
    assert [f.law for f in kinematic(time, faulty)] == ['attitude']


def test_too_short_a_flight_says_nothing():
    time, signals = tumble(0)
    faulty = negate('base_ang_vel_b', 0)(signals)
    for n in range(15):
        assert kinematic(time[:n], {k: v[:n] for k, v in faulty.items()}) == []
    assert kinematic(time[:60], {k: v[:60] for k, v in faulty.items()}) != []


def spun(seed, wiring=(0, 1, 2, 3), n=200):
    """Diagnosis of a body shaken by random setpoints; its rotor j gets setpoint wiring[j]."""
    rng = np.random.default_rng(seed)
    hover = crazyflie.HOVER_ROTOR_SPEED
    setpoints = hover * (1.0 + np.repeat(rng.uniform(-0.1, 0.1, (n // 10, 4)), 10, 0))
    drag = P['torque_coefficient'] * P['rotor_spin']
    arms = np.stack((P['rotor_y'], -P['rotor_x'], drag)) * P['thrust_coefficient']
    rates, rate, rotor = np.zeros((n, 3)), np.zeros(3), np.full(4, hover)
    for i in range(n):
        rates[i] = rate
        for _ in range(10):
            rotor = rotor + 0.1 * DT / 0.08 * (setpoints[i, list(wiring)] - rotor)
            torque = arms @ rotor**2 - np.cross(rate, P['inertia'] * rate)
            rate = rate + 0.1 * DT * (torque / P['inertia'] - 2.0 * rate)
    rates += 0.002 * rng.standard_normal(rates.shape)
    time = DT * np.arange(n, dtype=np.float64)
    return diagnose(ROBOT, 'motors', Flight(time, {'base_ang_vel_b': rates}, setpoints))


@pytest.mark.parametrize(
    ('wiring', 'words'),
    [
        ((1, 0, 2, 3), 'motors m1_joint and m2_joint are swapped'),
        ((2, 1, 0, 3), 'motors m1_joint and m3_joint are swapped'),
        ((0, 1, 3, 2), 'motors m3_joint and m4_joint are swapped'),
        ((1, 2, 3, 0), 'm1_joint drives m4_joint, m2_joint drives m1_joint'),
    ],
)
def test_swapped_motors_in_formulas(wiring, words):
    for seed in range(4):
        (found,) = spun(seed, wiring)
        assert (found.law, found.kind, found.signal) == ('rotors', 'motors', 'setpoint')
        assert words in found.text


def test_sound_motors_in_formulas():
    assert [spun(seed) for seed in range(8)] == [[]] * 8


# A flight in the analytic engine


def pilot(signals, goal, goal_velocity, yaw):
    """Rotor speeds (n, 4) of a cascade: position, tilt, torque, rotors."""
    quat = signals['base_quat_w']
    rotation = np.stack(
        [rotate(quat, np.broadcast_to(axis, (len(quat), 3))) for axis in np.eye(3)], 2
    )
    velocity = rotate(quat, signals['base_lin_vel_b'])
    wanted = 3.0 * (goal - signals['base_pos_w']) + 3.0 * (goal_velocity - velocity)
    wanted = np.clip(wanted, -6.0, 6.0) + np.array((0.0, 0.0, 9.81))
    up = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
    left = np.cross(up, np.stack((np.cos(yaw), np.sin(yaw), 0.0 * yaw), 1))
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    target = np.stack((np.cross(left, up), left, up), 2)
    error = np.einsum('nji,njk->nik', target, rotation)
    error = 0.5 * (error - error.transpose(0, 2, 1))
    error = np.stack((error[:, 2, 1], error[:, 0, 2], error[:, 1, 0]), 1)
    torque = -P['inertia'] * (error * (60, 60, 12) + signals['base_ang_vel_b'] * (12, 12, 5))
    thrust = P['mass'] * np.einsum('ni,ni->n', wanted, rotation[:, :, 2]).clip(2.0, 25.0)
    mixer = (np.ones(4), P['rotor_y'], -P['rotor_x'], P['torque_coefficient'] * P['rotor_spin'])
    forces = np.hstack((thrust[:, None], torque)) @ np.linalg.inv(np.stack(mixer)).T
    return np.sqrt(np.clip(forces, 0.0, 0.15) / P['thrust_coefficient'])


class Fleet:
    """Randomized Crazyflies with noisy, late sensors."""

    def __init__(self, num, seed):
        torch = pytest.importorskip('torch')
        pytest.importorskip('yaml')
        pytest.importorskip('numba')
        from robot_rl.engines.analytic import AnalyticEngine
        from robot_rl.envs.ranges import load_randomization
        from robot_rl.mdp.randomization import ParameterSampler
        from robot_rl.sensors.measure import Measurement

        torch.set_num_threads(1)
        self.torch, cpu = torch, torch.device('cpu')
        generator = torch.Generator().manual_seed(seed)
        self.engine = AnalyticEngine(ROBOT, 'motors', num, DT)
        ids = torch.arange(num)
        draw = ParameterSampler(ROBOT, load_randomization(ROBOT), cpu)
        self.engine.randomize(draw(num, generator), ids)
        u = np.random.default_rng(seed).uniform(-1.0, 1.0, (num, 9))
        state = {
            'base_pos_w': 0.3 * u[:, :3] + (0.0, 0.0, 1.0),
            'base_quat_w': np.tile((1.0, 0.0, 0.0, 0.0), (num, 1)),
            'base_lin_vel_b': 0.5 * u[:, 3:6],
            'base_ang_vel_b': u[:, 6:9],
            'rotor_speed': np.full((num, 4), crazyflie.HOVER_ROTOR_SPEED),
        }
        state = {name: torch.tensor(v, dtype=torch.float32) for name, v in state.items()}
        self.engine.reset(ids, state)
        self.sensors = Measurement(ROBOT, NAMES, DT, generator, cpu)
        self.sensed = self.sensors.fresh(self.engine.signals())

    def measure(self):
        measured, changed = self.sensors.sample(self.engine.signals(), self.sensed, {})
        self.sensed |= changed
        return {name: measured[name].numpy().astype(float) for name in NAMES}

    def step(self, setpoints):
        self.engine.step(self.torch.tensor(setpoints, dtype=self.torch.float32))

    def flying(self):
        signals = {name: value.numpy() for name, value in self.engine.signals().items()}
        quat, position = signals['base_quat_w'], signals['base_pos_w']
        upright = 1.0 - 2.0 * (quat[:, 1] ** 2 + quat[:, 2] ** 2) > np.cos(np.radians(85.0))
        return upright & (np.abs(position - (0.0, 0.0, 1.0)).max(1) < 3.0)


def fly(num=16, seed=0, fault=None, motors=(0, 1, 2, 3), calm=False, ticks=300):
    """Flights, one a drone, each until it crashes; the pilot sees the fault."""
    fleet, rng = Fleet(num, seed), np.random.default_rng(seed)
    phase, pace = rng.uniform(0.0, 6.28, (num, 4)), rng.uniform(1.0, 2.0, (num, 4))
    speed = np.array((0.0, 0.0, 0.0) if calm else (1.0, 1.0, 0.3))
    seen, sent, flying = [], [], np.ones(num, bool)
    length = np.zeros(num, int)
    for tick in range(ticks):
        signals = fleet.measure()
        signals = fault(signals) if fault else signals
        angle = (pace * tick * DT + phase)[:, :3]
        goal = speed * np.sin(angle) / pace[:, :3] + (0.0, 0.0, 1.0)
        yaw = (0.0 if calm else 0.5) * np.sin(phase[:, 3] + tick * DT)
        setpoints = pilot(signals, goal, speed * np.cos(angle), yaw)
        if not calm:
            setpoints = setpoints * (1.0 + 0.02 * rng.standard_normal(setpoints.shape))
        seen.append(signals)
        sent.append(setpoints)
        fleet.step(setpoints[:, list(motors)])
        flying &= fleet.flying()
        length += flying
    for i, n in enumerate(length):
        values = {name: np.stack([row[name][i] for row in seen[:n]]) for name in NAMES if n}
        yield Flight(DT * np.arange(n), values, np.stack(sent)[:n, i])


@pytest.mark.slow
@pytest.mark.parametrize('name', FAULTS)
def test_planted_fault_in_flight(name):
    fault, kind, words = FAULTS[name]
    found = [diagnose(ROBOT, 'motors', flight) for flight in fly(seed=1, fault=fault)]
    named = sum(any(f.kind == kind and words in f.text for f in row) for row in found)
    assert named >= 15, Counter(f.text for row in found for f in row)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('motors', 'words'),
    [
        ((1, 0, 2, 3), 'm1_joint and m2_joint are swapped'),
        ((2, 1, 0, 3), 'm1_joint and m3_joint are swapped'),
        ((0, 1, 3, 2), 'm3_joint and m4_joint are swapped'),
    ],
)
def test_swapped_motors_in_flight(motors, words):
    found = [diagnose(ROBOT, 'motors', flight) for flight in fly(32, seed=2, motors=motors)]
    right = sum(any(words in f.text for f in row) for row in found)
    wrong = sum(any(words not in f.text for f in row) for row in found)
    assert right >= 24, Counter(f.text for row in found for f in row)
    assert wrong == 0


@pytest.mark.slow
@pytest.mark.parametrize('calm', [True, False])
@pytest.mark.parametrize('seed', range(4))
def test_sound_flights_raise_no_alarm(seed, calm):
    for flight in fly(64, seed=10 + seed, calm=calm):
        n = len(flight.time)
        for part in (slice(0, n), slice(0, 30), slice(max(0, n - 40), n), slice(100, 150)):
            signals = {name: value[part] for name, value in flight.signals.items()}
            piece = Flight(flight.time[part], signals, flight.setpoints[part])
            assert diagnose(ROBOT, 'motors', piece) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ('fault', 'motors', 'words'),
    [
        (negate('base_ang_vel_b', 0), (0, 1, 2, 3), 'base_ang_vel_b x is flipped'),
        (degrees, (0, 1, 2, 3), 'degrees per second'),
        (None, (2, 1, 0, 3), 'm1_joint and m3_joint are swapped'),
    ],
)
def test_after_a_crash_the_controller_names_the_cause(make_flight, fault, motors, words):
    flight, fleet = make_flight(), Fleet(1, seed=3)

    def step():
        signals = {name: flight.policy.inputs[name][None].astype(float) for name in NAMES}
        flight.policy.setpoint[:] = pilot(signals, np.array([[0.0, 0.0, 1.0]]), 0.0, np.zeros(1))[
            0
        ]
        return flight.policy.setpoint

    flight.policy.step = step
    while flight.mode in ('active', 'recovery') and flight.now < 110.0:
        signals = fleet.measure()
        signals = fault(signals) if fault else signals
        command = flight.fly(**{name: value[0] for name, value in signals.items()})
        fleet.step(command.setpoint[None, list(motors)])
    assert flight.mode == 'fault'
    assert any(word in flight.reason for word in ('tilt', 'fence', 'plausible'))
    assert [words in finding.text for finding in flight.controller.diagnose()] == [True]
