"""What is never let through: implausible measurements, a tilt, a broken fence, wild setpoints."""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_rl.deploy.watchdog import Inputs, Source
from robot_rl.spec.robot import Robot, Setpoint

QUATERNION_TOLERANCE = 0.02
"""How far from one the norm of an attitude may be."""
_AT_LIMIT = 1.0 - 1e-6  # float32 rounding inside the policy must not hide that it sits on a limit


class Failure(NamedTuple):
    """Why the robot must not go on as it does."""

    text: str
    """Signal, measured value and limit."""
    transient: bool
    """Whether it may pass by itself: a stale or implausible input, missed deadlines."""


class InputLimits:
    """Checks the values that are about to be used against plausible ranges, tilt and fence."""

    def __init__(self, robot: Robot, inputs: Inputs) -> None:
        """Lay the plausible ranges of all signals side by side."""
        self._inputs = inputs
        low = np.concatenate(
            [np.full(s.signal.watched, s.signal.low) for s in inputs.sources.values()]
        )
        high = np.concatenate(
            [np.full(s.signal.watched, s.signal.high) for s in inputs.sources.values()]
        )
        self._middle, self._half = 0.5 * (low + high), 0.5 * (high - low)
        self._distance = np.zeros_like(low)
        self._plausible = np.zeros(len(low), dtype=bool)
        self._quaternions = tuple(s for s in inputs.sources.values() if s.signal.is_quaternion)
        self._attitude = inputs.sources.get('base_quat_w')
        self._position = inputs.sources.get('base_pos_w')
        self._tilt, self._cos_tilt = robot.limits.tilt, math.cos(min(robot.limits.tilt, math.pi))
        self._low, self._high = robot.limits.fence_low, robot.limits.fence_high
        self._joint_names = robot.joint_names
        self._joint_scratch = np.zeros(len(robot.joint_names))
        self._joint_over = np.zeros(len(robot.joint_names), dtype=bool)
        self._joint_limits = tuple(
            (inputs.sources[name], np.array(values), unit)
            for name, values, unit in (
                ('joint_vel', robot.limits.joint_speed, 'rad/s'),
                ('joint_effort', robot.limits.joint_effort, 'N m'),
            )
            if values
        )

    def check(self) -> Failure | None:
        """First limit that the newest values break, or None."""
        # Written so that a value that is not a number fails the comparison.
        np.subtract(self._inputs.values, self._middle, out=self._distance)
        np.abs(self._distance, out=self._distance)
        np.less_equal(self._distance, self._half, out=self._plausible)
        if np.count_nonzero(self._plausible) != len(self._plausible):
            return self._implausible()
        for source in self._quaternions:
            w, x, y, z = source.view.tolist()
            norm = math.sqrt(w * w + x * x + y * y + z * z)
            if abs(norm - 1.0) > QUATERNION_TOLERANCE:
                text = (
                    f'{_name(source)} has the norm {norm:.3f}, not 1 within {QUATERNION_TOLERANCE}'
                )
                return Failure(text, True)
            if source is self._attitude:
                upright = 1.0 - 2.0 * (x * x + y * y) / (norm * norm)
                if upright < self._cos_tilt:
                    return self._tilted(upright)
        return self._outside() or self._joints()

    def _implausible(self) -> Failure:
        index = int(np.argmin(self._plausible))
        sources = self._inputs.sources.values()
        source = next(s for s in sources if index < s.start + s.signal.watched)
        value, signal = float(self._inputs.values[index]), source.signal
        where = f'{signal.name}[{index - source.start}] (topic {source.topic.name})'
        if not math.isfinite(value):
            return Failure(f'{where} is {value}, expected a finite number', True)
        allowed = f'[{signal.low:g}, {signal.high:g}] {signal.unit}'
        return Failure(f'{where} is {value:.4g}, plausible is {allowed}', True)

    def _tilted(self, upright: float) -> Failure:
        tilt = math.degrees(math.acos(max(-1.0, upright)))
        return Failure(
            f'the tilt is {tilt:.1f} deg, limit {math.degrees(self._tilt):.1f} deg', False
        )

    def _outside(self) -> Failure | None:
        if self._position is None:
            return None
        for axis, value in enumerate(self._position.view.tolist()):
            low, high = self._low[axis], self._high[axis]
            if not low <= value <= high:
                where = f'{_name(self._position)} is {value:.3f} m along {"xyz"[axis]}'
                return Failure(f'{where}, outside the fence [{low:g}, {high:g}] m', False)
        return None

    def _joints(self) -> Failure | None:
        for source, limits, unit in self._joint_limits:
            np.abs(source.view, out=self._joint_scratch)
            np.greater(self._joint_scratch, limits, out=self._joint_over)
            if self._joint_over.any():
                index = int(np.argmax(self._joint_over))
                text = (
                    f'{_name(source)} of {self._joint_names[index]} is '
                    f'{float(source.view[index]):.2f} {unit}, limit {limits[index]:g}'
                )
                return Failure(text, False)
        return None


