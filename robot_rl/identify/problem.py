"""How far predictions are from a recording, and how that changes with everything unknown.

Unknown to all windows ('shared'): the draws behind the physical parameters, the constant offsets
of the sensors, and one delay a signal. A recording knows only the whole delay from setpoint to
measurement, so that of the setpoint and that of the sensor are one number here. Unknown to each
window: the state it starts in, of which the first measurement is only a noisy, late account.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from robot_rl.identify.rollout import Simulator
from robot_rl.identify.unknowns import WIDTH, Unknowns
from robot_rl.identify.windows import DELAYS_S, Windows
from robot_rl.spec.robot import Robot
from robot_rl.spec.signal import signal

Array = NDArray[np.float64]
DELAY_S = (0.015, 0.02)
"""[s] mean and deviation of what is believed of a delay beforehand."""
DRAW_STEP = 0.1
"""Step of the central differences in a draw; a draw has deviation 1."""
START_STEP = 10.0
"""The same in a component of the start, in deviations of its sensor's noise."""
START_PRIOR = 100.0
"""Deviation of the start in such steps: all but free."""
FALLBACK_NOISE = 1e-3
"""Noise of a signal without a declared one, as a part of how far the signal spreads."""
LEAST_NOISE = 1e-4
"""The same for the least that any signal is believed to be off: beyond that, derivatives in single
precision would pass rounding off as knowledge."""


@dataclass(frozen=True)
class Normal:
    """Squared misfit of each window, and the blocks of its normal equations."""

    misfit: Array
    """(w, signals) sum of squares over samples and components, not divided by any variance."""
    shared: Array
    """(w, signals, g, g)"""
    mixed: Array
    """(w, signals, g, l)"""
    own: Array
    """(w, signals, l, l)"""
    shared_slope: Array
    """(w, signals, g)"""
    own_slope: Array
    """(w, signals, l)"""


