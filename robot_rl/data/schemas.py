"""The topics of an episode file and the JSON schemas that Foxglove plots them by."""

from __future__ import annotations

import json
from typing import Any

from robot_rl.deploy.record import Channel

_NUMBER: dict[str, Any] = {'type': 'number'}
_COUNT: dict[str, Any] = {'type': 'integer'}
_FLAG: dict[str, Any] = {'type': 'boolean'}
_TEXT: dict[str, Any] = {'type': 'string'}
_ROW: dict[str, Any] = {'type': 'array', 'items': _NUMBER}
_ANY: dict[str, Any] = {'type': 'object', 'additionalProperties': True}


def _channel(topic: str, title: str, **fields: dict[str, Any]) -> Channel:
    schema = json.dumps({'title': title, 'type': 'object', 'properties': fields})
    return Channel(topic, f'robot_rl.{title}', schema, 'json', 'jsonschema')


def channels(signals: dict[str, int]) -> dict[str, Channel]:
    """Topic to channel, of a file with these signals."""
    rows = {'type': 'object', 'properties': dict.fromkeys(signals, _ROW)}
    every = (
        _channel('/begin', 'Begin', episode=_COUNT),
        _channel(
            '/step',
            'Step',
            episode=_COUNT,
            step=_COUNT,
            signals=rows,
            memory=_ROW,
            action=_ROW,
            setpoint=_ROW,
            reward=_NUMBER,
            person=_FLAG,
            operator=_TEXT,
            extra=_ANY,
        ),
        _channel('/label', 'Label', episode=_COUNT, step=_COUNT, what=_TEXT),
        _channel(
            '/end',
            'End',
            episode=_COUNT,
            steps=_COUNT,
            signals=rows,
            memory=_ROW,
            terminated=_FLAG,
            truncated=_FLAG,
            success=_FLAG,
        ),
        _channel('/closed', 'Closed', episodes=_COUNT, steps=_COUNT),
    )
    return {channel.topic: channel for channel in every}
