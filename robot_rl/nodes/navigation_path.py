"""Along a path: where the robot is on it, what it heads for, whether it is there or stuck.

Plain geometry; knows no ROS. The checks are those of Nav2's goal and progress checkers, with the
same meaning of their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEAR_END = 1.0
"""[m] A path may pass its own end on the way: only with less of it left has the robot arrived."""
SEARCH = 2.0
"""[m] how far ahead, beside twice the lookahead, the nearest point of a path is looked for."""


class Course:
    """The way to a goal, in the frame that it was given in: a path, or the goal alone."""

    def __init__(self, points: Array, lookahead: float) -> None:
        """Follow `points` (n, 3) [m], n >= 1, heading for what is `lookahead` [m] further on."""
        self._points, self._lookahead = points, lookahead
        steps = np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1)
        self._along = np.concatenate(([0.0], np.cumsum(steps)))
        self._place = -1.0
        self.target: Array = points[-1]
        """(3,) [m] what the robot heads for."""
        self.remaining = math.inf
        """[m] left of the path, from the point nearest to the robot."""
        self.distance = math.inf
        """[m] to the end, as the crow flies."""

    def update(self, position: Array) -> None:
        """Find the robot, which is at `position` (2,) or (3,) [m] in the path's frame."""
        here = position[:2]
        self.distance = float(np.linalg.norm(self._points[-1, :2] - here))
        if len(self._points) == 1:
            self.remaining = self.distance
            return
        self._place = self._nearest(here)
        self.remaining = float(self._along[-1]) - self._place
        ahead = self._place + self._lookahead
        self.target = np.array([np.interp(ahead, self._along, row) for row in self._points.T])

    def _nearest(self, here: Array) -> float:
        """Arc length [m] of the nearest point: of the whole path at first, then from there on.

        A path may cross itself: what comes much later is not where the robot is.
        """
        start, end = self._points[:-1, :2], self._points[1:, :2]
        if self._place >= 0.0:
            reach = self._place + 2.0 * self._lookahead + SEARCH
            first = int(np.searchsorted(self._along, self._place, 'right')) - 1
            last = max(first + 1, int(np.searchsorted(self._along, reach)))
        else:
            first, last = 0, len(start)
        first = min(first, len(start) - 1)
        start, step = start[first:last], end[first:last] - start[first:last]
        squared = np.maximum((step * step).sum(1), 1e-12)
        share = np.clip(((here - start) * step).sum(1) / squared, 0.0, 1.0)
        off = ((start + share[:, None] * step - here) ** 2).sum(1)
        best = int(off.argmin())
        length = self._along[first + best + 1] - self._along[first + best]
        return float(self._along[first + best] + share[best] * length)


@dataclass
class Arrival:
    """Whether the robot is at its goal."""

    xy_tolerance: float
    """[m]"""
    yaw_tolerance: float
    """[rad]; 0 for any heading."""
    stateful: bool
    """Whether a place that was reached stays reached while the heading is still sought."""
    _there: bool = False

    def check(self, course: Course, yaw_error: float) -> bool:
        """Say whether it is, after `course` was updated; `yaw_error` [rad] from the goal's."""
        near = course.distance <= self.xy_tolerance
        near = near and course.remaining <= NEAR_END + self.xy_tolerance
        self._there = near or (self._there and self.stateful)
        turned = math.remainder(yaw_error, 2.0 * math.pi)
        return self._there and (not self.yaw_tolerance or abs(turned) <= self.yaw_tolerance)


class Progress:
    """Whether the robot gets anywhere."""

    def __init__(self, distance: float, allowance_s: float) -> None:
        """Ask for `distance` [m] within every `allowance_s` [s]."""
        self._distance, self._allowance_s = distance, allowance_s
        self._from: Array | None = None
        self._since = 0.0

    def reset(self) -> None:
        """Start anew, with a robot that may go elsewhere."""
        self._from = None

    def check(self, position: Array, now: float) -> bool:
        """Say whether it does, at `position` (2,) or more [m] and time `now` [s]."""
        here = position[:2]
        if self._from is None or np.linalg.norm(here - self._from) > self._distance:
            self._from, self._since = here.copy(), now
        return now - self._since <= self._allowance_s
