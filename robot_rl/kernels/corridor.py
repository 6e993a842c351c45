"""Where a robot is in a corridor, how near its walls, and what its lidar sees; compiled by numba.

A corridor is a closed row of convex quadrilaterals. Quadrilateral k lies between cross-sections k
and k + 1 and between the two walls. A beam walks from one to the next through the cross-sections
until it meets a wall: exact, without a grid, and a track is 7 kB that stay in the cache.

`edges` (tracks, sections, 13) hold for each k three lines (a, b, c), unit normal first, where
a x + b y + c is the signed distance to: cross-section k (positive ahead of it), the left and the
right wall of quadrilateral k (positive inside); then the corners of cross-section k, left and
right. `spine` (tracks, sections, 5) holds x, y, the unit tangent and the curvature of the centre
line at cross-section k.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

PLACE = 6
"""Numbers before the curvatures in a row of `survey`."""
_FAR = 1e9
_OPTIONS: Any = {'cache': True, 'error_model': 'numpy', 'fastmath': {'contract', 'arcp', 'nsz'}}


def edges_of(centre: Array, tangent: Array, left: Array, right: Array) -> Array:
    """`edges` of corridors along closed lines; all (tracks, sections, 2): points and walls."""
    parts = [_line(centre, tangent)]
    for wall, inward in ((left, -1.0), (right, 1.0)):
        step = np.roll(wall, -1, 1) - wall
        step = step / np.linalg.norm(step, axis=-1, keepdims=True)
        parts.append(_line(wall, inward * np.stack((-step[..., 1], step[..., 0]), -1)))
    return np.ascontiguousarray(np.concatenate((*parts, left, right), -1), np.float32)


def _line(point: Array, normal: Array) -> Array:
    return np.concatenate((normal, -(normal * point).sum(-1, keepdims=True)), -1)


@njit(**_OPTIONS)
def _signed(edge: Array, first: int, x: float, y: float) -> float:
    return edge[first] * x + edge[first + 1] * y + edge[first + 2]


@njit(**_OPTIONS)
def _walk(edges: Array, k: int, x: float, y: float) -> int:
    """Quadrilateral between whose cross-sections (x, y) lies, sought from k on."""
    sections = len(edges)
    for _ in range(12):
        following = k + 1 if k + 1 < sections else 0
        if _signed(edges[following], 0, x, y) >= 0.0:
            k = following
        elif _signed(edges[k], 0, x, y) < 0.0:
            k = k - 1 if k > 0 else sections - 1
        else:
            break
    return k


@njit(**_OPTIONS)
def _locate(edges: Array, spine: Array, x: float, y: float) -> int:
    """Quadrilateral that holds (x, y); outside the corridor, one near the closest centre."""
    sections = len(edges)
    nearest, least = 0, _FAR
    for k in range(sections):
        ahead = _signed(edges[k], 0, x, y)
        dx, dy = x - spine[k, 0], y - spine[k, 1]
        distance = dx * dx + dy * dy
        if distance < least:
            nearest, least = k, distance
        if ahead < 0.0:
            continue
        following = k + 1 if k + 1 < sections else 0
        if _signed(edges[following], 0, x, y) >= 0.0:
            continue
        if _signed(edges[k], 3, x, y) >= 0.0 and _signed(edges[k], 6, x, y) >= 0.0:
            return k
    return _walk(edges, nearest, x, y)


@njit(**_OPTIONS)
def _range(edges: Array, k: int, x: float, y: float, dx: float, dy: float) -> float:
    """Distance from (x, y), in quadrilateral k, along the unit vector (dx, dy) to a wall.

    A beam that has entered through a cross-section leaves through the other one if that one's
    corners lie on either side of it, and else through a wall: it never turns back.
    """
    sections = len(edges)
    onward = 1
    for count in range(sections):
        front = edges[k + 1 if k + 1 < sections else 0]
        if onward > 0:
            left = dx * (front[10] - y) - dy * (front[9] - x)
            right = dx * (front[12] - y) - dy * (front[11] - x)
            if left > 0.0 and right < 0.0:
                k = k + 1 if k + 1 < sections else 0
                continue
        if onward < 0 or count == 0:
            back = edges[k]
            left = dx * (back[10] - y) - dy * (back[9] - x)
            right = dx * (back[12] - y) - dy * (back[11] - x)
            if left < 0.0 and right > 0.0:
                onward, k = -1, k - 1 if k > 0 else sections - 1
                continue
        break
    edge, least = edges[k], _FAR
    for first in (3, 6):
        toward = -(edge[first] * dx + edge[first + 1] * dy)
        if toward > 0.0:
            least = min(least, _signed(edge, first, x, y) / toward)
    return least


@njit(**_OPTIONS)
def cast(
    edges: Array,
    spine: Array,
    track: Array,
    pose: Array,
    beams: Array,
    lidar: Array,
    out: Array,
) -> None:
    """Ranges of every `stride`-th beam; the reciprocal of those between is interpolated.

    The reciprocal range along a straight wall is the cosine of an angle, which a chord of a few
    degrees follows to a thousandth; across the edge of a wall the beams between are made up.

    Args:
        edges: See above.
        spine: See above.
        track: (n,) which track.
        pose: (n, 3) x, y [m] and yaw [rad] of the robot.
        beams: (beams, 2) unit vectors in the body frame.
        lidar: x, y [m] of the lidar in the body frame, least and greatest range [m], stride.
        out: (n, beams) [m], written.
    """
    least, most, stride = lidar[2], lidar[3], int(lidar[4])
    for i in range(len(pose)):
        own, yaw = edges[track[i]], pose[i, 2]
        cosine, sine = math.cos(yaw), math.sin(yaw)
        x = pose[i, 0] + cosine * lidar[0] - sine * lidar[1]
        y = pose[i, 1] + sine * lidar[0] + cosine * lidar[1]
        k = _locate(own, spine[track[i]], x, y)
        for beam in range(0, len(beams), stride):
            dx = cosine * beams[beam, 0] - sine * beams[beam, 1]
            dy = sine * beams[beam, 0] + cosine * beams[beam, 1]
            found = _range(own, k, x, y, dx, dy)
            out[i, beam] = min(max(found, least), most)
            if beam:
                a, b = 1.0 / out[i, beam - stride], 1.0 / out[i, beam]
                for step in range(1, stride):
                    share = step / stride
                    out[i, beam - stride + step] = 1.0 / (a + share * (b - a))


@njit(**_OPTIONS)
def _clearance(
    edges: Array, k: int, x: float, y: float, cosine: float, sine: float, outline: Array
) -> float:
    """Least distance to a wall of a robot's outline; its middle is in quadrilateral k."""
    least = _FAR
    for point in range(len(outline)):
        px = x + cosine * outline[point, 0] - sine * outline[point, 1]
        py = y + sine * outline[point, 0] + cosine * outline[point, 1]
        at = _walk(edges, k, px, py)
        least = min(least, _signed(edges[at], 3, px, py), _signed(edges[at], 6, px, py))
    return least


