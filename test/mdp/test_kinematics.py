"""Kinematics from a URDF, and goals made with it, against MuJoCo's own."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip('torch')

from robot_rl.mdp.commands import PoseGoal
from robot_rl.mdp.kinematics import Kinematics, Tip, pose_error
from robot_rl.mdp.observations import quat_product, rotation_matrix
from robot_rl.spec.chain import read_chain

CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def kinematics():
    return Kinematics(read_chain('panda.urdf', 'panda_link0', 'panda_hand_tcp'))


def drawn(kinematics, num, seed=0):
    u = torch.rand(num, kinematics.joints, generator=torch.Generator().manual_seed(seed))
    return torch.lerp(kinematics.low, kinematics.high, u)


def test_kinematics_are_mujocos(kinematics):
    mujoco = pytest.importorskip('mujoco')
    from robot_rl.engines.mujoco import build_model
    from robot_rl.spec import registry

    model = build_model(registry.robot('panda'), 0.004)
    data, tool = mujoco.MjData(model), model.body('panda_hand_tcp').id
    angles = drawn(kinematics, 300)
    tip = kinematics(angles)
    linear, angular = torch.zeros(2, 3, model.nv, dtype=torch.float64).numpy()
    for row in range(len(angles)):
        data.qpos[:7] = angles[row]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_jacBody(model, data, linear, angular, tool)
        assert tip.place[row].tolist() == pytest.approx(data.xpos[tool].tolist(), abs=1e-5)
        sign = math.copysign(1.0, float(data.xquat[tool] @ tip.quat[row].double().numpy()))
        expected = (sign * data.xquat[tool]).tolist()
        assert tip.quat[row].tolist() == pytest.approx(expected, abs=1e-5)
        assert tip.linear[row].numpy() == pytest.approx(linear[:, :7], abs=1e-5)
        assert tip.angular[row].numpy() == pytest.approx(angular[:, :7], abs=1e-5)


def quats(num, seed):
    quat = torch.randn(num, 4, generator=torch.Generator().manual_seed(seed))
    return quat / quat.norm(dim=1, keepdim=True)


def test_a_product_of_quaternions_is_that_of_their_matrices():
    a, b = quats(40, 0), quats(40, 1)
    one, other, both = (rotation_matrix(q).view(-1, 3, 3) for q in (a, b, quat_product(a, b)))
    torch.testing.assert_close(both, one @ other, atol=1e-6, rtol=0.0)


@pytest.mark.parametrize('angle', [1e-3, math.radians(5.0), 2.0, 3.1])
@pytest.mark.parametrize('sign', [1.0, -1.0])
def test_the_error_is_the_turn_to_the_goal_either_way_round(angle, sign):
    axis = torch.tensor([[0.36, -0.48, 0.8]])
    turn = torch.cat((torch.full((1, 1), math.cos(angle / 2)), math.sin(angle / 2) * axis), 1)
    here, empty = quats(1, 3), torch.zeros(1, 3, 7)
    place = torch.tensor([[0.1, 0.2, 0.3]])
    way, left = pose_error(
        Tip(place, here, empty, empty), place + 0.5, sign * quat_product(turn, here)
    )
    torch.testing.assert_close(way, torch.full((1, 3), 0.5))
    torch.testing.assert_close(left, math.sin(angle / 2) * axis, atol=1e-6, rtol=1e-4)


@pytest.fixture
def goals(kinematics):
    def make(**changes):
        ready = (0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785)
        settings = {'centre': ready, 'spread': (0.8,) * 7, 'low': (0.3, 0.4), **changes}
        return PoseGoal(kinematics, **settings)

    return make


def test_goals_are_poses_of_the_joints_drawn(kinematics, goals):
    joints, place, quat = goals().joints(500, torch.Generator().manual_seed(0), CPU)
    tip = kinematics(joints)
    torch.testing.assert_close(tip.place, place, atol=1e-6, rtol=0.0)
    torch.testing.assert_close(tip.quat, quat, atol=1e-6, rtol=0.0)
    assert (place[:, 0] > 0.3).all() and (place[:, 2] > 0.4).all()
    assert joints.std(0).min() > 0.2


def test_where_no_draw_fits_the_centre_is_the_goal(goals):
    goal = goals(low=(9.0, 9.0))
    joints, place, _ = goal.joints(5, torch.Generator().manual_seed(0), CPU)
    assert joints[:, 3].tolist() == pytest.approx([-2.356] * 5)
    state = goal.draw(5, torch.Generator().manual_seed(0), CPU)
    torch.testing.assert_close(goal.signals({**state, **goal.step(state)})['goal_pos_w'], place)
