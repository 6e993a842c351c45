"""Findings as a randomization file beside the old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import RunFolderError
from robot_rl.files import write_file
from robot_rl.identify.findings import Finding, Findings
from robot_rl.identify.unknowns import WIDTH
from robot_rl.spec.randomization import Spread, parameter_of, spread
from robot_rl.spec.robot import Robot

Array = NDArray[np.float64]


def proposal(
    robot: Robot,
    old: Sequence[Spread],
    found: Findings,
    known: Mapping[str, Sequence[float]],
    origin: str,
) -> dict[str, Any]:
    """Content of a randomization file: told parameters get their interval, others stay.

    `origin` says which recording of which day. Raises SpecError if the result would be
    refused as a randomization file.
    """
    entries: dict[str, Any] = {}
    for item in old:
        nominal = np.array(parameter_of(robot, item.parameter).nominal)
        if item.parameter in known:
            value = _own(item, np.array(known[item.parameter]), nominal)
            entry = _ranged(item, float(value.min()), float(value.max()))
            source = f'given, not estimated; {origin}'
        elif item.parameter not in found.parameters:  # no width, or not the engine's
            entry, source = _as_before(item), item.source
        else:
            entry, source = _entry(item, found.parameters[item.parameter], nominal, origin)
        entries[item.parameter] = {**entry, 'source': source}
        spread(robot, item.parameter, entries[item.parameter])
    return {'robot': robot.name, 'parameters': entries}


def write_proposal(path: Path, content: Mapping[str, Any], heading: str) -> None:
    """Write a proposal to a new file, in one step. Raises RunFolderError if it exists."""
    import yaml

    refuse_existing(path)
    text = yaml.safe_dump(
        dict(content), sort_keys=False, default_flow_style=None, width=95, allow_unicode=True
    )
    write_file(path, f'# {heading}\n{text}'.encode())


def refuse_existing(path: Path) -> None:
    """Raise RunFolderError if there is a file at `path`."""
    if path.exists():
        raise RunFolderError(
            f'{path} exists. Nothing is overwritten: choose another name with --out, or remove it.'
        )


def _entry(
    item: Spread, finding: Finding, nominal: Array, origin: str
) -> tuple[dict[str, Any], str]:
    """Keys of one parameter, and its source."""
    if not finding.told.all():
        return _as_before(item), f'{item.source}; kept: {origin}, cannot tell it'
    low, high = (_own(item, bound, nominal) for bound in finding.interval)
    if item.distribution == 'gaussian':  # of many flights, of which this is one
        farthest = float(np.maximum(np.abs(low - item.a), np.abs(high - item.a)).max())
        if not finding.surprising:
            return _as_before(item), f'{item.source}; {origin}, agrees'
        return {
            **_as_before(item),
            'std': _short(farthest / WIDTH),
        }, f'identified from {origin}; was {item.b:g}'
    was = f'was [{item.a:g}, {item.b:g}]'
    if not item.shared:
        return _ranged(
            item, float(low.min()), float(high.max())
        ), f'identified from {origin}; {was}'
    mean = float(_own(item, finding.estimate, nominal).mean())
    scale = nominal if item.operation == 'scale' else np.ones_like(nominal)
    covariance = finding.covariance / np.outer(scale, scale)
    half = WIDTH * float(np.sqrt(covariance.mean()))
    entry = _ranged(item, mean - half, mean + half)
    if item.spread > 0.0:
        entry['spread'] = _short(_apart(_own(item, finding.estimate, nominal), covariance))
    return entry, f'identified from {origin}; {was}'


def _apart(values: Array, covariance: Array) -> float:
    """Largest part by which a component may lie from the mean of all."""
    unit = np.eye(len(values)) - 1.0 / len(values)
    half = WIDTH * np.sqrt(np.diag(unit @ covariance @ unit.T))
    return min(0.99, float((np.abs(values - values.mean()) + half).max() / abs(values.mean())))


def _own(item: Spread, values: Array, nominal: Array) -> Array:
    """Values [SI] as the spread's own number: a factor, an offset or a value."""
    if item.operation == 'scale':
        return values / nominal
    return values - nominal if item.operation == 'add' else values


def _ranged(item: Spread, low: float, high: float) -> dict[str, Any]:
    entry = {**_as_before(item), 'distribution': 'uniform', 'range': [_short(low), _short(high)]}
    for key in ('mean', 'std', 'spread'):
        entry.pop(key, None)
    return entry


def _as_before(item: Spread) -> dict[str, Any]:
    """Keys of an entry, without its source."""
    entry: dict[str, Any] = {'operation': item.operation, 'distribution': item.distribution}
    if item.distribution == 'gaussian':
        entry |= {'mean': item.a, 'std': item.b}
    else:
        entry['range'] = [item.a, item.b]
    if item.shared:
        entry['shared'] = True
    if item.spread > 0.0:
        entry['spread'] = item.spread
    if item.mode != 'reset':
        entry['mode'] = item.mode
    if item.mode == 'interval':
        entry['interval_s'] = list(item.interval_s)
    if item.curriculum:
        entry['curriculum'] = True
    return entry


def _short(value: float) -> float:
    return float(f'{value:.5g}')
