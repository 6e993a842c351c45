"""Places that two simulators can be put into: a list of circles, polygons and walls for each."""

from __future__ import annotations

from dataclasses import dataclass
import math
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.bench.navigation import worlds
from robot_rl.learn.config import TEST_SEED
from robot_rl.mdp.arenas import held_out
from robot_rl.spec.arena import Arena
from robot_rl.spec.robot import Robot
from robot_rl.tasks import navigate

Array = Any
PLACES = 16
OBSTACLES = 32
EDGE = 10.0  # [m] of a square of clutter
LATTICE = 0.15  # [m] of the cells of BARN, each of which is a cylinder
RANGE = 10.0  # [m] of all lidars here


@dataclass(frozen=True)
class Place:
    """Obstacles, and where a robot starts between them."""

    arena: Arena
    """For ours: polygons are their edges there."""
    outlines: tuple[Array, ...] = ()
    """(n, 2) [m] corners of each polygon; two for a wall."""
    lattice: float = 0.0
    """[m] distance of the cells whose centres the circles are; 0 for circles anywhere."""


@dataclass(frozen=True)
class Scene:
    """What is measured: as many beams, in such places."""

    name: str
    beams: int
    num_envs: int
    """Environments of ours stepped together in each process."""
    places: tuple[Place, ...]


def clutter(seed: int) -> Place:
    """OBSTACLES in a square, half of them circles, half convex polygons; free in the middle."""
    generator = np.random.default_rng(seed)
    circles: list[tuple[float, ...]] = []
    outlines: list[Array] = []
    while len(circles) + len(outlines) < OBSTACLES:
        x, y = generator.uniform(0.0, EDGE, 2)
        radius = generator.uniform(0.1, 0.4)
        if math.dist((x, y), (0.5 * EDGE, 0.5 * EDGE)) < 1.2:
            continue
        if len(circles) <= len(outlines):
            circles.append((x, y, radius))
        else:
            num = int(generator.integers(3, 7))
            angle = math.tau * (np.arange(num) + generator.uniform(0.0, 0.5, num)) / num
            ring = np.stack((np.cos(angle), np.sin(angle)), 1)
            outlines.append((x, y) + radius * ring)
    arena = Arena(
        name=f'clutter-{seed}',
        start=(0.5 * EDGE, 0.5 * EDGE, float(generator.uniform(-math.pi, math.pi))),
        goal=(EDGE - 0.5, EDGE - 0.5),
        path_length=0.7 * EDGE,
        circles=np.array(circles),
        segments=np.concatenate([edges(outline) for outline in outlines]),
    )
    return Place(arena, tuple(outlines))


def edges(outline: Array) -> Array:
    """Segments (m, 4) of a closed polygon (n, 2), or of a wall."""
    following = np.roll(outline, -1, 0)
    return np.concatenate((outline, following), 1)[: 1 if len(outline) == 2 else None]


def grids(robot: Robot, file: Path | None) -> list[Place]:
    """Worlds of a BARN file, or arenas drawn by such automata, each on its lattice."""
    if file is not None:
        return [Place(arena, lattice=LATTICE) for arena in worlds.barn(file)[:PLACES]]
    found: list[Place] = []
    for arena in held_out(16 * PLACES, TEST_SEED, robot.footprint, navigate.MARGIN):
        if len(arena.segments) == 3 and len(arena.circles) >= 100 and len(found) < PLACES:
            walls = tuple(segment.reshape(2, 2) for segment in arena.segments)
            found.append(Place(arena, walls, LATTICE))
    return found


def scenes(robot: Robot, file: Path | None) -> list[Scene]:
    """The two that are measured. Raises SpecError for a file that holds no BARN worlds."""
    where = 'drawn grids' if file is None else 'BARN grids'
    few = tuple(clutter(seed) for seed in range(PLACES))
    return [
        Scene(f'64 beams, {OBSTACLES} obstacles', 64, 2048, few),
        Scene(f'720 beams, {where}', 720, 256, tuple(grids(robot, file))),
    ]
