"""Triangles, floor and shadows into an image, compiled by numba: no GPU, display or GL library.

Opaque triangles go into a buffer of depth and triangle at four places in each pixel. Each pixel
then mixes what its places see: a triangle, shaded where the ray meets it, or the floor. Triangles
that can be seen through are laid over that. The sun is a direction; its shadow is a map over the
floor of the greatest height, along the sun's rays, of what hides it.

All that is compiled is in this one file, types too: numba's cache notices no other changes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from robot_rl.pictures.compile import compiled, inlined

# Places within a pixel: a rotated grid.
_SAMPLE_X = np.array([0.375, 0.875, 0.125, 0.625], np.float32)
_SAMPLE_Y = np.array([0.125, 0.375, 0.625, 0.875], np.float32)
SAMPLES = 4
# How a surface answers to light.
AMBIENT, AMBIENT_UP, DIFFUSE, GLOSS, SHARPNESS = 0.54, 0.16, 0.52, 0.22, 24
NEAR = 0.01
"""[m] what is nearer to the camera's plane is cut off."""

Vector = tuple[float, float, float]
# Vectors are tuples: an array in a tuple is counted as a reference wherever it is looked at.


class Faces(NamedTuple):
    """Triangles in the world, counter-clockwise seen from outside."""

    vertices: np.ndarray
    """(n, 3) float32 [m]"""
    normals: np.ndarray
    """(n, 3) float32; zero for lines, which have no side that could be lit."""
    corners: np.ndarray
    """(m, 3) int32, rows of the two above."""
    colours: np.ndarray
    """(m, 4) float32"""


class View(NamedTuple):
    """A camera: place of the eye [m], three directions, focal length [pixel]."""

    eye: Vector
    right: Vector
    up: Vector
    forward: Vector
    focal: float


class Light(NamedTuple):
    """The sun and what it does not reach."""

    sun: Vector
    """Unit vector towards it."""
    corner: tuple[float, float]
    """[m] of the shadow map on the floor."""
    cell: float
    """[m] of the shadow map."""
    shadow: np.ndarray
    """(rows, columns) float32, see `draw_shadow`."""
    softness: float
    """[m] half width of the edge of a shadow on the floor."""


class Look(NamedTuple):
    """Colours and the floor."""

    horizon: Vector
    zenith: Vector
    floor: Vector
    line: Vector
    has_floor: bool
    grid: float
    """[m] between the lines of the floor."""
    line_width: float
    """[m]"""
    haze: float
    """[m] way to where the floor fades into the horizon."""
    shade: float
    """How much darker a shadow on the floor is, from 0 to 1."""


@inlined
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inlined
def _cross(a, b):
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


