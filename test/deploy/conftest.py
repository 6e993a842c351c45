"""A policy made of numpy and a harness that feeds and ticks a controller on simulated time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from robot_rl.deploy.controller import Controller
from robot_rl.robots import crazyflie
from robot_rl.spec.contract import SCHEMA, SLOW, Contract

DT = 0.01
LATENCY = 0.001  # [s] of each message; keeps ages off the boundaries of rounding
NAMES = (
    'base_pos_w',
    'base_quat_w',
    'base_lin_vel_b',
    'base_ang_vel_b',
    'goal_pos_w',
    'goal_lin_vel_w',
)
LEVEL = {
    'base_pos_w': (0.0, 0.0, 1.0),
    'base_quat_w': (1.0, 0.0, 0.0, 0.0),
    'base_lin_vel_b': (0.0, 0.0, 0.0),
    'base_ang_vel_b': (0.0, 0.0, 0.0),
}
GOAL = {'goal_pos_w': (0.0, 0.0, 1.0), 'goal_lin_vel_w': (0.0, 0.0, 0.0)}


class StubPolicy:
    """Returns `answer` and counts its steps in its memory."""

    def __init__(self, contract):
        self.contract = contract
        self.inputs = {
            s.name: np.zeros(s.row, np.uint8 if s.is_image else np.float32)
            for s in contract.signals
        }
        self.memory = np.zeros(contract.memory_size, np.float32)
        self.setpoint = np.zeros(len(contract.setpoint_fields), np.float32)
        self.answer = np.full(len(contract.setpoint_fields), 1600.0, np.float32)
        self.tests = 0

    def fit(self, robot):
        """Its inputs fit the robot as they are."""

    def reset(self):
        self.memory.fill(0.0)

    def step(self):
        self.memory += 1.0
        np.copyto(self.setpoint, self.answer)
        return self.setpoint

    def self_test(self):
        self.tests += 1
        return 0.0


class Flight:
    """A controller, its policy and the clock."""

    def __init__(self, robot=None, names=NAMES, dt=DT):
        self.robot, self.dt = robot or crazyflie.robot(), dt
        setpoint = next(iter(self.robot.setpoints.values()))
        self.contract = Contract(
            schema=SCHEMA,
            task='hover-crazyflie',
            robot=self.robot.name,
            level=setpoint.name,
            signals=tuple(self.robot.signal(name) for name in names),
            joint_names=self.robot.joint_names,
            setpoint_fields=setpoint.fields,
            setpoint_units=setpoint.units,
            setpoint_low=setpoint.low,
            setpoint_high=setpoint.high,
            control_dt=dt,
            memory_size=3,
            versions={},
            training={SLOW: {t.name: t.rate_hz for t in self.robot.topics if t.slow(dt)}},
            evaluation={},
            statistics={},
        )
        self.policy: Any = StubPolicy(self.contract)
        self.controller = Controller(self.robot, self.policy)
        self.now = 100.0
        self.level: dict[str, Any] = dict(LEVEL)
        """What the sensors say unless a test says otherwise."""

    @property
    def mode(self):
        return self.controller.mode.value

    @property
    def reason(self):
        return self.controller.reason

    def feed(self, stamp=None, skip=(), **values):
        for name, value in {**self.level, **values}.items():
            if name not in skip:
                self.controller.feed(name, value, self.now - LATENCY if stamp is None else stamp)

    def fly(self, ticks=1, skip=(), dt=None, **values):
        """Advance `ticks` periods with fresh messages, except `skip`; stop early never."""
        command = self.controller.command
        for _ in range(ticks):
            self.now += dt or self.dt
            self.feed(skip=skip, **values)
            command = self.controller.tick(self.now)
            self.controller.measure()
        return command

    def activate(self):
        self.controller.configure()
        for name, value in GOAL.items():
            self.controller.feed(name, value, self.now)
        self.feed()
        assert self.controller.activate(self.now), self.reason
        return self


@pytest.fixture
def flight():
    """An active controller after ten good periods."""
    flight = Flight().activate()
    flight.fly(10)
    assert flight.mode == 'active'
    return flight


@pytest.fixture
def grounded():
    """A configured controller that has heard nothing yet."""
    flight = Flight()
    flight.controller.configure()
    return flight


@pytest.fixture
def new_flight():
    """(robot, names of signals, period) -> a controller that nothing was asked of yet."""
    return Flight


@pytest.fixture
def make_flight():
    """Build an active flight of a Crazyflie with changed limits or setpoint."""

    def make(limits=None, setpoint=None):
        robot = crazyflie.robot()
        if limits:
            robot = replace(robot, limits=replace(robot.limits, **limits))
        if setpoint:
            changed = replace(robot.setpoint('motors'), **setpoint)
            robot = replace(robot, setpoints={**robot.setpoints, 'motors': changed})
        return Flight(robot).activate()

    return make
