"""Message definitions as MCAP and Foxglove want them: the type, then all it contains."""

from __future__ import annotations

from functools import cache
import re

from robot_rl.assets import prefixes
from robot_rl.errors import MissingPackageError
from robot_rl.nodes.interfaces import DEFINITIONS

_SIZES = ('8', '16', '32', '64')
_BUILTIN = frozenset({'bool', 'byte', 'char', 'float32', 'float64', 'string', 'wstring'}) | {
    f'{sign}int{size}' for sign in ('', 'u') for size in _SIZES
}
_FIELD = re.compile(
    r'^(?P<type>[A-Za-z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]\w*(?P<rest>.*)$'
)
_SEPARATOR = '=' * 80


@cache
def definition(package: str, name: str) -> str:
    """Text of one .msg file. Raises MissingPackageError if no prefix has it."""
    shared = [prefix / 'share' for prefix in prefixes()]
    for folder in (*shared, DEFINITIONS):  # ours are for what no wheel brings
        path = folder / package / 'msg' / f'{name}.msg'
        if path.is_file():
            return path.read_text(encoding='utf-8')
    raise MissingPackageError(
        package,
        f'Recording {package}/msg/{name}',
        remedy='Its definition was looked for in share/ of '
        + ', '.join(str(p) for p in prefixes())
        + '. Source a ROS 2 that has it.',
    )


def dependencies(package: str, text: str) -> list[tuple[str, str]]:
    """Message types that a definition contains, as (package, name) in order of appearance."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        match = _FIELD.match(line.split('#', 1)[0].strip())
        if not match or match['rest'].lstrip().startswith('='):  # a constant
            continue
        kind = match['type']
        if kind in _BUILTIN:
            continue
        owner, _, name = kind.rpartition('/')
        pair = (owner or package, name)
        if pair not in found:
            found.append(pair)
    return found


def schema(ros_type: str) -> str:
    """Complete definition of 'package/msg/Name' in the concatenated 'ros2msg' form."""
    package, _, name = ros_type.split('/')
    text = definition(package, name)
    parts, queue, seen = [text], dependencies(package, text), {(package, name)}
    while queue:
        owner, kind = queue.pop(0)
        if (owner, kind) in seen:
            continue
        seen.add((owner, kind))
        text = definition(owner, kind)
        parts.append(f'{_SEPARATOR}\nMSG: {owner}/{kind}\n{text}')
        queue += dependencies(owner, text)
    return '\n'.join(part.rstrip('\n') for part in parts) + '\n'


def starts_with_header(ros_type: str) -> bool:
    """Whether a message begins with a std_msgs/Header, so that its stamp is in its first bytes."""
    package, _, name = ros_type.split('/')
    first = dependencies(package, definition(package, name))[:1]
    lines = [line.split('#', 1)[0].strip() for line in definition(package, name).splitlines()]
    fields = [line for line in lines if line]
    return first == [('std_msgs', 'Header')] and fields[0].split()[0] == 'std_msgs/Header'
