"""The Panda's declaration against its URDF, the documents it cites, and MuJoCo."""

from __future__ import annotations

from dataclasses import replace
import math
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from robot_rl.assets import asset
from robot_rl.errors import SpecError
from robot_rl.robots import panda
from robot_rl.spec import registry
from robot_rl.spec.cartesian import LEASH
from robot_rl.spec.chain import read_chain
from robot_rl.spec.urdf import load_urdf

# a, d, alpha of the Franka Control Interface's table, in Craig's convention.
CRAIG = (
    (0.0, 0.333, 0.0),
    (0.0, 0.0, -math.pi / 2),
    (0.0, 0.316, math.pi / 2),
    (0.0825, 0.0, math.pi / 2),
    (-0.0825, 0.384, -math.pi / 2),
    (0.0, 0.0, math.pi / 2),
    (0.088, 0.0, math.pi / 2),
)


@pytest.fixture
def robot():
    return registry.robot('panda')


@pytest.fixture
def chain():
    return read_chain(panda.URDF, panda.BASE, panda.TOOL)


@pytest.fixture
def model(robot):
    pytest.importorskip('mujoco')
    from robot_rl.engines.mujoco import build_model

    return build_model(robot, 0.004)


def random_joints(chain, num):
    low, high = ([getattr(link, side) for link in chain.links] for side in ('low', 'high'))
    return np.random.default_rng(0).uniform(low, high, (num, len(low)))


def craig(angles):
    """Flange in the base's frame by the table alone."""
    pose = np.eye(4)
    for (a, d, alpha), theta in zip(CRAIG, angles, strict=True):
        ca, sa, ct, st = math.cos(alpha), math.sin(alpha), math.cos(theta), math.sin(theta)
        pose = pose @ np.array(
            [
                [ct, -st, 0.0, a],
                [st * ca, ct * ca, -sa, -d * sa],
                [st * sa, ct * sa, ca, d * ca],
                [0.0, 0.0, 0.0, 1.0],
            ]
        )
    return pose


def test_kinematics_are_those_of_frankas_table(chain):
    joints = random_joints(chain, 20)
    origins, turns = chain.frames(joints)
    for row, angles in enumerate(joints):
        tool = craig(angles) @ np.array([0.0, 0.0, 0.107 + 0.1034, 1.0])
        assert origins[-1][row] == pytest.approx(tool[:3], abs=1e-9)
        assert turns[-1][row][:, 2] == pytest.approx(craig(angles)[:3, 2], abs=1e-9)


def test_urdf_has_the_declared_limits(robot):
    root: Any = ElementTree.parse(asset('urdf', robot.urdf)).getroot()
    joints = [joint for joint in root.findall('joint') if joint.get('type') != 'fixed']
    assert tuple(joint.get('name') for joint in joints) == robot.joint_names
    limits = [joint.find('limit') for joint in joints]
    for name, wanted in (
        ('lower', (*panda.LOW, 0.0, 0.0)),
        ('upper', (*panda.HIGH, 0.04, 0.04)),
        ('velocity', (*panda.FASTEST, 0.05, 0.05)),
        ('effort', robot.parameters['joint_effort_limit'].nominal),
    ):
        assert tuple(float(limit.get(name)) for limit in limits) == wanted
    assert robot.setpoint('positions').slew == panda.FASTEST


def test_chain_is_mujocos(chain, model):
    mujoco = pytest.importorskip('mujoco')
    data, tool = mujoco.MjData(model), model.body(panda.TOOL).id
    joints = random_joints(chain, 50)
    origins, turns = chain.frames(joints)
    jacobian, weight = chain.jacobian(joints), chain.weight(joints)
    linear, angular = np.zeros((3, model.nv)), np.zeros((3, model.nv))
    for row, angles in enumerate(joints):
        data.qpos[:7] = angles
        mujoco.mj_forward(model, data)
        mujoco.mj_jacBody(model, data, linear, angular, tool)
        assert origins[-1][row] == pytest.approx(data.xpos[tool], abs=1e-9)
        assert turns[-1][row].ravel() == pytest.approx(data.xmat[tool], abs=1e-9)
        assert jacobian[row] == pytest.approx(np.vstack((linear, angular))[:, :7], abs=1e-9)
        assert weight[row] == pytest.approx(data.qfrc_bias[:7], abs=1e-9)


