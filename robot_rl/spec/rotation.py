"""Rotations in NumPy float64: unit quaternions wxyz and matrices, from a body to the world.

Shapes are (n, ...) unless a docstring says otherwise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_NEXT, _LAST = [1, 2, 0], [2, 0, 1]


def rotate(quat: Array, vector: Array) -> Array:
    """Body vectors (n, 3) in the world, by quaternions (n, 4)."""
    axis = quat[:, 1:]
    twice = 2.0 * cross(axis, vector)
    return vector + quat[:, :1] * twice + cross(axis, twice)


def rotate_inverse(quat: Array, vector: Array) -> Array:
    """World vectors (n, 3) in the body frame."""
    return rotate(inverse(quat), vector)


def inverse(quat: Array) -> Array:
    """From the world to the body instead of the other way."""
    return quat * (1.0, -1.0, -1.0, -1.0)


def product(first: Array, second: Array) -> Array:
    """`second` and then `first`: (n, 4)."""
    w = first[:, :1] * second[:, :1] - (first[:, 1:] * second[:, 1:]).sum(1, keepdims=True)
    axis = first[:, :1] * second[:, 1:] + second[:, :1] * first[:, 1:]
    return np.concatenate((w, axis + cross(first[:, 1:], second[:, 1:])), axis=1)


def cross(a: Array, b: Array) -> Array:
    """Row by row (n, 3), in a tenth of numpy.cross's time for a small batch."""
    return a[:, _NEXT] * b[:, _LAST] - a[:, _LAST] * b[:, _NEXT]


def skew(vector: Array) -> Array:
    """Matrices (..., 3, 3) that take a vector v to the cross product of (..., 3) and v."""
    matrix = np.zeros((*vector.shape, 3))
    for axis, (i, j) in enumerate(((2, 1), (0, 2), (1, 0))):
        matrix[..., i, j], matrix[..., j, i] = vector[..., axis], -vector[..., axis]
    return matrix


def about(axis: Array, angle: Array) -> Array:
    """Matrices (n, 3, 3) of turns by `angle` (n,) [rad] about a unit `axis` (3,), by Rodrigues."""
    crossing = skew(axis)
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + sine * crossing + (1.0 - cosine) * (crossing @ crossing)


def matrix_of(quat: Array) -> Array:
    """Matrices (..., 3, 3) of unit quaternions (..., 4)."""
    crossing = skew(quat[..., 1:])
    return np.eye(3) + 2.0 * quat[..., 0, None, None] * crossing + 2.0 * crossing @ crossing


def quaternion_of(matrix: Array) -> Array:
    """Unit quaternions (n, 4) of matrices (n, 3, 3), by the largest component (Shepperd 1978)."""
    diagonal = np.einsum('nii->ni', matrix)
    trace = diagonal.sum(axis=1)
    # Row i is the quaternion times 4 times its component i.
    rows = np.empty((len(matrix), 4, 4))
    rows[:, 0, 0] = 1.0 + trace
    for i, (j, k) in enumerate(((1, 2), (2, 0), (0, 1)), start=1):
        rows[:, 0, i] = rows[:, i, 0] = matrix[:, k, j] - matrix[:, j, k]
        rows[:, i, i] = 1.0 + 2.0 * diagonal[:, i - 1] - trace
        rows[:, j + 1, k + 1] = rows[:, k + 1, j + 1] = matrix[:, k, j] + matrix[:, j, k]
    largest = np.einsum('nii->ni', rows).argmax(axis=1)
    quat = rows[np.arange(len(matrix)), largest]
    return quat / np.linalg.norm(quat, axis=1, keepdims=True)


def matrix_of_rpy(rpy: Array) -> Array:
    """Matrix (3, 3) of roll, pitch and yaw [rad] about fixed axes, as in REP-103 and URDF."""
    roll, pitch, yaw = (about(*turn)[0] for turn in zip(np.eye(3), rpy[:, None], strict=True))
    return yaw @ pitch @ roll


def rpy_of(matrix: Array) -> Array:
    """Roll, pitch and yaw (3,) [rad] of a matrix (3, 3); straight up or down the yaw is 0."""
    pitch = np.arctan2(-matrix[2, 0], np.hypot(matrix[2, 1], matrix[2, 2]))
    if abs(matrix[2, 0]) > 1.0 - 1e-12:
        return np.array([np.arctan2(-matrix[1, 2], matrix[1, 1]), pitch, 0.0])
    roll = np.arctan2(matrix[2, 1], matrix[2, 2])
    return np.array([roll, pitch, np.arctan2(matrix[1, 0], matrix[0, 0])])
