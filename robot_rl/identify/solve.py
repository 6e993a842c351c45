"""Least squares with a start of its own for each window, eliminated before the shared unknowns.

Gauss-Newton with Levenberg's damping. The normal equations have the form of an arrow: windows
touch each other only through what they share, so each window's start is solved for by itself
(Schur complement) and the rest is one system of a few dozen unknowns. scipy's `least_squares`
would have to be given all of it as one sparse matrix.

What was known before the flight enters as one more measurement of each shared unknown (mean 0,
deviation 1), so that a direction the flight says nothing about keeps its prior width instead of
running away.

References: B. Triggs et al., "Bundle Adjustment - A Modern Synthesis", 1999, section 6 (the
elimination); V. P. Godambe, "An Optimum Property of Regular Maximum Likelihood Estimation", 1960.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import RecordingError
from robot_rl.identify.problem import START_PRIOR, Normal, Problem
from robot_rl.identify.windows import MIN_WINDOWS

Array = NDArray[np.float64]
MAX_ROUNDS = 5
"""Times that noise and odd windows are estimated anew."""
MAX_STEPS = 60
CONVERGED = 0.1
"""A step that promises to lower the cost (a sum of squared deviations) by less ends a round; an
engine in single precision resolves little less."""
LEAST_DAMPING = 0.1
"""Of a step that follows one that overshot, in the prior's information."""
ODD = 9.0
"""A window in which a signal's misfit is so many times its median holds what the model has no
words for: a lost setpoint, contact with the ground, a hand. It is left out."""
FEWEST = 0.6
"""With less than this part of the windows the model does not fit the recording."""
SETTLED = 0.02
"""Noise that changes by a smaller part ends the rounds."""
NOTHING = 1e-6
"""Information, in that of the prior, that does not count."""


@dataclass(frozen=True)
class Solution:
    """The best fit and how well it is known; `shared` has g, a start l components."""

    shared: Array
    """(g,) of the best fit."""
    start: Array
    """(w, l) of each window, in steps of Problem."""
    mean: Array
    """(g,) estimate, once the flight has the weight that its windows' disagreement leaves it."""
    covariance: Array
    """(g, g) of `mean`."""
    information: Array
    """(g, g) that the flight gives, in that of the prior."""
    noise: Array
    """(signals,) deviation of what was left unexplained [SI]."""
    kept: NDArray[np.bool_]
    """(w,) windows that were used."""


def solve(problem: Problem) -> Solution:
    """Find the shared unknowns and starts that explain the windows best.

    Raises RecordingError if most windows cannot be explained together.
    """
    num = problem.windows.num
    shared, start = np.zeros(problem.size), np.zeros((num, problem.components.sum()))
    # A misfit that is large at first counts as noise then, which keeps the first steps short.
    noise, kept = _scatter(problem, problem.misfit(shared, start))
    for _ in range(MAX_ROUNDS):
        shared, start, normal = _round(problem, shared, start, noise, kept)
        before = (noise, kept)
        noise, kept = _scatter(problem, normal.misfit)
        if (kept == before[1]).all() and np.allclose(noise, before[0], rtol=SETTLED):
            break
    if kept.sum() < max(MIN_WINDOWS, FEWEST * num):
        raise RecordingError(
            f'Only {kept.sum()} of {num} windows can be explained together, at least '
            f'{max(MIN_WINDOWS, math.ceil(FEWEST * num))} are needed. The robot may be another '
            'one, have touched something or be modelled wrongly: check --robot, or record a '
            'flight in free air.'
        )
    believed, _, windows = _reduced(normal, noise, kept)
    return Solution(shared, start, *_weighed(shared, believed, windows), noise, kept)


def _weighed(shared: Array, believed: Array, windows: Array) -> tuple[Array, Array, Array]:
    """Estimate, covariance, information when errors are not as white as `believed` takes them.

    `windows` (w, g) are the gradients of single windows. Their scatter is `believed` (g, g) if
    the model is right. Errors of model and clocks, which last for many samples, make it larger,
    and the flight then weighs as much less against the prior as the scatter is larger, along
    each principal direction of `believed` by itself. The covariance takes the scatter as a whole.
    """
    values, vectors = np.linalg.eigh(believed)
    values = np.maximum(values, NOTHING)
    scatter = len(windows) * np.cov(windows @ vectors, rowvar=False)
    larger = np.maximum(np.diag(scatter), values)
    np.fill_diagonal(scatter, larger)
    left = values**2 / larger
    weight = left / (values * (left + 1.0))
    mean = vectors @ (weight * (values + 1.0) * (vectors.T @ shared))
    spread = weight[:, None] * scatter * weight + np.diag((left + 1.0) ** -2)
    covariance = vectors @ spread @ vectors.T
    # By chance the scatter of some sixty windows is small now and then.
    least = np.diag((vectors / (values + 1.0)) @ vectors.T)
    stretch = np.sqrt(np.maximum(1.0, least / np.diag(covariance)))
    return mean, stretch[:, None] * covariance * stretch, (vectors * left) @ vectors.T


