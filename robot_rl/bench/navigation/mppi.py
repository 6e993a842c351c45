"""Model predictive path integral control.

G. Williams, N. Wagener, B. Goldfain, P. Drews, J. Rehg, B. Boots, E. Theodorou, "Information
theoretic MPC for model-based reinforcement learning", ICRA 2017. Numbers and the kinds of costs
are those of Nav2's MPPI controller (56 steps of 0.05 s, 2000 samples, temperature 0.3, gamma
0.015); its deviations are for 0.5 m/s and 1.9 rad/s and grow here with the limits. Samples are
made what accelerations allow before they are scored, so that their mean is too. A path that leads
back is turned to by a rotation shim: samples that turn so far are too rare to be found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.navigation.costmap import CELL
from robot_rl.bench.navigation.shim import sideways
from robot_rl.bench.navigation.situation import Command, Situation
from robot_rl.kernels.foresee import COLLISION, rollouts
from robot_rl.spec.arena import NavLimits

Array = NDArray[Any]

STEPS, MODEL_DT, SAMPLES = 56, 0.05, 2000
TEMPERATURE, GAMMA = 0.3, 0.015
STD = (0.2 / 0.5, 0.4 / 1.9)
"""Deviation of the samples, part of the greatest speed and yaw rate."""
BACKWARD = -0.35 / 0.5
"""Greatest speed backward, part of that forward."""
COST, ALIGN, FOLLOW, ANGLE, FORWARD, GOAL = 3.81, 10.0, 5.0, 2.0, 5.0, 5.0
"""Weights of Nav2's CostCritic, PathAlign, PathFollow, PathAngle, PreferForward and GoalCritic,
which counts where the horizon can reach the goal; here along the path, not through obstacles."""
PARTS = 4
"""Each period draws the noise of one part of the samples anew; Nav2 by default draws it once."""
OFFSET = 6
"""Points of the path beyond the farthest reached, as PathFollow has it."""


def weights(costs: Array, temperature: float) -> Array:
    """Share of each sample in the mean: exp(-(cost - least) / temperature), in sum 1."""
    share = np.exp((costs.min() - costs) / temperature)
    return share / share.sum()


class PathIntegral:
    """A controller, see bench/navigation/situation.py."""

    def __init__(self, limits: NavLimits, std: tuple[float, float] = STD) -> None:
        """`limits` are what it may command; `std` as STD."""
        self._limits = limits
        self._std = np.array([std[0] * limits.max_speed, std[1] * limits.max_yaw_rate], np.float32)
        self._bounds = np.array(
            [limits.min_speed, limits.max_speed, limits.max_yaw_rate,
             limits.acceleration, limits.yaw_acceleration]
        )  # fmt: skip
        self._weights = np.array([COST, ALIGN, FOLLOW, ANGLE, FORWARD, GOAL])
        self._reach = STEPS * MODEL_DT * limits.max_speed
        self._points = round(STEPS * MODEL_DT * limits.max_speed / CELL) + 2 * OFFSET
        self._noise = np.empty((SAMPLES, STEPS, 2), np.float32)
        self._controls = np.empty((SAMPLES, STEPS, 2), np.float32)
        self._ends, self._costs = np.empty((SAMPLES, 4)), np.empty(SAMPLES)
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget the plan; the samples of an episode are those of its seed."""
        self.plan = np.zeros((STEPS, 2), np.float32)
        """[m/s, rad/s] asked from now on, MODEL_DT apart."""
        self._random = np.random.default_rng(seed)
        self._turn = 0
        for _ in range(PARTS):
            self._draw()

    def command(self, situation: Situation) -> Command | None:
        """See Controller."""
        turn = sideways(situation, self._limits)
        if turn is not None:
            self.plan[:] = 0.0
            return turn
        return self._sampled(situation)

    def _sampled(self, situation: Situation) -> Command | None:
        grid, controls = situation.costmap, self._controls
        self._draw()
        self._weights[5] = GOAL if situation.remaining < self._reach else 0.0
        rollouts(
            grid.cost, grid.frame, situation.shape, grid.bands, situation.allowed,
            situation.pose, situation.velocity, self._bounds, MODEL_DT,
            situation.path[: self._points], self._weights, OFFSET, self.plan, self._noise,
            controls, self._ends, self._costs,
        )  # fmt: skip
        if self._costs.min() >= COLLISION:
            self.plan[:] = 0.0
            return None
        share = weights(self._costs + self._effort(), TEMPERATURE).astype(np.float32)
        plan = (share @ controls.reshape(SAMPLES, -1)).reshape(STEPS, 2)
        if not self._brakes(situation, plan):
            plan = controls[int(np.argmin(self._costs))].copy()
        self.plan = plan
        v, w = (float(value) for value in self.plan[0])
        self._shift()
        return v, w

    def _draw(self) -> None:
        """Noise of the samples, a part of it anew; one sample keeps the plan and one brakes."""
        size = SAMPLES // PARTS
        part = self._noise[self._turn * size : (self._turn + 1) * size]
        self._turn = (self._turn + 1) % PARTS
        self._random.standard_normal(out=part, dtype=np.float32)
        part *= self._std
        self._noise[0], self._noise[1] = 0.0, -self.plan

    def _effort(self) -> Array:
        """(SAMPLES,) gamma / std^2 times the plan times a sample's way off it, of each."""
        std = np.where(self._std > 0.0, self._std, np.inf)
        scaled = (GAMMA * self.plan / std**2).ravel()
        return self._controls.reshape(SAMPLES, -1) @ scaled - self.plan.ravel() @ scaled

    def _brakes(self, situation: Situation, plan: Array) -> bool:
        """Whether the mean, which no rollout was, is free for as long as braking takes."""
        stop = self._limits.max_speed / self._limits.acceleration
        steps = min(int(stop / MODEL_DT) + 2, STEPS)
        return situation.free(plan[:steps], MODEL_DT) == steps

    def _shift(self) -> None:
        """Let a period pass; between its steps the plan is interpolated."""
        late = 1.0 / (self._limits.rate_hz * MODEL_DT)
        steps = np.arange(STEPS)
        for axis in (0, 1):
            self.plan[:, axis] = np.interp(steps + late, steps, self.plan[:, axis])
