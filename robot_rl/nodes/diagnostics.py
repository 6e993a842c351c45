"""What a controller is doing, as diagnostic_msgs/DiagnosticArray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

LEVELS: dict[str, bytes] = {
    'idle': DiagnosticStatus.OK,
    'ready': DiagnosticStatus.OK,
    'active': DiagnosticStatus.OK,
    'takeover': DiagnosticStatus.WARN,
    'recovery': DiagnosticStatus.WARN,
    'stopping': DiagnosticStatus.WARN,
    'fault': DiagnosticStatus.ERROR,
}
"""Mode to level; unlisted modes are errors."""


def diagnostic_array(
    name: str, hardware: str, content: Mapping[str, Any], warnings: list[str]
) -> DiagnosticArray:
    """Message from `Controller.diagnostics()`; nested keys are joined by dots.

    Args:
        name: the node.
        hardware: the robot.
        content: plain values; 'mode' and 'reason' make the level and the message.
        warnings: what a person should know though nothing failed yet.
    """
    mode, reason = str(content['mode']), str(content['reason'])
    status = DiagnosticStatus(name=f'{name}: {hardware}', hardware_id=hardware)
    status.level = LEVELS.get(mode, DiagnosticStatus.ERROR)
    if status.level == DiagnosticStatus.OK and (warnings or (reason and mode != 'active')):
        status.level = DiagnosticStatus.WARN
    status.message = '; '.join([f'{mode}: {reason}' if reason else mode, *warnings])
    status.values = [KeyValue(key=key, value=_text(value)) for key, value in _flat('', content)]
    return DiagnosticArray(status=[status])


def _flat(prefix: str, content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in content.items():
        if isinstance(value, Mapping):
            rows += _flat(f'{prefix}{key}.', value)
        else:
            rows.append((f'{prefix}{key}', value))
    return rows


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f'{value:.6g}'
    if isinstance(value, list | tuple):
        return ', '.join(_text(v) for v in value)
    return str(value)
