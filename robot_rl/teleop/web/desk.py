"""Who is there, who drives, and which buttons were pressed; safe to use from several threads."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
import threading

from robot_rl.teleop.stick import Button
from robot_rl.teleop.web.grip import Grip
from robot_rl.teleop.web.words import Ask, Here, Leave, NonsenseError, Press

TICKS = 512
"""How many ticks back an echo is known, 17 s."""
IDLE_S = 60.0
"""[s] after which the stick of a pilot who does not hold it is free for whoever asks."""


@dataclass(eq=False)
class Visitor:
    """Somebody who looks at the page."""

    name: str
    echo: int = -1
    """The newest tick that their page has answered."""
    round_s: float = 0.0
    """[s] from that tick to its answer."""
    asked: bool = False
    """They would like to drive and could not yet."""


@dataclass(frozen=True)
class Standing:
    """How things stand for one visitor, as the page shows it."""

    pilot: str
    """Name of who drives; '' where the stick is free."""
    yours: bool
    held: bool
    """The pilot's hand holds, as the robot believes."""
    motion: tuple[float, ...]
    """Of the pilot, all 0 where they do not hold."""
    lapsed: bool
    """It held until the connection was lost or slow."""
    free: bool
    """Whoever asks now may drive."""
    asking: tuple[str, ...]
    """Names of those who would like to."""
    visitors: int


@dataclass
class _Seat:
    """The stick, and who has it."""

    visitor: Visitor
    grip: Grip
    held_at: float


@dataclass
class Desk:
    """The state that visitors change and the robot reads. All times are of one monotonic clock."""

    axes: int
    """Fields of the setpoint."""
    visitors: list[Visitor] = field(default_factory=list)
    _seat: _Seat | None = None
    _pressed: set[Button] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ticks: deque[float] = field(default_factory=lambda: deque(maxlen=TICKS))
    _count: int = 0

    def tick(self, now: float) -> int:
        """Number of a tick that is sent at `now` [s]."""
        with self._lock:
            self._ticks.append(now)
            self._count += 1
            return self._count - 1

    def enter(self, visitor: Visitor) -> None:
        """Somebody comes; a name that is taken, or none, gets a number."""
        with self._lock:
            taken, wanted = {v.name for v in self.visitors}, visitor.name or 'visitor'
            number = 2 if visitor.name else 1
            name = visitor.name
            while not name or name in taken:
                name, number = f'{wanted} {number}', number + 1
            visitor.name = name
            self.visitors.append(visitor)

    def leave(self, visitor: Visitor) -> None:
        """Somebody is gone; if it is the pilot, the stick is free and the hand open."""
        with self._lock:
            if visitor in self.visitors:
                self.visitors.remove(visitor)
            if self._seat is not None and self._seat.visitor is visitor:
                self._seat = None

    def hear(self, visitor: Visitor, said: Here | Press | Ask | Leave, now: float) -> None:
        """Take what a visitor says at `now` [s]. Raises NonsenseError for an echo of no tick."""
        with self._lock:
            if isinstance(said, Here):
                self._here(visitor, said, now)
            elif isinstance(said, Press):
                self._press(visitor, said.button)
            elif isinstance(said, Leave):
                visitor.asked = False
                if self._drives(visitor):
                    self._seat = None
            elif not self._drives(visitor):
                visitor.asked = not self._free(now)
                if not visitor.asked:
                    self._seat = _Seat(visitor, Grip(self.axes), now)

    def _drives(self, visitor: Visitor) -> bool:
        return self._seat is not None and self._seat.visitor is visitor

    def _free(self, now: float) -> bool:
        return self._seat is None or now - self._seat.held_at > IDLE_S

    def _here(self, visitor: Visitor, said: Here, now: float) -> None:
        back = self._count - said.echo
        if back < 1:
            raise NonsenseError('an echo names a tick that is still to come')
        if said.echo < visitor.echo:
            raise NonsenseError('an echo names an older tick than the one before')
        ticked = self._ticks[-back] if back <= len(self._ticks) else -float('inf')
        if said.echo > visitor.echo and back <= len(self._ticks):
            visitor.echo, visitor.round_s = said.echo, now - ticked
        seat = self._seat
        if seat is not None and seat.visitor is visitor:
            seat.grip.hear(now, ticked, said.held, said.motion)
            if seat.grip.look(now):
                seat.held_at = now

    def _press(self, visitor: Visitor, button: Button) -> None:
        """Everybody may stop the robot; the rest is for who drives."""
        if button is Button.STOP or self._drives(visitor):
            self._pressed.add(button)

    def standing(self, visitor: Visitor, now: float) -> Standing:
        """How things stand at `now` [s] for a visitor."""
        with self._lock:
            seat = self._seat
            held = seat is not None and seat.grip.look(now)
            return Standing(
                pilot=seat.visitor.name if seat else '',
                yours=self._drives(visitor),
                held=held,
                motion=seat.grip.motion if seat and held else (0.0,) * self.axes,
                lapsed=seat is not None and seat.grip.lapsed,
                free=self._free(now),
                asking=tuple(v.name for v in self.visitors if v.asked),
                visitors=len(self.visitors),
            )

    def take(self, now: float) -> tuple[str, bool, tuple[float, ...], frozenset[Button]]:
        """Pilot, whether they hold, motion, and the buttons since the last call.

        The pilot is '' where there is none, or nothing fresh was heard of them.
        """
        with self._lock:
            pressed = frozenset(self._pressed)
            self._pressed.clear()
            seat = self._seat
            if seat is None:
                return '', False, (0.0,) * self.axes, pressed
            held = seat.grip.look(now)
            motion = seat.grip.motion if held else (0.0,) * self.axes
            name = seat.visitor.name if seat.grip.fresh(now) else ''
            return name, held, motion, pressed