@njit(**_OPTIONS)
def survey(
    edges: Array,
    spine: Array,
    spacing: Array,
    track: Array,
    pose: Array,
    velocity: Array,
    outline: Array,
    ahead: Array,
    out: Array,
) -> None:
    """Where robots are on their tracks.

    Args:
        edges: See above.
        spine: See above.
        spacing: (tracks,) [m] between cross-sections along the centre line.
        track: (n,) which track.
        pose: (n, 3) x, y [m] and yaw [rad].
        velocity: (n, 2) [m/s] in the body frame.
        outline: (points, 2) [m] of the robot's outline in the body frame.
        ahead: [m] how far ahead curvatures are told.
        out: (n, PLACE + len(ahead)), written: arc length s [m], offset to the left [m], heading
            from the centre line's [rad], rate of s [m/s], distance to the right wall less that to
            the left [m], least distance of the outline to a wall [m], curvatures [1/m].
    """
    sections = edges.shape[1]
    for i in range(len(pose)):
        own, line, gap = edges[track[i]], spine[track[i]], spacing[track[i]]
        x, y, yaw = pose[i, 0], pose[i, 1], pose[i, 2]
        k = _locate(own, line, x, y)
        following = k + 1 if k + 1 < sections else 0
        back, front = _signed(own[k], 0, x, y), -_signed(own[following], 0, x, y)
        share = min(max(back / max(back + front, 1e-6), 0.0), 1.0)
        a, b = line[k], line[following]
        tx, ty = a[2] + share * (b[2] - a[2]), a[3] + share * (b[3] - a[3])
        size = math.sqrt(tx * tx + ty * ty)
        tx, ty = tx / size, ty / size
        cx, cy = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
        curvature = a[4] + share * (b[4] - a[4])
        offset = -ty * (x - cx) + tx * (y - cy)
        cosine, sine = math.cos(yaw), math.sin(yaw)
        vx = cosine * velocity[i, 0] - sine * velocity[i, 1]
        vy = sine * velocity[i, 0] + cosine * velocity[i, 1]
        out[i, 0] = (k + share) * gap
        out[i, 1] = offset
        out[i, 2] = math.atan2(sine * tx - cosine * ty, cosine * tx + sine * ty)
        out[i, 3] = (vx * tx + vy * ty) / max(1.0 - curvature * offset, 0.1)
        out[i, 4] = _signed(own[k], 6, x, y) - _signed(own[k], 3, x, y)
        out[i, 5] = _clearance(own, k, x, y, cosine, sine, outline)
        for j in range(len(ahead)):
            place = k + share + ahead[j] / gap
            low = int(place)
            part = place - low
            first, second = line[low % sections], line[(low + 1) % sections]
            out[i, 6 + j] = first[4] + part * (second[4] - first[4])
