"""The keys of a terminal as a device: no window, no rights, no driver.

A terminal tells that a key was struck, and, while it is held down, that it was struck again and
again; it never tells that a key was let go. The dead-man is therefore a key that repeats: any key
that drives, or the space bar. It lets go REPEAT_S after the last stroke, which is more than a
gamepad takes: for a machine that can hurt somebody use one of those.
"""

from __future__ import annotations

import contextlib
import os
import sys
import termios
import tty

from robot_rl.errors import SpecError
from robot_rl.teleop.mapping import SPEED_STEP, clamp_share
from robot_rl.teleop.stick import Button, Stick

REPEAT_S = 0.3
"""[s] after the last stroke of a key that repeats, it counts as let go."""
DELAY_S = 0.7
"""[s] that a terminal may take until a key that is held begins to repeat. So long a second key may
take the place of the first without the dead-man letting go; nothing moves meanwhile."""
BOUNCE_S = 0.005
"""[s] strokes of a key nearer than this are one: pasted text holds nothing."""
PAIRS = ('ws', 'ad', 'rf', 'ik', 'jl', 'uo')
"""Keys of each field of the setpoint, in order: up, down."""
HOLD = ' '
LABELS = {'y': Button.SUCCESS, 'n': Button.FAILURE, 'b': Button.RESET, 'x': Button.STOP}
SPEEDS = {'+': SPEED_STEP, '-': -SPEED_STEP}


class Keyboard:
    """Reads a terminal without waiting; `close` gives it back as it was."""

    name = 'keyboard'

    def __init__(
        self, size: int, operator: str = '', share: float = 0.5, file: int | None = None
    ) -> None:
        """Take a terminal, by default that of standard input, for `size` fields.

        Args:
            size: Number of fields of the setpoint, at most as many as PAIRS.
            operator: Who it is.
            share: Of the robot's speed, within [SPEED_STEP, 1].
            file: Descriptor of the terminal.

        Raises:
            SpecError: It is no terminal, or there are more fields than keys.
        """
        if size > len(PAIRS):
            raise SpecError(
                f'The keyboard has keys for at most {len(PAIRS)} fields, got {size}. Use a device '
                'with axes.'
            )
        self._size, self._operator, self.share = size, operator, clamp_share(share)
        self._file = sys.stdin.fileno() if file is None else file
        self._keys = HOLD + ''.join(PAIRS[:size])
        self._key, self._struck = '', -float('inf')
        self._repeats = self._held = self._gone = False
        try:
            self._before = termios.tcgetattr(self._file)
        except termios.error:
            raise SpecError(
                'The keyboard needs a terminal, and standard input is none, as under a launch '
                'file. Start the node by itself, in a terminal.'
            ) from None
        tty.setcbreak(self._file, termios.TCSANOW)  # Ctrl-C still ends the process
        os.set_blocking(self._file, False)

    def read(self, now: float) -> Stick | None:
        """State at `now` [s]; None once the terminal is gone."""
        pressed: set[Button] = set()
        for key in dict.fromkeys(self._strokes()):
            if key in LABELS:
                pressed.add(LABELS[key])
            elif key in SPEEDS:
                self.share = clamp_share(self.share + SPEEDS[key])
            elif key in self._keys:
                self._strike(key, now)
        if self._gone:
            return None
        since = now - self._struck
        self._held = self._held and since <= (REPEAT_S if self._repeats else DELAY_S)
        moving = self._held and self._repeats
        motion = self._motion() if moving else (0.0,) * self._size
        return Stick(now, self._held, motion, frozenset(pressed), self._operator)

    def close(self) -> None:
        """Give the terminal back as it was."""
        with contextlib.suppress(OSError, termios.error):
            os.set_blocking(self._file, True)
            termios.tcsetattr(self._file, termios.TCSANOW, self._before)

    def _strokes(self) -> str:
        """Keys struck since the last call."""
        try:
            data = os.read(self._file, 1024)
        except BlockingIOError:
            return ''
        except OSError:  # the other end of the terminal is closed
            data = b''
        self._gone = self._gone or not data
        return data.decode('ascii', errors='replace')

    def _strike(self, key: str, now: float) -> None:
        since = now - self._struck
        if key == self._key and since < BOUNCE_S:
            return
        self._repeats = key == self._key and since <= (REPEAT_S if self._repeats else DELAY_S)
        self._held = self._held or self._repeats
        self._key, self._struck = key, now

    def _motion(self) -> tuple[float, ...]:
        pairs = PAIRS[: self._size]
        return tuple(self.share * {up: 1.0, down: -1.0}.get(self._key, 0.0) for up, down in pairs)
