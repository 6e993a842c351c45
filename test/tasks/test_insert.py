"""Insert: what an action means, where holes are, that a peg goes into one and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('mujoco')

from robot_rl.envs.engines import make_env
from robot_rl.mdp import observations
from robot_rl.mdp.kinematics import pose_error
from robot_rl.spec import registry
from robot_rl.spec.task import Step
from robot_rl.spec.urdf import load_urdf
from robot_rl.tasks import insert

TASK = registry.task('insert-panda')
ARM = TASK.act.__self__
CPU = torch.device('cpu')
NUM = 8


@pytest.fixture(scope='module')
def env():
    return make_env(TASK, 'mujoco', NUM, seed=0)


def drawn(num=64):
    return TASK.commands.draw(num, torch.Generator().manual_seed(0), CPU)


def ahead(env):
    """Way [m] and turn to the true hole, along its axes."""
    joints, hole = env.engine.signals()['joint_pos'][:, :7], env.drawn
    way, turn = pose_error(ARM.kinematics(joints), hole['hole_pos_w'], hole['hole_quat_w'])
    frame = observations.rotation_matrix(hole['hole_quat_w'])
    return observations.rotate_inverse(frame, way), observations.rotate_inverse(frame, turn)


def seen(holes):
    joints = torch.cat((holes['start_joint_pos'], torch.zeros(len(holes['clearance']), 2)), 1)
    return {'joint_pos': joints, 'joint_vel': 0.0 * joints, **holes}


def test_what_a_person_did_is_the_action_that_does_it():
    signals, memory = seen(drawn()), torch.zeros(64, TASK.memory_size)
    action = torch.rand(64, 6, generator=torch.Generator().manual_seed(1)) * 2.0 - 1.0
    setpoint = TASK.act(0.5 * action, signals, memory)
    torch.testing.assert_close(ARM.action_of(setpoint, signals), 0.5 * action)
    assert ARM.action_of(9.0 * setpoint, signals).abs().max() == 1.0


def test_down_is_down_and_aside_is_along_the_hole():
    signals = {name: rows[:1] for name, rows in seen(drawn(1)).items()}
    signals['goal_quat_w'] = torch.tensor([[0.0, 1.0, 0.0, 0.0]])  # points down, x as the world's
    twist = TASK.act(torch.tensor([[0.2, 0.0, 0.5, 0.0, 0.0, 0.0]]), signals, None)
    expected = torch.tensor([[0.02, 0.0, -0.05, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(twist, expected, atol=1e-6, rtol=0.0)


def test_what_is_told_of_a_hole_is_wrong_by_as_much_as_its_clearance():
    holes, (across, upright, turned) = drawn(2000), insert.SPREAD.error
    error = (holes['goal_pos_w'] - holes['hole_pos_w']).abs()
    assert error[:, :2].max() == pytest.approx(across, rel=0.01)
    assert error[:, 2].max() == pytest.approx(upright, rel=0.01)
    clearance = holes['clearance']
    assert 0.0005 <= clearance.min() < 0.00051 and clearance.max() <= 0.001
    assert (error[:, :2].amax(1) > 0.5 * clearance[:, 0]).float().mean() > 0.3
    lengths = holes['hole_quat_w'].norm(dim=1), holes['goal_quat_w'].norm(dim=1)
    for length in lengths:
        torch.testing.assert_close(length, torch.ones(2000))
    half = (holes['hole_quat_w'] * holes['goal_quat_w']).sum(1).clamp(-1.0, 1.0).acos()
    assert 2.0 * half.max() == pytest.approx(turned, rel=0.02)


def test_a_hole_is_as_wide_as_it_was_drawn_and_the_peg_is_above_it():
    holes = drawn(4)
    for row in range(4):
        hole = {name: value[row].numpy() for name, value in holes.items()}
        assert TASK.world
        *walls, floor = TASK.world(hole).blocks
        width = insert.PEG.width + hole['clearance'][0]
        centre = np.array(floor.position[:2])
        assert centre == pytest.approx(hole['hole_pos_w'][:2], abs=1e-6)
        assert floor.size[:2] == pytest.approx((width, width), abs=1e-6)
        for wall in walls:
            turn = 2.0 * np.arctan2(wall.quat[3], wall.quat[0])
            cosine, sine = np.cos(turn), np.sin(turn)
            dx, dy = np.array(wall.position[:2]) - centre
            away = np.abs((cosine * dx + sine * dy, cosine * dy - sine * dx))
            inner = away - 0.5 * np.array(wall.size[:2])
            assert inner.max() == pytest.approx(0.5 * width, abs=1e-6)
            assert wall.size[2] == pytest.approx(floor.size[2] + insert.PEG.depth)
        tip = ARM.kinematics(holes['start_joint_pos'][row : row + 1]).place[0, 2]
        gap = float(tip) - insert.PEG.below - walls[0].size[2]
        low, high = insert.SPREAD.gap
        assert low - 1e-6 <= gap <= high + 1e-6


def test_who_is_shown_the_hole_gets_the_peg_in(env):
    env.reset()
    for _ in range(70):
        way, turn = ahead(env)
        aligned = (way[:, :2].norm(dim=1) < 8e-4) & (turn.norm(dim=1) < 0.01)
        down = torch.where(aligned, 0.3, 20.0 * (way[:, 2] - 0.03))
        action = torch.cat((30.0 * way[:, :2], down.unsqueeze(1), 8.0 * turn), 1)
        step = env.step(action).step
    assert (TASK.error(step) < insert.IN).all()
    assert (step.signals['collision'] > 0.0).all()
    assert TASK.rewards[0].function(step).tolist() == [1.0] * NUM


def test_beside_the_hole_the_block_stops_the_peg_and_memory_tells_of_it(env):
    env.reset()
    for _ in range(45):
        way, turn = ahead(env)
        aside = way + torch.tensor([0.005, 0.0, 0.0])  # 5 mm beside
        down = torch.full((NUM, 1), 0.3)
        action = torch.cat((30.0 * aside[:, :2], down, 8.0 * turn), 1)
        step = env.step(action).step
    lacking = ahead(env)[0][:, 2]
    assert lacking == pytest.approx(np.full(NUM, insert.PEG.depth), abs=1.5e-3)
    assert not (TASK.error(step) < insert.IN).any()
    strain = ARM.memory(env.memory, 'strain')[:, 2]
    assert (strain > 0.2).all(), 'it was sent down and did not go'


def test_the_robot_holds_the_peg_and_the_declaration_is_left_alone():
    assert 'peg' in load_urdf(TASK.robot)
    assert 'peg' not in load_urdf(registry.robot('panda'))


def test_success_is_at_the_floor_of_the_hole():
    holes = drawn(2)
    joints = torch.cat((holes['start_joint_pos'], torch.zeros(2, 2)), 1)
    place = ARM.kinematics(joints[:, :7]).place
    for below, there in ((0.0019, 1.0), (0.0021, 0.0)):
        hole = place + torch.tensor([[0.0, 0.0, -below]])
        step = Step({'joint_pos': joints, 'hole_pos_w': hole}, None, None)
        assert TASK.rewards[0].function(step).tolist() == [there] * 2
