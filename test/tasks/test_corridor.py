"""Corridor: what is in the way, and that it is not flown into when that is foretold."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.envs.engines import make_env
from robot_rl.errors import SpecError
from robot_rl.learn.choice import score
from robot_rl.learn.distill import teacher_policy
from robot_rl.nodes.description import FENCES
from robot_rl.spec import registry
from robot_rl.spec.scene import Scene, Shape
from robot_rl.tasks.corridor import RADIUS, WAYS, careful
from robot_rl.vision.distance import blocked
from robot_rl.vision.scenes import Scenes

STRAIGHT = WAYS.angles.index(0.0)


def foretold(*certain: int):
    row = torch.full((1, len(WAYS.angles)), -1.0)
    row[0, list(certain)] = 1.0
    return row


def test_a_box_blocks_the_ways_that_lead_to_it():
    box = Shape('box', (0.1, 0.3, 1.0), (0.45, 0.0, 1.0))
    scenes = Scenes([Scene((box,))])
    angles = np.array(WAYS.angles, np.float32)
    ways = np.stack((np.cos(angles), np.sin(angles), 0.0 * angles), 1)[None]
    place = np.array([[0.0, 0.0, 1.0]], np.float32)
    found = blocked(
        scenes, np.zeros(1, np.int64), place, ways, np.array(WAYS.ahead, np.float32), WAYS.radius
    )[0]
    # Its corners are 0.15 m aside, 0.4 m ahead: seen at 20.6 deg, and 0.1 m wide of that.
    assert found.tolist() == [0.0, *[1.0] * 7, 0.0]
    assert WAYS.radius > RADIUS


def test_what_is_foretold_is_not_flown_into():
    ahead = torch.tensor([[1.5, 0.0]])
    assert torch.equal(careful(ahead, foretold()), ahead)
    assert torch.equal(careful(ahead, foretold(STRAIGHT)), torch.zeros(1, 2))
    assert torch.equal(careful(ahead, foretold(STRAIGHT - 1, STRAIGHT + 1)), ahead)
    aside = torch.tensor([[1.0, math.tan(WAYS.angles[STRAIGHT + 2])]])
    assert torch.allclose(careful(aside, foretold(STRAIGHT)), aside)
    assert careful(aside, foretold(STRAIGHT + 2)).norm() < 1e-5
    back = torch.tensor([[-1.0, 3.0]])  # of which the outermost direction says what is known
    assert torch.equal(careful(back, foretold(0)), back)
    assert torch.equal(careful(back, foretold(len(WAYS.angles) - 1)), torch.zeros(1, 2))


def test_the_teacher_flies_through_hallways_in_time():
    task = registry.task('corridor-crazyflie')
    env = make_env(task, 'analytic', 3, seed=3)
    assert task.teacher
    found = score(env, teacher_policy(task.teacher), seed=3)
    assert found['success'] == 1.0
    assert found['time_s'] < 18.0


def test_a_fence_is_as_the_task_has_it_or_as_it_was_given():
    from robot_rl.nodes.policy_settings import fenced

    for name, (low, high) in FENCES.items():
        limits = registry.task(name).robot.limits
        assert (limits.fence_low, limits.fence_high) == (low, high)
    robot = registry.robot('crazyflie')
    given = {'fence_low': (-5.0, -5.0, 0.0), 'fence_high': (5.0, 5.0, 2.0)}
    asked: Any = SimpleNamespace(name='policy_node', floats=given.get)
    limits = fenced(robot, asked).limits
    assert (limits.fence_low, limits.fence_high) == tuple(given.values())
    given['fence_high'] = (5.0, -6.0, 2.0)
    with pytest.raises(SpecError, match="'fence_low' of 'policy_node' must be below"):
        fenced(robot, asked)
