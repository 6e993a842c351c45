"""The trot: which feet swing, where they go, and what the drives are asked for."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip('torch')

from robot_rl.mdp.trot import Trot, swing
from robot_rl.spec import registry

RATE = 2.0
STILL = torch.zeros(1, 3)
PACE = torch.ones(1, 1)


@pytest.fixture
def robot():
    return registry.robot('go2')


@pytest.fixture
def trot(robot):
    return Trot(robot, rate=RATE, height=0.08, lead=0.0, level=1.0, foresee=0.1)


def phase(value):
    return torch.tensor([[value]])


def upright(robot, roll=0.0, **changed):
    signals = {
        'base_quat_w': [math.cos(0.5 * roll), math.sin(0.5 * roll), 0.0, 0.0],
        'base_ang_vel_b': [0.0, 0.0, 0.0],
        'joint_pos': robot.rest['joint_pos'],
        'joint_vel': [0.0] * 12,
    }
    return {name: torch.tensor([value]) for name, value in {**signals, **changed}.items()}


def test_diagonal_feet_swing_together_and_the_others_stand():
    first, second = swing(torch.tensor([[0.25], [0.75]])).tolist()
    assert first == pytest.approx([1.0, 0.0, 0.0, 1.0], abs=1e-6)
    assert second == pytest.approx([0.0, 1.0, 1.0, 0.0], abs=1e-6)
    assert swing(phase(0.0)).tolist() == [[0.0] * 4]


def test_a_standing_foot_goes_back_by_what_the_body_goes_forward(trot):
    asked = torch.tensor([[0.6, 0.0, 0.0]])
    moved = (trot.footholds(asked, phase(0.3), PACE) - trot.footholds(asked, phase(0.2), PACE))[0]
    tenth = 0.1 / RATE  # [s], in which the second pair stands
    assert moved[1:3].tolist() == pytest.approx([-0.6 * tenth] * 2, abs=1e-5)
    assert moved[4:8].tolist() == pytest.approx([0.0] * 4, abs=1e-6)
    assert moved[9:11].tolist() == pytest.approx([0.0] * 2, abs=1e-6)


def test_a_trot_twice_as_quick_takes_half_the_stride_and_a_slow_one_no_more(trot):
    asked = torch.tensor([[0.6, -0.3, 0.5]])
    still, once, twice, slow = (
        trot.footholds(velocity, phase(0.3), pace * PACE)
        for velocity, pace in ((STILL, 1.0), (asked, 1.0), (asked, 2.0), (asked, 0.0))
    )
    assert torch.allclose(twice - still, 0.5 * (once - still), atol=1e-6)
    assert torch.equal(slow, once)


def test_a_turning_body_leaves_standing_feet_where_they_are(trot):
    asked = torch.tensor([[0.0, 0.0, 0.5]])
    before, after = (trot.footholds(asked, phase(value), PACE)[0] for value in (0.24, 0.26))
    middle, angle = 0.5 * (before + after), 0.5 * 0.02 / RATE
    for foot in (1, 2):
        moved = (after - before)[foot::4]
        expected = [angle * middle[4 + foot], -angle * middle[foot], 0.0]
        assert moved.tolist() == pytest.approx([float(e) for e in expected], abs=2e-5)


def test_a_stride_ends_where_the_next_begins(trot):
    asked = torch.tensor([[0.6, -0.3, 0.5]])
    first, last = (trot.footholds(asked, phase(value), PACE) for value in (1e-6, 1.0 - 1e-6))
    assert (first - last).abs().max() < 1e-3


def test_standing_upright_it_asks_for_the_neutral_setpoint(robot, trot):
    targets = trot.targets(STILL, phase(0.0), PACE, upright(robot), torch.zeros(1, 12))
    neutral = robot.setpoint('positions').neutral
    assert targets[0].tolist() == pytest.approx(list(neutral), abs=1e-5)


def heights(robot, trot, signals):
    """Of the feet that the targets mean, less those when upright."""
    zero = torch.zeros(1, 12)
    neutral = torch.tensor([robot.setpoint('positions').neutral])
    rest = torch.tensor([robot.rest['joint_pos']])
    joints = trot.targets(STILL, phase(0.0), PACE, signals, zero) - neutral + rest
    return (trot.legs.feet(joints, zero)[0] - trot.legs.feet(rest, zero)[0])[0, 8:]


def test_legs_on_the_side_that_sinks_push(robot, trot):
    change = heights(robot, trot, upright(robot, roll=0.1))  # the left side is up
    assert change[[0, 2]].min() > 0.01, 'left legs shorten'
    assert change[[1, 3]].max() < -0.01, 'right legs push'
    rolling = heights(robot, trot, upright(robot, base_ang_vel_b=[1.0, 0.0, 0.0]))
    assert torch.allclose(rolling, change, atol=1e-3), '0.1 s ahead at 1 rad/s'


def test_shifted_feet_are_where_the_shift_puts_them(robot, trot):
    shift = 0.03 * torch.randn(1, 12, generator=torch.Generator().manual_seed(0))
    neutral = torch.tensor([robot.setpoint('positions').neutral])
    rest, zero = torch.tensor([robot.rest['joint_pos']]), torch.zeros(1, 12)
    joints = trot.targets(STILL, phase(0.0), PACE, upright(robot), shift) - neutral + rest
    moved = trot.legs.feet(joints, zero)[0] - trot.legs.feet(rest, zero)[0]
    assert torch.allclose(moved, shift, atol=1e-5)


def test_odometry_of_standing_feet_is_the_velocity_of_the_body(robot, trot):
    assert trot.odometry(upright(robot), phase(0.0)).abs().max() < 1e-6
    swinging = upright(robot, joint_vel=[0.0, 1.0, 0.0] * 4)  # all legs swing back at 1 rad/s
    _, thigh, calf = robot.rest['joint_pos'][:3]
    length = 0.213 * (math.cos(thigh) + math.cos(thigh + calf))
    forwards = trot.odometry(swinging, phase(0.0))[0, 0]
    assert float(forwards) == pytest.approx(length, abs=1e-5)