def test_a_chain_of_other_joints_is_refused(robot):
    with pytest.raises(SpecError, match="'panda_finger_joint1' is prismatic"):
        read_chain(robot.urdf, panda.BASE, 'panda_leftfinger')
    with pytest.raises(SpecError, match='no chain of joints'):
        read_chain(robot.urdf, 'panda_hand', 'panda_link3')


def touching(model, joints, fingers=0.02, ground=True):
    """Whether an arm touches itself, or the ground as well, at each row of joint positions."""
    mujoco = pytest.importorskip('mujoco')
    data, floor, found = mujoco.MjData(model), model.geom('ground').id, []
    for angles in joints:
        data.qpos[:7], data.qpos[7:] = angles, fingers
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_collision(model, data)
        found.append(any(ground or floor not in contact.geom for contact in data.contact))
    return np.array(found)


def test_links_stay_clear_of_each_other_where_the_arm_works(model):
    """Every joint over its whole range, the others ready."""
    for joint in range(7):
        low, high = panda.LOW[joint] + panda.MARGIN, panda.HIGH[joint] - panda.MARGIN
        swept = np.tile(panda.READY, (40, 1))
        swept[:, joint] = np.linspace(low, high, 40)
        if joint == 1:
            swept = swept[swept[:, 1] < 1.1]  # further down the fingers reach into the base
        assert not touching(model, swept, ground=False).any(), f'joint {joint + 1}'
    closed = touching(model, [panda.READY], fingers=0.0)
    assert not closed.any(), 'closed fingers touch each other, which is what they are for'


@pytest.mark.parametrize(
    ('name', 'joints'),
    [
        ('hand on the forearm', (0.0, 0.0, 0.0, -1.5, 0.0, 0.0, 0.0)),
        ('hand in the base', (0.0, 0.9, 0.0, -2.9, 0.0, 2.4, 0.8)),
        ('wrist on the table', (0.0, 1.7, 0.0, -0.6, 0.0, 1.6, 0.8)),
    ],
)
def test_a_true_collision_is_found(model, name, joints):
    assert touching(model, [joints]).all(), name


@pytest.fixture(params=['mujoco', 'pybullet'])
def engine(robot, request):
    pytest.importorskip(request.param)
    from robot_rl.envs.engines import engine_factory

    return lambda level: engine_factory(request.param)(robot, level, 2, 0.02)


def test_the_arm_bears_its_own_weight_and_sags_under_a_load(robot, engine):
    torch = pytest.importorskip('torch')
    arm = engine('positions')
    load = {'payload': torch.tensor([[0.0], [2.0]])}
    arm.randomize(load, torch.arange(2))
    arm.randomize({'joint_friction': torch.zeros(2, 9)}, torch.arange(2))
    for _ in range(150):
        arm.step(torch.tensor([panda.READY] * 2))
    sag = arm.signals()['joint_pos'][:, :7] - torch.tensor(panda.READY)
    assert sag[0].abs().max() < 1e-4
    # The shoulder carries 2 kg at the tool's distance from its axis, by 600 N m/rad.
    reach = read_chain(panda.URDF, panda.BASE, panda.TOOL).frames(np.array([panda.READY]))[0]
    expected = 2.0 * 9.81 * reach[-1][0, 0] / 600.0
    assert float(sag[1, 1]) == pytest.approx(expected, rel=0.05)


def test_a_force_on_the_tool_moves_it(robot, chain, engine):
    torch = pytest.importorskip('torch')
    arm = engine('positions')
    pull = {'external_force_w': torch.tensor([[0.0, 0.0, 0.0], [0.0, 8.0, 0.0]])}
    arm.randomize(pull, torch.arange(2))
    arm.randomize({'joint_friction': torch.zeros(2, 9)}, torch.arange(2))
    for _ in range(150):
        arm.step(torch.tensor([panda.READY] * 2))
    place, _ = tool(chain, arm)
    # Joints yield in series; PyBullet pulls at the hand's centre of mass, where the arms are less.
    arms = chain.jacobian(np.array([panda.READY]))[0, 1]
    expected = 8.0 * (arms**2 / robot.parameters['joint_stiffness'].nominal[:7]).sum()
    assert 0.5 * expected < place[1, 1] - place[0, 1] < 1.15 * expected