class SetpointLimits:
    """Keeps setpoints within the robot's range and slew; counts how often they sat on a limit."""

    def __init__(
        self, setpoint: Setpoint, low: Sequence[float], high: Sequence[float], dt: float
    ) -> None:
        """Use the tighter of the robot's limits and the policy's own `low` and `high` [SI]."""
        self._fields = setpoint.fields
        self._low = np.maximum(setpoint.low, low)
        self._high = np.minimum(setpoint.high, high)
        self._step = np.array(setpoint.slew) * dt
        self._back = -self._step
        self._slewed = bool(np.isfinite(self._step).any())
        self._middle = 0.5 * (self._low + self._high)
        self._near = _AT_LIMIT * 0.5 * (self._high - self._low)
        self._scratch = np.zeros(setpoint.size)
        self._hit = np.zeros(setpoint.size, dtype=bool)
        self._hits = np.zeros(setpoint.size, dtype=np.int64)
        self._counted = 0

    def apply(self, wanted: NDArray[np.floating], sent: NDArray[np.float64]) -> Failure | None:
        """Move `sent` (size,) towards `wanted` (size,) as far as range and slew allow, in place.

        A `wanted` that is not finite leaves `sent` alone and is a failure.
        """
        if not math.isfinite(float(wanted.dot(wanted))):
            return self._not_finite(wanted)
        if self._slewed:
            np.subtract(wanted, sent, out=self._scratch)
            np.minimum(self._scratch, self._step, out=self._scratch)
            np.maximum(self._scratch, self._back, out=self._scratch)
            np.add(sent, self._scratch, out=sent)
            np.minimum(sent, self._high, out=sent)
        else:
            np.minimum(wanted, self._high, out=sent)
        np.maximum(sent, self._low, out=sent)
        return None

    def _not_finite(self, wanted: NDArray[np.floating]) -> Failure:
        for name, value in zip(self._fields, wanted.tolist(), strict=True):
            if not math.isfinite(value):
                return Failure(
                    f'the policy asks for {value} at {name}, expected a finite number', False
                )
        return Failure(f'the policy asks for {wanted.tolist()}, far beyond any limit', False)

    def count(self, sent: NDArray[np.float64]) -> None:
        """Count which components of `sent` lie on a limit."""
        np.subtract(sent, self._middle, out=self._scratch)
        np.abs(self._scratch, out=self._scratch)
        np.greater_equal(self._scratch, self._near, out=self._hit)
        np.add(self._hits, self._hit, out=self._hits)
        self._counted += 1

    def saturation(self) -> dict[str, float]:
        """Setpoint field to the fraction of control periods that it sat on a limit."""
        share = self._hits / max(self._counted, 1)
        return dict(zip(self._fields, share.tolist(), strict=True))


def _name(source: Source) -> str:
    return f'{source.signal.name} (topic {source.topic.name})'
