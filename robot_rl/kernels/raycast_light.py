"""The colour of what rays have met, for all rays of a tile that have met the same shape at once.

Three loops a shape, each over all 64 rays and turned into vector instructions by the compiler:
what light falls there and where on the surface it is, by the kind of the shape; how its two
colours mix there, by its pattern; and the colour itself, for those rays that have met it.
"""

from __future__ import annotations

# ruff: noqa: F821

CHECKER = 1
STRIPES = 2
BRICKS = 3
NOISE = 4
IMAGE = 5
LEVELS = 255.0


def at_depth(o, d, t):
    """Where a ray is at depth t."""
    return vec3(o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2])


def footprint(d, n, t, pixel):
    """Edge [m] of the square as large as what a ray of width `pixel` covers of a surface."""
    facing = abs(d[0] * n[0] + d[1] * n[1] + d[2] * n[2])
    length = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    return t * pixel * sqrt(length / fmax(facing, TINY))


def light_plane(view, xs, ys, depths, pixel, work, rays):
    """Rows of `work` (8, rays): 0-2 normal, 3-4 u and v [m] on the surface, 7 footprint [m]."""
    o, m, n = vec3(view[0], view[1], view[2]), turning(view), vec3(ZERO, ZERO, ONE)
    for i in range(rays):
        d = direction(m, xs[i], ys[i])
        p = at_depth(o, d, depths[i])
        work[0, i], work[1, i], work[2, i] = n[0], n[1], n[2]
        work[3, i], work[4, i] = p[0], p[1]
        work[7, i] = footprint(d, n, depths[i], pixel)


def light_box(view, xs, ys, depths, pixel, work, rays):
    """The same of a box."""
    o, m, half = vec3(view[0], view[1], view[2]), turning(view), vec3(view[12], view[13], view[14])
    for i in range(rays):
        d = direction(m, xs[i], ys[i])
        p = at_depth(o, d, depths[i])
        n = normal_box(p, half)
        work[0, i], work[1, i], work[2, i] = n[0], n[1], n[2]
        work[3, i], work[4, i] = flat(p, n)
        work[7, i] = footprint(d, n, depths[i], pixel)


def light_cylinder(view, xs, ys, depths, pixel, work, rays):
    """The same of a cylinder, whose side is unrolled."""
    o, m, radius, half = vec3(view[0], view[1], view[2]), turning(view), view[12], view[14]
    for i in range(rays):
        d = direction(m, xs[i], ys[i])
        p = at_depth(o, d, depths[i])
        n = normal_cylinder(p, radius, half)
        work[0, i], work[1, i], work[2, i] = n[0], n[1], n[2]
        side = abs(n[2]) < HALF
        work[3, i] = where(side, radius * angle(p[1], p[0]), p[0])
        work[4, i] = where(side, p[2], p[1])
        work[7, i] = footprint(d, n, depths[i], pixel)


def light_capsule(view, half, xs, ys, depths, pixel, work, rays):
    """The same of a capsule, or of a sphere with half 0, like a globe."""
    o, m, radius = vec3(view[0], view[1], view[2]), turning(view), view[12]
    for i in range(rays):
        d = direction(m, xs[i], ys[i])
        p = at_depth(o, d, depths[i])
        n = normal_capsule(p, radius, half)
        work[0, i], work[1, i], work[2, i] = n[0], n[1], n[2]
        work[3, i] = radius * angle(p[1], p[0])
        up = radius * angle(n[2], sqrt(n[0] * n[0] + n[1] * n[1]))
        work[4, i] = where(half > ZERO, p[2], up)
        work[7, i] = footprint(d, n, depths[i], pixel)


def light_up(kind, view, xs, ys, depths, pixel, work, rays):
    """Rows 0-4 and 7 of `work` for any kind of shape."""
    if kind == BOX:
        light_box(view, xs, ys, depths, pixel, work, rays)
    elif kind == PLANE:
        light_plane(view, xs, ys, depths, pixel, work, rays)
    elif kind == CYLINDER:
        light_cylinder(view, xs, ys, depths, pixel, work, rays)
    elif kind == CAPSULE:
        light_capsule(view, view[14], xs, ys, depths, pixel, work, rays)
    else:
        light_capsule(view, ZERO, xs, ys, depths, pixel, work, rays)


def share(pattern, look, work, rays):
    """Row 5 of `work`: how much of the second colour there is at u and v of rows 3 and 4."""
    over, du, dv = ONE / look[6], look[7], look[8]
    if pattern == CHECKER:
        for i in range(rays):
            work[5, i] = checker((work[3, i] - du) * over, (work[4, i] - dv) * over)
    elif pattern == STRIPES:
        for i in range(rays):
            work[5, i] = stripes((work[3, i] - du) * over)
    elif pattern == BRICKS:
        for i in range(rays):
            work[5, i] = bricks((work[3, i] - du) * over, (work[4, i] - dv) * over)
    else:
        for i in range(rays):
            work[5, i] = noise((work[3, i] - du) * over, (work[4, i] - dv) * over)


def mix(pattern, look, work, rays):
    """Rows 5-7 of `work`: the colour of the surface.

    Of a pattern that is finer than the footprint of a ray its mean is seen.
    """
    r, g, b = look[0], look[1], look[2]
    dr, dg, db = look[3] - r, look[4] - g, look[5] - b
    if pattern == 0:
        for i in range(rays):
            work[5, i], work[6, i], work[7, i] = r, g, b
        return
    share(pattern, look, work, rays)
    mean, over = where(pattern == BRICKS, MORTARED, HALF), ONE / look[6]
    for i in range(rays):
        blur = fmin(fmax(work[7, i] * over - HALF, ZERO), ONE)
        s = work[5, i] + blur * (mean - work[5, i])
        work[5, i], work[6, i], work[7, i] = r + s * dr, g + s * dg, b + s * db