def _round(
    problem: Problem, shared: Array, start: Array, noise: Array, kept: NDArray[np.bool_]
) -> tuple[Array, Array, Normal]:
    """Descend until nothing changes, at given noise (signals,) and windows."""
    damping, normal = 0.0, problem.normal(shared, start)
    cost = _cost(normal.misfit, shared, start, noise, kept)
    for _ in range(MAX_STEPS):
        change, starts, promise = _step(normal, shared, start, noise, kept, damping)
        moved, better = (shared + change, start + starts), np.inf
        if problem.possible(moved[0]):
            better = _cost(problem.misfit(*moved), *moved, noise, kept)
        if better < cost:
            (shared, start), cost = moved, better
            damping = 0.1 * damping if damping > LEAST_DAMPING else 0.0
            normal = problem.normal(shared, start)
        else:
            damping = max(LEAST_DAMPING, 10.0 * damping)
        if promise < CONVERGED:
            break
    return shared, start, normal


def _cost(
    misfit: Array, shared: Array, start: Array, noise: Array, kept: NDArray[np.bool_]
) -> float:
    # A window left out still follows its own start, which costs nothing to the others.
    windows = (misfit / noise**2).sum(1) + ((start / START_PRIOR) ** 2).sum(1)
    return float(np.where(np.isfinite(windows), windows, np.inf)[kept].sum() + shared @ shared)


def _step(
    normal: Normal,
    shared: Array,
    start: Array,
    noise: Array,
    kept: NDArray[np.bool_],
    damping: float,
) -> tuple[Array, Array, float]:
    """Change of `shared` (g,) and of each start (w, l), and by how much it should lower the cost.

    The cost of the windows left out is none of the promise.
    """
    weight = 1.0 / noise**2
    own = np.einsum('wsij,s->wij', normal.own, weight)
    own += np.eye(start.shape[1]) * (damping + START_PRIOR**-2)
    mixed = np.einsum('wsij,s->wij', normal.mixed, weight)
    slope = normal.own_slope.transpose(0, 2, 1) @ weight + start / START_PRIOR**2
    information, gradient, _ = _reduced(normal, noise, kept, slope, damping)
    system = information + (1.0 + damping) * np.eye(len(shared))
    change = -np.linalg.solve(system, gradient + shared).astype(np.float64)
    right = slope + np.einsum('wgl,g->wl', mixed, change)
    starts = -np.linalg.solve(own, right[..., None])[..., 0]
    alone = np.einsum('wl,wl->', slope[kept], np.linalg.solve(own, slope[..., None])[kept, :, 0])
    return change, starts, float(alone - change @ (gradient + shared))


def _reduced(
    normal: Normal,
    noise: Array,
    kept: NDArray[np.bool_],
    slope: Array | None = None,
    damping: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Information (g, g) and gradient (g,) with the starts eliminated; gradients (kept w, g)."""
    weight = 1.0 / noise**2
    shared = np.einsum('wsij,s->wij', normal.shared[kept], weight)
    mixed = np.einsum('wsij,s->wij', normal.mixed[kept], weight)
    own = np.einsum('wsij,s->wij', normal.own[kept], weight)
    own += np.eye(own.shape[-1]) * (damping + START_PRIOR**-2)
    own_slope = (
        normal.own_slope[kept].transpose(0, 2, 1) @ weight if slope is None else slope[kept]
    )
    shared_slope = normal.shared_slope[kept].transpose(0, 2, 1) @ weight
    back = np.linalg.solve(
        own, np.concatenate((mixed.transpose(0, 2, 1), own_slope[..., None]), 2)
    )
    information = (shared - mixed @ back[..., :-1]).sum(0)
    windows = shared_slope - (mixed @ back[..., -1:])[..., 0]
    return 0.5 * (information + information.T), windows.sum(0), windows


def _scatter(problem: Problem, misfit: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Noise of each signal (signals,) as it was met, and the windows that are not odd (w,)."""
    numbers = problem.samples * problem.components
    each = np.where(np.isfinite(misfit), misfit, np.inf) / np.maximum(numbers, 1)
    kept = np.all(each <= ODD * np.median(each, axis=0), axis=1)
    # Each window spent some of its measurements on its own start.
    free = 1.0 - problem.components.sum() * kept.sum() / numbers[kept].sum()
    noise = np.sqrt(misfit[kept].sum(0) / (numbers[kept].sum(0) * free))
    return np.maximum(noise, problem.least_noise), kept
