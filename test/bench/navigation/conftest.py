"""A small simulator for the reference planners: circles, segments, a unicycle, exact rays."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math
from pathlib import Path
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from robot_rl.bench.navigation import worlds
from robot_rl.spec.arena import Arena, NavLimits
from robot_rl.spec.lidar import Lidar

if TYPE_CHECKING:
    from robot_rl.bench.navigation.planners import Planner  # needs numba

BARN = Path(__file__).resolve().parents[4] / 'shared/barn/worlds.json'
LIDAR = Lidar(
    720, -0.75 * math.pi, 1.5 * math.pi / 719, 0.1, 30.0, (0.12, 0.0, 0.2),
    'like that of the BARN challenge',
)  # fmt: skip
JACKAL = np.array([[0.254, -0.215], [0.254, 0.215], [-0.254, 0.215], [-0.254, -0.215]])
LIMITS = NavLimits(2.0, -0.5, 2.0, 3.0, 3.5, 20.0, 1.0, math.pi, JACKAL)
PLANE = replace(LIMITS, goal_tolerance=0.25)
RADIUS, WIDTH = 0.075, 0.9
SEEN = 7.0  # [m] planners use no farther beams: circles beyond are left out for speed


def cast(circles, segments, pose, lidar=LIDAR):
    """Ranges (beams,) [m] of exact rays."""
    cosine, sine = math.cos(pose[2]), math.sin(pose[2])
    x = pose[0] + cosine * lidar.position[0] - sine * lidar.position[1]
    y = pose[1] + sine * lidar.position[0] + cosine * lidar.position[1]
    angle = pose[2] + lidar.angle_min + lidar.angle_increment * np.arange(lidar.beams)
    direction = np.stack((np.cos(angle), np.sin(angle)), 1)
    found = np.full(lidar.beams, lidar.range_max)
    circles = circles[np.hypot(circles[:, 0] - x, circles[:, 1] - y) < SEEN]
    if len(circles):
        to = circles[:, :2] - (x, y)
        along = direction @ to.T
        under = circles[:, 2] ** 2 - ((to**2).sum(1) - along**2)
        hit = np.where((under >= 0.0) & (along > 0.0), along - np.sqrt(np.maximum(under, 0)), 1e9)
        found = np.minimum(found, hit.min(1))
    for x1, y1, x2, y2 in segments:
        step = np.array([x2 - x1, y2 - y1])
        cross = direction[:, 0] * step[1] - direction[:, 1] * step[0]
        with np.errstate(divide='ignore', invalid='ignore'):
            far = ((x1 - x) * step[1] - (y1 - y) * step[0]) / cross
            part = ((x1 - x) * direction[:, 1] - (y1 - y) * direction[:, 0]) / cross
        hit = (far > 0.0) & (part >= 0.0) & (part <= 1.0)
        found = np.where(hit, np.minimum(found, far), found)
    return np.maximum(found, lidar.range_min)


def _to_box(points, box):
    """Distance of points (n, 2) in base_link to the rectangle of a footprint."""
    low, high = box.min(0), box.max(0)
    return np.linalg.norm(np.maximum(np.maximum(low - points, points - high), 0.0), axis=1)


def clearance(circles, segments, pose, box=JACKAL):
    """[m] from the footprint to the nearest obstacle; segments by points 1 cm apart."""
    parts = [(circles[:, :2], circles[:, 2])]
    for x1, y1, x2, y2 in segments:
        number = max(int(100 * math.hypot(x2 - x1, y2 - y1)), 2)
        points = np.linspace((x1, y1), (x2, y2), number)
        parts.append((points, np.zeros(number)))
    points = np.concatenate([part[0] for part in parts])
    radius = np.concatenate([part[1] for part in parts])
    if not len(points):
        return math.inf
    away = points - pose[:2]
    c, s = math.cos(pose[2]), math.sin(pose[2])
    own = np.stack((c * away[:, 0] + s * away[:, 1], c * away[:, 1] - s * away[:, 0]), 1)
    return float((_to_box(own, box) - radius).min())


@dataclass
class Run:
    outcome: str
    time_s: float
    pose: np.ndarray
    command: np.ndarray
    clearance: np.ndarray
    compute_s: np.ndarray
    recoveries: int


def drive(planner: Planner, arena: Arena, seed=0, limits=LIMITS, disturb=None, noise=0.0) -> Run:
    """An episode; `disturb(step, scan)` changes scans, `noise` [m] is added to them."""
    dt, random = 1.0 / limits.rate_hz, np.random.default_rng(seed)
    pose, velocity = np.array(arena.start, float), np.zeros(2)
    planner.reset(arena.goal, arena.start, seed)
    poses, commands, clear, compute, outcome = [pose.copy()], [], [], [], 'timeout'
    for step in range(round(arena.time_limit_s / dt)):
        scan = cast(arena.circles, arena.segments, pose)
        if noise:
            scan = scan + noise * random.standard_normal(len(scan)) * (scan < LIDAR.range_max)
        if disturb:
            scan = disturb(step, scan)
        begin = time.perf_counter()
        v, w = planner.command(scan, pose.copy(), velocity.copy())
        compute.append(time.perf_counter() - begin)
        asked = np.array([v, w])
        most = np.array([limits.acceleration, limits.yaw_acceleration]) * dt
        velocity = np.clip(asked, velocity - most, velocity + most)
        pose[0] += velocity[0] * dt * math.cos(pose[2] + 0.5 * velocity[1] * dt)
        pose[1] += velocity[0] * dt * math.sin(pose[2] + 0.5 * velocity[1] * dt)
        pose[2] += velocity[1] * dt
        poses.append(pose.copy())
        commands.append(asked)
        clear.append(clearance(arena.circles, arena.segments, pose))
        if clear[-1] <= 0.0:
            outcome = 'collision'
            break
        if math.dist(pose[:2], arena.goal) <= arena.goal_tolerance:
            outcome = 'success'
            break
    return Run(
        outcome, len(commands) * dt, np.array(poses), np.array(commands), np.array(clear),
        np.array(compute), planner.recoveries,
    )  # fmt: skip


def clutter(seed: int, fill: float = 0.2, width: float = WIDTH) -> Arena:
    """A walled field of cylinders, 4.5 m wide, about as dense as BARN's, with a way through.

    Cells of 0.15 m are filled at random and clumped by two rounds of a cellular automaton; what
    comes within width / 2 of a random smooth curve is taken out.
    """
    random = np.random.default_rng([seed, 77])
    cells = random.random((40, 30)) < fill
    for _ in range(2):
        wide = np.pad(cells, 1)
        around = sum(
            wide[1 + i : 41 + i, 1 + j : 31 + j].astype(int)
            for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)
        )  # fmt: skip
        cells = np.where(around >= 5, True, np.where(around <= 1, False, cells))
    row, column = np.nonzero(cells)
    points = np.stack((-2.175 + 0.15 * column, 2.0 + 0.15 * row), 1)
    y = np.linspace(-1.0, 10.0, 500)
    knots = np.concatenate(([0.0, 0.0], random.uniform(-1.6, 1.6, 4), [0.0, 0.0]))
    x = np.interp(y, [-1.0, 1.5, 2.8, 4.3, 5.8, 7.3, 8.5, 10.0], knots)
    kernel = np.hanning(61)
    x = np.convolve(np.pad(x, 30, mode='edge'), kernel / kernel.sum(), 'valid')
    curve = np.stack((x, y), 1)
    away = np.linalg.norm(points[:, None] - curve, axis=2).min(1)
    points = points[away > 0.5 * width + RADIUS]
    side = np.arange(-1.0, 11.0, 0.15)
    walls = [np.stack((np.full_like(side, edge), side), 1) for edge in (-2.25, 2.25)]
    end = np.arange(-2.1, 2.2, 0.15)
    walls.append(np.stack((end, np.full_like(end, -1.0)), 1))
    circles = np.concatenate((points, *walls))
    circles = np.column_stack((circles, np.full(len(circles), RADIUS)))
    length = float(np.linalg.norm(np.diff(curve, axis=0), axis=1).sum()) * 10.0 / 11.0
    return Arena(
        f'clutter-{seed}', (0.0, 0.0, 0.5 * math.pi), (0.0, 10.0), length,
        circles=circles, time_limit_s=60.0,
    )  # fmt: skip


def empty(goal=(8.0, 0.0), circles=(), segments=(), tolerance=0.25, time_limit_s=30.0) -> Arena:
    """A plane from the origin along x, with what is asked for in it."""
    return Arena(
        'plane', (0.0, 0.0, 0.0), goal, math.hypot(*goal),
        segments=np.array(segments, float).reshape(-1, 4),
        circles=np.array(circles, float).reshape(-1, 3),
        goal_tolerance=tolerance, time_limit_s=time_limit_s,
    )  # fmt: skip


def barn(number: int) -> Arena:
    if not BARN.exists():
        pytest.skip(f'There are no BARN worlds at {BARN}')
    return next(world for world in worlds.barn(BARN) if world.name == f'barn-{number}')


@pytest.fixture(scope='session')
def sim() -> SimpleNamespace:
    """The simulator."""
    return SimpleNamespace(
        LIDAR=LIDAR, LIMITS=LIMITS, PLANE=PLANE, JACKAL=JACKAL,
        cast=cast, clearance=clearance, drive=drive,
        clutter=clutter, empty=empty, barn=barn,
    )  # fmt: skip


@pytest.fixture(scope='session')
def ahead(export_untrained) -> Path:
    """A policy of a Jackal that drives straight ahead at 0.75 m/s, whatever it sees."""
    torch = pytest.importorskip('torch')

    def still(observation_size, action_size):
        actor = torch.nn.Linear(observation_size, action_size)
        torch.nn.init.zeros_(actor.weight)
        torch.nn.init.zeros_(actor.bias)
        return actor

    return export_untrained(still, 8, 16, 'navigate-jackal')
