"""The Jackal's declaration against its data sheets, and its URDF against its parts."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pytest

from robot_rl.assets import asset
from robot_rl.robots import jackal
from robot_rl.spec import registry
from robot_rl.spec.robot import GRAVITY
from robot_rl.spec.urdf import inertial


@pytest.fixture
def robot():
    return registry.robot('jackal')


@pytest.fixture
def links(robot):
    root = ElementTree.parse(asset('urdf', robot.urdf)).getroot()
    return {link.get('name'): link for link in root.findall('link')}


def test_it_is_as_fast_and_as_large_as_the_data_sheet_says(robot):
    """2.0 m/s and 508 x 430 mm; 4 rad/s in Clearpath's control.yaml."""
    setpoint = robot.setpoint('velocity')
    assert setpoint.high == (2.0, 4.0)
    assert setpoint.low == (-2.0, -4.0)
    assert np.ptp(np.array(robot.footprint), axis=0) == pytest.approx([0.508, 0.430])


def test_the_lidar_is_that_of_the_challenge(robot):
    """720 beams over 270 degrees; as far and as often as the sensor itself can."""
    lidar = robot.lidar
    last = lidar.angle_min + (lidar.beams - 1) * lidar.angle_increment
    assert lidar.beams == 720
    assert last == pytest.approx(-lidar.angle_min) == math.radians(135.0)
    assert (lidar.range_max, robot.topic('scan').rate_hz) == (10.0, 40.0)


def test_the_lidar_is_where_the_challenge_mounts_it(robot):
    """Front mount at 0.12 m on a chassis of 0.184 m, offset -0.065 and 0.01, focus 47.4 mm up."""
    mount = (0.12 - 0.065, 0.0, 0.0635 + 0.184 + 0.01 + 0.0474)
    assert robot.lidar.position == pytest.approx(mount)


def test_the_urdf_weighs_what_its_parts_do(links):
    total = sum(inertial(link).mass for link in links.values())
    assert total == pytest.approx(16.523 + 0.13 + 4.0 * 0.477)
    assert total == pytest.approx(jackal.MASS)


def test_the_base_has_the_inertia_of_its_parts(links):
    """Chassis and lidar about the centre of mass of both."""
    masses = np.array([16.523, 0.13])
    centres = np.array([[0.012, 0.0, 0.0635 + 0.067], [0.055, 0.0, 0.3049]])
    centre = masses @ centres / masses.sum()
    wanted = np.diag([0.3136, 0.3922, 0.4485])
    for mass, place in zip(masses, centres, strict=True):
        arm = place - centre
        wanted += mass * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    base = inertial(links['base_link'])
    np.testing.assert_allclose(base.centre, centre, atol=1e-6)
    np.testing.assert_allclose(base.tensor, wanted, atol=2e-4)


def test_its_tyres_hold_what_its_drives_give(robot):
    """At the largest change of the setpoint, with effort left to turn."""
    spinning = 4.0 * (jackal.ROTOR_INERTIA + 0.0024) / jackal.WHEEL_RADIUS**2
    needed = robot.setpoint('velocity').slew[0] * (jackal.MASS + spinning)
    assert needed < 0.6 * 4.0 * jackal.EFFORT / jackal.WHEEL_RADIUS
    (friction,) = robot.parameters['friction'].nominal
    assert robot.parameters['acceleration_limit'].nominal[0] < friction * GRAVITY


def test_the_controller_reckons_with_about_the_track_that_slip_makes(robot):
    """Balance of moments of four wheels that grip alike in every direction, turning in place."""
    wheels = np.array([(0.5 * i * jackal.WHEELBASE, 0.5 * jackal.TRACK) for i in (-1, 1)])
    for factor, sign in ((1.4, 1.0), (1.57, -1.0)):
        rolling = 0.5 * factor * jackal.TRACK  # of the right side, at 1 rad/s
        slip = np.array([(rolling - y, x) for x, y in wheels])
        force = slip / np.linalg.norm(slip, axis=1, keepdims=True)
        moment = (force[:, 0] * wheels[:, 1] - force[:, 1] * wheels[:, 0]).sum()
        assert moment * sign < 0.0, 'below the balance the tyres brake, above they drive'
    balance = 1.0 + (jackal.WHEELBASE / jackal.TRACK) ** 2
    assert balance == pytest.approx(1.487, abs=1e-3)
    assert balance == pytest.approx(jackal.SKID, rel=0.01)
    assert robot.parameters['track'].nominal == (jackal.SKID * jackal.TRACK,)
    assert robot.skids