def texel(texels, begin, high, wide, u, v, to, work, i):
    """Write the colour of a repeated image that is one wide at (u, v), v up, to work[to:, i]."""
    x, y = (u - floor(u)) * float32(wide) - HALF, -v * float32(wide)
    y = y - floor(y / float32(high)) * float32(high) - HALF
    fx, fy = floor(x), floor(y)
    sx, sy = x - fx, y - fy
    a, b = int64(fx), int64(fy)
    left, right = (a + wide) % wide, (a + 1) % wide
    top, low = ((b + high) % high) * wide, ((b + 1) % high) * wide
    for channel in range(3):
        at = begin + channel
        above = texels[at + 3 * (top + left)] * (ONE - sx) + texels[at + 3 * (top + right)] * sx
        below = texels[at + 3 * (low + left)] * (ONE - sx) + texels[at + 3 * (low + right)] * sx
        work[to + channel, i] = (above * (ONE - sy) + below * sy) / LEVELS


def paste(number, look, texels, table, work, found, k, rays):
    """Rows 5-7 of `work` from an image, where shape k is seen."""
    over, du, dv = ONE / look[6], look[7], look[8]
    begin, high, wide = table[number, 0], table[number, 1], table[number, 2]
    for i in range(rays):
        if found[i] == k:
            u, v = (work[3, i] - du) * over, (work[4, i] - dv) * over
            texel(texels, begin, high, wide, u, v, 5, work, i)


def sky(light, turn, xs, ys, found, colours, rays):
    """Colours of rays that meet nothing: from the horizon to straight up."""
    a, b, c = turn[6], turn[7], turn[8]
    r, g, b_ = light[9], light[10], light[11]
    dr, dg, db = light[12] - r, light[13] - g, light[14] - b_
    for i in range(rays):
        x, y = xs[i], ys[i]
        s = fmax(a * x + b * y + c, ZERO) / sqrt(x * x + y * y + ONE)
        colours[0, i] = where(found[i] < 0, r + s * dr, colours[0, i])
        colours[1, i] = where(found[i] < 0, g + s * dg, colours[1, i])
        colours[2, i] = where(found[i] < 0, b_ + s * db, colours[2, i])


def sunlit(view, light, work, sunny, found, k, colours, rays):
    """Colours under sun and ambient light where shape k is seen; `sunny` is 0 in shadow."""
    sx, sy, sz = view[20], view[21], view[22]
    r, g, b = light[3], light[4], light[5]
    ar, ag, ab = light[6], light[7], light[8]
    for i in range(rays):
        sun = fmax(work[0, i] * sx + work[1, i] * sy + work[2, i] * sz, ZERO) * sunny[i]
        mine = found[i] == k
        colours[0, i] = where(mine, (ar + sun * r) * work[5, i], colours[0, i])
        colours[1, i] = where(mine, (ag + sun * g) * work[6, i], colours[1, i])
        colours[2, i] = where(mine, (ab + sun * b) * work[7, i], colours[2, i])


def lamplit(view, lamp, pose, turn, xs, ys, depths, work, found, k, colours, rays):
    """Add what one lamp gives where shape k is seen."""
    x, y, z = lamp[0] - pose[0], lamp[1] - pose[1], lamp[2] - pose[2]
    m = turning(view)
    cx = turn[0] * x + turn[3] * y + turn[6] * z  # the lamp in the camera's frame
    cy = turn[1] * x + turn[4] * y + turn[7] * z
    cz = turn[2] * x + turn[5] * y + turn[8] * z
    r, g, b, over = lamp[3], lamp[4], lamp[5], lamp[6]
    for i in range(rays):
        t = depths[i]
        ax, ay, az = cx - t * xs[i], cy - t * ys[i], cz - t
        square = ax * ax + ay * ay + az * az
        d = vec3(
            m[0] * ax + m[1] * ay + m[2] * az,
            m[3] * ax + m[4] * ay + m[5] * az,
            m[6] * ax + m[7] * ay + m[8] * az,
        )
        facing = fmax(d[0] * work[0, i] + d[1] * work[1, i] + d[2] * work[2, i], ZERO)
        s = facing / (sqrt(square + TINY) * (ONE + square * over))
        s = where(found[i] == k, s, ZERO)
        colours[0, i] += s * r * work[5, i]
        colours[1, i] += s * g * work[6, i]
        colours[2, i] += s * b * work[7, i]


def shade(
    kinds, views, tried, number, xs, ys, depths, found, rays, pose, turn, pixel,
    patterns, looks, images, light, lamps, texels, table, sunny, work, colours,
):  # fmt: skip
    """Colours (3, rays), from 0 to 1, of what the rays of a tile have met: some of `tried`."""
    left = int64(rays)
    for at in range(number):
        k = int32(tried[at])
        mine = 0
        for i in range(rays):
            mine += where(found[i] == k, 1, 0)
        if mine == 0:
            continue
        left -= mine
        view, look = views[k], looks[k]
        light_up(kinds[k], view, xs, ys, depths, pixel, work, rays)
        if patterns[k] == IMAGE:
            paste(images[k], look, texels, table, work, found, k, rays)
        else:
            mix(patterns[k], look, work, rays)
        sunlit(view, light, work, sunny, found, k, colours, rays)
        for lamp in range(len(lamps)):
            lamplit(view, lamps[lamp], pose, turn, xs, ys, depths, work, found, k, colours, rays)
    if left > 0:
        sky(light, turn, xs, ys, found, colours, rays)
