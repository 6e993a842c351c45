"""What the robot does by itself in the modes in which no policy and no human drives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from robot_rl.deploy.modes import SAFE_MODES, Mode
from robot_rl.deploy.stages import Stages
from robot_rl.deploy.stuck import StuckWatch
from robot_rl.spec.robot import Setpoint

Values = NDArray[np.float64]
STAGED = SAFE_MODES | {Mode.STARTING, Mode.UNSTICK}
"""Modes in which the robot follows stages of its own."""


class Conduct:
    """Chooses and follows the stages that one setpoint level of the robot declares."""

    def __init__(
        self, setpoint: Setpoint, joint_names: Sequence[str], views: Mapping[str, Values]
    ) -> None:
        """`views` are the newest measurements by signal name, of joints in the robot's order."""
        self._setpoint, self._views = setpoint, views
        self._joints: list[int] = []
        if setpoint.follows_joints:
            self._joints = [joint_names.index(name) for name in setpoint.fields]
        low, high = np.array(setpoint.low), np.array(setpoint.high)
        self.safe = Stages(setpoint.safe, low, high)
        self.start = Stages(setpoint.start, low, high) if setpoint.start else None
        """What comes before the policy, or None."""
        self._stop = Stages(setpoint.stop, low, high) if setpoint.stop else self.safe
        self._unstick = self._stuck = None
        if setpoint.stuck is not None:
            self._unstick = Stages(setpoint.stuck.action, low, high)
            self._stuck = StuckWatch(setpoint.stuck, setpoint, views)
        self.now = self.safe
        """The stages followed now, or last."""

    @property
    def stops_safely(self) -> bool:
        """Whether the robot has no way of its own to stop, and takes the safe action instead."""
        return self._stop is self.safe

    @property
    def safely(self) -> bool:
        """Whether the stages followed are the safe action."""
        return self.now is self.safe

    def enter(self, before: Mode, after: Mode) -> None:
        """Begin what the robot does in the mode `after`, unless it is at it already."""
        chosen = None
        if after is Mode.STARTING:
            chosen = self.start
        elif after is Mode.UNSTICK:
            chosen = self._unstick
        elif after in SAFE_MODES and before not in SAFE_MODES:
            chosen = self._stop if after is Mode.STOPPING else self.safe
        elif after is Mode.FAULT and not self.safely:
            chosen = self.safe
        if chosen is not None:
            self.now = chosen
            chosen.start()
        if self._stuck is not None:
            self._stuck.reset()

    def present(self) -> Values:
        """Setpoint (size,) that leaves the robot as it is: its joints where they are, or neutral.

        A limited slew starts from it.
        """
        if not self._joints:
            return np.array(self._setpoint.neutral)
        measured = self._views['joint_pos'][self._joints]
        return np.minimum(np.maximum(measured, self._setpoint.low), self._setpoint.high)

    def stuck(self, sent: Values, gap: float) -> str:
        """Why the robot counts as stuck, having been sent `sent` for `gap` [s] more; '' if not."""
        if self._stuck is None or not self._stuck.look(sent, gap):
            return ''
        return self._stuck.text
