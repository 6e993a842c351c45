"""What the laws of diagnosis.py are made of: flights, hypotheses, sums and rotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, permutations
import math
from typing import NamedTuple

import numpy as np

from robot_rl.spec.robot import Robot
from robot_rl.spec.rotation import Array, inverse, product

MIN_SAMPLES = 15
"""Fewer control periods than this say nothing."""
EXCITED = 6.0
"""An axis takes part if it moves this many times more than its sensors' noise."""


class Flight(NamedTuple):
    """A few seconds of flight, one row a control period."""

    time: Array
    """(n,) [s]"""
    signals: Mapping[str, Array]
    """Signal to (n, size) [SI]."""
    setpoints: Array
    """(n, m) sent after the signals of the same row were measured."""


class Hypothesis(NamedTuple):
    """One explanation of a flight, and how much of the motion it leaves unexplained."""

    kind: str
    signal: str
    text: str
    score: float
    rank: int = 0
    """How many things must be wrong at once; of equally good explanations the simplest wins."""


def unexplained(observed: Array, predicted: Array, floor: float) -> float:
    """Part of the motion (m, 3) left unexplained, averaged over the axes that move; nan if none.

    0 is a perfect prediction, 1 an unrelated one, 2 the opposite. `floor` is the noise of an
    element.
    """
    power = (observed * observed).mean(0) + (predicted * predicted).mean(0)
    moving = power > (EXCITED * floor) ** 2
    if not moving.any():
        return math.nan
    error = observed - predicted
    return float(((error * error).mean(0)[moving] / power[moving]).mean())


def flips(name: str) -> Iterator[tuple[int, str, Array]]:
    """Sign errors of the axes of `name`: how many, text and diagonal."""
    for count in (1, 2, 3):
        for axes in combinations(range(3), count):
            diagonal = np.ones(3)
            diagonal[list(axes)] = -1.0
            listed = ' and '.join('xyz'[axis] for axis in axes)
            hint = ' (axes forward-right-down?)' if axes == (1, 2) else ''
            yield count, f'the sign of {name} {listed} is flipped{hint}', diagonal


def swaps(name: str) -> Iterator[tuple[int, str, list[int]]]:
    """Permuted axes of `name`: how many, text and where each true component arrives."""
    for order in list(permutations(range(3)))[1:]:
        moved = sum(order[axis] != axis for axis in range(3))
        text = f'the axes of {name} arrive in the order {"".join("xyz"[i] for i in order)}'
        yield moved, text, np.argsort(order).tolist()


def noise(robot: Robot, name: str) -> float:
    """White noise that the robot declares for a signal; 0 for one without a sensor."""
    sensor = robot.sensor(name)
    return sensor.noise_std if sensor else 0.0


def summed(time: Array, rate: Array, span: int) -> Array:
    """Integral of `rate` (n, ...) over each `span` of rows, by trapezoids: (n - span, ...)."""
    dt = np.expand_dims(np.diff(time), tuple(range(1, rate.ndim)))
    total = np.zeros_like(rate)
    np.cumsum(0.5 * dt * (rate[1:] + rate[:-1]), axis=0, out=total[1:])
    return total[span:] - total[:-span]


def rotation_between(quat: Array, span: int) -> Array:
    """Body-frame rotation vectors (n - span, 3) from each attitude to the one `span` later."""
    turn = product(inverse(quat[:-span]), quat[span:])
    w, v = turn[:, :1], turn[:, 1:]
    sine = np.linalg.norm(v, axis=1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, np.abs(w))
    return np.sign(w) * v * angle / np.maximum(sine, 1e-12)
