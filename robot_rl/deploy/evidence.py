"""What the inputs of a flight say about training and about the robot's wiring."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from robot_rl.deploy.diagnosis import Finding, diagnose
from robot_rl.deploy.drift import Drift, Window
from robot_rl.deploy.modes import Mode
from robot_rl.deploy.watchdog import Inputs
from robot_rl.spec.contract import Contract
from robot_rl.spec.robot import Robot

DIAGNOSIS_S = 4.0
"""[s] of flight that `Evidence.diagnose` looks at."""


class Evidence:
    """Keeps what can be believed of each control period; see drift.py."""

    def __init__(self, robot: Robot, contract: Contract, inputs: Inputs) -> None:
        """Reserve the memory; `inputs` are those of the controller."""
        self._robot, self._level, self._inputs = robot, contract.level, inputs
        self.drift = Drift(contract)
        """How far the signals have gone from what training saw."""
        sources = inputs.sources.values()
        self._clock = next((s for s in sources if not s.requested), None)
        parts = {s.signal.name: slice(s.start, s.start + s.signal.watched) for s in sources}
        rows = round(DIAGNOSIS_S / contract.control_dt)
        self.window = Window(parts, robot.setpoint(contract.level).size, rows)
        """The last DIAGNOSIS_S."""
        self._measured_at = -math.inf

    def clear(self) -> None:
        """Forget everything: another flight begins."""
        self.drift.clear()
        self.window.clear()
        self._measured_at = -math.inf

    def push(self, mode: Mode, now: float, sent: NDArray[np.float64]) -> None:
        """Take the inputs of the control period `now` [s], in which `sent` (size,) went out."""
        if self._clock is None or not self._believable(mode, now):
            return
        values, stamp = self._inputs.values, self._clock.stamp
        if stamp > self._measured_at:  # the same message twice is not a second measurement
            self._measured_at = stamp
            self.drift.push(values[: self.drift.size])
            self.window.push(stamp, values, sent)

    def _believable(self, mode: Mode, now: float) -> bool:
        """Whether the inputs say anything about training and wiring: old or broken ones do not.

        Values that are merely implausible do: degrees for radians begin like that.
        """
        if mode is Mode.ACTIVE:
            return True
        if mode is not Mode.RECOVERY or self._inputs.check(now) is not None:
            return False
        return bool(np.isfinite(self._inputs.values).all())

    def diagnose(self) -> list[Finding]:
        """Likely causes of what looks wrong in the window; takes a few milliseconds."""
        return diagnose(self._robot, self._level, self.window.flight())
