"""Velocity commands, the clock of a gait and the rewards of walking, against numbers by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip('torch')

from robot_rl.mdp import gait, rewards, terminations
from robot_rl.mdp.commands import VelocityCommand
from robot_rl.mdp.legs import Legs
from robot_rl.mdp.memory import Clock, Memory
from robot_rl.spec import registry
from robot_rl.spec.task import Step


def step_with(**signals):
    rows = {name: torch.tensor([value]) for name, value in signals.items()}
    return Step(rows, torch.zeros(1, 12), torch.zeros(1, 12), torch.zeros(1, 1))


def command(**changed):
    values = {
        'max_lin_vel': (1.0, 0.5),
        'max_ang_vel': 2.0,
        'standing': 0.25,
        'period_s': 0.1,
        'episode_length_s': 0.3,
        'control_dt': 0.02,
    }
    return VelocityCommand(**{**values, **changed})


def test_commands_fill_their_ranges_and_a_part_stands():
    source = command()
    drawn = source.draw(4000, torch.Generator().manual_seed(0), torch.device('cpu'))
    signals = source.signals(drawn)
    asked = torch.cat((signals['goal_lin_vel_b'][:, :2], signals['goal_ang_vel_b'][:, 2:]), 1)
    standing = (asked == 0.0).all(1)
    assert float(standing.float().mean()) == pytest.approx(0.25, abs=0.03)
    for column, limit in enumerate((1.0, 0.5, 2.0)):
        values = asked[~standing, column]
        assert limit * 0.98 < float(values.max()) <= limit
        assert -limit <= float(values.min()) < -limit * 0.98
    assert not signals['goal_lin_vel_b'][:, 2].any()
    assert not signals['goal_ang_vel_b'][:, :2].any()


def test_a_new_command_comes_every_period_and_the_last_one_stays():
    source = command(standing=0.0)
    state = source.draw(1, torch.Generator().manual_seed(0), torch.device('cpu'))
    asked = []
    for _ in range(20):
        asked.append(float(source.signals(state)['goal_lin_vel_b'][0, 0]))
        state = {**state, **source.step(state)}
    assert asked[:5] == [asked[0]] * 5
    assert asked[5:10] == [asked[5]] * 5
    assert asked[10:] == [asked[10]] * 10
    assert len({asked[0], asked[5], asked[10]}) == 3


def test_a_clock_turns_at_its_pace_and_finishes_its_turn():
    memory = Memory({'clock': Clock('pace', 2.5)}, 0.02)

    def turned(phase, pace, periods=1):
        state = torch.tensor([[phase]])
        for _ in range(periods):
            state = memory.update(state, {'pace': torch.tensor([[pace]])})
        return float(state)

    assert turned(0.0, 1.0, 25) == pytest.approx(0.25, abs=1e-5)
    assert turned(0.25, 2.0) == pytest.approx(0.35, abs=1e-5)
    assert turned(0.95, 2.0) == pytest.approx(0.05, abs=1e-5)
    assert turned(0.9, 0.0) == pytest.approx(0.95, abs=1e-5), 'it finishes its turn'
    assert turned(0.97, 0.0) == 0.0, 'and stays at its end'
    assert turned(0.0, 0.0) == 0.0


def test_tracking_is_one_without_error_and_falls_off():
    asked = {'goal_lin_vel_b': [0.5, 0.0, 0.0], 'goal_ang_vel_b': [0.0, 0.0, 0.4]}
    exact = step_with(**asked, base_lin_vel_b=[0.5, 0.0, 0.3], base_ang_vel_b=[1.0, 0.0, 0.4])
    off = step_with(**asked, base_lin_vel_b=[0.5, 0.3, 0.0], base_ang_vel_b=[0.0, 0.0, 0.2])
    assert float(gait.track_lin_vel_exp(0.3)(exact)) == 1.0
    assert float(gait.track_lin_vel_exp(0.3)(off)) == pytest.approx(math.exp(-1.0))
    assert float(gait.track_ang_vel_exp(0.2)(off)) == pytest.approx(math.exp(-1.0))
    assert float(gait.velocity_error(0.75)(off)) == pytest.approx(0.3)
    assert float(gait.velocity_error(2.0)(off)) == pytest.approx(0.4)


def test_power_counts_only_what_goes_into_the_joints():
    step = step_with(joint_effort=[2.0, -3.0, 4.0], joint_vel=[1.0, 1.0, 0.5])
    assert float(gait.power(step)) == pytest.approx(4.0)
    assert float(gait.effort_l2(step)) == pytest.approx(29.0)


def test_a_foot_that_stands_on_the_ground_does_not_slip():
    robot = registry.robot('go2')
    rest, zero = list(robot.rest['joint_pos']), [0.0] * 12
    slip = gait.slip_l2(Legs(robot))
    still = {'joint_pos': rest, 'joint_vel': zero, 'base_ang_vel_b': [0.0, 0.0, 0.0]}
    sliding = step_with(**still, base_lin_vel_b=[0.3, 0.4, 0.0], touch=[1.0, 0.0, 0.0, 1.0])
    assert float(slip(sliding)) == pytest.approx(2 * 0.25)
    lifted = step_with(**still, base_lin_vel_b=[0.3, 0.4, 0.0], touch=[0.0] * 4)
    assert float(slip(lifted)) == 0.0


@pytest.mark.parametrize(('angle', 'over'), [(0.9, False), (1.1, True)])
def test_tilt(angle, over):
    step = step_with(base_quat_w=[math.cos(0.5 * angle), math.sin(0.5 * angle), 0.0, 0.0])
    assert float(rewards.tilt_l2(step)) == pytest.approx(math.sin(angle) ** 2, abs=1e-6)
    assert bool(terminations.tilted(1.0)(step)) is over
