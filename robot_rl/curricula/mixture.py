"""Gaussian mixtures by expectation maximisation (Dempster, Laird and Rubin 1977).

A hundred lines instead of scikit-learn, which would bring scipy along, and whose checks take
longer than the few hundred points here need for all nine fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FLOOR = 1e-4
"""Added to every variance, so that no component collapses onto a point."""
MIN_WEIGHT = 1e-9


@dataclass(frozen=True)
class Mixture:
    """`k` Gaussians in `d` dimensions."""

    weights: Array
    """(k,) summing to one."""
    means: Array
    """(k, d)"""
    covariances: Array
    """(k, d, d)"""

    def log_densities(self, points: Array) -> Array:
        """Logarithm of weight times density of each component at `points` (n, d): (n, k)."""
        factors = np.linalg.cholesky(self.covariances)
        centred = points[None] - self.means[:, None]  # (k, n, d)
        whitened = np.linalg.solve(factors, centred.transpose(0, 2, 1))  # (k, d, n)
        log_root = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(1)
        constant = 0.5 * points.shape[1] * math.log(2.0 * math.pi)
        scale = np.log(self.weights) - log_root - constant
        return scale - 0.5 * (whitened**2).sum(1).T

    def sample(self, num: int, component: int, rng: np.random.Generator) -> Array:
        """Draw (num, d) from one component."""
        factor = np.linalg.cholesky(self.covariances[component])
        normal = rng.standard_normal((num, len(factor)))
        return self.means[component] + normal @ factor.T


def fit(
    points: Array, num: int, rng: np.random.Generator, iterations: int = 40, slack: float = 1e-3
) -> tuple[Mixture, float]:
    """Fit `num` Gaussians to `points` (n, d); returns them and the total log-likelihood.

    Starts from points chosen far apart (k-means++, Arthur and Vassilvitskii 2007); ends after
    `iterations` or when the mean log-likelihood grows by less than `slack`.
    """
    centres = _far_apart(points, num, rng)
    nearest = ((points[:, None] - centres) ** 2).sum(2).argmin(1)
    mixture, mean = _maximise(points, np.eye(num)[nearest]), -math.inf
    for _ in range(iterations):
        logs = mixture.log_densities(points)
        peak = logs.max(1, keepdims=True)
        shares = np.exp(logs - peak)
        total = shares.sum(1, keepdims=True)
        before, mean = mean, float((np.log(total) + peak).mean())
        if mean - before < slack:
            break
        mixture = _maximise(points, shares / total)
    return mixture, mean * len(points)


def best_fit(points: Array, numbers: Sequence[int], rng: np.random.Generator) -> Mixture:
    """Fit each of the `numbers` of Gaussians; the one with the lowest AIC (Akaike 1974)."""
    size = points.shape[1]
    each = 1 + size + size * (size + 1) // 2
    fits = [fit(points, num, rng) for num in numbers]
    scores = [2 * (num * each - 1) - 2 * log for num, (_, log) in zip(numbers, fits, strict=True)]
    return fits[int(np.argmin(scores))][0]


def _far_apart(points: Array, num: int, rng: np.random.Generator) -> Array:
    """Choose `num` of the points, each likelier the further it is from those chosen before."""
    chosen = [points[rng.integers(len(points))]]
    distance = np.full(len(points), np.inf)
    for _ in range(num - 1):
        distance = np.minimum(distance, ((points - chosen[-1]) ** 2).sum(1))
        reached = np.cumsum(distance)
        chosen.append(points[np.searchsorted(reached, rng.random() * reached[-1])])
    return np.array(chosen)


def _maximise(points: Array, shares: Array) -> Mixture:
    """Gaussians that fit `points` best, of which each component owns `shares` (n, k)."""
    counts = shares.sum(0) + MIN_WEIGHT
    means = shares.T @ points / counts[:, None]
    centred = points[None] - means[:, None]  # (k, n, d)
    weighted = centred * shares.T[:, :, None]
    covariances = weighted.transpose(0, 2, 1) @ centred / counts[:, None, None]
    covariances += FLOOR * np.eye(points.shape[1])
    return Mixture(counts / counts.sum(), means, covariances)
