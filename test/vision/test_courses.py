"""Courses that are drawn: walls where the track has them, nothing on the way, looks by number."""

from __future__ import annotations

from dataclasses import replace
import math

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.mdp.circuit import Circuit
from robot_rl.mdp.tracks import tracks
from robot_rl.spec import registry
from robot_rl.spec.camera import Camera
from robot_rl.tasks import race
from robot_rl.vision.courses import CHORD, HEIGHT, course, pieces
from robot_rl.vision.raycast import Raycast
from robot_rl.vision.scenes import Scenes

BANK = tracks(2, 5)
LEFT, RIGHT = BANK.walls


def test_straight_pieces_stay_near_the_wall():
    corners = pieces(LEFT[0])
    assert (corners[0] == corners[-1]).all()
    assert len(corners) < len(LEFT[0])
    begin, along = corners[:-1], np.diff(corners, axis=0)
    away = LEFT[0][:, None] - begin
    share = np.clip((away * along).sum(2) / np.square(along).sum(1), 0.0, 1.0)
    assert np.linalg.norm(away - share[..., None] * along, axis=2).min(1).max() <= CHORD + 1e-6


def test_the_camera_sees_the_walls_that_the_lidar_measures():
    robot = registry.robot('racecar')
    assert robot.lidar
    where = Circuit(BANK, robot.lidar, 1, race.outline(), race.grip(robot, 0.6))
    num = 24
    drawn = where.draw(num, torch.Generator().manual_seed(0), torch.device('cpu'))
    start = race.initial_state(where.signals(drawn), num, torch.Generator(), torch.device('cpu'))
    scan = where.perceive(start, drawn)['scan'].numpy()
    camera = replace(Camera.pinhole('eye', 63, 1, math.radians(100.0)), name='row')
    w, _, _, z = start['base_quat_w'].numpy().T
    yaw = 2.0 * np.arctan2(z, w)
    ahead = np.stack((np.cos(yaw), np.sin(yaw)), 1)
    place = start['base_pos_w'].numpy().copy()
    place[:, :2] += robot.lidar.position[0] * ahead
    place[:, 2] = 0.5 * HEIGHT
    half = 0.5 * yaw
    body = np.stack((np.cos(half), 0.0 * yaw, 0.0 * yaw, np.sin(half)), 1)
    from robot_rl.spec.rotation import product

    quat = product(body, np.tile(camera.quat, (num, 1)))
    scenes = Scenes([course(LEFT[t], RIGHT[t], 3) for t in range(2)])
    rows = drawn['track_id'][:, 0].long().numpy()
    depth = Raycast(camera).render(place, quat, scenes, rows).depth[:, 0]
    slope = -(np.arange(camera.width) - camera.cx) / camera.fx
    ranges = depth * np.hypot(1.0, slope)
    beam = (np.arctan(slope) - robot.lidar.angle_min) / robot.lidar.angle_increment
    wanted = np.stack([np.interp(beam, np.arange(len(row)), row) for row in scan])
    near = wanted < 0.99 * robot.lidar.range_max
    off = np.abs(ranges - wanted)[near]
    assert np.median(off) < 0.01
    assert (off < 0.05).mean() > 0.93, 'the rest graze a wall'


def test_nothing_stands_on_the_course_and_looks_differ():
    scene, other = course(LEFT[0], RIGHT[0], 1), course(LEFT[0], RIGHT[0], 2)
    assert scene == course(LEFT[0], RIGHT[0], 1)
    assert scene != other
    things = [shape for shape in scene.shapes if shape.look and shape.kind != 'plane']
    beside = np.array([s.position[:2] for s in things if s.position[2] != 0.5 * HEIGHT])
    assert len(beside) > 5
    away = np.linalg.norm(beside[:, None] - BANK.centre[0], axis=2)
    widest = np.maximum(BANK.left[0], BANK.right[0])
    assert (away > widest).all()