@inlined
def _minus(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@inlined
def _mix(a, b, share):
    return (
        a[0] + share * (b[0] - a[0]),
        a[1] + share * (b[1] - a[1]),
        a[2] + share * (b[2] - a[2]),
    )


@inlined
def _row(table, i):
    return table[i, 0], table[i, 1], table[i, 2]


@inlined
def _to_camera(point, view):
    """Right, up and forward coordinates of a world point."""
    offset = _minus(point, view.eye)
    return _dot(offset, view.right), _dot(offset, view.up), _dot(offset, view.forward)


@compiled
def _clipped(vertices, face, view, width, height, out):
    """Screen x, y and inverse depth of a triangle's corners in front of the camera, up to four."""
    count = 0
    for i in range(3):
        ax, ay, az = _to_camera(_row(vertices, face[i]), view)
        bx, by, bz = _to_camera(_row(vertices, face[(i + 1) % 3]), view)
        if az >= NEAR:
            out[count, 0], out[count, 1], out[count, 2] = ax, ay, az
            count += 1
        if (az >= NEAR) != (bz >= NEAR):
            share = (NEAR - az) / (bz - az)
            out[count, 0] = ax + share * (bx - ax)
            out[count, 1] = ay + share * (by - ay)
            out[count, 2] = NEAR
            count += 1
    for i in range(count):
        inverse = 1.0 / out[i, 2]
        out[i, 0] = 0.5 * width + view.focal * out[i, 0] * inverse
        out[i, 1] = 0.5 * height - view.focal * out[i, 1] * inverse
        out[i, 2] = inverse
    return count


@compiled
def _fill(a, b, c, number, depth, ids, write):
    """Draw one screen triangle: into the buffers, or only count the places it is in front at.

    `ids` (height, width, 4) takes `number` where `write`; else a bit is set for each place.
    Screen y points down, so that a triangle whose front is seen has a negative area.
    """
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if not area < 0.0:
        return 0, 0, 0, 0
    height, width = depth.shape[:2]
    left = max(0, math.floor(min(a[0], b[0], c[0])))
    right = min(width - 1, math.floor(max(a[0], b[0], c[0])))
    top = max(0, math.floor(min(a[1], b[1], c[1])))
    bottom = min(height - 1, math.floor(max(a[1], b[1], c[1])))
    inverse = 1.0 / area
    # Weights of a and b as linear functions of the place on the screen.
    ax = (b[1] - c[1]) * inverse
    ay = (c[0] - b[0]) * inverse
    bx = (c[1] - a[1]) * inverse
    by = (a[0] - c[0]) * inverse
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            for k in range(SAMPLES):
                px = x + _SAMPLE_X[k]
                py = y + _SAMPLE_Y[k]
                wa = ax * (px - c[0]) + ay * (py - c[1])
                wb = bx * (px - c[0]) + by * (py - c[1])
                wc = 1.0 - wa - wb
                if wa >= 0.0 and wb >= 0.0 and wc >= 0.0:
                    z = np.float32(wa * a[2] + wb * b[2] + wc * c[2])
                    if z > depth[y, x, k]:
                        if write:
                            depth[y, x, k] = z
                        ids[y, x, k] = number
    return left, right + 1, top, bottom + 1


@compiled
def draw_opaque(faces, view, depth, ids):
    """Fill `depth` (inverse, 0 for nothing) and `ids` (-1 for nothing) with the nearest faces."""
    height, width = depth.shape[:2]
    corner = np.empty((4, 3))
    for number in range(len(faces.corners)):
        count = _clipped(faces.vertices, faces.corners[number], view, width, height, corner)
        for i in range(2, count):
            _fill(corner[0], corner[i - 1], corner[i], number, depth, ids, True)


@inlined
def _landing(point, light):
    """Row and column of the shadow map where the ray through a point meets the floor."""
    return (
        (point[0] - point[2] * light.sun[0] / light.sun[2] - light.corner[0]) / light.cell,
        (point[1] - point[2] * light.sun[1] / light.sun[2] - light.corner[1]) / light.cell,
    )


@compiled
def draw_shadow(faces, light):
    """Greatest height above the floor of what the sun's rays meet, by where they would land."""
    rows, columns = light.shadow.shape
    p = np.empty((3, 3))
    for number in range(len(faces.corners)):
        for i in range(3):
            v = _row(faces.vertices, faces.corners[number, i])
            p[i, 0], p[i, 1] = _landing(v, light)
            p[i, 2] = v[2]
        area = (p[1, 0] - p[0, 0]) * (p[2, 1] - p[0, 1]) - (p[1, 1] - p[0, 1]) * (
            p[2, 0] - p[0, 0]
        )
        if area == 0.0:
            continue
        left = max(0, math.ceil(min(p[0, 0], p[1, 0], p[2, 0])))
        right = min(rows - 1, math.floor(max(p[0, 0], p[1, 0], p[2, 0])))
        low = max(0, math.ceil(min(p[0, 1], p[1, 1], p[2, 1])))
        high = min(columns - 1, math.floor(max(p[0, 1], p[1, 1], p[2, 1])))
        for x in range(left, right + 1):
            for y in range(low, high + 1):
                wa = (p[1, 0] - x) * (p[2, 1] - y) - (p[1, 1] - y) * (p[2, 0] - x)
                wb = (p[2, 0] - x) * (p[0, 1] - y) - (p[2, 1] - y) * (p[0, 0] - x)
                wa /= area
                wb /= area
                wc = 1.0 - wa - wb
                if wa >= 0.0 and wb >= 0.0 and wc >= 0.0:
                    z = wa * p[0, 2] + wb * p[1, 2] + wc * p[2, 2]
                    if z > light.shadow[x, y]:
                        light.shadow[x, y] = z


@inlined
def _lit(point, light, bias, softness):
    """Share of the sun that reaches a point, from 5 x 5 neighbouring rays."""
    u, v = _landing(point, light)
    reach = softness / light.cell
    rows, columns = light.shadow.shape
    if u < -reach or v < -reach or u > rows + reach or v > columns + reach:
        return 1.0
    hidden = 0
    for i in range(-2, 3):
        for j in range(-2, 3):
            row = round(u + 0.5 * reach * i)
            column = round(v + 0.5 * reach * j)
            if 0 <= row < rows and 0 <= column < columns:
                hidden += light.shadow[row, column] > point[2] + bias
    return 1.0 - hidden / 25.0


@inlined
def _line(value, width, footprint):
    """Share of a footprint that lies on a line of `width` at each whole number."""
    start = value - 0.5 * (footprint - width)
    end = start + footprint
    low, high = math.floor(start), math.floor(end)
    covered = (high - low) * width + min(end - high, width) - min(start - low, width)
    return covered / footprint


@inlined
def _ray(x, y, view, width, height):
    """Direction through the middle of a pixel, one metre forward."""
    a, b = (x + 0.5 - 0.5 * width) / view.focal, (0.5 * height - y - 0.5) / view.focal
    return (
        view.forward[0] + a * view.right[0] + b * view.up[0],
        view.forward[1] + a * view.right[1] + b * view.up[1],
        view.forward[2] + a * view.right[2] + b * view.up[2],
    )


@inlined
def _row_ray(y, view, height):
    """Upward coordinate on the screen of a row of pixels, and of its rays in the world."""
    up = (0.5 * height - y - 0.5) / view.focal
    return up, view.forward[2] + up * view.up[2]


@inlined
def _haze(depth, look):
    """Share of the horizon in what is seen of the floor: 1 - exp(-q), nearly, and quicker."""
    q = (depth / look.haze) ** 2
    return 1.0 - 1.0 / (1.0 + q + 0.5 * q * q)


@compiled
def backdrop(view, look, image):
    """Sky and floor, without shadows. A camera's right is level: rows have one distance each."""
    height, width = image.shape[:2]
    drawn = np.empty(width)
    for y in range(height):
        up, rise = _row_ray(y, view, height)
        if not (look.has_floor and rise * view.eye[2] < -1e-3 * abs(view.eye[2])):
            colour = _mix(look.horizon, look.zenith, min(1.0, max(0.0, 1.6 * rise)))
            for x in range(width):
                image[y, x, 0], image[y, x, 1], image[y, x, 2] = colour
            continue
        depth = -view.eye[2] / rise
        # How far the place moves from one pixel to the next, to the right and upward.
        span, lean = depth / view.focal, view.up[2] / rise
        start = -0.5 * width + 0.5
        for x in range(width):
            drawn[x] = 0.0
            side = (start + x) / view.focal
            ray_x = view.forward[0] + side * view.right[0] + up * view.up[0]
            ray_y = view.forward[1] + side * view.right[1] + up * view.up[1]
            step_x = span * (abs(view.right[0]) + abs(view.up[0] - lean * ray_x))
            step_y = span * (abs(view.right[1]) + abs(view.up[1] - lean * ray_y))
            place_x, place_y = view.eye[0] + depth * ray_x, view.eye[1] + depth * ray_y
            for cell, strength in ((look.grid, 1.0), (0.2 * look.grid, 0.4)):
                scale, wide = 1.0 / cell, look.line_width / cell
                on_x = _line(place_x * scale, wide, step_x * scale)
                on_y = _line(place_y * scale, wide, step_y * scale)
                drawn[x] = max(drawn[x], strength * max(on_x, on_y))
        haze = _haze(depth, look)
        plain = _mix(look.floor, look.horizon, haze)
        lined = _mix(look.line, look.horizon, haze)
        for x in range(width):
            image[y, x, 0] = plain[0] + drawn[x] * (lined[0] - plain[0])
            image[y, x, 1] = plain[1] + drawn[x] * (lined[1] - plain[1])
            image[y, x, 2] = plain[2] + drawn[x] * (lined[2] - plain[2])


@compiled
def draw_floor_shadow(view, light, look, image):
    """Darken the floor where the sun does not reach it."""
    height, width = image.shape[:2]
    rows, columns = light.shadow.shape
    low_x, low_y = light.corner[0] - light.softness, light.corner[1] - light.softness
    high_x = light.corner[0] + light.cell * rows + light.softness
    high_y = light.corner[1] + light.cell * columns + light.softness
    for y in range(height):
        _, rise = _row_ray(y, view, height)
        if not (look.has_floor and rise * view.eye[2] < -1e-3 * abs(view.eye[2])):
            continue
        depth = -view.eye[2] / rise
        shade = look.shade * (1.0 - _haze(depth, look))
        for x in range(width):
            ray = _ray(x, y, view, width, height)
            place_x, place_y = view.eye[0] + depth * ray[0], view.eye[1] + depth * ray[1]
            if low_x < place_x < high_x and low_y < place_y < high_y:
                lit = _lit((place_x, place_y, 0.0), light, 1e-4, light.softness)
                share = 1.0 - shade * (1.0 - lit)
                image[y, x, 0] *= share
                image[y, x, 1] *= share
                image[y, x, 2] *= share


@inlined
def _meet(ray, eye, a, b, c):
    """Weights of b and c where a ray from the eye meets the plane of a triangle."""
    u, v, o = _minus(b, a), _minus(c, a), _minus(eye, a)
    p, q = _cross(ray, v), _cross(o, u)
    determinant = _dot(u, p)
    if determinant == 0.0:
        return 0.0, 0.0
    wb = min(1.0, max(0.0, _dot(o, p) / determinant))
    return wb, min(1.0 - wb, max(0.0, _dot(ray, q) / determinant))


@inlined
def _blend(table, i, j, k, wb, wc):
    a, b, c = _row(table, i), _row(table, j), _row(table, k)
    wa = 1.0 - wb - wc
    return (
        wa * a[0] + wb * b[0] + wc * c[0],
        wa * a[1] + wb * b[1] + wc * c[1],
        wa * a[2] + wb * b[2] + wc * c[2],
    )


@compiled
def _shade(ray, number, faces, view, light):
    """Colour of face `number` where the ray meets its plane, and the height of that place."""
    i, j, k = faces.corners[number, 0], faces.corners[number, 1], faces.corners[number, 2]
    table, sun, colour = faces.vertices, light.sun, _row(faces.colours, number)
    wb, wc = _meet(ray, view.eye, _row(table, i), _row(table, j), _row(table, k))
    point = _blend(table, i, j, k, wb, wc)
    normal = _blend(faces.normals, i, j, k, wb, wc)
    length = math.sqrt(_dot(normal, normal))
    if length < 1e-6:
        return colour, point[2]
    towards = _dot(normal, sun) / length
    facing, gloss = max(0.0, towards), 0.0
    if facing > 0.0:
        facing *= _lit(point, light, 3.0 * light.cell, 2.0 * light.cell)
        twice = 2.0 * towards / length
        mirrored = (
            sun[0] - twice * normal[0],
            sun[1] - twice * normal[1],
            sun[2] - twice * normal[2],
        )
        mirror = max(0.0, _dot(ray, mirrored) / math.sqrt(_dot(ray, ray)))
        gloss = GLOSS * mirror**SHARPNESS * min(1.0, 4.0 * facing)
    shine = AMBIENT + AMBIENT_UP * normal[2] / length + DIFFUSE * facing
    return (
        min(1.0, colour[0] * shine + gloss),
        min(1.0, colour[1] * shine + gloss),
        min(1.0, colour[2] * shine + gloss),
    ), point[2]


@inlined
def _sunken(z, view, look):
    """Whether the floor hides a point at height z."""
    return look.has_floor and z < -1e-4 and view.eye[2] > 0.0


@compiled
def resolve(faces, view, light, look, ids, image):
    """Put what `ids` shows over the backdrop in `image` (height, width, 3), from 0 to 1."""
    height, width = image.shape[:2]
    for y in range(height):
        for x in range(width):
            if max(ids[y, x, 0], ids[y, x, 1], ids[y, x, 2], ids[y, x, 3]) < 0:
                continue
            ray = _ray(x, y, view, width, height)
            red, green, blue, places = 0.0, 0.0, 0.0, 0
            last, colour, z = np.int32(-1), (0.0, 0.0, 0.0), 0.0
            for k in range(SAMPLES):
                number = ids[y, x, k]
                if number < 0:
                    continue
                if number != last:
                    colour, z = _shade(ray, number, faces, view, light)
                    last = number
                if not _sunken(z, view, look):
                    places += 1
                    red, green, blue = red + colour[0], green + colour[1], blue + colour[2]
            rest = SAMPLES - places
            image[y, x, 0] = (red + rest * image[y, x, 0]) / SAMPLES
            image[y, x, 1] = (green + rest * image[y, x, 1]) / SAMPLES
            image[y, x, 2] = (blue + rest * image[y, x, 2]) / SAMPLES


@compiled
def _mark(faces, view, depth, ids):
    """Write -2 - face into `ids` wherever a face is in front; bounds of where that may be."""
    height, width = depth.shape[:2]
    corner = np.empty((4, 3))
    left, right, top, bottom = width, 0, height, 0
    for number in range(len(faces.corners)):
        count = _clipped(faces.vertices, faces.corners[number], view, width, height, corner)
        for i in range(2, count):
            a, b, c = corner[0], corner[i - 1], corner[i]
            x0, x1, y0, y1 = _fill(a, b, c, -2 - number, depth, ids, False)
            if x1 > x0 and y1 > y0:
                left, right = min(left, x0), max(right, x1)
                top, bottom = min(top, y0), max(bottom, y1)
    return left, right, top, bottom


@compiled
def draw_over(faces, view, light, look, depth, ids, image):
    """Lay one thing that can be seen through over `image`, once wherever its front is in sight.

    What `ids` held is lost where that is.
    """
    height, width = depth.shape[:2]
    left, right, top, bottom = _mark(faces, view, depth, ids)
    for y in range(top, bottom):
        for x in range(left, right):
            covered, number = 0, 0
            for k in range(SAMPLES):
                if ids[y, x, k] < -1:
                    covered += 1
                    number = -2 - ids[y, x, k]
                    ids[y, x, k] = -1
            if covered == 0:
                continue
            colour, z = _shade(_ray(x, y, view, width, height), number, faces, view, light)
            if _sunken(z, view, look):
                continue
            share = faces.colours[number, 3] * covered / SAMPLES
            for c in range(3):
                image[y, x, c] += share * (colour[c] - image[y, x, c])
