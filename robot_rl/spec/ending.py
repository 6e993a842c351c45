"""How a trial of navigation ends: the same rule wherever it is driven."""

from __future__ import annotations

import math

from robot_rl.spec.arena import Arena

STUCK_M, STUCK_S = 0.5, 10.0
"""As Nav2's progress checker has it: [m] within [s], or the robot is stuck."""


class Progress:
    """Whether a robot is stuck: it has not come STUCK_M from where it was for STUCK_S."""

    def __init__(self) -> None:
        self._since: tuple[float, float, float] | None = None

    def stuck(self, time_s: float, x: float, y: float) -> bool:
        """Tell where the robot is at `time_s` [s], x, y [m]; answer whether it is stuck."""
        last = self._since
        if last is None or math.hypot(x - last[1], y - last[2]) >= STUCK_M:
            self._since = time_s, x, y
            return False
        return time_s - last[0] >= STUCK_S


def ending(
    arena: Arena, progress: Progress, *, hit: bool, time_s: float, x: float, y: float
) -> str:
    """How a trial ends now; '' while it goes on.

    Args:
        arena: Says goal, tolerance and time limit.
        progress: Of this trial.
        hit: Whether the footprint touches something.
        time_s: [s] since the start.
        x: [m] where the robot truly is.
        y: [m]
    """
    if hit:
        return 'collision'
    if math.hypot(x - arena.goal[0], y - arena.goal[1]) < arena.goal_tolerance:
        return 'success'
    if time_s >= arena.time_limit_s - 1e-9:
        return 'timeout'
    return 'stuck' if progress.stuck(time_s, x, y) else ''
