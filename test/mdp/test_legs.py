"""Kinematics of legs against a simulator's, and velocities against differences of positions."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from robot_rl.mdp.legs import Legs, moved
from robot_rl.spec import registry


@pytest.fixture
def robot():
    return registry.robot('go2')


@pytest.fixture
def joints(robot):
    """(positions, velocities) of eight robots about their rest."""
    generator = torch.Generator().manual_seed(0)
    rest = torch.tensor(robot.rest['joint_pos'])
    position = rest + 0.4 * torch.randn(8, 12, generator=generator)
    return position, 2.0 * torch.randn(8, 12, generator=generator)


def test_feet_are_where_the_urdf_puts_them(robot, joints):
    mujoco = pytest.importorskip('mujoco')

    from robot_rl.engines.mujoco import build_model

    model = build_model(robot, 0.005)
    data = mujoco.MjData(model)
    feet, _ = Legs(robot).feet(*joints)
    for row, position in enumerate(joints[0]):
        data.qpos[:7] = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0)
        data.qpos[7:] = position.numpy()
        mujoco.mj_kinematics(model, data)
        for leg, name in enumerate(robot.touching):
            expected = data.body(name).xpos - (0.0, 0.0, 1.0)
            assert feet[row, leg::4].tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_velocities_are_the_derivatives_of_positions(robot, joints):
    legs, (position, velocity) = Legs(robot), (value.double() for value in joints)
    legs._x, legs._y, legs._side = legs._x.double(), legs._y.double(), legs._side.double()
    before, rate = legs.feet(position, velocity)
    after, _ = legs.feet(position + 1e-6 * velocity, velocity)
    assert torch.allclose((after - before) / 1e-6, rate, atol=1e-4)


def test_a_turning_body_moves_its_feet():
    position = torch.tensor([[1.0, 0.0, 0.0]])  # one foot, ahead
    turning = moved(position, torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 2.0]]))
    assert turning.tolist() == [[0.0, 2.0, 0.0]]
    rolling = moved(
        torch.tensor([[0.0, 1.0, 0.0]]), torch.zeros(1, 3), torch.tensor([[3.0, 0.0, 0.0]])
    )
    assert rolling.tolist() == [[0.0, 0.0, 3.0]]


def test_joints_put_the_feet_where_they_were(robot, joints):
    legs, (position, velocity) = Legs(robot), joints
    feet, _ = legs.feet(position, velocity)
    assert torch.allclose(legs.joints(feet), position, atol=1e-5)


def test_a_foot_out_of_reach_is_reached_for(robot):
    legs = Legs(robot)
    far = torch.zeros(1, 12)
    far[:, 8:] = -5.0
    reached, _ = legs.feet(legs.joints(far), torch.zeros(1, 12))
    assert reached.isfinite().all()
    assert float(reached[0, 8]) < -0.4
