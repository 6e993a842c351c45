"""Randomization: how a number is spread over environments and over time.

Numbers are the robot's physical parameters, and the `EFFECTS` that every environment can have
whatever the robot: late setpoints, lost messages, pushes, rough ground.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
import math
from typing import Any, TypeGuard, cast

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec.robot import Parameter, Robot

DISTRIBUTIONS = ('uniform', 'log-uniform', 'gaussian')
OPERATIONS = ('scale', 'add', 'set')
MODES = ('reset', 'startup', 'interval')
_KEYS = (
    'distribution', 'operation', 'range', 'mean', 'std', 'shared', 'spread', 'mode', 'interval_s',
    'curriculum', 'source',
)  # fmt: skip


@dataclass(frozen=True)
class Effect:
    """A number that the environment itself can vary, for any robot; nominally nothing happens."""

    parameter: Parameter
    low: float
    high: float
    modes: tuple[str, ...] = MODES


EFFECTS: Mapping[str, Effect] = {
    'action_delay': Effect(
        Parameter((0.0,), 's', 'from the setpoint to the drive', positive=False), 0.0, 1.0
    ),
    'message_loss': Effect(
        Parameter((0.0,), '1', 'chance of losing a message, each topic, each period', False),
        0.0,
        0.99,
    ),
    'push_velocity_w': Effect(
        Parameter((0.0, 0.0), 'm/s', 'horizontal velocity added to the base at once', False),
        -math.inf,
        math.inf,
        ('interval',),
    ),
    'roughness': Effect(
        Parameter((0.0,), '1', 'of the ground that an episode starts on', positive=False),
        0.0,
        1.0,
        ('reset',),
    ),
}
"""By name. A push is an event, so it can only come at intervals; where an episode starts, a task
with a terrain chooses by its roughness, from level ground at 0 to its hardest at 1."""


@dataclass(frozen=True)
class Spread:
    """The distribution of one parameter."""

    parameter: str
    distribution: str
    """'uniform' and 'log-uniform' draw from [a, b]; 'gaussian' has mean a and deviation b."""
    operation: str
    """'scale' multiplies the nominal value, 'add' adds to it, 'set' replaces it."""
    a: float
    b: float
    shared: bool
    """Whether all components (four rotors, say) take the same draw."""
    spread: float
    """Each component then differs by up to this fraction of its own, uniformly."""
    source: str
    """Where the numbers come from."""
    mode: str = 'reset'
    """'reset' draws for each episode, 'startup' once when the environment is made, 'interval' for
    each episode and again and again during it."""
    interval_s: tuple[float, float] = (0.0, 0.0)
    """[s] shortest and longest time between two draws of mode 'interval', uniformly."""
    curriculum: bool = False
    """Whether a curriculum, where there is one, chooses the value instead of chance."""

    def widened(self, factor: float) -> Spread:
        """The same about the same middle, `factor` times as wide."""
        if self.distribution == 'gaussian':
            return replace(self, b=factor * self.b)
        if self.distribution == 'log-uniform':
            middle, ratio = math.sqrt(self.a * self.b), math.sqrt(self.b / self.a) ** factor
            return replace(self, a=middle / ratio, b=middle * ratio)
        middle, half = 0.5 * (self.a + self.b), 0.5 * factor * (self.b - self.a)
        return replace(self, a=middle - half, b=middle + half)


def parameter_of(robot: Robot, name: str) -> Parameter:
    """Parameter of the robot, or effect, called `name`. Raises KeyError."""
    return EFFECTS[name].parameter if name in EFFECTS else robot.parameters[name]


def spread(robot: Robot, name: str, content: object) -> Spread:
    """Check one entry of a randomization file, as YAML gives it.

    Raises SpecError naming the parameter and the fault, UnknownNameError for a name that is none.
    """
    where = f'Randomization of {robot.name!r}, parameter {name!r}'
    known = (*robot.parameters, *EFFECTS)
    if name not in known:
        raise UnknownNameError(f'parameter in the randomization of {robot.name}', name, known)
    if name == 'push_velocity_w' and robot.fixed_base:
        raise SpecError(
            f'{where}: the base is bolted to the world, nothing can push it. Remove the entry.'
        )
    if not isinstance(content, Mapping):
        raise SpecError(f'{where}: expected keys such as range and source, got {content!r}.')
    entry = cast('Mapping[str, Any]', content)
    for key in map(str, entry):
        if key not in _KEYS:
            kind = f'key of {name!r} in the randomization of {robot.name}'
            raise UnknownNameError(kind, key, _KEYS)
    if not entry.get('source'):
        raise SpecError(f"{where}: needs 'source', where its numbers come from.")
    distribution = _choice(where, entry, 'distribution', DISTRIBUTIONS, 'uniform')
    operation = _choice(where, entry, 'operation', OPERATIONS, 'scale')
    own = entry.get('spread', 0.0)
    if not _is_number(own) or not 0.0 <= own < 1.0:
        raise SpecError(f"{where}: 'spread' must be a fraction in [0, 1), got {own!r}.")
    mode, interval = _mode(where, name, entry)
    result = Spread(
        name,
        distribution,
        operation,
        *_numbers(where, distribution, entry),
        _truth(where, entry, 'shared'),
        float(own),
        str(entry['source']),
        mode,
        interval,
        _truth(where, entry, 'curriculum'),
    )
    _check_meaning(where, robot, result)
    return result


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _choice(
    where: str, entry: Mapping[str, Any], key: str, known: tuple[str, ...], default: str
) -> str:
    value = entry.get(key, default)
    if value not in known:
        raise SpecError(f'{where}: {key!r}: got {value!r}, expected one of {", ".join(known)}.')
    return value


def _truth(where: str, entry: Mapping[str, Any], key: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise SpecError(f'{where}: {key!r} must be true or false, got {value!r}.')
    return value


def _pair(where: str, what: str, value: Any) -> tuple[float, float]:
    """Two finite numbers in order."""
    if not isinstance(value, list) or len(cast('list[Any]', value)) != 2:
        raise SpecError(f'{where}: needs {what}: [low, high], got {value!r}.')
    low, high = cast('list[Any]', value)
    if not (_is_number(low) and _is_number(high)):
        raise SpecError(f'{where}: {what}: expected two finite numbers, got {[low, high]}.')
    if low > high:
        raise SpecError(f'{where}: {what}: low must not exceed high, got {[low, high]}.')
    return float(low), float(high)


def _mode(where: str, name: str, entry: Mapping[str, Any]) -> tuple[str, tuple[float, float]]:
    """Return the mode of an entry and, for intervals, how long they are [s]."""
    modes = EFFECTS[name].modes if name in EFFECTS else MODES
    mode = _choice(where, entry, 'mode', modes, 'reset')
    if mode != 'interval':
        if 'interval_s' in entry:
            raise SpecError(f"{where}: 'interval_s' needs 'mode: interval', got {mode!r}.")
        return mode, (0.0, 0.0)
    shortest, longest = _pair(where, "'interval_s'", entry.get('interval_s'))
    if shortest <= 0.0:
        raise SpecError(f"{where}: 'interval_s' must be positive, got {[shortest, longest]}.")
    return mode, (shortest, longest)


def _numbers(where: str, distribution: str, entry: Mapping[str, Any]) -> tuple[float, float]:
    """Return (low, high) or (mean, std) of an entry; refuse numbers that would go unused."""
    gaussian = distribution == 'gaussian'
    for key in ('range',) if gaussian else ('mean', 'std'):
        if key in entry:
            takes = 'mean and std' if gaussian else 'range'
            raise SpecError(
                f'{where}: a {distribution} distribution has no {key!r}, it takes {takes}.'
            )
    if not gaussian:
        a, b = _pair(where, "'range'", entry.get('range'))
        if distribution == 'log-uniform' and a <= 0.0:
            raise SpecError(f'{where}: a log-uniform range must be positive, got {[a, b]}.')
        return a, b
    mean, std = entry.get('mean', 0.0), entry.get('std')
    if not (_is_number(mean) and _is_number(std)):
        raise SpecError(
            f"{where}: a gaussian distribution needs 'std', and 'mean' if it is not 0: "
            f'expected finite numbers, got {[mean, std]}.'
        )
    if std < 0.0:
        raise SpecError(f'{where}: std must not be negative, got {std!r}.')
    return float(mean), float(std)


def _check_meaning(where: str, robot: Robot, spread: Spread) -> None:
    """Refuse what changes nothing, and what reaches values that cannot be."""
    parameter = parameter_of(robot, spread.parameter)
    gaussian = spread.distribution == 'gaussian'
    if spread.operation == 'scale' and not any(parameter.nominal):
        raise SpecError(
            f"{where}: its nominal value is 0, which 'scale' leaves as it is; use 'set' or 'add'."
        )
    logarithmic = spread.operation == 'scale' and spread.distribution == 'log-uniform'
    if logarithmic and (least := min(parameter.nominal)) <= 0.0:
        raise SpecError(
            f"{where}: a log-uniform 'scale' needs nominal values above 0, got {least:g}; use a "
            'uniform one.'
        )
    if spread.curriculum and (gaussian or spread.mode != 'reset'):
        raise SpecError(
            f"{where}: a curriculum chooses once an episode within a range: 'curriculum' needs "
            f"mode 'reset' and no gaussian, got {spread.mode!r} and {spread.distribution!r}."
        )
    effect = EFFECTS.get(spread.parameter)
    low, high = (effect.low, effect.high) if effect else (-math.inf, math.inf)
    if gaussian and (parameter.positive or math.isfinite(low)):
        bound = 'stay positive' if parameter.positive else f'stay within [{low:g}, {high:g}]'
        raise SpecError(f'{where}: must {bound}, which a gaussian cannot promise; use a range.')
    lows, highs = zip(*(_reached(spread, each) for each in parameter.nominal), strict=True)
    smallest, largest = min(lows), max(highs)
    if parameter.positive and smallest <= 0.0:
        raise SpecError(f'{where}: must stay positive, but the range reaches {smallest:g}.')
    if not gaussian and not low <= smallest <= largest <= high:
        raise SpecError(
            f'{where}: must stay within [{low:g}, {high:g}] {parameter.unit}, but the range '
            f'reaches from {smallest:g} to {largest:g}.'
        )


def _reached(spread: Spread, nominal: float) -> tuple[float, float]:
    """Smallest and largest that the range makes of a component."""
    ends = [
        {'scale': nominal * value, 'add': nominal + value, 'set': value}[spread.operation]
        for value in (spread.a, spread.b)
    ]
    return min(ends), max(ends)
