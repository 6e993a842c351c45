"""The newest value of every signal, how old it is, and which messages were not believed.

Values are kept side by side in one float64 array so that a control period checks them all at
once. A message that cannot be right (wrong size, a stamp that runs backwards) is refused at the
door: the value before it stays and ages, and if no good message follows, the watchdog trips and
names the refusal. A request that is not finite or lies outside the fence is refused too: a bad
goal must not bring down a robot that is following a good one. A measurement that is not finite
is let in, and fails the next check.
"""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.spec.robot import Robot, Setpoint
from robot_rl.spec.signal import Signal

BLACK = 8
"""Of 255: an image without a brighter pixel shows nothing. A sensor's own noise is below it."""
FUTURE_S = 0.5
"""[s] how far a stamp may lie ahead of the last control period; clocks differ by less."""


class Source:
    """One signal as it arrives."""

    def __init__(
        self, robot: Robot, signal: Signal, start: int, watched: NDArray[np.float64]
    ) -> None:
        """Watch `signal`; `watched` begins at `start` of `Inputs.values`."""
        self.signal = signal
        self.topic = robot.topic(signal.name)
        self.requested = self.topic.rate_hz == 0.0
        """Whether this is a command to the policy and not a measurement."""
        self.start = start
        self.watched = watched
        """Its components; of an image the means of its colours."""
        self.view: NDArray[Any] = watched
        """What the policy is given."""
        if signal.is_image:
            self.view = np.zeros(signal.shape, np.uint8)
        self.silence_stops = self.topic.silence_stops
        """Whether zeros take the place of a message that is too old or never came."""
        self.stamp = -math.inf
        """[s] stamp of the newest message."""
        self.period = 0.0
        """[s] from one stamp to the next, the mean of the latest ten; 0 before the second."""
        self.received = -math.inf
        """[s] first control period that saw the newest message."""
        self.fresh = False
        """Whether a message came since the last control period."""
        self.messages = self.refused = 0
        self.refusal = ''
        """Why the newest message was refused; '' if it was believed."""
        self.low, self.high = (signal.low,) * signal.watched, (signal.high,) * signal.watched
        """Plausible range of each component; a goal must lie inside the fence as well."""
        if signal.name == 'goal_pos_w':
            self.low = tuple(map(max, self.low, robot.limits.fence_low))
            self.high = tuple(map(min, self.high, robot.limits.fence_high))

    def tick(self, stamp: float) -> None:
        """Note the stamp [s] of a message that was believed."""
        gap = stamp - self.stamp
        if 0.0 < gap < math.inf:
            self.period += (gap - self.period) * (0.1 if self.period else 1.0)
        self.stamp = stamp

    def age(self, now: float) -> float:
        """[s] since it was measured or since it arrived, the longer; inf if it never came.

        A sender whose clock is ahead would look fresh for too long by its stamps alone.
        """
        return max(now - self.stamp, now - self.received)

    def problem(self, now: float) -> str:
        """Say what is missing or old, by how much, and whether a refused message is why."""
        name, limit = f'{self.signal.name} (topic {self.topic.name})', self.topic.max_age_s
        if self.stamp > now + FUTURE_S:
            text = (
                f'{name} has a stamp {self.stamp - now:.3f} s in the future, limit {FUTURE_S:g} s'
            )
        elif self.silence_stops:
            return ''
        elif self.messages == 0:
            text = f'{name} has not arrived'
        elif self.age(now) > limit:
            text = f'{name} is {self.age(now):.3f} s old, limit {limit:g} s'
        else:
            return ''
        return f'{text}; its last message was refused: {self.refusal}' if self.refusal else text


