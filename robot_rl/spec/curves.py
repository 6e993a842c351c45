"""Reference curves of a goal: position, velocity and acceleration from one formula.

p(s) = centre + amplitude * sin(2 pi frequency s + phase) on each axis, with s(t) a clock that
starts at rest and reaches unit speed after `ramp_s`, so that the reference never jumps in
position or velocity.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A Lissajous curve in the world frame; amplitude zero is a point."""

    centre: tuple[float, float, float]
    """[m]"""
    amplitude: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """[m]"""
    frequency: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """[Hz]"""
    phase: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """[rad]"""
    ramp_s: float = 0.0
    """[s] time to come up to speed."""

    def __post_init__(self) -> None:
        """Reject what would not be a curve."""
        rows = (*self.centre, *self.amplitude, *self.frequency, *self.phase, self.ramp_s)
        if not all(math.isfinite(v) for v in rows) or self.ramp_s < 0.0:
            raise SpecError(f'A curve needs finite numbers and ramp_s >= 0, got {self}.')

    @property
    def peak_speed(self) -> float:
        """[m/s] largest speed along the curve once up to speed, on a fine grid of its period."""
        moving = [f for f in self.frequency if f > 0.0]
        if not moving:
            return 0.0
        _, velocity, _ = self._shape(np.linspace(0.0, 1.0 / min(moving), 2001), 1.0, 0.0)
        return float(np.linalg.norm(velocity, axis=-1).max())

    def __call__(self, time: float | Array) -> tuple[Array, Array, Array]:
        """Position [m], velocity [m/s] and acceleration [m/s^2] at `time` [s] since the start.

        A scalar gives arrays (3,), an array (n,) gives (n, 3). Before time 0 it stands at its
        start.
        """
        t = np.asarray(time, dtype=np.float64)
        s, rate, slope = _ramp(t, self.ramp_s)
        return self._shape(s, rate, slope)

    def _shape(
        self, s: Array, rate: float | Array, slope: float | Array
    ) -> tuple[Array, Array, Array]:
        omega = 2.0 * np.pi * np.asarray(self.frequency)
        angle = omega * s[..., None] + np.asarray(self.phase)
        sine = np.asarray(self.amplitude) * np.sin(angle)
        cosine = np.asarray(self.amplitude) * omega * np.cos(angle)
        r, a = np.asarray(rate)[..., None], np.asarray(slope)[..., None]
        position = np.asarray(self.centre) + sine
        return position, cosine * r, -(omega**2) * sine * r**2 + cosine * a


def _ramp(t: Array, ramp: float) -> tuple[Array, Array, Array]:
    """Clock s(t), s'(t), s''(t): s' rises from 0 to 1 as smoothly as 3u^2 - 2u^3."""
    if ramp == 0.0:
        moving = (t >= 0.0).astype(np.float64)
        return np.maximum(t, 0.0), moving, np.zeros_like(t)
    u = np.minimum(np.maximum(t / ramp, 0.0), 1.0)
    s = ramp * (u**3 - 0.5 * u**4) + np.maximum(t - ramp, 0.0)
    return s, u**2 * (3.0 - 2.0 * u), 6.0 * u * (1.0 - u) / ramp


def hold(position: tuple[float, float, float]) -> Curve:
    """Stand at a point [m]."""
    return Curve(centre=position)


def figure_eight(
    centre: tuple[float, float, float],
    speed: float,
    *,
    length: float = 1.0,
    width: float = 0.5,
    ramp_s: float = 2.0,
) -> Curve:
    """Horizontal figure eight at peak `speed` [m/s].

    Its half-length is `length`, its half-width `width` [m]. Raises SpecError unless speed and
    sizes are positive.
    """
    return lissajous(centre, (length, width, 0.0), (1, 2, 0), speed, ramp_s=ramp_s)


def lissajous(
    centre: tuple[float, float, float],
    amplitude: tuple[float, float, float],
    ratio: tuple[int, int, int],
    speed: float,
    *,
    phase: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ramp_s: float = 2.0,
) -> Curve:
    """Lissajous curve whose axes turn in whole `ratio` and whose peak speed is `speed` [m/s].

    Raises SpecError unless the speed and some amplitude with its ratio are positive.
    """
    moves = any(a > 0.0 and n > 0 for a, n in zip(amplitude, ratio, strict=True))
    if not speed > 0.0 or not moves or min(amplitude) < 0.0 or min(ratio) < 0:
        raise SpecError(
            'A Lissajous curve needs a positive speed and an axis with positive amplitude and '
            f'ratio, got speed {speed}, amplitude {amplitude}, ratio {ratio}.'
        )
    unit = Curve(centre, amplitude, (float(ratio[0]), float(ratio[1]), float(ratio[2])), phase)
    scale = speed / unit.peak_speed
    return Curve(
        centre, amplitude, (scale * ratio[0], scale * ratio[1], scale * ratio[2]), phase, ramp_s
    )
