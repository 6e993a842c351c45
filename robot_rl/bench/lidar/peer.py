"""IR-SIM (PyPI `ir-sim`), a 2D robot simulator in Python, in the same places.

One environment of it is one robot on two driven sides, with its scan of all obstacles, collision
check and control period, as here; without noise, figures or logs. It takes a place as objects
(circles become polygons of 64 corners there) or, where all obstacles are cells of a lattice, as an
occupancy map, which it scans faster: cells are squares then.
"""

from __future__ import annotations

from collections.abc import Callable
import contextlib
import importlib
import importlib.util
import io
import json
from pathlib import Path
import tempfile
from typing import Any

import numpy as np

from robot_rl.bench.lidar.places import Place, edges
from robot_rl.errors import MissingPackageError
from robot_rl.machine import package_versions
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Robot
from robot_rl.tasks import navigate

Array = Any
PACKAGE = 'ir-sim'
INSTALL = 'pip install ir-sim==2.12.0'
AROUND = 1.0  # [m] that its world is larger than what stands in it
_ACTIONS = 1000


def version() -> str:
    """The version that is installed, '' for none."""
    if importlib.util.find_spec('irsim') is None:
        return ''
    return package_versions([PACKAGE])[PACKAGE]


def _package() -> Any:
    """Import it; it prints which displays it misses.

    Raises MissingPackageError.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            return importlib.import_module('irsim')
        except ImportError:
            raise MissingPackageError(
                PACKAGE, 'The comparison with IR-SIM', f'Install it with: {INSTALL}'
            ) from None


class Peer:
    """One place in IR-SIM with one robot."""

    def __init__(self, robot: Robot, place: Place, mapped: bool = False) -> None:
        """Build it, with an occupancy map instead of circles if `mapped`.

        `robot` has the beams wanted. Raises MissingPackageError where IR-SIM is not installed.
        """
        package = _package()
        lidar: Any = robot.lidar
        self._generator = np.random.default_rng(0)
        with tempfile.TemporaryDirectory() as folder:
            world = _mapped(place, Path(folder)) if mapped else _open(place)
            content = {
                'world': {**world, 'step_time': navigate.CONTROL_DT, 'collision_mode': 'stop'},
                'robot': [_robot(robot, lidar, place)],
                'obstacle': _obstacles(place, not mapped),
            }
            file = Path(folder) / 'place.yaml'
            file.write_text(json.dumps(content), encoding='utf-8')  # JSON is YAML, too
            self.env: Any = package.make(str(file), headless=True, log_level='CRITICAL')

    def stepper(self) -> Callable[[], int]:
        """One step with random actions, and a new start after a collision; returns 1."""
        robot = self.env.robot
        low, high = robot.vel_min.ravel(), robot.vel_max.ravel()
        actions, turn = self._generator.uniform(low, high, (_ACTIONS, 2)), 0

        def step() -> int:
            nonlocal turn
            self.env.step(actions[turn % _ACTIONS])
            turn += 1
            if robot.collision:
                self.env.reset()
            return 1

        return step

    def scan(self, poses: Array) -> Array:
        """Ranges (n, beams) [m] from `poses` (n, 3) x, y [m], yaw [rad]."""
        lidar, found = self.env.robot.lidar, []
        for pose in poses:
            lidar.step(np.asarray(pose, float).reshape(3, 1))
            found.append(lidar.range_data.copy())
        return np.array(found)

    def segments(self) -> Array:
        """Edges (n, 4) of all that stands there, as IR-SIM has them: x, y of both ends [m]."""
        rings: list[Array] = []
        for item in self.env.obstacle_list:
            if item.shape == 'map':
                rings += [np.array(line.coords) for line in item.linestrings]
            else:
                shape = item.geometry
                line = shape.exterior if shape.geom_type == 'Polygon' else shape
                rings.append(np.array(line.coords))
        return np.concatenate([np.concatenate((r[:-1], r[1:]), 1) for r in rings])


def _robot(robot: Robot, lidar: Lidar, place: Place) -> dict[str, Any]:
    corners, setpoint = np.array(robot.footprint), robot.setpoint('velocity')
    length, width = (corners.max(0) - corners.min(0)).tolist()
    return {
        'kinematics': {'name': 'diff'},
        'shape': {'name': 'rectangle', 'length': length, 'width': width},
        'state': list(place.arena.start),
        'vel_min': [-navigate.REVERSE * setpoint.high[0], -navigate.TURNING],
        'vel_max': [setpoint.high[0], navigate.TURNING],
        'sensors': [
            {
                'type': 'lidar2d',
                'range_min': lidar.range_min,
                'range_max': lidar.range_max,
                'angle_range': lidar.angle_increment * (lidar.beams - 1),
                'number': lidar.beams,
                'offset': [*lidar.position[:2], 0.0],
            }
        ],
    }


def _obstacles(place: Place, circles: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            'shape': {
                'name': 'linestring' if len(outline) == 2 else 'polygon',
                'vertices': np.asarray(outline).tolist(),
            },
            'state': [0.0, 0.0, 0.0],
        }
        for outline in place.outlines
    ]
    if circles:
        found += [
            {'shape': {'name': 'circle', 'radius': r}, 'state': [x, y, 0.0]}
            for x, y, r in np.asarray(place.arena.circles, float).tolist()
        ]
    return found


def _open(place: Place) -> dict[str, Any]:
    """Size of the world around all that stands in the place, its start and its goal."""
    arena = place.arena
    walls = [edges(outline).reshape(-1, 2) for outline in place.outlines]
    points = np.concatenate((*walls, arena.circles[:, :2], [arena.start[:2], arena.goal]))
    low, high = points.min(0) - AROUND, points.max(0) + AROUND
    width, height = (high - low).tolist()
    return {'width': width, 'height': height, 'offset': low.tolist()}


def _mapped(place: Place, folder: Path) -> dict[str, Any]:
    """The world with an occupancy map of the circles, as large as they need it."""
    matplotlib: Any = importlib.import_module('matplotlib.image')
    centres, pitch = np.asarray(place.arena.circles, float)[:, :2], place.lattice
    low = centres.min(0) - 0.5 * pitch
    cells = np.floor((centres - low) / pitch).astype(int)
    columns, rows = (cells.max(0) + 1).tolist()
    picture = np.full((rows, columns, 3), 255, np.uint8)
    picture[rows - 1 - cells[:, 1], cells[:, 0]] = 0
    matplotlib.imsave(folder / 'map.png', picture)
    return {
        'width': columns * pitch,
        'height': rows * pitch,
        'offset': low.tolist(),
        'obstacle_map': str(folder / 'map.png'),
    }
