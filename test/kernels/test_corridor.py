from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.kernels import corridor
from robot_rl.mdp.tracks import SECTIONS, tracks

N = 24
BEAMS = 79
LIDAR = np.array([0.2, 0.0, 0.06, 10.0, 1.0], np.float32)


@pytest.fixture(scope='module')
def scene():
    bank = tracks(3, 5)
    edges = corridor.edges_of(bank.centre, bank.tangent, *bank.walls)
    parts = (bank.centre, bank.tangent, bank.curvature[..., None])
    spine = np.concatenate(parts, -1, dtype=np.float32)
    return bank, edges, spine


@pytest.fixture(scope='module')
def poses(scene):
    """Places all over the tracks: track, section, offset and pose."""
    bank = scene[0]
    rng = np.random.default_rng(0)
    track, section = rng.integers(0, bank.num, N), rng.integers(0, SECTIONS, N)
    offset = rng.uniform(-0.35, 0.35, N)
    point = bank.centre[track, section] + offset[:, None] * bank.normal[track, section]
    heading = np.arctan2(bank.tangent[track, section, 1], bank.tangent[track, section, 0])
    askew = rng.uniform(-3.0, 3.0, N)
    pose = np.column_stack((point, heading + askew)).astype(np.float32)
    return track, section, offset, askew, pose


def _beams():
    angle = np.linspace(-0.75 * np.pi, 0.75 * np.pi, BEAMS)
    return np.stack((np.cos(angle), np.sin(angle)), 1).astype(np.float32)


def _cast(scene, poses, stride=1.0):
    _, edges, spine = scene
    lidar = LIDAR.copy()
    lidar[4] = stride
    out = np.empty((N, BEAMS), np.float32)
    corridor.cast(edges, spine, poses[0], poses[4], _beams(), lidar, out)
    return out


def _brute(walls, pose, beams):
    """Nearest crossing with any piece of both walls, in float64."""
    x, y, yaw = pose.astype(np.float64)
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    origin = np.array([x, y]) + turn @ LIDAR[:2]
    d = (beams @ turn.T)[:, None]
    a = np.concatenate(walls) - origin
    e = np.concatenate([np.roll(wall, -1, 0) for wall in walls]) - origin - a
    with np.errstate(divide='ignore', invalid='ignore'):
        denominator = d[..., 0] * e[:, 1] - d[..., 1] * e[:, 0]
        t = (a[:, 0] * e[:, 1] - a[:, 1] * e[:, 0]) / denominator
        u = (a[:, 0] * d[..., 1] - a[:, 1] * d[..., 0]) / denominator
    return np.where((t >= 0) & (u >= 0) & (u <= 1), t, np.inf).min(1).clip(LIDAR[2], LIDAR[3])


def test_every_beam_is_as_long_as_brute_force_says(scene, poses):
    found = _cast(scene, poses)
    for i in range(N):
        walls = [wall[poses[0][i]] for wall in scene[0].walls]
        assert np.allclose(found[i], _brute(walls, poses[4][i], _beams()), atol=1e-3), i
    assert len(np.unique(found)) > N * BEAMS / 2


def test_traced_beams_do_not_depend_on_the_stride(scene, poses):
    full, coarse = _cast(scene, poses), _cast(scene, poses, stride=6.0)
    assert np.array_equal(full[:, ::6], coarse[:, ::6])
    assert np.median(np.abs(full - coarse)) < 0.02  # and those between, 21 degrees, are near


def _survey(scene, poses, outline, velocity=(2.0, 0.0)):
    bank, edges, spine = scene
    ahead = np.array([0.0, 1.0], np.float32)
    out = np.empty((N, corridor.PLACE + 2), np.float32)
    corridor.survey(
        edges, spine, bank.spacing.astype(np.float32), poses[0], poses[4],
        np.tile(np.array(velocity, np.float32), (N, 1)), np.array(outline, np.float32), ahead, out,
    )  # fmt: skip
    return out


def test_a_place_is_found_again(scene, poses):
    bank = scene[0]
    track, section, offset, askew, _ = poses
    found = _survey(scene, poses, [(0.0, 0.0)])
    lap = bank.length[track]
    gap = (found[:, 0] - section * bank.spacing[track] + 0.5 * lap) % lap - 0.5 * lap
    assert np.abs(gap).max() < 1e-3
    assert np.allclose(found[:, 1], offset, atol=1e-4)
    assert np.allclose(found[:, 2], askew, atol=1e-3)
    curvature = bank.curvature[track, section]
    assert np.allclose(found[:, 3], 2.0 * np.cos(askew) / (1.0 - curvature * offset), rtol=1e-3)
    assert np.allclose(found[:, corridor.PLACE], curvature, atol=1e-3)
    right, left = bank.right[track, section] + offset, bank.left[track, section] - offset
    assert np.allclose(found[:, 4], right - left, atol=0.1)
    assert np.allclose(found[:, 5], np.minimum(left, right), atol=0.05)


def test_moving_moves_the_arc_length_as_fast_as_told(scene, poses):
    before = _survey(scene, poses, [(0.0, 0.0)])
    pose = poses[4].copy()
    dt = 0.01
    pose[:, 0] += 2.0 * dt * np.cos(pose[:, 2])
    pose[:, 1] += 2.0 * dt * np.sin(pose[:, 2])
    after = _survey(scene, (*poses[:4], pose), [(0.0, 0.0)])
    lap = scene[0].length[poses[0]]
    moved = (after[:, 0] - before[:, 0] + 0.5 * lap) % lap - 0.5 * lap
    assert np.allclose(moved / dt, before[:, 3], atol=0.15)


def test_an_outline_that_reaches_through_a_wall_has_no_clearance(scene, poses):
    bank = scene[0]
    track, section = poses[:2]
    far = 1.3 * np.maximum(bank.left, bank.right)[track, section].max()
    assert _survey(scene, poses, [(0.0, 0.0), (far, 0.0), (-far, 0.0)])[:, 5].min() < 0.0
    assert _survey(scene, poses, [(0.0, 0.0)])[:, 5].min() > 0.0


def test_far_outside_everything_is_finite(scene, poses):
    pose = poses[4].copy()
    pose[:, :2] += 500.0
    lost = (*poses[:4], pose)
    assert np.isfinite(_cast(scene, lost)).all()
    assert np.isfinite(_survey(scene, lost, [(0.0, 0.0)])).all()
