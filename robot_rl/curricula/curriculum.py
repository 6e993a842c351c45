"""The one interface of curricula, the baseline, and curricula by name.

A task is a point of the unit cube: one coordinate for each parameter that a curriculum chooses, 0
and 1 being the ends of its range. What the parameters are, a curriculum need not know.
"""

from __future__ import annotations

from collections.abc import Sequence
import importlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError, UnknownNameError

Array = NDArray[np.float64]
CURRICULA = {
    'uniform': ('robot_rl.curricula.curriculum', 'Uniform'),
    'alp_gmm': ('robot_rl.curricula.alp_gmm', 'AlpGmm'),
    'widening': ('robot_rl.curricula.widening', 'Widening'),
}
"""Name to module and class; each is made of the nominal task, `make` has more."""
NAMES = ('none', *CURRICULA)


class Curriculum(Protocol):
    """A sampler of tasks that is told how each episode went."""

    size: int
    """Coordinates of a task."""

    def seed(self, seed: int) -> None:
        """Start the random stream anew; what was learned stays."""
        ...

    def sample(self, num: int) -> Array:
        """Tasks (num, size) for the next episodes, every coordinate within [0, 1]."""
        ...

    def update(self, tasks: Array, returns: Array) -> None:
        """Take note of ended episodes: their tasks as sampled, (n, size), and returns (n,)."""
        ...

    def report(self) -> dict[str, float]:
        """What there is to log; always the same names."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that was learned, as numbers, lists and None."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        ...


class Uniform:
    """The baseline: any task is as likely as any other, whatever happens."""

    def __init__(self, centre: Array, seed: int = 0) -> None:
        """Tasks of as many coordinates as `centre` (size,) has."""
        self.size = len(centre)
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """See Curriculum.seed."""
        self._rng = np.random.default_rng(seed)

    def sample(self, num: int) -> Array:
        """See Curriculum.sample."""
        return self._rng.random((num, self.size))

    def update(self, tasks: Array, returns: Array) -> None:
        """Nothing is learned."""

    def report(self) -> dict[str, float]:
        """Nothing to log."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to take over."""


def make(name: str, centre: Sequence[float]) -> Curriculum | None:
    """Curriculum `name` over as many coordinates as `centre` has; None for 'none'.

    `centre` is the nominal task, which a curriculum may start from.

    Raises:
        UnknownNameError: No such curriculum.
        SpecError: There is nothing to choose.
    """
    if name not in NAMES:
        raise UnknownNameError('curriculum', name, NAMES)
    if name == 'none':
        return None
    if not len(centre):
        raise SpecError(
            f'The curriculum {name!r} has nothing to choose: no parameter of the randomization '
            "file is marked 'curriculum: true'. Mark one, or train with --curriculum none."
        )
    module, kind = CURRICULA[name]
    return getattr(importlib.import_module(module), kind)(np.array(centre))
