"""What a surface looks like: patterns, and the colours that they mix."""

from __future__ import annotations

import math

# ruff: noqa: F821

QUARTER = 0.25
THREE = 3.0
PI = math.pi
HALF_PI = 0.5 * math.pi
A3, A5, A7, A9 = -0.3302995, 0.1801410, -0.0851330, 0.0208351
FOUR = 4.0
FOUR_SEVENTHS = 4.0 / 7.0
MORTAR = 0.08
"""Of the height of a brick."""
GRAINS = 1.0 / 65535.0
MORTARED = MORTAR + 0.5 * MORTAR * (1.0 - MORTAR)
"""Share of mortar in a wall."""


def flat(p, n):
    """Coordinates u and v [m] of a point on a flat side with normal n: the other two axes."""
    x, y = abs(n[0]) > HALF, abs(n[1]) > HALF
    return where(x, p[1], p[0]), where(x | y, p[2], p[1])


def angle(y, x):
    """Angle of (x, y) [rad] within 1e-4: a polynomial that a compiler can vectorize.

    Abramowitz and Stegun 4.4.47 has the coefficients.
    """
    ax, ay = abs(x), abs(y)
    low, high = fmin(ax, ay), fmax(ax, ay)
    a = low / fmax(high, TINY)
    s = a * a
    a = a * (ONE + s * (A3 + s * (A5 + s * (A7 + s * A9))))
    a = where(ay > ax, HALF_PI - a, a)
    a = where(x < ZERO, PI - a, a)
    return where(y < ZERO, -a, a)


def checker(u, v):
    """1 on every second unit square, else 0."""
    cell = floor(u) + floor(v)
    return cell - TWO * floor(HALF * cell)


def stripes(u):
    """1 on every second unit, else 0."""
    cell = floor(u)
    return cell - TWO * floor(HALF * cell)


def bricks(u, v):
    """1 in the mortar between bricks one wide and half as high, else 0."""
    row = floor(TWO * v)
    high = TWO * v - row
    wide = u + HALF * (row - TWO * floor(HALF * row))
    wide = wide - floor(wide)
    edge = HALF * MORTAR
    return where((high < MORTAR) | (wide < edge), ONE, ZERO)


def grain(i, j):
    """A number from 0 to 1 for each pair of integers, the same always (Wang 2007)."""
    seed = uint32(uint32(i) * uint32(73856093)) ^ uint32(uint32(j) * uint32(19349663))
    seed = uint32(uint32(seed ^ uint32(61)) ^ (seed >> uint32(16)))
    seed = uint32(seed * uint32(9))
    seed = uint32(seed ^ (seed >> uint32(4)))
    seed = uint32(seed * uint32(668265261))
    seed = uint32(seed ^ (seed >> uint32(15)))
    return float32(seed & uint32(65535)) * GRAINS


def smooth(u, v):
    """Value noise: random numbers at integers, smooth between (Perlin's 3 s^2 - 2 s^3)."""
    fu, fv = floor(u), floor(v)
    i, j = int32(fu), int32(fv)
    su, sv = u - fu, v - fv
    su, sv = su * su * (THREE - TWO * su), sv * sv * (THREE - TWO * sv)
    one = int32(1)
    low = grain(i, j) * (ONE - su) + grain(i + one, j) * su
    high = grain(i, j + one) * (ONE - su) + grain(i + one, j + one) * su
    return low * (ONE - sv) + high * sv


def noise(u, v):
    """Three octaves of it, from 0 to 1."""
    fine = HALF * smooth(TWO * u, TWO * v) + QUARTER * smooth(FOUR * u, FOUR * v)
    return (smooth(u, v) + fine) * FOUR_SEVENTHS
