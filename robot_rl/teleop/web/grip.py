"""The dead-man over a network: when a hand that was said to hold is believed to hold.

The server ticks, the page answers each tick with what the hand does, naming the tick. The hand was
seen after that tick was sent, so `ROUND_S` after it the word has expired: however late a message
arrives, in whatever queue it waited, it is worth nothing beyond that. Whoever loses the connection
was last heard answering a tick of before the loss, so the hand is let go within `ROUND_S` of it.
All of it is judged when the device is read, by the reader's own clock: a server that has stopped
releases too.
"""

from __future__ import annotations

ROUND_S = 0.18
"""[s] after a tick was sent, the answer to it has expired: 200 ms less a control period."""
SILENCE_S = 0.15
"""[s] without a message, and the hand is let go."""


class Grip:
    """What the page of one pilot last said of their hand.

    After a lapse, and at the beginning, the hand must be seen open once before it can hold: a
    robot does not start again by itself because a connection recovers.
    """

    def __init__(self, axes: int) -> None:
        """Begin with an open hand on `axes` axes, of which nothing has been heard."""
        self.motion = (0.0,) * axes
        """-1 to 1, as it was last said."""
        self.lapsed = False
        """It held until the connection was lost or slow, and has to open before it can again."""
        self._held = self._opened = False
        self._ticked = self._heard = -float('inf')

    def hear(self, now: float, ticked: float, held: bool, motion: tuple[float, ...]) -> None:
        """Take the answer that arrived at `now` [s] to the tick that was sent at `ticked` [s]."""
        self.look(now)
        self._ticked, self._heard = ticked, now
        if not held and self.fresh(now):
            self._opened, self.lapsed = True, False
        self._held, self.motion = held, motion
        self.look(now)

    def fresh(self, now: float) -> bool:
        """Whether what was heard last counts at `now` [s]."""
        return now - self._ticked <= ROUND_S and now - self._heard <= SILENCE_S

    def look(self, now: float) -> bool:
        """Whether the hand holds at `now` [s]; one that was lost stays open."""
        if not self.fresh(now):
            self.lapsed = self.lapsed or (self._held and self._opened)
            self._opened = False
        return self._held and self._opened
