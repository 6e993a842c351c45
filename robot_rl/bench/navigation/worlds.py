"""Arenas to be judged in: BARN, and rooms full of people."""

from __future__ import annotations

from collections.abc import Mapping
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.errors import SpecError
from robot_rl.learn.config import TEST_SEED
from robot_rl.mdp.arenas import held_out
from robot_rl.spec import registry
from robot_rl.spec.arena import Arena
from robot_rl.tasks import navigate

PERSON = 0.25
"""[m] radius of a person."""


def barn(path: Path) -> list[Arena]:
    """Worlds of the BARN challenge (D. Perille et al., SSRR 2020) from a file of cylinders.

    Raises SpecError where the file is missing or something else.
    """
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding='utf-8'))
        radius, start, goal = content['obstacle_radius'], content['start'], content['goal']
        return [
            Arena(
                name=f'barn-{name}',
                start=(start[0], start[1], start[2]),
                goal=(goal[0], goal[1]),
                path_length=world['path_length'],
                circles=np.array([(x, y, radius) for x, y in world['obstacles']]),
                goal_tolerance=content['goal_tolerance'],
                time_limit_s=content['timeout_s'],
            )
            for name, world in content['worlds'].items()
        ]
    except OSError as error:
        raise SpecError(
            f'Cannot read the BARN worlds {path}: {error.strerror}. Say where they are, with '
            '--barn FILE.'
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(
            f'{path} is no file of BARN worlds ({error!r}). Expected JSON with obstacle_radius, '
            'start, goal, goal_tolerance, timeout_s and worlds.'
        ) from None


def crowd(
    num: int, seed: int, people: int = 10, speed: float = 1.2, edge: float = 10.0
) -> list[Arena]:
    """`num` square rooms of `edge` [m] in which `people` walk at `speed` [m/s], heeding nobody.

    Start and goal are in opposite corners; nobody begins within 1.5 m of the start.
    """
    generator = np.random.default_rng(seed)
    corners = [(0.0, 0.0), (edge, 0.0), (edge, edge), (0.0, edge)]
    walls = np.array([(*a, *b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)])
    start, goal = (1.0, 1.0, 0.25 * math.pi), (edge - 1.0, edge - 1.0)
    rooms: list[Arena] = []
    for index in range(num):
        walkers: list[tuple[float, ...]] = []
        while len(walkers) < people:
            x, y = generator.uniform(PERSON, edge - PERSON, 2)
            way = generator.uniform(-math.pi, math.pi)
            if math.hypot(x - start[0], y - start[1]) > 1.5:
                walkers.append((x, y, speed * math.cos(way), speed * math.sin(way), PERSON))
        rooms.append(
            Arena(
                name=f'crowd-{index}',
                start=start,
                goal=goal,
                path_length=math.dist(start[:2], goal),
                segments=walls,
                walkers=np.array(walkers),
                room=(PERSON, PERSON, edge - PERSON, edge - PERSON),
                goal_tolerance=0.5,
                time_limit_s=60.0,
            )
        )
    return rooms


def choose(robot_name: str, file: Path | None, people: int, num: int) -> list[Arena]:
    """`num` worlds of a BARN file, or `people` rooms of walkers, or `num` drawn ones.

    Raises SpecError for a file and rooms at once, a number below 1, a robot without footprint.
    """
    robot = registry.robot(robot_name)
    if file is not None and people:
        raise SpecError(
            f'Worlds come from {file} or are rooms with people, not both. Leave out --barn or '
            '--crowd.'
        )
    if num < 1 or people < 0:
        raise SpecError(f'There must be at least one world, got {num}. Choose another --worlds.')
    if not robot.footprint:
        raise SpecError(
            f'Robot {robot.name!r} has no footprint to navigate with. Choose one that has, such '
            'as jackal.'
        )
    if file is not None:
        return barn(file)[:num]
    if people:
        return crowd(people, TEST_SEED)
    return held_out(num, TEST_SEED, robot.footprint, navigate.MARGIN)
