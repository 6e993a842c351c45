"""The TurtleBot3's declaration against its data sheets, and its URDF against its parts."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pytest

from robot_rl.assets import asset
from robot_rl.robots import turtlebot
from robot_rl.spec import registry
from robot_rl.spec.urdf import inertial


@pytest.fixture
def robot():
    return registry.robot('turtlebot')


@pytest.fixture
def links(robot):
    root = ElementTree.parse(asset('urdf', robot.urdf)).getroot()
    return {link.get('name'): link for link in root.findall('link')}


def test_it_is_as_fast_and_as_large_as_the_data_sheet_says(robot):
    """E-Manual: 0.22 m/s, 2.84 rad/s, 138 x 178 mm (140 x 178 in the maker's own URDF)."""
    setpoint = robot.setpoint('velocity')
    assert setpoint.high == (0.22, 2.84)
    assert setpoint.low == (-0.22, -2.84)
    length, width = np.ptp(np.array(robot.footprint), axis=0)
    assert length == pytest.approx(0.138, abs=2.1e-3)
    assert width == pytest.approx(0.178)


def test_its_wheels_are_as_fast_as_the_servos_without_load(robot):
    """61 rev/min at 12 V, which is a little less than the data sheet's speed of the base."""
    fastest = robot.parameters['wheel_speed_limit'].nominal[0]
    assert fastest == pytest.approx(0.2108, abs=1e-4)
    assert 0.95 * turtlebot.MAX_SPEED < fastest < turtlebot.MAX_SPEED
    assert fastest / (turtlebot.TRACK / 2.0) == pytest.approx(2.635, abs=1e-3)
    assert robot.parameters['joint_effort_limit'].nominal[0] < 0.2 * 1.4  # what a servo bears


def test_the_lidar_looks_all_around_in_degrees(robot):
    lidar = robot.lidar
    assert (lidar.beams, lidar.range_min, lidar.range_max) == (360, 0.12, 3.5)
    assert lidar.beams * lidar.angle_increment == pytest.approx(2.0 * math.pi)
    assert robot.topic('scan').rate_hz == 5.0


def test_the_urdf_weighs_what_the_published_one_does(links):
    """Of the maker's URDF, and 1 kg in the data sheet."""
    body, lidar, caster, wheel = 0.82573504, 0.114, 0.005, 0.028498940
    masses = {name: inertial(link).mass for name, link in links.items()}
    assert masses['base_footprint'] == pytest.approx(body + lidar + caster, abs=1e-6)
    assert masses['wheel_left_link'] == pytest.approx(wheel, abs=1e-6)
    assert sum(masses.values()) == pytest.approx(turtlebot.MASS, rel=2e-3)


def test_the_base_has_the_inertia_of_its_parts(links):
    """Body, lidar and caster about the centre of mass of the three."""
    masses = np.array([0.82573504, 0.114, 0.005])
    centres = np.array([[-0.032, 0.0, 0.06], [-0.032, 0.0, 0.182], [-0.081, 0.0, 0.006]])
    around = 0.114 * (3.0 * 0.035**2 + 0.04**2) / 12.0
    own = [
        np.diag([2.2124416e-3, 2.1193702e-3, 2.0064271e-3]),
        np.diag([around, around, 0.114 * 0.035**2 / 2.0]),
        np.eye(3) * 0.4 * 0.005 * 0.006**2,
    ]
    centre = masses @ centres / masses.sum()
    wanted = np.zeros((3, 3))
    for mass, place, tensor in zip(masses, centres, own, strict=True):
        arm = place - centre
        wanted += tensor + mass * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    base = inertial(links['base_footprint'])
    np.testing.assert_allclose(base.centre, centre, atol=1e-6)
    np.testing.assert_allclose(base.tensor, wanted, atol=1e-7)


def test_its_caster_slides_and_nothing_else(robot):
    assert robot.sliding == (turtlebot.CASTER,)
    assert not robot.skids


def test_what_its_odometry_is_about_is_what_its_messages_say(robot):
    """turtlebot3_node, burger.yaml: child_frame_id is base_footprint."""
    assert robot.base_frame == 'base_footprint'
