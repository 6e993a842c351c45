"""A thousand hand-overs between a person and a policy that is shipped: nothing jumps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot_rl.assets import policy_path
from robot_rl.deploy.controller import Controller
from robot_rl.deploy.deadman import DeadMan
from robot_rl.deploy.policy import Policy
from robot_rl.deploy.takeover import BLEND_S
from robot_rl.spec import registry

SWITCHES = 1000
MOVING = {'scan': 3.0, 'base_lin_vel_b': (1.0, 0.0, 0.0), 'base_pos_w': (0.0, 0.0, 0.5)}
"""Signals of a robot that is not at rest, so that none counts as stuck or beyond its fence."""


def controller_of(name: str) -> Controller:
    policy = Policy.load(Path(policy_path(name)))
    controller = Controller(registry.robot(policy.contract.robot), policy)
    controller.configure()
    return controller


def feed(controller: Controller, now: float, rng: np.random.Generator) -> None:
    """Plausible measurements with some noise, so that the policy's answers change."""
    for name, source in controller.inputs.sources.items():
        values = np.zeros(source.signal.size) + np.array(MOVING.get(name, 0.0))
        if source.signal.is_quaternion:
            values = np.array([1.0, 0.0, 0.0, 0.0])
        elif 'goal' not in name:
            values = values + 0.01 * rng.standard_normal(values.shape)
        controller.feed(name, values, now)


@pytest.mark.parametrize('name', ['navigate-turtlebot', 'race-racecar', 'hover-crazyflie'])
def test_no_setpoint_jumps_in_a_thousand_switches(name):
    rng = np.random.default_rng(0)
    controller = controller_of(name)
    setpoint = controller.robot.setpoint(controller.policy.contract.level)
    low, high = np.array(setpoint.low), np.array(setpoint.high)
    dt = controller.policy.contract.control_dt
    blended = (high - low) * dt / BLEND_S
    now, switch = 100.0, DeadMan(controller)
    feed(controller, now, rng)
    assert controller.activate(now), controller.reason
    held, switches, left, worst = False, 0, 5, np.zeros(setpoint.size)
    sent = controller.command.setpoint.copy()
    human = sent.copy()
    while switches < SWITCHES:
        turned = left == 0
        if turned:
            held, left = not held, 1 + int(rng.exponential(3.0))  # some last longer than a blend
            switches += 1
            human = rng.uniform(low, high)
            if not held:
                switch.let_go('anna', now)
        left -= 1
        now += dt
        feed(controller, now, rng)
        if held:
            controller.drive(human, now - 0.1 * dt)
            switch.hold('anna', now)
        switch.look(now)
        command = controller.tick(now)
        assert command.pilot == ('human anna' if held else 'policy'), command.reason
        step = np.abs(command.setpoint - sent)
        assert (step <= np.array(setpoint.slew) * dt + 1e-9).all()
        if turned:
            worst = np.maximum(worst, step / blended)
        sent = command.setpoint.copy()
    assert (worst <= 1.0 + 1e-6).all(), 'a hand-over moves a setpoint by the blend alone'
    assert controller.diagnostics()['recoveries'] == 0
