"""Automatic range widening: start at the nominal task and go further where it works.

After automatic domain randomization (Akkaya et al., "Solving Rubik's cube with a robot hand",
arXiv 1910.07113, 2019, section 5). Half of the episodes put one coordinate on one end of its range
of the day. When an end has seen `ENOUGH` of them, it moves outwards by `STEP` if they went well,
and back if they went badly.

The paper's thresholds are numbers of successes, a task's own. Here performance is on a scale that
every task has: 0 is the return at the start of training (the median of the first `CALIBRATION`
episodes), 1 is what is reached now where it goes well (the upper decile of the last `RECENT`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from robot_rl.curricula.curriculum import Array

HALF_WIDTH = 0.1  # of the ranges at the start
STEP = 0.1
ENOUGH = 12
BOUNDARY = 0.5  # share of episodes at an end
GOOD, BAD = 0.6, 0.3
CALIBRATION, RECENT = 256, 1000


class Widening:
    """See Curriculum."""

    def __init__(self, centre: Array, seed: int = 0) -> None:
        """Start about `centre` (size,); a range never shrinks below its first width."""
        self.size = len(centre)
        inner = np.stack((centre - HALF_WIDTH, centre + HALF_WIDTH)).clip(0.0, 1.0)
        self._inner = inner
        self._ends = inner.copy()  # (2, size): low and high
        self._seen: list[list[float]] = [[] for _ in range(2 * self.size)]
        self._untrained: list[float] = []
        self._recent: list[float] = []
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """See Curriculum.seed."""
        self._rng = np.random.default_rng(seed)

    def sample(self, num: int) -> Array:
        """See Curriculum.sample."""
        low, high = self._ends
        tasks = low + (high - low) * self._rng.random((num, self.size))
        at_end = np.flatnonzero(self._rng.random(num) < BOUNDARY)
        side, coordinate = self._rng.integers((2, self.size), size=(len(at_end), 2)).T
        tasks[at_end, coordinate] = self._ends[side, coordinate]
        return tasks

    def update(self, tasks: Array, returns: Array) -> None:
        """See Curriculum.update."""
        if len(self._untrained) < CALIBRATION:
            self._untrained += returns.tolist()
            return
        self._recent = [*self._recent, *returns.tolist()][-RECENT:]
        # An end that has moved in the meantime is not met by any coordinate: such an episode
        # tells nothing of where the end is now.
        for row, side, coordinate in np.argwhere(tasks[:, None] == self._ends):
            self._seen[side * self.size + coordinate].append(float(returns[row]))
        for end, seen in enumerate(self._seen):
            if len(seen) >= ENOUGH:
                self._move(*divmod(end, self.size), float(np.mean(seen)))
                seen.clear()

    def _move(self, side: int, coordinate: int, mean_return: float) -> None:
        worst = float(np.median(self._untrained))
        best = float(np.quantile(self._recent, 0.9))
        if best <= worst:
            return
        performance = (mean_return - worst) / (best - worst)
        outwards = int(performance >= GOOD) - int(performance <= BAD)
        moved = self._ends[side, coordinate] + outwards * (STEP if side else -STEP)
        inner = self._inner[side, coordinate]
        bounds = (inner, 1.0) if side else (0.0, inner)
        self._ends[side, coordinate] = np.clip(moved, *bounds)

    def report(self) -> dict[str, float]:
        """Mean width of the ranges."""
        return {'width': float((self._ends[1] - self._ends[0]).mean())}

    def state_dict(self) -> dict[str, Any]:
        """See Curriculum.state_dict."""
        return {
            'ends': self._ends.tolist(),
            'seen': [list(seen) for seen in self._seen],
            'untrained': list(self._untrained),
            'recent': list(self._recent),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See Curriculum.load_state_dict."""
        self._ends = np.array(state['ends'])
        self._seen = [list(seen) for seen in state['seen']]
        self._untrained, self._recent = list(state['untrained']), list(state['recent'])
