"""Lidar scans as a policy sees them: the nearest thing in each of a few directions.

One function for every lidar, traced into the policy file: it takes beams with the angle of the
first and the step to the next, however many, and pools them. What counts as no measurement (NaN,
zero, less) is left out; a direction left without any reads what its nearer neighbour does.
"""

from __future__ import annotations

import math

import torch

from robot_rl.spec.lidar import Directions

FAR = 1e6  # [m] stands for no measurement


def nearest(scan: torch.Tensor, angles: torch.Tensor, directions: Directions) -> torch.Tensor:
    """Range (n, count) [m] of the nearest thing in each direction, at most `range_max`.

    Args:
        scan: (n, beams) [m].
        angles: (n, 2) [rad] direction of the first beam, and from each to the next.
        directions: Where to look.
    """
    beam = torch.arange(scan.shape[1], device=scan.device)
    angle = angles[:, 0:1] + angles[:, 1:2] * beam - directions.low
    turn = angle - math.tau * (angle / math.tau).floor()
    sector = (turn / directions.width).floor().clamp(0, directions.count).long()
    ranges = torch.where(scan > 0.0, scan, torch.full_like(scan, FAR))
    empty = torch.full_like(angles[:, 0:1], FAR).repeat(1, directions.count + 1)
    found = empty.scatter_reduce(1, sector, ranges, 'amin')[:, : directions.count]
    before = torch.cat((found[:, :1], found[:, :-1]), 1)
    after = torch.cat((found[:, 1:], found[:, -1:]), 1)
    found = torch.where(found < FAR, found, torch.minimum(before, after))
    return found.clamp(max=directions.range_max)


def nearness(scan: torch.Tensor, angles: torch.Tensor, directions: Directions) -> torch.Tensor:
    """(n, count) `nearest` on a scale that tells near ranges better: 0 at range_max, rising."""
    ranges = nearest(scan, angles, directions)
    return -((0.1 + ranges) / (0.1 + directions.range_max)).log()
