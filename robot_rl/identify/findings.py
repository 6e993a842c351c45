"""What a solution means for each parameter: its interval, and what the flight cannot tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import RecordingError
from robot_rl.identify.solve import Solution
from robot_rl.identify.unknowns import WIDTH, Unknowns
from robot_rl.spec.randomization import Spread

Array = NDArray[np.float64]
BLIND = 1.0
"""A direction about which the flight says less than this, in the prior's information, is one that
it cannot tell."""
RELATED = 0.5
"""Correlation of what is left uncertain, above which two parameters are known only together."""


@dataclass(frozen=True)
class Finding:
    """One parameter, n components."""

    spread: Spread
    """What was known beforehand."""
    estimate: Array
    """(n,) [SI]"""
    covariance: Array
    """(n, n) [SI^2]"""
    believed: Array
    """(n,) mean beforehand [SI]."""
    believed_std: Array
    """(n,) deviation beforehand [SI]."""
    told: NDArray[np.bool_]
    """(n,) whether what is left uncertain is something that the flight speaks about."""

    @property
    def half(self) -> Array:
        """(n,) half the 95 % interval [SI]."""
        return WIDTH * np.sqrt(np.diag(self.covariance))

    @property
    def interval(self) -> tuple[Array, Array]:
        """Bounds of the 95 % interval, each (n,) [SI]."""
        return self.estimate - self.half, self.estimate + self.half

    @property
    def surprising(self) -> bool:
        """Whether the flight puts some component where the old range would hardly draw it."""
        off = np.abs(self.estimate - self.believed) - self.half
        return bool((self.told & (off > 2.0 * self.believed_std)).any())


@dataclass(frozen=True)
class Findings:
    """All parameters."""

    parameters: Mapping[str, Finding]
    """By name, without those that were given."""
    together: Sequence[Sequence[str]]
    """Groups of parameters of which only combinations are known."""
    untold: Sequence[str]
    """Parameters that left no trace in the flight."""
    condition: float
    """Largest over smallest information that the flight gives about a direction."""


def findings(unknowns: Unknowns, solution: Solution) -> Findings:
    """Turn draws into parameters.

    Raises RecordingError if the flight tells no parameter at all.
    """
    draws = unknowns.size
    slopes = unknowns.slopes(solution.mean[:draws])
    prior_slopes = unknowns.slopes(np.zeros(draws))
    information = _marginal(solution.information, draws)
    values, vectors = np.linalg.eigh(information)
    values = np.maximum(values, 0.0)
    reach = slopes @ vectors
    parts = reach**2 / (values + 1.0)
    told = parts[:, values < BLIND].sum(1) <= 0.5 * parts.sum(1)
    if not told.any():
        raise RecordingError(
            f'The recording has no excitation: it tells none of {len(told)} randomized numbers. '
            'Record a flight with turns, climbs and stops.'
        )
    covariance = slopes @ solution.covariance[:draws, :draws] @ slopes.T
    estimate = unknowns.components(solution.mean[:draws])
    believed = unknowns.components(np.zeros(draws))
    believed_std = np.linalg.norm(prior_slopes, axis=1)
    parameters: dict[str, Finding] = {}
    for name, part in unknowns.places.items():
        spread = next(item for item in unknowns.spreads if item.parameter == name)
        inner = covariance[part, part]
        parameters[name] = Finding(
            spread, estimate[part], inner, believed[part], believed_std[part], told[part]
        )
    own = np.diag(information)
    alone = [
        bool((own[np.abs(slopes[part]).sum(0) > 0.0] > BLIND).any())
        for part in unknowns.places.values()
    ]
    blind = [name for name, finding in parameters.items() if not finding.told.all()]
    speaks = dict(zip(unknowns.places, alone, strict=True))
    together = _groups([n for n in blind if speaks[n]], unknowns.places, covariance, told)
    largest, smallest = float(values[-1]), float(max(values[0], 1e-300))
    untold = [name for name in blind if not speaks[name]]
    return Findings(parameters, together, untold, largest / smallest)


def _marginal(information: Array, draws: int) -> Array:
    """Information about the draws, with sensors' offsets and delays known as far as they are."""
    mixed, rest = information[:draws, draws:], information[draws:, draws:]
    return information[:draws, :draws] - mixed @ np.linalg.solve(rest + np.eye(len(rest)), mixed.T)


def _groups(
    names: Sequence[str], places: Mapping[str, slice], covariance: Array, told: NDArray[np.bool_]
) -> list[list[str]]:
    """Split `names` into groups whose untold components are correlated."""
    deviation = np.sqrt(np.diag(covariance))
    related = np.abs(covariance / np.outer(deviation, deviation)) > RELATED
    related &= ~told[:, None] & ~told
    groups: list[list[str]] = []
    for name in names:
        near = [g for g in groups if any(related[places[name], places[m]].any() for m in g)]
        groups = [g for g in groups if g not in near] + [[*chain(*near), name]]
    return groups
