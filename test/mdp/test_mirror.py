"""Mirror images, by hand and of a whole task."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from robot_rl.learn.mirroring import Mirroring
from robot_rl.mdp.mirror import joined, signs, swapped
from robot_rl.spec import registry

TASK = registry.task('walk-go2')


def test_blocks_are_swapped_and_signs_changed():
    mirror = joined(signs(1.0, -1.0), swapped((1, 0), (-1.0, 1.0)))
    image = Mirroring({'actor': mirror}).image('actor', torch.tensor([[1.0, 2, 3, 4, 5, 6]]))
    assert image.tolist() == [[1.0, -2.0, -5.0, 6.0, -3.0, 4.0]]


@pytest.fixture
def robots():
    """Signals of sixteen robots as they come, and of their mirror images."""
    draw = torch.Generator().manual_seed(0)
    robot, images = {}, {}
    hand = {
        'base_quat_w': (4, signs(1.0, -1.0, 1.0, -1.0)),
        'base_ang_vel_b': (3, signs(-1.0, 1.0, -1.0)),
        'joint_pos': (12, swapped((1, 0, 3, 2), (-1.0, 1.0, 1.0))),
        'joint_vel': (12, swapped((1, 0, 3, 2), (-1.0, 1.0, 1.0))),
        'joint_effort': (12, swapped((1, 0, 3, 2), (-1.0, 1.0, 1.0))),
        'goal_lin_vel_b': (3, signs(1.0, -1.0, 1.0)),
        'goal_ang_vel_b': (3, signs(-1.0, 1.0, -1.0)),
        'base_lin_vel_b': (3, signs(1.0, -1.0, 1.0)),
        'touch': (4, swapped((1, 0, 3, 2))),
        'foot_height': (4, swapped((1, 0, 3, 2))),
        'base_height': (1, signs(1.0)),
    }
    for name, (size, mirror) in hand.items():
        value = 0.3 * torch.randn(16, size, generator=draw)
        if name == 'joint_pos':
            value = value + torch.tensor(TASK.robot.rest['joint_pos'])
        if name == 'base_quat_w':
            value = value + torch.tensor([1.0, 0.0, 0.0, 0.0])
            value = value / value.norm(dim=1, keepdim=True)
        robot[name] = value
        images[name] = Mirroring({'actor': mirror}).image('actor', value)
    around = torch.randn(16, 5, 3, generator=draw)
    robot['ground'], images['ground'] = around.flatten(1), around.flip(2).flatten(1)
    return robot, images


def memories(robots):
    """Memory of each after two periods with the same actions, mirrored; and their actions."""
    action = torch.randn(16, 15, generator=torch.Generator().manual_seed(1))
    kept = []
    for signals, now in zip(
        robots, (action, Mirroring(TASK.mirror).image('action', action)), strict=True
    ):
        memory = torch.zeros(16, TASK.memory_size)
        memory[:, 0] = 0.25 if signals is robots[0] else 0.75  # half a turn on
        memory = TASK.remember(memory, signals, now)
        memory[:, 0] = 0.3 if signals is robots[0] else 0.8
        kept.append((memory, now))
    return kept


def test_a_mirrored_robot_sees_the_mirrored_observation(robots):
    (memory, _), (mirrored, _) = memories(robots)
    mirroring = Mirroring(TASK.mirror)
    for group, function in (('actor', TASK.observe), ('critic', TASK.privileged)):
        seen, image = function(robots[0], memory), function(robots[1], mirrored)
        assert torch.allclose(mirroring.image(group, seen), image, atol=1e-5), group
        again = mirroring.image(group, mirroring.image(group, seen))
        assert torch.equal(again, seen), 'the image of the image is the thing itself'


def test_a_mirrored_action_moves_the_mirrored_legs(robots):
    (memory, action), (mirrored, image) = memories(robots)
    joints = Mirroring({'actor': swapped((1, 0, 3, 2), (-1.0, 1.0, 1.0))})
    setpoint = TASK.act(action, robots[0], memory)
    expected = TASK.act(image, robots[1], mirrored)
    assert torch.allclose(joints.image('actor', setpoint), expected, atol=1e-5)
