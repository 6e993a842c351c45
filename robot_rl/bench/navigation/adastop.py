"""AdaStop: which planners differ, with as few runs as that takes.

T. Mathieu et al., "AdaStop: adaptive statistical testing for sound comparisons of Deep RL agents",
TMLR 2024: a group-sequential permutation test of all pairs of planners. Runs come in `interims`;
after each, the pair that differs most is held against a boundary that the largest of all pairs'
statistics would pass by chance with the part of `level` that is due by then. A pair beyond it is
decided and the rest are tested anew among themselves (step-down, as Holm's). The chance that any
pair without a difference is called different, ever, is at most `level`.

What is chosen here beyond the paper:

- Blocks. Planners run in the same worlds with the same seeds, so a permutation swaps two planners'
  values within a block and nowhere else: what worlds have in common falls out. A block should be a
  world, its value the mean over seeds: runs in one world are alike, and blocks must not be. With
  `paired=False` the values of a pair are shuffled within each interim, as in the paper.
- The sum of a pair's differences is divided by a scale that no permutation changes, so that a pair
  with little spread is not lost beside one with much. For two planners the test is the paper's.
- The boundaries of what is undecided are found anew for all interims so far (closed testing).
- With `margin`, a pair is 'equal' early once an interval of its mean difference, wide enough for
  all pairs and interims, lies within the margin. It stays in the boundaries of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
import math
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Verdict = Literal['larger', 'smaller', 'equal', 'continue']

PERMUTATIONS = 10_000
FEWEST = 10
"""Blocks before a pair may be called equal early."""


@dataclass(frozen=True)
class Decision:
    """What is known of a pair."""

    first: str
    second: str
    verdict: Verdict = 'continue'
    """Whether first has more than second. 'equal': no difference was shown until the end, or one
    below the margin was."""
    interim: int = 0
    """After which it was decided, from 1; 0 where it is not."""
    mean: float = math.nan
    """Mean of first - second when it was decided."""


class AdaStop:
    """A test that is told values interim by interim and says who must still run."""

    def __init__(
        self,
        planners: Sequence[str],
        interims: int = 5,
        level: float = 0.05,
        *,
        paired: bool = True,
        margin: float = 0.0,
        permutations: int = PERMUTATIONS,
        seed: int = 0,
    ) -> None:
        """Begin.

        Args:
            planners: At least two names.
            interims: How often is looked at most.
            level: Chance of any false difference.
            paired: Whether row i of all planners is the same block.
            margin: Differences below it do not matter, in the unit of the values; 0 for none.
            permutations: Drawn to stand for all there are.
            seed: Of these.
        """
        if len(set(planners)) != len(planners) or len(planners) < 2 or interims < 1:
            raise ValueError(f'Expected two names and an interim or more, got {planners}.')
        self.planners = list(planners)
        self.interims, self.level, self.margin, self.paired = interims, level, margin, paired
        self.interim = 0
        pairs = list(combinations(range(len(planners)), 2))
        self._pairs = np.array(pairs)
        self._decisions = [Decision(planners[i], planners[j]) for i, j in pairs]
        self._sums = np.zeros((permutations, len(pairs)))
        self._squares = np.zeros(len(pairs))
        self._paths: list[Array] = []
        self._seen: list[list[tuple[Array, Array]]] = [[] for _ in pairs]
        self._generator = np.random.default_rng(seed)

    @property
    def decisions(self) -> list[Decision]:
        """One a pair, in the order of the planners."""
        return list(self._decisions)

    @property
    def finished(self) -> bool:
        """Whether every pair is decided."""
        return all(decision.verdict != 'continue' for decision in self._decisions)

    @property
    def running(self) -> list[str]:
        """Planners that the next interim needs."""
        open_pairs = set(self._pairs[self._undecided].ravel().tolist())
        return [name for i, name in enumerate(self.planners) if i in open_pairs]

    @property
    def _undecided(self) -> NDArray[np.bool_]:
        return np.array([decision.verdict == 'continue' for decision in self._decisions])

    def update(self, values: Mapping[str, ArrayLike]) -> None:
        """Take the new values of an interim, (n,) of each running planner, and decide.

        Paired, a NaN leaves its block out for that planner's pairs.

        Raises:
            ValueError: Nothing is left to decide, or values are of unlike lengths.
            KeyError: A running planner has none.
        """
        if self.finished:
            raise ValueError('Expected an open pair, got values after the last decision.')
        names = self.running
        at = {name: np.asarray(values[name], np.float64).ravel() for name in names}
        sizes = {row.size for row in at.values()}
        if len(sizes) != 1 or sizes == {0}:
            raise ValueError(f'Expected as many values of each of {names}, at least one.')
        idle = np.zeros(sizes.pop())
        table = np.stack([at.get(name, idle) for name in self.planners], 1)
        self._extend(table)
        self.interim += 1
        self._reject()
        if self.margin > 0.0:
            self._accept()
        if self.interim == self.interims:
            for index in np.flatnonzero(self._undecided).tolist():
                self._decide(index, 'equal')

    def _extend(self, table: Array) -> None:
        """Add the values (n, planners) to what every permutation sums up to."""
        is_open = self._undecided
        first, second = (table[:, self._pairs[is_open, side]] for side in (0, 1))
        if self.paired:
            apart = np.nan_to_num(first - second)
            shape = len(self._sums), len(table)
            signs = 1.0 - 2.0 * self._generator.integers(0, 2, shape, np.int8)
            signs[0] = 1.0
            self._sums[:, is_open] += signs @ apart
            self._squares[is_open] += np.square(apart).sum(axis=0)
        else:
            both = np.concatenate((first, second))
            draws = self._generator.random((len(self._sums), len(both)))
            draws[0] = np.arange(len(both)) / len(both)
            signs = np.where(draws.argsort(axis=1).argsort(axis=1) < len(table), 1.0, -1.0)
            self._sums[:, is_open] += signs @ both
            self._squares[is_open] += np.square(both - both.mean(axis=0)).sum(axis=0)
        for index, a, b in zip(np.flatnonzero(is_open), first.T, second.T, strict=True):
            self._seen[index].append((a, b))
        scale = np.where(self._squares > 0.0, np.sqrt(self._squares), np.inf)
        # Sums of the same numbers in another order must tie.
        self._paths.append(np.abs(self._sums / scale).round(9))

    def _reject(self) -> None:
        """Step down: decide what passes the boundaries, then test the rest among themselves."""
        while self._undecided.any():
            apart = np.array([item.verdict in ('larger', 'smaller') for item in self._decisions])
            paths = np.stack([path[:, ~apart] for path in self._paths])
            limits = boundaries(paths.max(axis=2), self.level, self.interims)
            beyond = np.zeros(len(self._pairs), np.bool_)
            beyond[~apart] = (paths[:, 0] >= limits[:, None]).any(axis=0)
            beyond &= self._undecided
            if not beyond.any():
                return
            for index in np.flatnonzero(beyond).tolist():
                self._decide(index, 'larger' if self._sums[0, index] > 0.0 else 'smaller')

    def _accept(self) -> None:
        """Call equal what is surely within the margin."""
        tail = self.level / (len(self._pairs) * self.interims)
        for index in np.flatnonzero(self._undecided).tolist():
            mean, error, count = self._estimate(index)
            if count < FEWEST:
                continue
            z = NormalDist().inv_cdf(1.0 - tail)
            z += (z**3 + z) / (4.0 * (count - 1))  # towards Student's t
            if abs(mean) + z * error < self.margin:
                self._decide(index, 'equal')

    def _estimate(self, index: int) -> tuple[float, float, int]:
        """Mean difference of a pair, its standard error, and the number of values."""
        first, second = map(np.concatenate, zip(*self._seen[index], strict=True))
        if self.paired:
            apart = (first - second)[~np.isnan(first - second)]
            size = apart.size
            error = apart.std(ddof=1) / math.sqrt(size) if size > 1 else math.inf
            return (float(apart.mean()) if size else math.nan), float(error), size
        size = first.size
        variance = first.var(ddof=1) + second.var(ddof=1) if size > 1 else math.inf
        return float(first.mean() - second.mean()), math.sqrt(variance / size), size

    def _decide(self, index: int, verdict: Verdict) -> None:
        self._decisions[index] = replace(
            self._decisions[index],
            verdict=verdict,
            interim=self.interim,
            mean=self._estimate(index)[0],
        )


def boundaries(largest: Array, level: float, interims: int) -> Array:
    """Boundary of each interim so far, inf where none can be passed yet.

    Args:
        largest: (interims so far, permutations) of the statistic, the largest of all pairs.
        level: Of all interims together; after k of them k / interims of it may be spent.
        interims: How many there are in all.
    """
    total = largest.shape[1]
    alive = np.ones(total, np.bool_)
    limits = np.full(len(largest), np.inf)
    for number, row in enumerate(largest):
        due = math.floor(level * total * (number + 1) / interims + 1e-9)
        left = due - int(total - alive.sum())
        ordered = np.sort(row[alive])[::-1]
        if left >= ordered.size:
            continue
        above = int((ordered > ordered[left]).sum())  # all of a tie, or none
        if above:
            limits[number] = ordered[above - 1]
            alive &= row < limits[number]
    return limits


def compare(values: Mapping[str, ArrayLike], level: float = 0.05, seed: int = 0) -> list[Decision]:
    """The same test of values that are all there: one interim, blocks as rows.

    Args:
        values: (n,) of each planner, row i of all the same block; NaN where there is none.
        level: Chance of any false difference.
        seed: Of the permutations.
    """
    test = AdaStop(list(values), 1, level, seed=seed)
    test.update(values)
    return test.decisions
