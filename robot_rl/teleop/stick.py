"""What a person holds in their hand at one moment, whatever the device."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Button(Enum):
    """What a person tells beside driving, each once per press."""

    SUCCESS = 'success'
    """The task is done."""
    FAILURE = 'failure'
    """It will not be done any more."""
    RESET = 'reset'
    """Begin again."""
    STOP = 'stop'
    """Emergency stop."""


@dataclass(frozen=True)
class Stick:
    """One reading of a device."""

    stamp: float
    """[s] when the device was read, on the monotonic clock of whoever asks."""
    held: bool
    """The dead-man: the person drives as long as it is held, and only then."""
    motion: tuple[float, ...]
    """-1 to 1, one for each field of the robot's setpoint; 0 is its neutral value. All 0 while the
    clutch is pressed."""
    pressed: frozenset[Button] = frozenset()
    """Buttons pressed since the reading before."""
    operator: str = ''
    """Who it is, for the record."""


class Device(Protocol):
    """A source of readings; none of its methods waits or raises."""

    name: str

    def read(self, now: float) -> Stick | None:
        """The newest state at `now` [s]; None where there is no device, or it fell silent."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
