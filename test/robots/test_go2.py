"""The Go2's declaration against its URDF and against itself."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from robot_rl.assets import asset
from robot_rl.robots import go2
from robot_rl.spec import registry


@pytest.fixture
def robot():
    return registry.robot('go2')


@pytest.fixture
def urdf(robot):
    return ElementTree.parse(asset('urdf', robot.urdf)).getroot()


def numbers(element, name):
    return [float(value) for value in element.get(name).split()]


def moving(urdf):
    return [joint for joint in urdf.findall('joint') if joint.get('type') == 'revolute']


def test_joints_and_their_limits_are_the_urdfs(robot, urdf):
    joints = moving(urdf)
    assert tuple(joint.get('name') for joint in joints) == robot.joint_names
    setpoint = robot.setpoint('positions')
    assert setpoint.fields == robot.joint_names
    limits = [joint.find('limit') for joint in joints]
    for name, declared in (
        ('lower', setpoint.low),
        ('upper', setpoint.high),
        ('effort', robot.parameters['joint_effort_limit'].nominal),
        ('velocity', robot.parameters['joint_velocity_limit'].nominal),
    ):
        assert tuple(float(limit.get(name)) for limit in limits) == declared


def test_legs_have_the_urdfs_lengths(robot, urdf):
    origins = {joint.get('name'): joint.find('origin') for joint in urdf.findall('joint')}
    hip, thigh, calf = robot.parameters['leg_lengths'].nominal
    for index, leg in enumerate(go2.LEGS):
        x, y = (robot.parameters[name].nominal[index] for name in ('hip_x', 'hip_y'))
        assert numbers(origins[f'{leg}_hip_joint'], 'xyz') == [x, y, 0.0]
        side = math.copysign(hip, y)
        assert numbers(origins[f'{leg}_thigh_joint'], 'xyz') == [0.0, side, 0.0]
        assert numbers(origins[f'{leg}_calf_joint'], 'xyz') == [0.0, 0.0, -thigh]
        assert numbers(origins[f'{leg}_foot_joint'], 'xyz') == [0.0, 0.0, -calf]


def test_left_and_right_are_mirror_images(urdf):
    links = {link.get('name'): link for link in urdf.findall('link')}
    for part in ('hip', 'thigh', 'calf', 'foot'):
        for end in 'FR':
            left, right = (links[f'{end}{side}_{part}'].find('inertial') for side in 'LR')
            x, y, z = numbers(left.find('origin'), 'xyz')
            assert numbers(right.find('origin'), 'xyz') == [x, -y, z]
            for name, sign in (
                ('ixx', 1),
                ('iyy', 1),
                ('izz', 1),
                ('ixz', 1),
                ('ixy', -1),
                ('iyz', -1),
            ):
                value = float(left.find('inertia').get(name))
                assert float(right.find('inertia').get(name)) == sign * value


def test_it_weighs_what_the_datasheet_says(urdf):
    masses = [float(mass.get('value')) for mass in urdf.iter('mass')]
    assert sum(masses) == pytest.approx(15.0, abs=0.1)


def test_it_stands_on_its_feet_where_its_neutral_setpoint_puts_it(robot):
    torch = pytest.importorskip('torch')
    pytest.importorskip('mujoco')
    from robot_rl.engines.mujoco import MujocoEngine

    engine = MujocoEngine(robot, 'positions', 1, 0.02, threads=1)
    neutral = torch.tensor([robot.setpoint('positions').neutral])
    for _ in range(150):
        engine.step(neutral)
    signals = engine.signals()
    assert float(signals['base_pos_w'][0, 2]) == pytest.approx(go2.STANDING_HEIGHT, abs=0.02)
    assert signals['touch'].all()
    assert not signals['contact'].any()
    assert float(signals['joint_vel'].abs().max()) < 0.1
    assert signals['joint_pos'][0].tolist() == pytest.approx(robot.rest['joint_pos'], abs=0.15)


def test_it_stands_up_and_sits_down_by_its_stages(robot):
    torch = pytest.importorskip('torch')
    pytest.importorskip('mujoco')
    from robot_rl.engines.mujoco import MujocoEngine

    engine = MujocoEngine(robot, 'positions', 1, 0.02, threads=1)
    lying = {'base_pos_w': torch.tensor([[0.0, 0.0, 0.1]]), 'joint_pos': torch.tensor([go2.LYING])}
    lying['base_quat_w'] = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    engine.reset(torch.tensor([0]), lying)
    heights, sent = [], torch.tensor([go2.LYING])
    setpoint = robot.setpoint('positions')
    for stage in (*setpoint.start, *setpoint.stop[:-1]):
        goal, periods = torch.tensor([stage.setpoint]), round(stage.duration_s / 0.02)
        for index in range(periods):
            engine.step(torch.lerp(sent, goal, (index + 1) / periods))
        sent = goal
        heights.append(float(engine.signals()['base_pos_w'][0, 2]))
        upright = engine.signals()['base_quat_w'][0, 0]
        assert float(upright) > 0.99, stage.name
    folded, standing, _, sitting = heights
    assert folded < 0.12
    assert standing == pytest.approx(go2.STANDING_HEIGHT, abs=0.03)
    assert sitting < 0.12


def test_every_parameter_says_where_it_comes_from(robot):
    for name, parameter in robot.parameters.items():
        assert parameter.source, name
        assert parameter.unit, name
