"""Where rays meet shapes: scalar functions without branches, for any compiler of kernels.

A ray is o + t d in the frame of the shape. d has the length that makes t the depth along the
camera's axis. Each function returns t where the ray enters the shape, and FAR where it misses it
or begins inside. `sqrt`, `fmin`, `fmax`, `where` and `vec3` come from the compiler, see launch.py.
"""

from __future__ import annotations

# ruff: noqa: F821

ZERO = 0.0
HALF = 0.5
ONE = 1.0
TWO = 2.0
FAR = 1e30
NEAR = 0.001
"""[m] what is nearer to the camera is not seen."""
TINY = 1e-12


def hit_plane(o, d):
    """The plane z = 0, seen from above."""
    t = -o[2] / where(d[2] < -TINY, d[2], -TINY)
    return where((t > NEAR) & (d[2] < -TINY), t, FAR)


def _inverse(x):
    return ONE / where(abs(x) > TINY, x, TINY)


def hit_box(o, d, half):
    """Box of half edges `half`: the last of three slabs that is entered (Kay and Kajiya 1986)."""
    ix, iy, iz = _inverse(d[0]), _inverse(d[1]), _inverse(d[2])
    wx, wy, wz = half[0] * abs(ix), half[1] * abs(iy), half[2] * abs(iz)
    x, y, z = -o[0] * ix, -o[1] * iy, -o[2] * iz
    enter = fmax(fmax(x - wx, y - wy), z - wz)
    leave = fmin(fmin(x + wx, y + wy), z + wz)
    return where((enter <= leave) & (enter > NEAR), enter, FAR)


def hit_sphere(o, d, radius):
    """Sphere; from the point of the ray that is nearest to its middle, so that nothing cancels."""
    square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    b = -(o[0] * d[0] + o[1] * d[1] + o[2] * d[2]) / square
    x, y, z = o[0] + b * d[0], o[1] + b * d[1], o[2] + b * d[2]
    inner = radius * radius - (x * x + y * y + z * z)
    t = b - sqrt(fmax(inner, ZERO) / square)
    return where((inner >= ZERO) & (t > NEAR), t, FAR)


def hit_cylinder(o, d, radius, half):
    """Cylinder about z of half height `half`: a slab and an infinite cylinder."""
    square = fmax(d[0] * d[0] + d[1] * d[1], TINY)
    b = -(o[0] * d[0] + o[1] * d[1]) / square
    x, y = o[0] + b * d[0], o[1] + b * d[1]
    inner = radius * radius - (x * x + y * y)
    wide = sqrt(fmax(inner, ZERO) / square)
    iz = _inverse(d[2])
    wz, z = half * abs(iz), -o[2] * iz
    enter, leave = fmax(b - wide, z - wz), fmin(b + wide, z + wz)
    return where((inner >= ZERO) & (enter <= leave) & (enter > NEAR), enter, FAR)


def hit_capsule(o, d, radius, half):
    """Capsule about z: the infinite cylinder, or the ball at the end that is passed there."""
    square = fmax(d[0] * d[0] + d[1] * d[1], TINY)
    b = -(o[0] * d[0] + o[1] * d[1]) / square
    x, y = o[0] + b * d[0], o[1] + b * d[1]
    inner = radius * radius - (x * x + y * y)
    side = b - sqrt(fmax(inner, ZERO) / square)
    z = o[2] + side * d[2]
    end = where(z > ZERO, half, -half)
    ball = hit_sphere(vec3(o[0], o[1], o[2] - end), d, radius)
    t = where(abs(z) <= half, side, ball)
    return where((inner >= ZERO) & (t > NEAR), t, FAR)


def normal_box(p, half):
    """Outward normal of a box at a point on its surface."""
    x, y, z = abs(p[0]) - half[0], abs(p[1]) - half[1], abs(p[2]) - half[2]
    on_x = (x >= y) & (x >= z)
    on_y = (y > x) & (y >= z)
    return vec3(
        where(on_x, where(p[0] > ZERO, ONE, -ONE), ZERO),
        where(on_y, where(p[1] > ZERO, ONE, -ONE), ZERO),
        where(on_x | on_y, ZERO, where(p[2] > ZERO, ONE, -ONE)),
    )


def normal_cylinder(p, radius, half):
    """Outward normal of a cylinder at a point on its surface."""
    away = sqrt(p[0] * p[0] + p[1] * p[1])
    on_end = abs(p[2]) - half > away - radius
    over = where(on_end, ZERO, ONE / fmax(away, TINY))
    return vec3(p[0] * over, p[1] * over, where(on_end, where(p[2] > ZERO, ONE, -ONE), ZERO))


def normal_capsule(p, radius, half):
    """Outward normal of a capsule, or with half 0 of a sphere, at a point on its surface."""
    z = p[2] - fmin(fmax(p[2], -half), half)
    over = ONE / radius
    return vec3(p[0] * over, p[1] * over, z * over)
