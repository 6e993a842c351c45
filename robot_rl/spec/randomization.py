"""Randomization: how a physical parameter is spread over environments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any, cast

from robot_rl.errors import SpecError
from robot_rl.spec.robot import Robot

DISTRIBUTIONS = ('uniform', 'log-uniform', 'gaussian')
OPERATIONS = ('scale', 'add', 'set')
_KEYS = {'distribution', 'operation', 'range', 'mean', 'std', 'shared', 'spread', 'source'}


@dataclass(frozen=True)
class Spread:
    """The distribution of one parameter of a robot, drawn anew at each reset."""

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


def spread(robot: Robot, name: str, content: object) -> Spread:
    """Check one entry of a randomization file, as YAML gives it.

    Raises SpecError naming the parameter and the fault.
    """
    where = f'Randomization of {robot.name!r}, parameter {name!r}'
    if name not in robot.parameters:
        raise SpecError(f'{where}: no such parameter. Known: {", ".join(robot.parameters)}.')
    if not isinstance(content, Mapping):
        raise SpecError(f'{where}: expected keys such as range and source, got {content!r}.')
    entry = cast('Mapping[str, Any]', content)
    unknown = {str(key) for key in entry} - _KEYS
    if unknown:
        raise SpecError(
            f'{where}: unknown key {sorted(unknown)[0]!r}. Known: {", ".join(sorted(_KEYS))}.'
        )
    if not entry.get('source'):
        raise SpecError(f"{where}: needs 'source', where its numbers come from.")
    distribution = entry.get('distribution', 'uniform')
    operation = entry.get('operation', 'scale')
    for value, known in ((distribution, DISTRIBUTIONS), (operation, OPERATIONS)):
        if value not in known:
            raise SpecError(f'{where}: got {value!r}, expected one of {", ".join(known)}.')
    shared, own = entry.get('shared', False), entry.get('spread', 0.0)
    if not isinstance(shared, bool):
        raise SpecError(f"{where}: 'shared' must be true or false, got {shared!r}.")
    if not isinstance(own, int | float) or not 0.0 <= own < 1.0:
        raise SpecError(f"{where}: 'spread' must be a fraction in [0, 1), got {own!r}.")
    numbers = _numbers(where, distribution, entry)
    result = Spread(name, distribution, operation, *numbers, shared, float(own), entry['source'])
    _check_sign(where, robot, result)
    return result


def _numbers(where: str, distribution: str, entry: Mapping[str, Any]) -> tuple[float, float]:
    """Return (low, high) or (mean, std) of an entry."""
    gaussian = distribution == 'gaussian'
    pair: Any = [entry.get('mean', 0.0), entry.get('std')] if gaussian else entry.get('range')
    wanted = "'std'" if gaussian else "'range: [low, high]'"
    if not isinstance(pair, list) or len(cast('list[Any]', pair)) != 2:
        raise SpecError(f'{where}: a {distribution} distribution needs {wanted}, got {pair!r}.')
    a, b = cast('list[Any]', pair)
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in (a, b)):
        raise SpecError(f'{where}: expected two finite numbers, got {[a, b]}.')
    if not gaussian and a > b:
        raise SpecError(f'{where}: low must not exceed high, got {[a, b]}.')
    if gaussian and b < 0.0:
        raise SpecError(f'{where}: std must not be negative, got {b!r}.')
    if distribution == 'log-uniform' and a <= 0.0:
        raise SpecError(f'{where}: a log-uniform range must be positive, got {[a, b]}.')
    return float(a), float(b)


def _check_sign(where: str, robot: Robot, spread: Spread) -> None:
    """Refuse a range that could make a mass, an inertia or a time constant vanish."""
    parameter = robot.parameters[spread.parameter]
    if not parameter.positive:
        return
    if spread.distribution == 'gaussian':
        raise SpecError(
            f'{where}: must stay positive, which a gaussian cannot promise; use a range.'
        )
    smallest = {
        'scale': min(parameter.nominal) * spread.a,
        'add': min(parameter.nominal) + spread.a,
        'set': spread.a,
    }[spread.operation]
    if smallest <= 0.0:
        raise SpecError(f'{where}: must stay positive, but the range reaches {smallest:g}.')
