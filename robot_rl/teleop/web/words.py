"""What a page may say to the server: five kinds of messages, read strictly.

Every message is a JSON object of at most `MOST_BYTES`. Whatever is not exactly one of these kinds,
field by field, is NonsenseError, for which the server hangs up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import json
import math
from typing import Any, NoReturn

from robot_rl.teleop.stick import Button

MOST_BYTES = 2048
"""Of one message; the largest honest one, of twelve axes, has about 300."""
MOST_NAME = 24
"""Characters of a name."""


class NonsenseError(ValueError):
    """A message that no page of ours would send; its text says why."""


@dataclass(frozen=True)
class Hello:
    """The first message of a visitor."""

    token: str
    name: str
    """Printable, may be empty."""


@dataclass(frozen=True)
class Here:
    """The answer to a tick of the server, or a change between two of them."""

    echo: int
    """Number of the newest tick that the page has seen."""
    held: bool
    motion: tuple[float, ...]
    """-1 to 1, one for each field of the setpoint."""


@dataclass(frozen=True)
class Press:
    """A button was pressed."""

    button: Button


@dataclass(frozen=True)
class Ask:
    """Let me drive."""


@dataclass(frozen=True)
class Leave:
    """Let somebody else drive."""


Message = Hello | Here | Press | Ask | Leave


def read(text: str, axes: int) -> Message:
    """Read one message for a setpoint of `axes` fields. Raises NonsenseError."""
    try:
        said = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise NonsenseError('a message is not JSON') from None
    if type(said) is not dict:
        raise NonsenseError('a message is no object')
    kind = said.get('t')
    if type(kind) is not str or kind not in _KINDS:
        raise NonsenseError('a message is of no known kind')
    keys, make = _KINDS[kind]
    if set(said) != {'t', *keys}:
        raise NonsenseError(f'a message {kind!r} has other fields than it must')
    return make(said, axes)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _hello(said: dict[str, Any], _axes: int) -> Hello:
    token, name = said['token'], said['name']
    if type(token) is not str:
        raise NonsenseError('the token is no text')
    if type(name) is not str or len(name) > MOST_NAME or not name.isprintable():
        raise NonsenseError(f'a name has up to {MOST_NAME} printable characters')
    return Hello(token, name.strip())


def _here(said: dict[str, Any], axes: int) -> Here:
    echo, held, motion = said['echo'], said['held'], said['motion']
    if type(echo) is not int or echo < 0:
        raise NonsenseError('an echo is a whole number')
    if type(held) is not bool:
        raise NonsenseError('held is true or false')
    if type(motion) is not list or len(motion) != axes:
        raise NonsenseError(f'a motion has {axes} numbers')
    return Here(echo, held, tuple(map(_share, motion)))


def _share(value: Any) -> float:
    if type(value) not in (int, float) or not -1.0 <= value <= 1.0 or not math.isfinite(value):
        raise NonsenseError('a motion is within -1 and 1')
    return float(value)


def _press(said: dict[str, Any], _axes: int) -> Press:
    try:
        return Press(Button(said['button']))
    except ValueError:
        raise NonsenseError('there is no such button') from None


_KINDS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any], int], Message]]] = {
    'hello': (('token', 'name'), _hello),
    'here': (('echo', 'held', 'motion'), _here),
    'press': (('button',), _press),
    'ask': ((), lambda _said, _axes: Ask()),
    'leave': ((), lambda _said, _axes: Leave()),
}
"""Kind to the names of its fields and what reads them."""
