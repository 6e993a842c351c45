"""Which points of a tile the sun does not reach."""

from __future__ import annotations

# ruff: noqa: F821


def blocks(kind, o, d, half):
    """Depth at which a ray enters a shape that casts shadows, FAR for none."""
    if kind == BOX:
        return hit_box(o, d, half)
    if kind == SPHERE:
        return hit_sphere(o, d, half[0])
    if kind == CYLINDER:
        return hit_cylinder(o, d, half[0], half[2])
    return hit_capsule(o, d, half[0], half[2])


def surround(xs, ys, depths, found, ball, rays):
    """Write to `ball` middle and radius of a ball, in the camera's frame, of all a tile shows."""
    low = high = ZERO
    left, right, top, bottom = FAR, -FAR, FAR, -FAR
    first = True
    for i in range(rays):
        if found[i] >= 0:
            t = depths[i]
            low, high = where(first, t, fmin(low, t)), fmax(high, t)
            left, right = fmin(left, xs[i] * t), fmax(right, xs[i] * t)
            top, bottom = fmin(top, ys[i] * t), fmax(bottom, ys[i] * t)
            first = False
    ball[0], ball[1], ball[2] = HALF * (left + right), HALF * (top + bottom), HALF * (low + high)
    x, y, z = right - left, bottom - top, high - low
    ball[3] = HALF * sqrt(x * x + y * y + z * z)
    return not first


def misses(view, kind, ball):
    """Whether a shape is too far from all rays to the sun that begin in `ball`."""
    x = view[3] * ball[0] + view[4] * ball[1] + view[5] * ball[2] + view[0]
    y = view[6] * ball[0] + view[7] * ball[1] + view[8] * ball[2] + view[1]
    z = view[9] * ball[0] + view[10] * ball[1] + view[11] * ball[2] + view[2]
    hx, hy = view[12], view[13]
    hz = view[14] + where(kind == CAPSULE, hx, ZERO)
    hy, hz = where(kind == SPHERE, ZERO, hy), where(kind == SPHERE, ZERO, hz)
    reach = ball[3] + sqrt(hx * hx + hy * hy + hz * hz)
    ahead = -(x * view[20] + y * view[21] + z * view[22])
    square = x * x + y * y + z * z
    return ahead < -reach or square - ahead * ahead > reach * reach


def darken(kinds, views, xs, ys, depths, found, ball, sunny, rays):
    """Set `sunny` to 0 where the sun is behind some shape, else to 1."""
    for i in range(rays):
        sunny[i] = ONE
    if not surround(xs, ys, depths, found, ball, rays):
        return
    for k in range(len(kinds)):
        kind, view = kinds[k], views[k]
        if kind <= PLANE or misses(view, kind, ball):
            continue
        o, m = vec3(view[0], view[1], view[2]), turning(view)
        half, d = vec3(view[12], view[13], view[14]), vec3(view[20], view[21], view[22])
        for i in range(rays):
            if found[i] >= 0 and found[i] != k:
                start = at_depth(o, direction(m, xs[i], ys[i]), depths[i])
                if blocks(kind, start, d, half) < FAR:
                    sunny[i] = ZERO