class Inputs:
    """Newest values and ages of the signals that a policy or the robot's limits need."""

    def __init__(self, robot: Robot, signals: Sequence[Signal]) -> None:
        """Reserve room for `signals`. Raises SpecError if the robot has no topic for one."""
        self.values = np.zeros(sum(signal.watched for signal in signals))
        """Components of all signals, in order [SI]."""
        self.sources: dict[str, Source] = {}
        self._now = -math.inf
        start = 0
        for wanted in signals:
            watched = self.values[start : start + wanted.watched]
            self.sources[wanted.name] = Source(robot, wanted, start, watched)
            start += wanted.watched
        self._watched = tuple(self.sources.values())

    def feed(self, name: str, values: Any, stamp: float, engaged: bool) -> bool:
        """Take a message for the signal `name`. False if refused; `Source.refusal` says why.

        Args:
            name: Signal; one that nothing needs is ignored.
            values: (size,) numbers in the signal's unit and frame, or an image.
            stamp: [s] when it was measured, on the clock of `check`.
            engaged: Whether the robot is being driven; if not, a source may restart its stamps.
        """
        source = self.sources.get(name)
        if source is None:
            return True
        source.refusal = self._refusal(source, values, stamp, engaged)
        if source.refusal:
            source.refused += 1
            return False
        source.view[:] = values
        if source.signal.is_image:
            np.mean(values, axis=(0, 1), out=source.watched)
        source.tick(stamp)
        source.fresh = True
        source.messages += 1
        return True

    def _refusal(self, source: Source, values: Any, stamp: float, engaged: bool) -> str:
        """Why a message cannot be believed, '' if it can."""
        name, size = source.signal.name, source.signal.size
        if source.signal.is_image:
            if refusal := _image_refusal(source, values):
                return refusal
        elif len(values) != size:
            return f'{name} has {len(values)} components, expected {size}'
        if not math.isfinite(stamp):
            return f'{name} has the stamp {stamp} s'
        if engaged and stamp < source.stamp:
            return (
                f'{name} has a stamp {source.stamp - stamp:.3f} s older than the message before it'
            )
        if engaged and stamp > self._now + FUTURE_S:
            return (
                f'{name} has a stamp {stamp - self._now:.3f} s in the future, limit {FUTURE_S:g} s'
            )
        if source.requested and not source.signal.is_image:
            for i, value in enumerate(values):
                if not source.low[i] <= value <= source.high[i]:
                    allowed = f'[{source.low[i]:.4g}, {source.high[i]:.4g}] {source.signal.unit}'
                    return f'{name}[{i}] is {value:.4g}, allowed is {allowed}'
        return ''

    def check(self, now: float) -> Source | None:
        """Note what arrived by `now` and return the first signal that is too old, or None.

        A request whose silence stops the robot is never too old: it asks for zeros.

        Only for signals that have all arrived once: see `problems`.
        """
        self._now = now
        stale = None
        for source in self._watched:
            if source.fresh:
                source.fresh = False
                source.received = now
            limit = source.topic.max_age_s
            if now - source.stamp > limit or now - source.received > limit:
                if source.silence_stops:
                    source.view.fill(0.0)
                else:
                    stale = stale or source
        return stale

    def problems(self, now: float) -> list[str]:
        """Every signal that is missing, too old or stamped in the future, a sentence each."""
        self.check(now)
        return [text for source in self._watched if (text := source.problem(now))]

    def diagnostics(self, now: float) -> dict[str, dict[str, Any]]:
        """Signal to {topic, age_s, max_age_s, rate_hz, messages, refused, refusal}."""
        return {
            name: {
                'topic': source.topic.name,
                'age_s': source.age(now),
                'max_age_s': source.topic.max_age_s,
                'rate_hz': 1.0 / source.period if source.period else 0.0,
                'messages': source.messages,
                'refused': source.refused,
                'refusal': source.refusal,
            }
            for name, source in self.sources.items()
        }


def _image_refusal(source: Source, image: NDArray[np.uint8]) -> str:
    """Why an image cannot be believed, '' if it can."""
    name, shape = source.signal.name, source.signal.shape
    if image.shape != shape:
        return f'{name} has the shape {image.shape}, expected {shape}'
    if int(image.max()) <= BLACK:
        return f'{name} is black: no pixel is above {BLACK} of 255'
    if source.messages and np.array_equal(image, source.view):
        return f'{name} is the very image that came before: the camera is frozen'
    return ''


def needed_signals(
    robot: Robot, policy_signals: Sequence[Signal], setpoint: Setpoint | None = None
) -> list[Signal]:
    """Signals of the policy, then those that the robot's own limits and `setpoint` need.

    Raises:
        SpecError: The robot limits its tilt, position or joints but no topic tells them: the limit
        could never act.
    """
    needed = list(policy_signals)
    limits = robot.limits
    fenced = any(math.isfinite(v) for v in (*limits.fence_low, *limits.fence_high))
    supplied = {name for topic in robot.topics for name in topic.signals}
    for name, wanted in (
        ('base_quat_w', math.isfinite(limits.tilt)),
        ('base_pos_w', fenced),
        ('joint_vel', bool(limits.joint_speed)),
        ('joint_effort', bool(limits.joint_effort)),
        ('joint_pos', setpoint is not None and setpoint.follows_joints),
        *(((setpoint.stuck.signal, True),) if setpoint and setpoint.stuck else ()),
    ):
        if not wanted or any(s.name == name for s in needed):
            continue
        if name not in supplied:
            raise SpecError(
                f'Robot {robot.name!r} limits what no topic supplies: '
                f'{name!r}. The limit could never act: add the topic or remove the limit.'
            )
        needed.append(robot.signal(name))
    return needed
