"""Three- and four-vectors for kernels: the same text compiles under numba and under Warp.

`vec3`, `vec4`, `sqrt`, `fmin`, `fmax`, `where` and the lane strides are bound per backend by
launch.py (tuples under numba, `wp.vec3` under Warp); the rest is written through components.
Quaternions are wxyz and rotate from the body frame to the world frame.
"""

from __future__ import annotations

# ruff: noqa: F821

HALF = 0.5
ONE = 1.0
TWO = 2.0
TWELFTH = 1.0 / 12.0


def add3(a, b):
    """Sum a + b."""
    return vec3(a[0] + b[0], a[1] + b[1], a[2] + b[2])


def axpy3(s, a, b):
    """Sum s a + b."""
    return vec3(s * a[0] + b[0], s * a[1] + b[1], s * a[2] + b[2])


def sub3(a, b):
    """Difference a - b."""
    return vec3(a[0] - b[0], a[1] - b[1], a[2] - b[2])


def mul3(a, b):
    """Product of each component."""
    return vec3(a[0] * b[0], a[1] * b[1], a[2] * b[2])


def dot3(a, b):
    """Inner product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def div3(a, b):
    """Quotient of each component."""
    return vec3(a[0] / b[0], a[1] / b[1], a[2] / b[2])


def cross3(a, b):
    """Cross product."""
    return vec3(
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def axpy4(s, a, b):
    """Sum s a + b."""
    return vec4(s * a[0] + b[0], s * a[1] + b[1], s * a[2] + b[2], s * a[3] + b[3])


def sub4(a, b):
    """Difference a - b."""
    return vec4(a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3])


def dot4(a, b):
    """Inner product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]


def normalize4(q):
    """The unit vector along `q`."""
    s = ONE / sqrt(dot4(q, q))
    return vec4(q[0] * s, q[1] * s, q[2] * s, q[3] * s)


def rotate(q, v):
    """Body vector `v` in the world frame, for a unit quaternion."""
    u = vec3(q[1], q[2], q[3])
    c = cross3(u, v)
    t = vec3(TWO * c[0], TWO * c[1], TWO * c[2])
    return add3(axpy3(q[0], t, v), cross3(u, t))


def rotate_inverse(q, v):
    """World vector `v` in the body frame."""
    return rotate(vec4(q[0], -q[1], -q[2], -q[3]), v)


def quat_rate(q, w):
    """Quaternion derivative [1/s] for a body rate `w` [rad/s]."""
    return vec4(
        -HALF * (q[1] * w[0] + q[2] * w[1] + q[3] * w[2]),
        HALF * (q[0] * w[0] + q[2] * w[2] - q[3] * w[1]),
        HALF * (q[0] * w[1] - q[1] * w[2] + q[3] * w[0]),
        HALF * (q[0] * w[2] + q[1] * w[1] - q[2] * w[0]),
    )


def decay_factor(x):
    """Value of exp(-x) for 0 <= x < 0.5, by the [2/2] Pade approximant.

    Within 4e-5 there, and within 1e-7 below 0.15.
    """
    a = ONE + TWELFTH * x * x
    return (a - HALF * x) / (a + HALF * x)


def load3(x, i, field):
    """Three consecutive fields of the record whose lane starts at `i`."""
    j = i + LANES * field
    return vec3(x[j], x[j + LANES], x[j + LANES_2])


def load4(x, i, field):
    """Four consecutive fields."""
    j = i + LANES * field
    return vec4(x[j], x[j + LANES], x[j + LANES_2], x[j + LANES_3])


def store3(x, i, field, v):
    """Write three consecutive fields."""
    j = i + LANES * field
    x[j] = v[0]
    x[j + LANES] = v[1]
    x[j + LANES_2] = v[2]


def store4(x, i, field, v):
    """Write four consecutive fields."""
    j = i + LANES * field
    x[j] = v[0]
    x[j + LANES] = v[1]
    x[j + LANES_2] = v[2]
    x[j + LANES_3] = v[3]
