"""A human at the controls: fresh commands only, and no jump when they take over or hand back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.deploy.limits import Failure
from robot_rl.deploy.watchdog import FUTURE_S

BLEND_S = 0.3
"""[s] over which the setpoint goes from the last one sent to the human's, and back to the
policy's."""
MAX_PERIODS = 1.75
"""Control periods that a human's command may be old while they drive, where the robot does not
allow less. The safe action begins at most one period after that; a quarter is for the way of the
last command, so that there are three in all: see docs/teleop.md."""


class Takeover:
    """Setpoints of a human, blended in from the last one sent."""

    def __init__(self, size: int, max_age_s: float) -> None:
        """Expect setpoints of `size` components that are never older than `max_age_s` [s]."""
        self._human = np.zeros(size)
        self._start = np.zeros(size)
        self.target = np.zeros(size)
        """(size,) setpoint to send, before limits."""
        self._max_age_s = max_age_s
        self._stamp = self._received = -math.inf
        self._fresh = False
        self._begun = 0.0
        self.refusal = ''
        """Why the newest command was refused; '' if it was believed."""

    def feed(self, setpoint: Any, stamp: float) -> bool:
        """Take a human's setpoint [SI] measured at `stamp` [s]. Return False if it is refused."""
        size = len(self._human)
        if len(setpoint) != size:
            self.refusal = f"the human's setpoint has {len(setpoint)} components, expected {size}"
        elif not all(math.isfinite(value) for value in setpoint):
            self.refusal = f"the human's setpoint is not finite: {list(setpoint)}"
        elif not math.isfinite(stamp):
            self.refusal = f"the human's setpoint has the stamp {stamp} s"
        else:
            self.refusal = ''
            self._human[:] = setpoint
            self._stamp, self._fresh = stamp, True
        return not self.refusal

    def forget(self) -> None:
        """Believe no command until the next one."""
        self._stamp = self._received = -math.inf
        self._fresh = False

    def begin(self, now: float, sent: NDArray[np.float64]) -> None:
        """Start from the setpoint `sent` (size,) last."""
        np.copyto(self._start, sent)
        self._begun = now

    def problem(self, now: float) -> Failure | None:
        """Whether the human's command is missing, too old or from the future."""
        if self._fresh:
            self._fresh, self._received = False, now
        age = max(now - self._stamp, now - self._received)
        if age <= self._max_age_s and self._stamp <= now + FUTURE_S:
            return None
        if self._stamp > now + FUTURE_S:
            text = f"the human's command has a stamp {self._stamp - now:.3f} s in the future"
        elif math.isinf(age):
            text = 'no command from the human has arrived'
        else:
            text = f"the human's command is {age:.3f} s old, limit {self._max_age_s:g} s"
        return Failure(f'{text}; {self.refusal}' if self.refusal else text, True)

    def step(self, now: float) -> None:
        """Write the blend of the start and the human's newest setpoint into `target`."""
        weight = min(1.0, max(0.0, (now - self._begun) / BLEND_S))
        np.subtract(self._human, self._start, out=self.target)
        np.multiply(self.target, weight, out=self.target)
        np.add(self.target, self._start, out=self.target)


class HandBack:
    """The policy's setpoints after a human's: they begin at the last one sent.

    What the first setpoint of the policy differs by from the last one sent is added to it and to
    those that follow, less and less over BLEND_S. The policy's answers to what it measures are
    whole from the first period on; a weighted mean with the human's last setpoint would leave a
    robot that needs to be balanced with a part of its feedback. A limited slew alone would not do:
    it is infinite for cars, and for joints as fast as the joint can be.
    """

    def __init__(self, size: int) -> None:
        """Expect setpoints of `size` components."""
        self._offset = np.zeros(size)
        self._target = np.zeros(size)
        self._begun = 0.0
        self._first = False
        self.active = False
        """Whether there is anything left to blend."""

    def begin(self, now: float) -> None:
        """The human hands back at `now` [s]."""
        self._begun, self._first, self.active = now, True, True

    def cancel(self) -> None:
        """Something else drives: what the policy says later is taken as it is."""
        self.active = False

    def step(
        self, wanted: NDArray[np.floating], sent: NDArray[np.float64], now: float
    ) -> NDArray[np.float64]:
        """Setpoint (size,) to send for the policy's `wanted`, having sent `sent` last."""
        if self._first:
            np.subtract(sent, wanted, out=self._offset)
            self._first = False
        left = 1.0 - max(0.0, now - self._begun) / BLEND_S
        self.active = left > 0.0
        np.multiply(self._offset, max(0.0, left), out=self._target)
        np.add(self._target, wanted, out=self._target)
        return self._target
