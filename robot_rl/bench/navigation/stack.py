"""A whole mapless planner: costmap, way to the goal, controller and recoveries.

It is arranged as Nav2's default tree is: the way is planned at 1 Hz, or when something has come to
stand in it; a controller that finds nothing safe for PATIENCE_S, or a robot that does not get
ahead, starts a recovery. All of it runs within the control period.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.navigation.costmap import CELL, Costmap
from robot_rl.bench.navigation.plan import Plan
from robot_rl.bench.navigation.recovery import Recovery
from robot_rl.bench.navigation.situation import Command, Controller, Situation
from robot_rl.errors import SpecError
from robot_rl.kernels.costmap import blocked
from robot_rl.kernels.foresee import nearest, toward
from robot_rl.spec.arena import NavLimits
from robot_rl.spec.lidar import Lidar

Array = NDArray[Any]

PLAN_S = 1.0
"""[s] after which the way is planned again."""
BLOCKED_S = 0.2
"""[s] after which it can be when it is blocked."""
PATIENCE_S = 0.3
"""[s] Nav2's failure_tolerance."""
PROGRESS, PROGRESS_S = 0.5, 10.0
"""[m] that a robot must have moved within [s]."""
ARRIVED = 0.7
"""Part of the goal's tolerance within which it rests: odometry may err by the other part."""
SEEING = 0.5
"""Part of the beams that must be measurements: with fewer a robot is blind and stops."""
NEXT = 2.0
"""[m] of the path in which the point next to the robot is sought."""


class Stack:
    """A Planner, see bench/navigation/planners.py."""

    def __init__(self, name: str, lidar: Lidar, reach: NavLimits, controller: Controller) -> None:
        """`reach` is what it may command at all, recoveries included."""
        self.name, self.reach = name, reach
        self._costmap = Costmap(lidar, reach.footprint)
        self._controller, self._recovery = controller, Recovery(reach)
        self._plan, self._lidar = Plan(), lidar

    @property
    def recoveries(self) -> int:
        """Begun in this episode."""
        return self._recovery.count

    @property
    def given_up(self) -> bool:
        """Whether it stands still for the rest of the episode: nothing helped."""
        return self._recovery.given_up

    def reset(
        self, arena_goal: tuple[float, float], pose: tuple[float, float, float], seed: int
    ) -> None:
        """Begin an episode at a pose x, y [m], yaw [rad] with a goal x, y [m], both in odom.

        Raises:
            SpecError: The goal is too far away for a costmap.
        """
        self._goal = arena_goal
        self._costmap.reset(np.array(pose), arena_goal)
        self._controller.reset(seed)
        self._recovery.reset()
        self._last: Array | None = None
        self._path: Array | None = None
        self._planned, self._failing = math.inf, 0
        self._moved_from, self._moved = np.array(pose[:2]), 0
        self._nearest = math.inf

    def command(self, scan: Array, pose: Array, velocity: Array) -> Command:
        """Velocities [m/s, rad/s] for the next period.

        Args:
            scan: (beams,) [m].
            pose: x, y [m], yaw [rad] in odom.
            velocity: [m/s, rad/s] measured; used at the start, afterwards the last command is, as
                Nav2's velocity smoother does by default.

        Raises:
            SpecError: The scan is of another lidar.
        """
        if len(scan) != self._lidar.beams:
            raise SpecError(
                f'{self.name} expected {self._lidar.beams} beams in a scan, got {len(scan)}. '
                'Give it the lidar of the robot.'
            )
        if self._last is None:
            self._last = np.nan_to_num(np.array(velocity, np.float64), posinf=0.0, neginf=0.0)
        seen = float(np.mean(scan >= self._lidar.range_min))
        if seen < SEEING or not bool(np.isfinite(pose).all()):
            command = None
        else:
            self._costmap.update(scan, pose)
            command = self._decide(np.asarray(pose, np.float64))
        self._last = np.array(self._limited(command or (0.0, 0.0)))
        return float(self._last[0]), float(self._last[1])

    def _limited(self, command: Command) -> Command:
        """Whatever was decided, within the accelerations from the last command and the limits."""
        limits, last = self.reach, self._last
        assert last is not None
        v = toward(last[0], command[0], limits.acceleration / limits.rate_hz)
        w = toward(last[1], command[1], limits.yaw_acceleration / limits.rate_hz)
        w = min(max(w, -limits.max_yaw_rate), limits.max_yaw_rate)
        return min(max(v, limits.min_speed), limits.max_speed), w

    def _decide(self, pose: Array) -> Command | None:
        """Command, None to brake."""
        away = math.hypot(self._goal[0] - pose[0], self._goal[1] - pose[1])
        if away <= ARRIVED * self.reach.goal_tolerance or self._recovery.given_up:
            return None
        self._watch(pose, away)
        if self._recovery.running:
            command = self._recovery.command(self._situation(pose, None))
            if command is not None:
                return command
            self._planned, self._failing = math.inf, 0
        self._find_way(pose)
        if self._path is None:
            self._recovery.begin(pose)
            return None
        situation = self._situation(pose, self._path)
        command = self._controller.command(situation)
        self._failing = self._failing + 1 if command is None else 0
        if self._failing > PATIENCE_S * self.reach.rate_hz:
            self._recovery.begin(pose)
        return command

    def _watch(self, pose: Array, away: float) -> None:
        """Whether the robot moves, and comes nearer to the goal than it ever was."""
        if away <= self._nearest - PROGRESS:
            self._nearest = away
            self._recovery.drove_on()
        self._moved += 1
        if self._recovery.running or math.hypot(*(pose[:2] - self._moved_from)) >= PROGRESS:
            self._moved_from, self._moved = pose[:2].copy(), 0
        elif self._moved > PROGRESS_S * self.reach.rate_hz:
            self._moved = 0
            self._recovery.begin(pose)

    def _find_way(self, pose: Array) -> None:
        """Plan if it is time to, and drop the part of the path that lies behind."""
        grid = self._costmap
        self._planned += 1.0 / self.reach.rate_hz
        stale = self._path is None or self._planned >= PLAN_S
        if not stale and self._planned >= BLOCKED_S and self._path is not None:
            stale = blocked(grid.cost, grid.frame, self._path) < len(self._path)
        if stale:
            self._path = self._plan(grid, pose[:2], self._goal, self.reach.goal_tolerance)
            self._planned = 0.0
        if self._path is not None and len(self._path) > 2:
            near = self._path[: round(NEXT / CELL)]
            index, _ = nearest(near, 0, float(pose[0]), float(pose[1]))
            self._path = self._path[min(index, len(self._path) - 2) :]

    def _situation(self, pose: Array, path: Array | None) -> Situation:
        last = self._last
        assert last is not None
        if path is None or len(path) < 2:
            path = np.array([pose[:2], self._goal])
        grid = self._costmap
        shape = grid.bare if grid.hits(pose) else grid.shape
        way = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
        return Situation(grid, pose, last, path, float(way), shape, grid.hits(pose, shape))
