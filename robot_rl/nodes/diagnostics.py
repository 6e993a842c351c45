"""What a controller is doing, as diagnostic_msgs/DiagnosticArray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from robot_rl.deploy.describe import flat
from robot_rl.deploy.modes import Mode

LEVELS: dict[Mode, bytes] = {
    Mode.IDLE: DiagnosticStatus.OK,
    Mode.READY: DiagnosticStatus.OK,
    Mode.STARTING: DiagnosticStatus.OK,
    Mode.ACTIVE: DiagnosticStatus.OK,
    Mode.TAKEOVER: DiagnosticStatus.WARN,
    Mode.RECOVERY: DiagnosticStatus.WARN,
    Mode.UNSTICK: DiagnosticStatus.WARN,
    Mode.STOPPING: DiagnosticStatus.WARN,
    Mode.FAULT: DiagnosticStatus.ERROR,
}
"""Level of each mode."""


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
    mode, reason = Mode(content['mode']), str(content['reason'])
    status = DiagnosticStatus(name=f'{name}: {hardware}', hardware_id=hardware)
    status.level = LEVELS[mode]
    if status.level == DiagnosticStatus.OK and (warnings or (reason and mode is not Mode.ACTIVE)):
        status.level = DiagnosticStatus.WARN
    status.message = '; '.join([f'{mode.value}: {reason}' if reason else mode.value, *warnings])
    status.values = [KeyValue(key=key, value=_text(value)) for key, value in flat(content)]
    return DiagnosticArray(status=[status])


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f'{value:.6g}'
    if isinstance(value, list | tuple):
        return ', '.join(_text(v) for v in value)
    return str(value)
