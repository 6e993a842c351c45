"""Gates: what counts as passed, and that the teacher passes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip('numba')

from robot_rl.envs.engines import make_env
from robot_rl.envs.rollout import run_episodes
from robot_rl.learn.distill import teacher_policy
from robot_rl.mdp.gates import CLEAR, Gates
from robot_rl.spec import registry
from robot_rl.tasks.gates import AHEAD, EYE, RADIUS
from robot_rl.vision.gates import GATES, INNER, POINTS, SPACING


@pytest.fixture(scope='module')
def courses() -> Gates:
    return Gates(EYE, 'raycast', RADIUS, AHEAD)


def _seen(courses: Gates, points: np.ndarray) -> dict[str, torch.Tensor]:
    """What is perceived at `points` (n, 3) of course 7."""
    num = len(points)
    drawn = {'course': torch.full((num, 1), 7.0), 'mount': torch.zeros(num, 6)}
    drawn |= {'latency': torch.zeros(num, 1), 'light': torch.ones(num, 3)}
    quat = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(num, 1)
    place = torch.from_numpy(np.asarray(points, np.float32))
    still = {name: torch.zeros(num, 3) for name in ('base_lin_vel_b', 'base_ang_vel_b')}
    return courses.perceive({'base_pos_w': place, 'base_quat_w': quat, **still}, drawn)


def test_gates_are_passed_through_their_openings_one_after_another(courses: Gates) -> None:
    beside = courses._make(7).beside
    way, gates, at = np.split(beside, (POINTS, POINTS + GATES))
    seen = _seen(courses, way[:, :3])
    expected = [(SPACING * i < at[:, 0] + CLEAR).sum() for i in range(POINTS)]
    run = at[-1, 0] + 0.5
    num = int(run / SPACING)
    assert seen['gates_left'][:num, 0].tolist() == expected[:num]
    assert seen['gates_left'][0] == GATES
    assert seen['gates_left'][num] == 0
    assert not seen['gate_missed'].any()
    assert seen['arena_clearance'].min() > 0.1
    assert seen['course_offset'].max() < 1e-3
    x, y, z, heading = gates[2]
    left = np.array([-np.sin(heading), np.cos(heading), 0.0])
    above = np.array([0.0, 0.0, 1.0])
    edge = 0.5 * INNER
    spots = [0.2 * left, 0.9 * edge * above, 1.1 * edge * left, -1.1 * edge * above, 0.8 * left]
    seen = _seen(courses, np.array([x, y, z]) + np.array(spots))
    assert seen['gate_missed'][:, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    touching = seen['arena_clearance'][:, 0] < 0.0
    assert touching[:4].tolist() == [False, True, True, True], 'a robot is as wide as it is'
    assert (seen['gates_left'][:, 0] == GATES - 2).all()
    assert len(courses.world({'course': torch.tensor([7.0])}).blocks) == 6 * GATES, 'pictures'


def test_the_teacher_passes_all_gates() -> None:
    task = registry.task('gates-crazyflie')
    assert task.teacher
    env = make_env(replace(task, episode_length_s=8.0), 'analytic', 12, seed=3)
    found = run_episodes(env, teacher_policy(task.teacher), seed=3)
    assert (found.left > 0.0).sum() <= 1
    assert (found.left[found.success] == 0.0).all()
    assert found.success.sum() >= 11
