"""Reach: what its action means, what is asked for, and what counts as done."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('mujoco')

from robot_rl.envs.engines import make_env
from robot_rl.envs.functions import Functions, observation_size
from robot_rl.envs.fuse import Fused
from robot_rl.export.graph import PolicyGraph
from robot_rl.mdp.commands import PoseGoal
from robot_rl.mdp.kinematics import Kinematics
from robot_rl.mdp.observations import quat_product
from robot_rl.spec import registry
from robot_rl.spec.chain import read_chain
from robot_rl.spec.task import Step
from robot_rl.tasks import reach

TASK = registry.task('reach-panda')
KINEMATICS = Kinematics(read_chain('panda.urdf', 'panda_link0', 'panda_hand_tcp'))
CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def env():
    return make_env(TASK, 'mujoco', 24, seed=0)


def signals(num=3):
    joints = torch.tensor([[*TASK.robot.rest['joint_pos']]]).repeat(num, 1)
    goal = TASK.commands.draw(num, torch.Generator().manual_seed(0), CPU)
    return {'joint_pos': joints, 'joint_vel': 0.0 * joints, **TASK.commands.signals(goal)}


def test_an_action_speeds_targets_up_that_start_where_the_arm_is():
    seen, memory, action = signals(1), torch.zeros(1, TASK.memory_size), torch.zeros(1, 7)
    action[0, 2] = 0.5
    step = reach.CONTROL_DT * reach.SPEED * TASK.setpoint.slew[2]
    expected = seen['joint_pos'][:, :7].clone()
    for share in (0.1, 0.2, 0.3, 0.4, 0.5, 0.5):
        target = TASK.act(action, seen, memory)
        expected[0, 2] += share * step
        torch.testing.assert_close(target, expected)
        memory = TASK.remember(memory, seen, action)
        seen['joint_pos'] = seen['joint_pos'] + 0.01  # where the arm is matters only at first


def test_targets_stay_near_the_arm_and_within_its_limits():
    seen, memory = signals(1), torch.zeros(1, TASK.memory_size)
    action = torch.full((1, 7), 9.0)
    for _ in range(300):
        target = TASK.act(action, seen, memory)
        memory = TASK.remember(memory, seen, action)
    ahead = target - seen['joint_pos'][:, :7]
    assert ahead.max() == pytest.approx(reach.LEASH) and ahead.min() > 0.0
    seen['joint_pos'][:, :7] = torch.tensor(TASK.setpoint.high)
    target = TASK.act(action, seen, torch.zeros(1, TASK.memory_size))
    assert torch.equal(target, torch.tensor([TASK.setpoint.high]))


def error_of(way=0.0, angle=0.0):
    joints = torch.tensor([[*TASK.robot.rest['joint_pos']]])
    tip = KINEMATICS(joints[:, :7])
    half = torch.tensor([[math.cos(angle / 2), 0.0, math.sin(angle / 2), 0.0]])
    place = tip.place + torch.tensor([[0.0, way, 0.0]])
    seen = {'joint_pos': joints, 'goal_pos_w': place, 'goal_quat_w': quat_product(half, tip.quat)}
    return float(TASK.error(Step(seen, torch.zeros(1, 7), torch.zeros(1, 7))))


def test_the_error_is_one_at_a_centimetre_or_at_five_degrees():
    assert error_of(way=0.01) == pytest.approx(1.0, rel=1e-4)
    assert error_of(angle=math.radians(5.0)) == pytest.approx(1.0, rel=1e-4)
    assert error_of(way=0.005, angle=math.radians(2.0)) == pytest.approx(0.5, rel=1e-3)
    assert error_of(way=0.002, angle=math.radians(10.0)) == pytest.approx(2.0, rel=0.01)
    assert TASK.success_error == 1.0 and TASK.error_unit == 'of the tolerance'


def test_a_detour_is_measured_from_joints_that_have_the_goal():
    seen = signals(2)
    tip = KINEMATICS(seen['goal_joint_pos'])
    torch.testing.assert_close(tip.place, seen['goal_pos_w'])
    detour = next(term.function for term in TASK.rewards if term.name == 'detour')
    seen['joint_pos'][0, :7] = seen['goal_joint_pos'][0]
    seen['joint_pos'][1, :7] = seen['goal_joint_pos'][1] + 0.1
    step = Step(seen, torch.zeros(2, 7), torch.zeros(2, 7))
    assert detour(step).tolist() == pytest.approx([0.0, 0.1 * math.sqrt(7.0)], abs=1e-5)


def test_goals_and_starts_lie_in_front_and_touch_nothing():
    engine = make_env(TASK, 'mujoco', 2000, seed=0, fused=False).engine
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        start = TASK.initial_state({}, num=2000, generator=generator, device=CPU)
        engine.reset(torch.arange(2000), start)
        assert not engine.signals()['contact'].any()
    assert isinstance(TASK.commands, PoseGoal)
    _, place, _ = TASK.commands.joints(50_000, generator, CPU)
    low, high = place.min(0).values, place.max(0).values
    assert low[0] >= reach.LOW[0] and low[2] >= reach.LOW[1]
    # What the page on the task says of its workspace.
    assert low.tolist() == pytest.approx([0.25, -0.8, 0.15], abs=0.03)
    assert high.tolist() == pytest.approx([0.85, 0.8, 1.16], abs=0.04)


def test_touching_or_leaving_the_limits_ends_an_episode():
    seen = {**signals(4), 'contact': torch.tensor([[0.0], [1.0], [0.0], [0.0]])}
    seen['joint_pos'][2, 3] = -0.05
    seen['joint_vel'][3, 6] = -2.7
    step = Step(seen, torch.zeros(4, 7), torch.zeros(4, 7))
    ends = {term.name: term.function(step).tolist() for term in TASK.terminations}
    assert ends == {
        'touches': [False, True, False, False],
        'out_of_limits': [False, False, True, True],
    }


def test_the_fused_task_is_the_task(env):
    quiet = make_env(TASK, 'mujoco', 24, seed=0, noise=False, randomize=False)
    parts = (quiet._act, quiet._first, quiet._advance, quiet._draw)
    assert all(isinstance(part, Fused) for part in parts)
    plain = Functions(TASK, None, None, None, quiet.generator, CPU)
    quiet.reset(seed=0)
    action = {'action': torch.randn(24, 7, generator=torch.Generator().manual_seed(1))}
    for _ in range(5):
        state, measured, fixed = quiet._state, quiet._measured, quiet._fixed
        groups = plain.act(24, action, state, measured)
        for one, other in zip(quiet._act(24, action, state, measured), groups, strict=True):
            close(one, other)
        seen = quiet.engine.signals()
        inputs = (24, seen, action, state, measured, fixed)
        for one, other in zip(quiet._advance(*inputs), plain.step(*inputs), strict=True):
            close(one, other)
        quiet.step(action['action'])


def close(one, other):
    assert set(one) == set(other)
    for name, value in one.items():
        torch.testing.assert_close(
            value.float(), other[name].float(), rtol=1e-4, atol=1e-4, msg=name
        )


def test_the_graph_acts_as_training_does(env, make_actor):
    graph = PolicyGraph(TASK, make_actor(observation_size(TASK), TASK.action_size))
    observation = env.reset(seed=3)
    with torch.inference_mode():
        for _ in range(10):
            inputs = [env.measured[name].clone() for name in TASK.signal_names]
            setpoint, memory = graph(*inputs, env.memory.clone())
            action = graph.actor(observation['actor'])
            expected = TASK.act(action, env.measured, env.memory)
            torch.testing.assert_close(setpoint, expected, atol=1e-5, rtol=1e-5)
            moved = env.step(action)
            going = ~(moved.terminated | moved.truncated)
            torch.testing.assert_close(memory[going], env.memory[going], atol=1e-5, rtol=1e-4)
            observation = moved.observation


def test_the_observation_shows_the_way_downhill(env):
    """Joints that follow the gradient in it bring the arm to goals: signs and frames are right."""
    observation, errors = env.reset(seed=0)['actor'], []
    for _ in range(TASK.max_episode_steps - 1):
        moved = env.step(0.3 * observation[:, -7:])
        observation = moved.observation['actor']
        errors.append(TASK.error(moved.step))
    assert errors[0].median() > 20.0
    assert errors[-1].median() < 0.4 * errors[0].median()
