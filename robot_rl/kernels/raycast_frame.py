"""One image: which shapes are where in it, and what each of its rays meets.

An image is cut into tiles of 64 rays. Every shape gets a rectangle that holds it in the image, and
a tile looks only at shapes whose rectangle touches it, nearest first, until what it has found is
nearer than all that is left. So a scene of thirty shapes costs a pixel two or three of them, and
the compiler turns the loop over the rays of a tile into vector instructions.

Rows of `views`, one a shape, hold what a shape is from this camera:
0-2 the camera in the shape's frame, 3-11 the rotation from the camera to the shape, row by row,
12-14 half sizes, 15-18 the rectangle (least x, y, greatest x, y; all over z), 19 least depth,
20-22 the direction to the sun in the shape's frame, 23-31 the rotation from the shape to the
world.
"""

from __future__ import annotations

# ruff: noqa: F821, RUF005

PLANE = 1
BOX = 2
SPHERE = 3
CYLINDER = 4
CAPSULE = 5
VIEW = 32
ZERO = 0.0
HALF = 0.5
ONE = 1.0
TWO = 2.0
FAR = 1e30
NEAR = 0.001
EVERYWHERE = 1e9


def matrix(q, at, out, to):
    """Write the rotation of the quaternion q[at:at+4], row by row, to out[to:to+9]."""
    w, x, y, z = q[at], q[at + 1], q[at + 2], q[at + 3]
    out[to] = ONE - TWO * (y * y + z * z)
    out[to + 1] = TWO * (x * y - w * z)
    out[to + 2] = TWO * (x * z + w * y)
    out[to + 3] = TWO * (x * y + w * z)
    out[to + 4] = ONE - TWO * (x * x + z * z)
    out[to + 5] = TWO * (y * z - w * x)
    out[to + 6] = TWO * (x * z - w * y)
    out[to + 7] = TWO * (y * z + w * x)
    out[to + 8] = ONE - TWO * (x * x + y * y)


def place(pose, turn, where_, quat, half, sun, view):
    """Fill a row of `views` but for its rectangle; `turn` is the rotation of the camera."""
    matrix(quat, 0, view, 23)
    x, y, z = pose[0] - where_[0], pose[1] - where_[1], pose[2] - where_[2]
    for i in range(3):
        a, b, c = view[23 + i], view[26 + i], view[29 + i]  # a column: the row of the inverse
        view[i] = a * x + b * y + c * z
        for j in range(3):
            view[3 + 3 * i + j] = a * turn[j] + b * turn[3 + j] + c * turn[6 + j]
        view[12 + i] = half[i]
        view[20 + i] = a * sun[0] + b * sun[1] + c * sun[2]


def bound(kind, view, corners):
    """Fill in the rectangle and the least depth of a shape; False where it cannot be seen."""
    view[15], view[16], view[17], view[18] = EVERYWHERE, EVERYWHERE, -EVERYWHERE, -EVERYWHERE
    if kind == PLANE:
        view[15], view[16], view[17], view[18] = -EVERYWHERE, -EVERYWHERE, EVERYWHERE, EVERYWHERE
        view[19] = ZERO
        return view[2] > ZERO
    hx, hy = view[12], view[13]
    hz = view[14] + where(kind == CAPSULE, hx, ZERO)
    least, most = FAR, -FAR
    for corner in range(8):
        x = where(corner & 1 == 1, hx, -hx) - view[0]
        y = where(corner & 2 == 2, hy, -hy) - view[1]
        z = where(corner & 4 == 4, hz, -hz) - view[2]
        for i in range(3):
            corners[corner, i] = view[3 + i] * x + view[6 + i] * y + view[9 + i] * z
        least, most = fmin(least, corners[corner, 2]), fmax(most, corners[corner, 2])
        if corners[corner, 2] > NEAR:
            widen(view, corners[corner, 0], corners[corner, 1], corners[corner, 2])
    view[19] = fmax(least, ZERO)
    if least <= NEAR and most > NEAR:
        cut(view, corners)
    return most > NEAR


def cut(view, corners):
    """Widen the rectangle to where edges of the box come through the camera's plane."""
    for first in range(8):
        for axis in range(3):
            second = first ^ (1 << axis)
            a, b = corners[first, 2], corners[second, 2]
            if a > NEAR and b <= NEAR:
                share = (NEAR - a) / (b - a)
                x = corners[first, 0] + share * (corners[second, 0] - corners[first, 0])
                y = corners[first, 1] + share * (corners[second, 1] - corners[first, 1])
                widen(view, x, y, NEAR)


