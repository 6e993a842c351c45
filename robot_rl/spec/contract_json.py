"""Reading a contract's JSON: every field checked, the first that is wrong named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
import json
import math
from typing import Any, cast

from robot_rl.errors import PolicyFileError
from robot_rl.spec.signal import Signal

SCHEMA = 1
"""Version of the contract's fields; a file with another one is refused."""
STATISTICS = ('mean', 'std', 'low', 'high')
"""Rows that every entry of `Contract.statistics` holds, one number a component."""


def parse(text: str) -> dict[str, Any]:
    """Fields of a contract by name, of the right types and sizes. Raises PolicyFileError."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PolicyFileError(
            f'The contract is not valid JSON: {error}. Export the policy again.'
        ) from None
    raw = _object('the whole', value)
    if raw.get('schema') != SCHEMA:
        raise PolicyFileError(
            f'The contract has schema {_short(raw.get("schema"))}, this version reads {SCHEMA}. '
            'Export the policy again with this version, or use the version that wrote it.'
        )
    known = set(_PARSERS)
    for kind, names in (('lacks the', known - raw.keys()), ('has an unknown', raw.keys() - known)):
        if names:
            raise PolicyFileError(
                f'The contract {kind} field {sorted(names)[0]!r}. Export the policy again.'
            )
    found = {name: parser(f'field {name!r}', raw[name]) for name, parser in _PARSERS.items()}
    _check_sizes(found)
    return found


def _refuse_constant(text: str) -> float:
    raise ValueError(f'{text} is not a number')


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'


def _bad(where: str, expected: str, got: object) -> PolicyFileError:
    return PolicyFileError(
        f'The contract is malformed: {where}: expected {expected}, got {_short(got)}. Export the '
        'policy again.'
    )


def _text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _bad(where, 'a name', value)
    return value


def _number(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _bad(where, 'a finite number', value)
    return float(value)


def _period(where: str, value: object) -> float:
    if _number(where, value) <= 0.0:
        raise _bad(where, 'a time above zero', value)
    return _number(where, value)


def _count(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _bad(where, 'a whole number of at least 0', value)
    return value


def _row(item: Callable[[str, object], Any]) -> Callable[[str, object], tuple[Any, ...]]:
    """Parser of a list whose items `item` parses."""

    def parse(where: str, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _bad(where, 'a list', value)
        entries = cast('list[Any]', value)
        return tuple(item(f'{where}, item {index}', entry) for index, entry in enumerate(entries))

    return parse


def _object(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad(where, 'an object', value)
    return cast('dict[str, Any]', value)


def _versions(where: str, value: object) -> dict[str, str]:
    return {
        name: _text(f'{where}, {name!r}', entry) for name, entry in _object(where, value).items()
    }


def _signal(where: str, value: object) -> Signal:
    raw = _object(where, value)
    names = {field.name for field in fields(Signal)}
    if raw.keys() != names:
        raise _bad(where, f'the keys {", ".join(sorted(names))}', sorted(raw))
    if raw['privileged'] is not False:
        raise _bad(f"{where}, 'privileged'", 'false: a robot cannot measure it', raw['privileged'])
    shape = _row(_count)(f"{where}, 'shape'", raw['shape'])
    low, high = (_number(f'{where}, {key!r}', raw[key]) for key in ('low', 'high'))
    if math.prod(shape) < 1 or low >= high:
        raise _bad(where, 'at least one component and low below high', raw)
    name, unit, frame = (_text(f'{where}, {key!r}', raw[key]) for key in ('name', 'unit', 'frame'))
    return Signal(name, shape, unit, frame, low, high, str(raw['description']))


def _statistics(where: str, value: object) -> dict[str, dict[str, Any]]:
    table = _object(where, value)
    for name, entry in table.items():
        rows = _object(f'{where}, {name!r}', entry)
        for key in STATISTICS:
            _row(_number)(f'{where}, {name!r}, {key!r}', rows.get(key))
    return table


_PARSERS: dict[str, Callable[[str, object], Any]] = {
    'schema': _count,
    'task': _text,
    'robot': _text,
    'level': _text,
    'signals': _row(_signal),
    'joint_names': _row(_text),
    'setpoint_fields': _row(_text),
    'setpoint_units': _row(_text),
    'setpoint_low': _row(_number),
    'setpoint_high': _row(_number),
    'control_dt': _period,
    'memory_size': _count,
    'versions': _versions,
    'training': _object,
    'evaluation': _object,
    'statistics': _statistics,
}


def _check_sizes(found: dict[str, Any]) -> None:
    """Raise PolicyFileError where two fields of a contract contradict each other."""
    names = [signal.name for signal in found['signals']]
    if not names or len(set(names)) != len(names) or {'memory', 'setpoint'} & set(names):
        raise _bad("field 'signals'", 'at least one, each once', names)
    size = len(found['setpoint_fields'])
    for name in ('setpoint_units', 'setpoint_low', 'setpoint_high'):
        if len(found[name]) != size or not size:
            raise _bad(f'field {name!r}', f'{size} entries, one a setpoint field', found[name])
    limits = zip(found['setpoint_low'], found['setpoint_high'], strict=True)
    if any(low >= high for low, high in limits):
        raise _bad("field 'setpoint_low'", 'values below setpoint_high', found['setpoint_low'])
    sizes = {signal.name: signal.watched for signal in found['signals']} | {'setpoint': size}
    for name, entry in found['statistics'].items():
        wanted = sizes.get(name, len(entry['mean']))
        for key in STATISTICS:
            if len(entry[key]) != wanted:
                where = f"field 'statistics', {name!r}, {key!r}"
                raise _bad(where, f'{wanted} numbers', entry[key])
