"""Stages at run time: what to send now of a sequence that the robot declares."""

from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec.robot import Setpoint
from robot_rl.spec.stage import Stage

FINAL_STAGE_S = 0.5
"""[s] how long a last stage without an end is published before the sequence counts as done."""

Array = NDArray[np.float64]


def length_s(stages: Sequence[Stage]) -> float:
    """[s] until `stages` count as done."""
    durations = (stage.duration_s for stage in stages)
    return sum(FINAL_STAGE_S if math.isinf(lasts) else lasts for lasts in durations)


def landing_s(setpoint: Setpoint) -> float:
    """[s] that a robot may take to stop: in its own way and, where that fails, safely."""
    return length_s(setpoint.stop) + length_s(setpoint.safe)


class Stages:
    """Stage after stage; a last one without an end holds. Buffers are kept: nothing allocates."""

    def __init__(self, stages: Sequence[Stage], low: Array, high: Array) -> None:
        """Prepare `stages`, whose random changes stay within `low` and `high`, each (size,)."""
        self._stages = tuple(stages)
        ends = np.cumsum([stage.duration_s for stage in stages])
        self._ends: list[float] = ends.tolist()
        self._length_s = length_s(stages)
        self._low, self._high = low, high
        self._from, self._to = np.zeros_like(low), np.zeros_like(low)
        self._begun = -1
        self._random = np.random.default_rng(0)
        self.elapsed = 0.0
        """[s] since the start."""

    @property
    def first_stage_s(self) -> float:
        """[s] how long the first stage lasts."""
        return self._ends[0]

    @property
    def index(self) -> int:
        """Stage it is in."""
        last = len(self._ends) - 1
        return min(last, sum(self.elapsed >= end for end in self._ends))

    @property
    def name(self) -> str:
        """Name of the stage it is in."""
        return self._stages[self.index].name

    @property
    def stiffness(self) -> float:
        """Part of the drives' stiffness in this stage."""
        return self._stages[self.index].stiffness

    @property
    def finished(self) -> bool:
        """Whether the end is reached, or a last stage without one was held for FINAL_STAGE_S."""
        return self.elapsed >= self._length_s

    def start(self) -> None:
        """Begin with the first stage."""
        self.elapsed, self._begun = 0.0, -1

    def write(self, out: Array) -> None:
        """Write the setpoint of now over the one sent last, `out` (size,)."""
        index = self.index
        while self._begun < index:  # also those that a late tick has skipped
            self._begin(self._begun + 1, out)
        stage = self._stages[index]
        np.copyto(out, self._to)
        if stage.ramp:
            since = self.elapsed - (self._ends[index] - stage.duration_s)
            np.subtract(self._to, self._from, out=out)
            out *= min(1.0, since / stage.duration_s)
            out += self._from

    def _begin(self, index: int, sent: Array) -> None:
        np.copyto(self._from, self._to if self._begun >= 0 else sent)
        stage, self._begun = self._stages[index], index
        for i, value in enumerate(stage.setpoint):
            goal = float(self._from[i]) if math.isnan(value) else value
            if stage.spread:
                goal += stage.spread[i] * self._random.uniform(-1.0, 1.0)
            self._to[i] = min(max(goal, float(self._low[i])), float(self._high[i]))