class Problem:
    """Misfit and derivatives of one recording; `shared` is (g,), `start` (w, l) in steps."""

    def __init__(
        self, robot: Robot, unknowns: Unknowns, simulator: Simulator, windows: Windows
    ) -> None:
        """Lay the unknowns side by side: draws, offsets, delays."""
        self.unknowns, self.windows, self._simulator = unknowns, windows, simulator
        self.names = simulator.names
        sensors = [robot.sensor(name) for name in self.names]
        spreads = [max(float(windows.values[name].std()), 1e-6) for name in self.names]
        self.least_noise = LEAST_NOISE * np.array(spreads)
        """(signals,) [SI]"""
        self.noise = np.array(
            [
                sensor.noise_std if sensor and sensor.noise_std > 0.0 else FALLBACK_NOISE * spread
                for sensor, spread in zip(sensors, spreads, strict=True)
            ]
        )
        """(signals,) white noise of each signal [SI]."""
        offsets = [sensor.bias_std if sensor else 0.0 for sensor in sensors]
        self._offset_std = np.repeat(offsets, simulator.sizes)
        self._offsets = np.flatnonzero(self._offset_std)
        self._step = START_STEP * np.repeat(self.noise, simulator.sizes)
        edges = np.cumsum((0, *simulator.sizes))
        self._parts = [slice(a, b) for a, b in pairwise(edges.tolist())]
        self._delays = slice(unknowns.size + len(self._offsets), None)
        self.size = unknowns.size + len(self._offsets) + len(self.names)
        """Number of shared unknowns."""
        self.samples = np.stack([windows.counts[name].sum(1) for name in self.names], axis=1)
        """(w, signals) how many measurements count."""
        self.components = np.array(simulator.sizes)
        """(signals,)"""

    def delays(self, shared: Array) -> Array:
        """Delay of each signal [s]."""
        return DELAY_S[0] + DELAY_S[1] * shared[self._delays]

    def delay_intervals(self, shared: Array, covariance: Array) -> dict[str, tuple[float, float]]:
        """Signal to its delay [s] and half its 95 % interval, `covariance` being of `shared`."""
        halves = WIDTH * DELAY_S[1] * np.sqrt(np.diag(covariance)[self._delays])
        rows = zip(self.names, self.delays(shared).tolist(), halves.tolist(), strict=True)
        return {name: (delay, half) for name, delay, half in rows}

    def possible(self, shared: Array) -> bool:
        """Whether the delays are such as windows leave room for."""
        delays = self.delays(shared)
        return bool(((delays >= DELAYS_S[0]) & (delays <= DELAYS_S[1])).all())

    def misfit(self, shared: Array, start: Array) -> Array:
        """As in `Normal`, (w, signals)."""
        rows: list[Array] = []
        for part in self._simulator.chunks(1):
            run = self._run(part, shared[None, : self.unknowns.size], start[None, part])
            parts = [
                self._residual(part, index, run[0], shared) for index in range(len(self.names))
            ]
            rows.append(np.stack([np.einsum('wsk,wsk->w', r, r) for r in parts], axis=1))
        return np.concatenate(rows)

    def normal(self, shared: Array, start: Array) -> Normal:
        """Misfit and normal equations, by central differences in one batch of rollouts."""
        draws, states = self.unknowns.size, len(self._step)
        steps = np.diag(np.repeat((DRAW_STEP, 1.0), (draws, states)))
        moved = np.vstack((np.zeros(draws + states), steps, -steps))
        blocks: list[list[Array]] = []
        for part in self._simulator.chunks(len(moved)):
            run = self._run(
                part, shared[:draws] + moved[:, :draws], start[part] + moved[:, None, draws:]
            )
            blocks.append(self._blocks(part, run, shared))
        return Normal(*(np.concatenate(rows) for rows in zip(*blocks, strict=True)))

    def predicted(self, shared: Array, start: Array) -> dict[str, Array]:
        """Prediction of each sample as it would be measured, (w, s, size)."""
        found: dict[str, list[Array]] = {name: [] for name in self.names}
        for part in self._simulator.chunks(1):
            run = self._run(part, shared[None, : self.unknowns.size], start[None, part])[0]
            for index, name in enumerate(self.names):
                residual = self._residual(part, index, run, shared)
                found[name].append(residual + self.windows.values[name][part])
        return {name: np.concatenate(rows) for name, rows in found.items()}

    def _run(self, part: slice, draws: Array, start: Array) -> Array:
        parameters = self.unknowns.parameters(draws)
        return self._simulator.run(part, parameters, start * self._step)

    def _residual(self, part: slice, index: int, run: Array, shared: Array) -> Array:
        """Predicted less measured (w, s, size), 0 where no sample counts."""
        name = self.names[index]
        value, _ = self._sampled(part, index, run, shared)
        counts = self.windows.counts[name][part][..., None]
        return (value - self.windows.values[name][part]) * counts

    def _sampled(self, part: slice, index: int, run: Array, shared: Array) -> tuple[Array, Array]:
        """Signal as its sensor shows it at the moments of its samples, and its slope in time.

        Both are (*n, w, s, size) for `run` (*n, w, steps, all components).
        """
        windows, name = self.windows, self.names[index]
        time = windows.times[name][part] - self.delays(shared)[index]
        place = np.clip(time / windows.step_s, 0.0, windows.free - 1e-9)
        low = place.astype(int)
        run = run[..., self._parts[index]]
        rows = np.arange(len(time))[:, None]
        before, after = run[..., rows, low, :], run[..., rows, low + 1, :]
        change = after - before
        offsets = np.zeros(len(self._step))
        offsets[self._offsets] = shared[self.unknowns.size : self._delays.start]
        value = before + (place - low)[..., None] * change
        value += (offsets * self._offset_std)[self._parts[index]]
        if signal(name).is_quaternion:
            value /= np.linalg.norm(value, axis=-1, keepdims=True)
        return value, change / windows.step_s

    def _blocks(self, part: slice, run: Array, shared: Array) -> list[Array]:
        """Fields of `Normal` for the windows of `part`; `run` has all candidates."""
        draws = self.unknowns.size
        found: list[list[Array]] = []
        for index, name in enumerate(self.names):
            residual = self._residual(part, index, run[0], shared)
            value, slope = self._sampled(part, index, run, shared)
            up, down = np.split(value[1:], 2)
            sides = 0.5 * np.moveaxis(up - down, 0, -1)
            left = np.zeros((*residual.shape, self.size))
            left[..., :draws] = sides[..., :draws] / DRAW_STEP
            for column, component in enumerate(self._offsets, draws):
                inside = component - self._parts[index].start
                if 0 <= inside < residual.shape[-1]:
                    left[..., inside, column] = self._offset_std[component]
                    if signal(name).is_quaternion:  # what would change its length is lost
                        along = value[0, ..., inside, None] * self._offset_std[component]
                        left[..., column] -= along * value[0]
            left[..., self._delays.start + index] = -DELAY_S[1] * slope[0]
            counts = self.windows.counts[name][part][..., None, None]
            left, right = left * counts, sides[..., draws:] * counts
            rows = [part.reshape(len(residual), -1, part.shape[-1]) for part in (left, right)]
            found.append(_products(residual.reshape(len(residual), -1), *rows))
        return [np.stack(rows, axis=1) for rows in zip(*found, strict=True)]


def _products(residual: Array, left: Array, right: Array) -> list[Array]:
    """Fields of `Normal` of one signal: residual (w, n), derivatives (w, n, g) and (w, n, l)."""
    turned, own = left.transpose(0, 2, 1), right.transpose(0, 2, 1)
    column = residual[..., None]
    return [
        np.einsum('wn,wn->w', residual, residual),
        turned @ left,
        turned @ right,
        own @ right,
        (turned @ column)[..., 0],
        (own @ column)[..., 0],
    ]
