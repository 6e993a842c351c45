"""A camera that stops, slows down or shows nothing while its policy drives."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.robots import crazyflie

DT = 0.04
ROBOT = crazyflie.robot()
SHAPE = ROBOT.signal('rgb').shape
DESCEND = 0.95 * crazyflie.HOVER_ROTOR_SPEED
CAMERA = {'rgb', 'rgb_info'}
RNG = np.random.default_rng(0)


def shot():
    return RNG.integers(0, 256, SHAPE).astype(np.uint8)


class Filmed:
    """A flight by camera; `fly` takes an image every so many control periods."""

    def __init__(self, new_flight):
        names = ('base_pos_w', 'base_quat_w', 'rgb', 'rgb_info')
        self.flight = new_flight(names=names, dt=DT)
        camera = ROBOT.cameras[0]
        self.flight.level['rgb'] = shot()
        self.flight.level['rgb_info'] = (camera.fx, camera.fy, camera.cx, camera.cy)
        self.flight.activate()

    def fly(self, periods, every=1, image=None):
        """Modes of the controller, period by period."""
        modes = []
        for period in range(1, periods + 1):
            skip = () if every and period % every == 0 else CAMERA
            self.command = self.flight.fly(skip=skip, rgb=shot() if image is None else image)
            modes.append(self.flight.mode)
        return modes

    @property
    def safe(self):
        return self.command.publish and np.allclose(self.command.setpoint, DESCEND)


@pytest.fixture
def filmed(new_flight):
    made = Filmed(new_flight)
    assert set(made.fly(5)) == {'active'}
    return made


def test_a_camera_that_stops_ends_in_the_safe_action(filmed):
    assert filmed.fly(4, every=0) == ['active'] * 4
    assert filmed.fly(1, every=0) == ['recovery']  # 0.2 s and a millisecond of latency
    assert filmed.safe
    assert filmed.flight.reason == 'rgb (topic image) is 0.201 s old, limit 0.2 s'
    assert filmed.fly(20, every=0)[-1] == 'fault'
    assert 'not cleared within' in filmed.flight.reason
    assert filmed.fly(10)[-1] == 'fault'  # until somebody resets it


def test_a_camera_that_pauses_is_waited_for(filmed):
    assert filmed.fly(6, every=0)[-1] == 'recovery'
    assert filmed.fly(10)[-1] == 'active'


def test_half_the_rate_is_flown_with_and_seen_in_the_ages(filmed):
    assert set(filmed.fly(50, every=2)) == {'active'}
    filmed.fly(1, every=0)
    signals = filmed.flight.controller.diagnostics()['signals']
    assert signals['rgb']['age_s'] == pytest.approx(DT + 0.001)
    assert signals['rgb']['rate_hz'] == pytest.approx(0.5 / DT, rel=0.05)
    assert signals['base_pos_w']['rate_hz'] == pytest.approx(1.0 / DT)


def test_a_tenth_of_the_rate_ends_in_a_fault(filmed):
    modes = filmed.fly(10, every=10)
    assert modes[:5] == ['active'] * 4 + ['recovery']
    assert filmed.fly(100, every=10)[-1] == 'fault'
    assert 'rgb (topic image) is' in filmed.flight.reason
    assert 'more than 3 disturbances within 10 s' in filmed.flight.reason


@pytest.mark.parametrize('kind', ['black', 'frozen', 'cut'])
def test_images_that_show_nothing_new_end_in_the_safe_action(filmed, kind):
    frozen = filmed.flight.controller.inputs.sources['rgb'].view.copy()
    image = {'black': np.zeros(SHAPE, np.uint8), 'frozen': frozen, 'cut': shot()[:60]}[kind]
    assert filmed.fly(5, image=image)[-1] == 'recovery'
    assert filmed.safe
    said = {'black': 'is black', 'frozen': 'is frozen', 'cut': 'has the shape'}[kind]
    assert said in filmed.flight.reason
