"""Rotations against each other and against what is known without them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from robot_rl.spec.rotation import (
    about,
    cross,
    inverse,
    matrix_of,
    matrix_of_rpy,
    product,
    quaternion_of,
    rotate,
    rotate_inverse,
    rpy_of,
)

X, Y, Z = np.eye(3)
LEFT = np.array([[math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)]])
"""A quarter turn to the left."""


@pytest.fixture
def quats():
    drawn = np.random.default_rng(3).normal(size=(50, 4))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@pytest.fixture
def vectors():
    return np.random.default_rng(4).normal(size=(50, 3))


def test_a_quarter_turn_to_the_left():
    np.testing.assert_allclose(rotate(LEFT, X[None]), Y[None], atol=1e-15)
    np.testing.assert_allclose(rotate_inverse(LEFT, Y[None]), X[None], atol=1e-15)
    np.testing.assert_allclose(matrix_of(LEFT[0]) @ X, Y, atol=1e-15)
    np.testing.assert_allclose(about(Z, np.array([math.pi / 2]))[0] @ X, Y, atol=1e-15)
    np.testing.assert_allclose(matrix_of_rpy(np.array([0.0, 0.0, math.pi / 2])) @ X, Y, atol=1e-15)


def test_matrix_and_quaternion_turn_a_vector_to_the_same_place(quats, vectors):
    turned = np.einsum('nij,nj->ni', matrix_of(quats), vectors)
    np.testing.assert_allclose(turned, rotate(quats, vectors), atol=1e-14)
    np.testing.assert_allclose(rotate_inverse(quats, turned), vectors, atol=1e-14)


def test_a_product_turns_by_its_second_factor_first(quats, vectors):
    first, second = quats, quats[::-1]
    together = rotate(product(first, second), vectors)
    np.testing.assert_allclose(together, rotate(first, rotate(second, vectors)), atol=1e-14)
    identity = np.tile([1.0, 0.0, 0.0, 0.0], (50, 1))
    np.testing.assert_allclose(product(quats, inverse(quats)), identity, atol=1e-15)


def test_quaternions_come_back_from_matrices_whatever_is_largest(quats):
    extremes = np.concatenate((quats, np.eye(4)))
    again = quaternion_of(matrix_of(extremes))
    np.testing.assert_allclose(np.abs((again * extremes).sum(1)), 1.0, atol=1e-14)


def test_cross_is_that_of_numpy(vectors):
    np.testing.assert_allclose(cross(vectors, vectors[::-1]), np.cross(vectors, vectors[::-1]))


@pytest.mark.parametrize('pitch', [-math.pi / 2, -0.7, 0.0, 1.2, math.pi / 2])
def test_roll_pitch_and_yaw_give_the_matrix_they_came_from(pitch):
    matrix = matrix_of_rpy(np.array([0.4, pitch, -2.0]))
    np.testing.assert_allclose(matrix_of_rpy(rpy_of(matrix)), matrix, atol=1e-12)
    assert rpy_of(matrix)[1] == pytest.approx(pitch)


def test_roll_comes_first_about_axes_that_stay():
    """As REP-103 and URDF have it: yaw @ pitch @ roll."""
    turn = matrix_of_rpy(np.array([math.pi / 2, 0.0, math.pi / 2]))
    np.testing.assert_allclose(turn @ Y, Z, atol=1e-15)
    np.testing.assert_allclose(turn @ X, Y, atol=1e-15)
