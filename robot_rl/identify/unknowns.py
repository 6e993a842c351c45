"""What is not known about a robot, as independent numbers of mean 0 and deviation 1.

Randomization says what is known beforehand: a parameter's range is its prior. One number ('draw')
stands for each independent draw of a spread; a draw that components share has one more for what
each component has of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec.randomization import Spread
from robot_rl.spec.robot import Parameter, Robot

Array = NDArray[np.float64]
_UNIFORM = 1.0 / math.sqrt(12.0)
"""Deviation of a uniform distribution over its width."""
WIDTH = NormalDist().inv_cdf(0.975)
"""Half of a 95 % interval, in deviations."""


@dataclass(frozen=True)
class _Place:
    """How the draws of one parameter become its components: centre + scale * draws."""

    main: slice
    own: slice
    """Draws that each component has for itself beside a shared one; may be empty."""
    centre: Array
    scale: Array
    own_scale: float
    logarithmic: bool

    def value(self, draws: Array) -> Array:
        """Components (*n, components) [SI] of draws (*n, all)."""
        value = self.centre + self.scale * draws[..., self.main]
        value = np.exp(value) if self.logarithmic else value
        own = draws[..., self.own]
        return value * np.exp(self.own_scale * own) if own.shape[-1] else value


class Unknowns:
    """The parameters that a robot's randomization covers, without those that are known."""

    def __init__(
        self, robot: Robot, spreads: Sequence[Spread], known: Mapping[str, Sequence[float]]
    ) -> None:
        """Number the draws. Raises SpecError or UnknownNameError for what cannot be `known`."""
        check_known(robot, spreads, known)
        self._known = {name: np.array(values) for name, values in known.items()}
        open_ones: list[Spread] = []
        self.size = 0
        """Number of draws."""
        self.places: dict[str, slice] = {}
        """Parameter to where its components are among all."""
        self._draws: dict[str, _Place] = {}
        components = 0
        for spread in spreads:
            place = _place(spread, robot.parameters[spread.parameter], self.size)
            if spread.parameter in known:
                continue
            if not place.scale.any() and not spread.spread:  # a range without width
                self._known[spread.parameter] = place.value(np.zeros(place.own.stop))
                continue
            open_ones.append(spread)
            self._draws[spread.parameter] = place
            self.places[spread.parameter] = slice(components, components + len(place.centre))
            self.size, components = place.own.stop, components + len(place.centre)
        self.spreads = tuple(open_ones)
        """What is to be found out."""

    def parameters(self, draws: Array) -> dict[str, Array]:
        """Parameter to (*n, components) [SI], of draws (*n, size)."""
        known = {
            name: np.broadcast_to(value, (*draws.shape[:-1], len(value)))
            for name, value in self._known.items()
        }
        return {**known, **{name: place.value(draws) for name, place in self._draws.items()}}

    def components(self, draws: Array) -> Array:
        """Components of all unknown parameters side by side, (*n, number of them) [SI]."""
        return np.concatenate([place.value(draws) for place in self._draws.values()], axis=-1)

    def slopes(self, draws: Array) -> Array:
        """Derivative of `components` by each draw: (components, size)."""
        step = 1e-4 * np.eye(self.size)
        return ((self.components(draws + step) - self.components(draws - step)) / 2e-4).T


def _place(spread: Spread, parameter: Parameter, first: int) -> _Place:
    """Lay the draws of a spread from number `first` on.

    Positive parameters are taken as logarithms: they enter the dynamics as products and
    quotients, of which a flight often knows only one, and there such a combination is a straight
    line.
    """
    nominal = np.array(parameter.nominal)
    low, high = _operated(spread, nominal, spread.a), _operated(spread, nominal, spread.b)
    if spread.distribution == 'gaussian':
        scale = np.abs(nominal) if spread.operation == 'scale' else np.ones_like(nominal)
        centre, scale = low, spread.b * scale
    else:
        if parameter.positive:
            low, high = np.log(low), np.log(high)
        centre, scale = 0.5 * (low + high), _UNIFORM * np.abs(high - low)
    middle = first + (1 if spread.shared else len(nominal))
    last = middle + (len(nominal) if spread.spread > 0.0 else 0)
    own_scale = 2.0 * _UNIFORM * spread.spread
    logarithmic = parameter.positive
    return _Place(slice(first, middle), slice(middle, last), centre, scale, own_scale, logarithmic)


def check_known(
    robot: Robot, spreads: Sequence[Spread], known: Mapping[str, Sequence[float]]
) -> None:
    """Raise SpecError or UnknownNameError unless `known` values fit what is randomized."""
    names = [spread.parameter for spread in spreads]
    for name, values in known.items():
        if name not in names:
            raise UnknownNameError(f'randomized parameter of {robot.name}', name, names)
        parameter = robot.parameters[name]
        if len(values) != len(parameter.nominal):
            raise SpecError(
                f'The parameter {name!r} takes {len(parameter.nominal)} components '
                f'[{parameter.unit}], got {len(values)}.'
            )
        if not all(map(math.isfinite, values)) or (parameter.positive and min(values) <= 0.0):
            kind = 'finite and positive' if parameter.positive else 'finite'
            raise SpecError(
                f'The parameter {name!r} cannot be {tuple(values)} {parameter.unit}, expected '
                f'{kind} values.'
            )
    if len(known) == len(names):
        raise SpecError(
            f'All {len(names)} randomized parameters of {robot.name!r} are given, nothing is left '
            'to find. Remove one --known.'
        )


def _operated(spread: Spread, nominal: Array, drawn: float) -> Array:
    if spread.operation == 'scale':
        return nominal * drawn
    return drawn + (nominal if spread.operation == 'add' else np.zeros_like(nominal))
