"""A contract as tables, for the terminal and for reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from robot_rl.spec.contract import Contract


@dataclass(frozen=True)
class Table:
    """Rows of text under a title."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """Aligned columns for a terminal."""
        rows = [self.header, *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.header))]
        lines = [
            '  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        rule = '  '.join('-' * width for width in widths)
        return '\n'.join([self.title, lines[0], rule, *lines[1:]])


def contract_tables(contract: Contract) -> list[Table]:
    """What a policy is, takes, returns and saw in training, one table each, none empty."""
    tables = [_summary(contract), _inputs(contract), _setpoint(contract)]
    for title in ('training', 'evaluation', 'versions'):
        rows = [(name, _text(value)) for name, value in flat(getattr(contract, title))]
        tables.append(Table(title.capitalize(), ('item', 'value'), tuple(rows)))
    return [table for table in tables if table.rows]


def contract_text(contract: Contract) -> str:
    """All tables of a contract for a terminal."""
    return '\n\n'.join(table.text() for table in contract_tables(contract))


def _summary(contract: Contract) -> Table:
    rows = (
        ('task', contract.task),
        ('robot', contract.robot),
        ('joints', ', '.join(contract.joint_names)),
        ('setpoint level', contract.level),
        ('control period', f'{contract.control_dt:g} s ({1.0 / contract.control_dt:g} Hz)'),
        ('memory', f'{contract.memory_size} numbers'),
        ('digest of the contract', contract.digest()[:16]),
    )
    return Table('Policy', ('item', 'value'), rows)


def _inputs(contract: Contract) -> Table:
    rows: list[tuple[str, ...]] = []
    for signal in contract.signals:
        seen = contract.statistics.get(signal.name)
        low, high = (_row(seen['low']), _row(seen['high'])) if seen else ('-', '-')
        rows.append((signal.name, str(signal.size), signal.unit, signal.frame, low, high))
    header = ('signal', 'size', 'unit', 'frame', 'lowest seen', 'highest seen')
    return Table('Inputs', header, tuple(rows))


def _setpoint(contract: Contract) -> Table:
    rows = zip(
        contract.setpoint_fields,
        contract.setpoint_units,
        (f'{value:g}' for value in contract.setpoint_low),
        (f'{value:g}' for value in contract.setpoint_high),
        strict=True,
    )
    return Table('Setpoint', ('field', 'unit', 'low', 'high'), tuple(rows))


def _row(values: list[float]) -> str:
    return ' '.join(f'{value:.3g}' for value in values)


def _text(value: Any) -> str:
    """A value as a cell; long ones are cut, and a gap is called one."""
    if value is None or value == '':
        return 'not recorded'
    text = f'{value:.6g}' if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f'{text[:57]}...'


def flat(entries: Mapping[str, Any], prefix: str = '') -> list[tuple[str, Any]]:
    """Nested dictionaries as rows, the keys joined by dots."""
    rows: list[tuple[str, Any]] = []
    for key, value in entries.items():
        if isinstance(value, Mapping):
            rows += flat(cast('Mapping[str, Any]', value), f'{prefix}{key}.')
        else:
            rows.append((f'{prefix}{key}', value))
    return rows