def widen(view, x, y, z):
    """Let the rectangle hold a point of the camera's frame."""
    x, y = x / z, y / z
    view[15], view[17] = fmin(view[15], x), fmax(view[17], x)
    view[16], view[18] = fmin(view[16], y), fmax(view[18], y)


def direction(m, x, y):
    """A ray of the camera, (x, y, 1), turned by the matrix m of nine numbers."""
    return vec3(m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5], m[6] * x + m[7] * y + m[8])


def turning(view):
    """Rotation from the camera to a shape."""
    return (
        (view[3], view[4], view[5]) + (view[6], view[7], view[8]) + (view[9], view[10], view[11])
    )


def cast_plane(view, number, xs, ys, depths, found, rays):
    """Let the rays of a tile meet a plane."""
    o, m = vec3(view[0], view[1], view[2]), turning(view)
    for i in range(rays):
        t = hit_plane(o, direction(m, xs[i], ys[i]))
        found[i] = where(t < depths[i], number, found[i])
        depths[i] = fmin(depths[i], t)


def cast_box(view, number, xs, ys, depths, found, rays):
    """Let the rays of a tile meet a box."""
    o, m, half = vec3(view[0], view[1], view[2]), turning(view), vec3(view[12], view[13], view[14])
    for i in range(rays):
        t = hit_box(o, direction(m, xs[i], ys[i]), half)
        found[i] = where(t < depths[i], number, found[i])
        depths[i] = fmin(depths[i], t)


def cast_sphere(view, number, xs, ys, depths, found, rays):
    """Let the rays of a tile meet a sphere."""
    o, m, radius = vec3(view[0], view[1], view[2]), turning(view), view[12]
    for i in range(rays):
        t = hit_sphere(o, direction(m, xs[i], ys[i]), radius)
        found[i] = where(t < depths[i], number, found[i])
        depths[i] = fmin(depths[i], t)


def cast_cylinder(view, number, xs, ys, depths, found, rays):
    """Let the rays of a tile meet a cylinder."""
    o, m, radius, half = vec3(view[0], view[1], view[2]), turning(view), view[12], view[14]
    for i in range(rays):
        t = hit_cylinder(o, direction(m, xs[i], ys[i]), radius, half)
        found[i] = where(t < depths[i], number, found[i])
        depths[i] = fmin(depths[i], t)


def cast_capsule(view, number, xs, ys, depths, found, rays):
    """Let the rays of a tile meet a capsule."""
    o, m, radius, half = vec3(view[0], view[1], view[2]), turning(view), view[12], view[14]
    for i in range(rays):
        t = hit_capsule(o, direction(m, xs[i], ys[i]), radius, half)
        found[i] = where(t < depths[i], number, found[i])
        depths[i] = fmin(depths[i], t)


def cast_tile(kind, view, number, xs, ys, depths, found, rays):
    """Let the rays of a tile meet a shape."""
    if kind == BOX:
        cast_box(view, number, xs, ys, depths, found, rays)
    elif kind == PLANE:
        cast_plane(view, number, xs, ys, depths, found, rays)
    elif kind == SPHERE:
        cast_sphere(view, number, xs, ys, depths, found, rays)
    elif kind == CYLINDER:
        cast_cylinder(view, number, xs, ys, depths, found, rays)
    else:
        cast_capsule(view, number, xs, ys, depths, found, rays)


def survey(pose, turn, kinds, positions, quats, halves, sun, views, order, corners):
    """Fill `views` and put the shapes that may be seen into `order`, nearest first."""
    count = 0
    for k in range(len(kinds)):
        if kinds[k] == 0:
            continue
        view = views[k]
        place(pose, turn, positions[k], quats[k], halves[k], sun, view)
        if not bound(kinds[k], view, corners):
            continue
        at = count
        while at > 0 and views[order[at - 1], 19] > view[19]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = k
        count += 1
    return count


def trace(kinds, views, order, count, xs, ys, box, depths, found, tried, rays):
    """What the rays of a tile meet first: depth and number of the shape, FAR and -1 for none.

    Writes to `tried` which shapes they may have met, and returns how many.
    """
    for i in range(rays):
        depths[i] = FAR
        found[i] = -1
    number = 0
    for at in range(count):
        k = order[at]
        view = views[k]
        if view[15] > box[2] or view[17] < box[0] or view[16] > box[3] or view[18] < box[1]:
            continue
        furthest = ZERO
        for i in range(rays):
            furthest = fmax(furthest, depths[i])
        if view[19] > furthest:
            break
        cast_tile(kinds[k], view, int32(k), xs, ys, depths, found, rays)
        tried[number] = k
        number += 1
    return number
