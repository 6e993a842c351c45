"""A series of numbers over time that never grows too long to be sent and drawn."""

from __future__ import annotations

import math

MOST_POINTS = 600
"""Of one curve; a longer one is thinned out to half of them, means of two."""


class Curve:
    """A series of points that never grows beyond MOST_POINTS."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []
        """x and value; the last one may still be taking values in."""
        self._width = 1
        self._open = 0

    def add(self, x: float, value: float) -> None:
        """Add a point; one that is not finite is left out."""
        if not (math.isfinite(x) and math.isfinite(value)):
            return
        if self._open == 0:
            self.points.append((x, value))
        else:
            at, mean = self.points[-1]
            share = 1.0 / (self._open + 1)
            self.points[-1] = (at + share * (x - at), mean + share * (value - mean))
        self._open = (self._open + 1) % self._width
        if len(self.points) >= MOST_POINTS and self._open == 0:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [(0.5 * (a + c), 0.5 * (b + d)) for (a, b), (c, d) in pairs]
            self._width *= 2