def test_a_tool_that_is_not_there_is_refused(robot):
    with pytest.raises(SpecError, match="no link 'nowhere'"):
        load_urdf(replace(robot, tool_frame='nowhere'))


def test_a_self_collision_is_told(engine):
    torch = pytest.importorskip('torch')
    arm = engine('positions')
    folded = torch.tensor([[0.0, 0.0, 0.0, -1.5, 0.0, 0.0, 0.0, 0.02, 0.02]])
    ready = torch.tensor([[*panda.READY, 0.02, 0.02]])
    arm.reset(torch.arange(2), {'joint_pos': torch.cat((ready, folded))})
    arm.step(torch.cat((ready, folded))[:, :7])
    assert arm.signals()['contact'].tolist() == [[0.0], [1.0]]


def tool(chain, engine):
    joints = engine.signals()['joint_pos'][:, :7].double().numpy()
    origins, turns = chain.frames(joints)
    return origins[-1], turns[-1]


def test_a_twist_moves_the_tool_along_it(chain, engine):
    torch = pytest.importorskip('torch')
    arm = engine('cartesian')
    before, level = tool(chain, arm)
    twist = torch.tensor([[0.1, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.1, -0.05, 0.0, 0.0, 0.3]])
    for _ in range(50):
        arm.step(twist)
    for _ in range(50):
        arm.step(torch.zeros(2, 6))  # the safe action: it stays where it is
    after, turned = tool(chain, arm)
    assert after - before == pytest.approx(np.array([[0.1, 0, 0], [0, 0.1, -0.05]]), abs=4e-3)
    assert turned[0] == pytest.approx(level[0], abs=0.02)
    yaw = math.atan2(*(level[1].T @ turned[1])[[0, 1], [1, 1]])
    assert abs(yaw) == pytest.approx(0.3, abs=0.02)


def test_twists_stay_in_the_box_within_limits_and_off_singularities(robot, chain):
    targets = robot.setpoint('cartesian').drive.targets
    draw = np.random.default_rng(1)
    held = np.tile((*panda.READY, 0.02, 0.02), (200, 1))
    twist = draw.uniform(-1.0, 1.0, (200, 6)) * panda.TWIST
    for _ in range(400):
        before, (held, speed, effort) = held, targets(twist, held, held, 0.02)
        step = np.abs(held - before)[:, :7] / 0.02
        assert (step <= np.array(panda.FASTEST) + 1e-9).all()
        assert not speed.any() and not effort.any()
    assert (held[:, 7:] == 0.02).all(), 'fingers stay'
    assert (held[:, :7] >= np.array(panda.LOW) + panda.MARGIN - 1e-9).all()
    assert (held[:, :7] <= np.array(panda.HIGH) - panda.MARGIN + 1e-9).all()
    place = chain.frames(held[:, :7])[0][-1]
    assert (place > panda.BOX_LOW).all() and (place < panda.BOX_HIGH).all()


def test_an_arm_that_is_held_is_pushed_no_harder_with_time(robot, chain):
    targets = robot.setpoint('cartesian').drive.targets
    stuck = np.tile((*panda.READY, 0.02, 0.02), (1, 1))
    held, down = stuck, np.array([[0.0, 0.0, -0.2, 0.0, 0.0, 0.0]])
    for _ in range(100):
        held, *_ = targets(down, held, stuck, 0.1)
    lead = chain.frames(held[:, :7])[0][-1] - chain.frames(stuck[:, :7])[0][-1]
    assert np.linalg.norm(lead) == pytest.approx(LEASH, rel=0.05)
    assert lead[0, 2] < -0.9 * LEASH
    held, *_ = targets(-down, held, stuck, 0.1)
    lead = chain.frames(held[:, :7])[0][-1] - chain.frames(stuck[:, :7])[0][-1]
    assert lead[0, 2] > -0.5 * LEASH, 'and it turns round at once'


def test_the_safe_action_of_positions_holds(robot):
    (stage,) = robot.setpoint('positions').safe
    assert np.isnan(stage.setpoint).all(), 'it keeps what was sent last'
    assert robot.setpoint('cartesian').safe[-1].setpoint == (0.0,) * 6


def test_every_parameter_says_where_it_comes_from(robot):
    for name, parameter in robot.parameters.items():
        assert parameter.source, name
        assert parameter.unit, name
