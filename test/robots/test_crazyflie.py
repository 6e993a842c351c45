"""The Crazyflie's declaration against its URDF and against itself."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from robot_rl.assets import asset
from robot_rl.robots import crazyflie
from robot_rl.spec import registry


@pytest.fixture
def robot():
    return registry.robot('crazyflie')


def test_urdf_has_the_declared_mass_and_inertia(robot):
    mujoco = pytest.importorskip('mujoco')
    spec = mujoco.MjSpec.from_string(asset('urdf', robot.urdf).read_text())
    for joint in list(spec.joints):
        spec.delete(joint)
    spec.body('base_link').add_freejoint()
    model = spec.compile()
    assert model.nbody == 2  # world and the drone, its rotors part of it
    assert model.body_mass[1] == pytest.approx(robot.parameters['mass'].nominal[0], rel=1e-9)
    assert list(model.body_ipos[1]) == pytest.approx([0.0] * 3, abs=1e-12)
    inertia = sorted(robot.parameters['inertia'].nominal)
    assert sorted(model.body_inertia[1]) == pytest.approx(inertia, rel=1e-9)


def test_urdf_has_the_declared_rotors(robot):
    root = ElementTree.parse(asset('urdf', robot.urdf)).getroot()
    joints = root.findall('joint')
    assert tuple(joint.get('name') for joint in joints) == robot.joint_names
    for index, joint in enumerate(joints):
        assert joint.get('type') == 'continuous'
        assert joint.findall('parent')[0].get('link') == robot.base_frame
        x, y, z = map(float, joint.findall('origin')[0].get('xyz', '').split())
        assert x == robot.parameters['rotor_x'].nominal[index]
        assert y == robot.parameters['rotor_y'].nominal[index]
        assert z == 0.0
        assert joint.findall('axis')[0].get('xyz') == '0 0 1'


def test_rotors_stand_and_spin_as_bitcraze_numbers_them(robot):
    places = {
        (1, -1): 'front right',
        (-1, -1): 'back right',
        (-1, 1): 'back left',
        (1, 1): 'front left',
    }
    x, y = robot.parameters['rotor_x'].nominal, robot.parameters['rotor_y'].nominal
    signs = [
        (int(math.copysign(1, a)), int(math.copysign(1, b))) for a, b in zip(x, y, strict=True)
    ]
    found = [places[sign] for sign in signs]
    assert found == ['front right', 'back right', 'back left', 'front left']
    # A rotor turning counter-clockwise (M1, M3) drags the body clockwise, which is negative.
    assert robot.parameters['rotor_spin'].nominal == (-1.0, 1.0, -1.0, 1.0)


def test_hover_and_limits_follow_from_the_thrust_curve(robot):
    motors, rates = robot.setpoint('motors'), robot.setpoint('rates')
    lift = 4.0 * crazyflie.THRUST * motors.neutral[0] ** 2
    assert lift == pytest.approx(0.027 * 9.81)
    assert rates.neutral[0] == pytest.approx(lift)
    assert rates.high[0] == pytest.approx(2.25 * lift, rel=0.01)
    assert motors.high[0] == robot.parameters['max_rotor_speed'].nominal[0]


def test_rate_gains_are_the_firmwares_in_si_units(robot):
    # 1 deg/s of roll error moves a rotor by 250 / 2 counts of 65535, which stand for 0.1125 N.
    gain = robot.parameters['rate_p'].nominal[0] * math.radians(1.0)
    assert gain == pytest.approx(125.0 / 65535.0 * 0.1125)
    # The loop that results closes roll at about 15 Hz: four rotors, 32.5 mm, over the inertia.
    torque = 4.0 * crazyflie.ARM * robot.parameters['rate_p'].nominal[0]
    assert torque / robot.parameters['inertia'].nominal[0] == pytest.approx(96.0, rel=0.02)


def test_every_parameter_says_where_it_comes_from(robot):
    for name, parameter in robot.parameters.items():
        assert parameter.source, name
        assert parameter.unit, name
