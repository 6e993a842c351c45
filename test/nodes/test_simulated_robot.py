"""The simulated robot has the randomization of training; no ROS needed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.envs import engines
from robot_rl.nodes.simulated_robot import SimulatedRobot
from robot_rl.spec import registry
from robot_rl.spec.randomization import spread

ROBOT = registry.robot('crazyflie')
MOTORS = ROBOT.setpoint('motors')
START = {'base_pos_w': (0.0, 0.0, 1.0), 'base_quat_w': (1.0, 0.0, 0.0, 0.0)}


def _robot(monkeypatch, name, **entry):
    entry = {'operation': 'set', 'source': 'test', **entry}
    monkeypatch.setattr(engines, 'load_randomization', lambda _: (spread(ROBOT, name, entry),))
    options = {'dt': 0.002, 'sensor_dt': 0.01, 'seed': 0, 'noise': False, 'randomize': True}
    robot = SimulatedRobot(ROBOT, 'motors', 'analytic', **options)
    robot.reset({**START, 'rotor_speed': MOTORS.neutral})
    return robot


def test_setpoints_reach_its_drives_late(monkeypatch):
    robot = _robot(monkeypatch, 'action_delay', range=[0.006, 0.006])
    robot.step(np.array(MOTORS.neutral), 0.0)
    speeds = []
    for _ in range(5):
        robot.step(np.array(MOTORS.high), 0.0)
        speeds.append(robot.truth()['rotor_speed'].mean() / MOTORS.neutral[0])
    assert speeds[:3] == pytest.approx([1.0] * 3, abs=1e-5)
    assert speeds[4] > speeds[3] > 1.005


def test_its_messages_get_lost(monkeypatch):
    robot = _robot(monkeypatch, 'message_loss', range=[0.25, 0.25])
    lost = [robot.lost() for _ in range(1000)]
    assert set().union(*lost) == {'odom'}
    assert sum(map(bool, lost)) == pytest.approx(250, abs=40)


def test_gusts_come_and_go(monkeypatch):
    force = {'range': [-0.01, 0.01], 'mode': 'interval', 'interval_s': [0.02, 0.02]}
    robot = _robot(monkeypatch, 'external_force_w', **force)
    forces = []
    for _ in range(30):
        robot.step(np.array(MOTORS.neutral), 0.0)
        forces.append(tuple(robot.truth()['external_force_w']))
    assert len(set(forces)) == 3
    assert robot.lost() == set()
