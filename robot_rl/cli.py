"""The command line: parses, calls, and says errors in one paragraph. The work is done elsewhere.

Only the command asked for is built into a parser, which keeps help quick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
import errno
import os
import shutil
import sys
import textwrap
from typing import Any

from robot_rl.commands import COMMANDS
from robot_rl.errors import RobotRLError, UnknownNameError, told

EXIT_USAGE, EXIT_INTERRUPTED = 2, 130
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE}


def usage() -> str:
    """Overview of all commands."""
    width = max(map(len, COMMANDS))
    rows = [f'  {name:{width}}  {_first_line(kind)}' for name, kind in COMMANDS.items()]
    return '\n'.join(
        [
            'usage: robot_rl COMMAND [OPTIONS]',
            '',
            'Train policies for robots, check them, and run them over ROS 2.',
            '',
            *rows,
            '',
            'robot_rl COMMAND --help lists the options of a command.',
        ]
    )


def _first_line(kind: Any) -> str:
    return kind.__doc__.splitlines()[0].partition('; ')[0].rstrip('.')


def _command(args: Sequence[str]) -> tuple[str, list[str]]:
    """Split arguments into the command, '' for an overview, and the rest.

    Raises UnknownNameError.
    """
    if not args or args[0] in ('-h', '--help', 'help'):
        return '', []
    groups = {name.split()[0] for name in COMMANDS if ' ' in name}
    name, rest = args[0], list(args[1:])
    if name in groups:
        members = [member.split()[1] for member in COMMANDS if member.startswith(f'{name} ')]
        if rest[:1] in ([], ['-h'], ['--help']):
            return '', []
        if rest[0] not in members:
            raise UnknownNameError(f'{name} command', rest[0], members)
        name = f'{name} {rest.pop(0)}'
    if name not in COMMANDS:
        raise UnknownNameError('command', name, {key.split()[0] for key in COMMANDS})
    return name, rest


def _check_options(kind: Any, args: Sequence[str]) -> None:
    """Refuse an option that the command does not have. Raises UnknownNameError."""
    known = {'--help'}
    for field in dataclasses.fields(kind):
        dashed = field.name.replace('_', '-')
        known.add(f'--{dashed}')
    for arg in args:
        name = arg.partition('=')[0].replace('_', '-')
        if name.startswith('--') and name not in known:
            raise UnknownNameError('option', name, known)


def parse(args: Sequence[str]) -> Callable[[], int]:
    """Turn arguments into the function that does the work.

    Raises:
        UnknownNameError: No such command or option.
        SystemExit: After printing help, or with code 2 for a value that cannot be read.
    """
    name, rest = _command(args)
    if not name:
        return lambda: print(usage()) or 0
    kind = COMMANDS[name]
    _check_options(kind, rest)
    import tyro

    plain = (tyro.conf.FlagCreatePairsOff,)
    return tyro.cli(kind, prog=f'robot_rl {name}', args=rest, config=plain).run


def main(args: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 2 for an error of the user, 130 for Ctrl-C."""
    try:
        return parse(sys.argv[1:] if args is None else args)()
    except (RobotRLError, ModuleNotFoundError) as error:
        if not told(error):
            raise
        return _say(told(error))
    except BrokenPipeError:  # the reader, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno not in _DISK:
            raise
        where = f' {str(error.filename)!r}' if error.filename else ''
        return _say(f'Cannot write{where}: {error.strerror}. What was written before is kept.')
    except KeyboardInterrupt:
        sys.stderr.write('\nInterrupted.\n')
        return EXIT_INTERRUPTED


def _say(text: str) -> int:
    width = min(100, shutil.get_terminal_size().columns)
    paragraph = f'robot_rl: {" ".join(text.split())}'  # names and paths stay in one piece
    lines = textwrap.wrap(paragraph, width, break_on_hyphens=False, break_long_words=False)
    sys.stderr.write('\n'.join(lines) + '\n')
    return EXIT_USAGE
