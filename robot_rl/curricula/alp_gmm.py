"""ALP-GMM: train where the return is changing.

R. Portelas, C. Colas, K. Hofmann, P.-Y. Oudeyer, "Teacher algorithms for curriculum learning of
deep RL in continuously parameterized environments", arXiv 1910.07224, 2019. The absolute learning
progress of an episode is how much its return differs from that of the nearest task before. Every
`PERIOD` episodes a Gaussian mixture is fitted to (task, progress) of the last ones, and tasks are
drawn from its components in proportion to their mean progress; a fifth of them stay uniform.

Returns have no known bounds here: progress counts in units of the largest among the points that
are fitted. The nearest task is sought among the last `HISTORY`, so that an episode's cost is
bounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from robot_rl.curricula.curriculum import Array
from robot_rl.curricula.mixture import Mixture, best_fit

PERIOD = 250
"""Episodes between fits, and points in one: the paper's N."""
NUMBERS = tuple(range(2, 11))
"""Of Gaussians tried."""
RANDOM = 0.2
"""Share of tasks drawn uniformly; all of them before the first fit."""
HISTORY = 5000


class AlpGmm:
    """See Curriculum."""

    def __init__(self, centre: Array, seed: int = 0) -> None:
        """Tasks of as many coordinates as `centre` (size,) has."""
        self.size = size = len(centre)
        self._tasks, self._returns = np.zeros((0, size)), np.zeros(0)
        self._new = 0  # of these, how many came after the last fit
        self._mixture: Mixture | None = None
        self._latest = 0.0
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """See Curriculum.seed."""
        self._rng = np.random.default_rng(seed)

    def sample(self, num: int) -> Array:
        """See Curriculum.sample."""
        tasks = self._rng.random((num, self.size))
        mixture = self._mixture
        if mixture is None:
            return tasks
        progress = mixture.means[:, -1].clip(1e-9)  # its last dimension
        chosen = self._rng.choice(len(progress), num, p=progress / progress.sum())
        chosen[self._rng.random(num) < RANDOM] = -1
        for component in range(len(progress)):
            rows = chosen == component
            drawn = mixture.sample(int(rows.sum()), component, self._rng)
            tasks[rows] = drawn[:, :-1].clip(0.0, 1.0)
        return tasks

    def update(self, tasks: Array, returns: Array) -> None:
        """See Curriculum.update."""
        self._tasks = np.concatenate((self._tasks, tasks))
        self._returns = np.concatenate((self._returns, returns))
        self._new += len(returns)
        if self._new >= PERIOD:
            self._fit()

    def _fit(self) -> None:
        """Fit the newest episodes, then forget the oldest."""
        progress = self._progress()
        self._latest = float(progress.mean())
        largest = progress.max()
        if largest > 0.0:
            points = np.column_stack((self._tasks[-self._new :], progress / largest))
            self._mixture = best_fit(points, NUMBERS, self._rng)
        self._tasks, self._returns = self._tasks[-HISTORY:], self._returns[-HISTORY:]
        self._new = 0

    def _progress(self) -> Array:
        """Difference of each new episode's return from that of the nearest task before it."""
        tasks, new = self._tasks, self._tasks[-self._new :]
        first = len(tasks) - len(new)
        squares = (tasks**2).sum(1)
        distance = squares - 2.0 * new @ tasks.T  # and new^2, the same for a whole row
        own = first + np.arange(len(new))
        distance[np.arange(len(tasks)) >= own[:, None]] = np.inf
        progress = np.abs(self._returns[own] - self._returns[distance.argmin(1)])
        if first == 0:  # nothing came before the very first
            progress[0] = 0.0
        return progress

    def report(self) -> dict[str, float]:
        """Mean absolute learning progress at the last fit, in units of return."""
        return {'learning_progress': self._latest}

    def state_dict(self) -> dict[str, Any]:
        """See Curriculum.state_dict."""
        mixture = self._mixture
        parts = (mixture.weights, mixture.means, mixture.covariances) if mixture else ()
        return {
            'tasks': self._tasks.tolist(),
            'returns': self._returns.tolist(),
            'new': self._new,
            'latest': self._latest,
            'mixture': [part.tolist() for part in parts],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See Curriculum.load_state_dict."""
        self._tasks = np.array(state['tasks']).reshape(-1, self.size)
        self._returns = np.array(state['returns'])
        self._new, self._latest = state['new'], state['latest']
        self._mixture = Mixture(*map(np.array, state['mixture'])) if state['mixture'] else None
