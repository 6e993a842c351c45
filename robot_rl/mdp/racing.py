"""How fast a track can be driven: speed profiles and the line of least curvature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.mdp.tracks import Tracks
from robot_rl.spec.robot import GRAVITY

Array = NDArray[np.float64]

DESCENTS = 1500


@dataclass(frozen=True)
class Grip:
    """What limits a car's speed."""

    friction: float
    """Of the tyres: all accelerations together stay below friction * g."""
    top_speed: float
    """[m/s]"""
    acceleration: float
    """[m/s^2] of the drive."""
    braking: float
    """[m/s^2] of the drive."""


def speed_profile(curvature: Array, spacing: Array, grip: Grip) -> Array:
    """Fastest speeds along closed lines within a friction circle.

    First what the bends allow, then backwards what braking allows, then forwards what the drive
    allows, twice round so that the seam does not show.

    Args:
        curvature: (lines, points) [1/m].
        spacing: (lines, points) [m] from each point to the next.
        grip: Limits.

    Returns:
        (lines, points) [m/s].
    """
    most = grip.friction * GRAVITY
    speed = np.minimum(np.sqrt(most / np.maximum(np.abs(curvature), 1e-9)), grip.top_speed)
    points = speed.shape[1]

    def reached(at: int, to: int, gap: Array, limit: float) -> Array:
        sideways = speed[:, at] ** 2 * np.abs(curvature[:, at])
        along = np.minimum(limit, np.sqrt(np.maximum(most**2 - sideways**2, 0.0)))
        return np.minimum(speed[:, to], np.sqrt(speed[:, at] ** 2 + 2.0 * along * gap))

    for _ in range(2):
        for at in range(points - 1, -1, -1):
            speed[:, at - 1] = reached(at, at - 1, spacing[:, at - 1], grip.braking)
    for _ in range(2):
        for at in range(points):
            to = (at + 1) % points
            speed[:, to] = reached(at, to, spacing[:, at], grip.acceleration)
    return speed


def lap_time(speed: Array, spacing: Array) -> Array:
    """(lines,) [s] to drive closed lines at `speed`, the mean of both ends on each piece."""
    return (2.0 * spacing / (speed + np.roll(speed, -1, 1))).sum(1)


def least_curvature(tracks: Tracks, margin: float) -> tuple[Array, Array]:
    """Curvature and spacing, each (num, sections), of the least curved lines between the walls.

    Args:
        tracks: Where.
        margin: [m] that the line keeps from the walls: half the width of a car.

    The line moves sideways from the centre line by an offset at each cross-section; the sum of
    its squared second differences is a quadratic function of the offsets, minimized within their
    bounds by accelerated projected gradients (Y. Nesterov 1983). Cf. A. Heilmeier et al., "Minimum
    curvature trajectory planning and control for an autonomous race car", Vehicle System Dynamics
    58, 2020.
    """
    normal, low, high = tracks.normal, margin - tracks.right, tracks.left - margin
    offset = np.zeros_like(low)
    ahead, momentum = offset, 1.0
    for _ in range(DESCENTS):
        second = _second(tracks.centre + ahead[..., None] * normal)
        slope = (_second(second) * normal).sum(-1)  # the second difference is its own transpose
        following = np.clip(ahead - slope / 16.0, low, high)  # 16: its largest eigenvalue, squared
        grown = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        ahead = following + (momentum - 1.0) / grown * (following - offset)
        offset, momentum = following, grown
    line = tracks.centre + offset[..., None] * normal
    step = np.roll(line, -1, 1) - line
    spacing = np.linalg.norm(step, axis=-1)
    heading = np.unwrap(np.arctan2(step[..., 1], step[..., 0]), axis=1)
    turn = (heading - np.roll(heading, 1, 1) + np.pi) % (2.0 * np.pi) - np.pi
    return turn / (0.5 * (spacing + np.roll(spacing, 1, 1))), spacing


def _second(values: Array) -> Array:
    return np.roll(values, -1, 1) - 2.0 * values + np.roll(values, 1, 1)
