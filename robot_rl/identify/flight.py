"""A recorded flight as clean arrays: setpoints as sent, signals as measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import RecordingError
from robot_rl.nodes.recording import SETPOINT, STIFFNESS, Track, topics, tracks
from robot_rl.spec.robot import Robot, Setpoint, Topic
from robot_rl.spec.signal import signal

Array = NDArray[np.float64]
CLOCK_S = 0.1
"""[s] stamps this far from their reception belong to another clock; receptions are used then."""
GAP_S, GAP_PERIODS = 0.05, 4.0
"""A pause longer than both, the second in median periods, is a gap that no window crosses."""
STILL = 1e-3
"""Setpoints that change by less than this part of their span, and signals by less than three
times their noise, excite nothing."""
_YEAR_2000 = 946_684_800.0


class Samples(NamedTuple):
    """One quantity over time."""

    time: Array
    """(n,) [s] rising, the same zero for all."""
    values: Array
    """(n, size) [SI]"""

    def at(self, time: Array) -> Array:
        """Values (*time.shape, size) at other times, linear in between."""
        rows = [np.interp(time, self.time, column) for column in self.values.T]
        return np.stack(rows, axis=-1)


@dataclass(frozen=True)
class RecordedFlight:
    """What a recording says about one robot."""

    name: str
    """File it comes from."""
    date: str
    """Day on which it was recorded (UTC)."""
    level: str
    """Setpoint level that was commanded."""
    setpoints: Samples
    """What was sent, limited as the drive limits it, held until the next one."""
    measured: Mapping[str, Samples]
    """Signal to what the robot's sensors said."""
    gaps: Array
    """(k, 2) [s] times without setpoints or without some signal; the first and last are open."""

    @property
    def duration_s(self) -> float:
        """[s] from the first to the last moment at which everything was known."""
        return float(self.gaps[-1, 0] - self.gaps[0, 1])


def recorded_flight(path: Path, robot: Robot, simulated: Iterable[str]) -> RecordedFlight:
    """Read a recording of `robot`; of its signals those that an engine simulates.

    Raises:
        RecordingError: no setpoints or no state of this robot in it, or nothing moves.
        RunFolderError: no such file, or no MCAP file.
        MessageError: a message that is not what its topic promises.
        MissingPackageError: mcap, rclpy or the package of a message is not installed.
    """
    counts = topics(path)
    setpoint = _setpoint(path, robot, counts)
    known = set(simulated)
    sources = [topic for topic in robot.topics if known & set(topic.signals)]
    _require(path, robot, counts, sources)
    found = tracks(path, robot, [setpoint.topic, *(topic.name for topic in sources)])
    found = _one_clock(found)
    zero = min(track.time[0] for track in found.values())
    moment = float(found[setpoint.topic].received[0])
    measured = {
        name: _samples(found[topic.name], name, zero)
        for topic in sources
        for name in topic.signals
        if name in known
    }
    measured = {name: samples for name, samples in measured.items() if len(samples.time) > 1}
    sent = _samples(found[setpoint.topic], SETPOINT, zero)
    sent = Samples(sent.time, np.clip(sent.values, setpoint.low, setpoint.high))
    _require_motion(path, robot, setpoint, sent, measured)
    date = datetime.fromtimestamp(
        moment if moment > _YEAR_2000 else path.stat().st_mtime, timezone.utc
    )
    day = date.date().isoformat()
    gaps = _gaps([sent, *measured.values()])
    return RecordedFlight(path.name, day, setpoint.name, sent, measured, gaps)


def _setpoint(path: Path, robot: Robot, counts: Mapping[str, int]) -> Setpoint:
    """Level whose setpoints the recording holds, the most of them if there are several."""
    levels = [level for level in robot.setpoints.values() if counts.get(level.topic)]
    if not levels:
        expected = ' or '.join(level.topic for level in robot.setpoints.values())
        raise RecordingError(
            f'{path} holds no setpoints of {robot.name!r}: expected the topic {expected}, got '
            f'{_listed(counts)}. Record the setpoint topic too, or name the robot it is of.'
        )
    return max(levels, key=lambda level: counts[level.topic])


def _require(
    path: Path, robot: Robot, counts: Mapping[str, int], sources: Iterable[Topic]
) -> None:
    missing = [topic.name for topic in sources if not counts.get(topic.name)]
    if missing:
        raise RecordingError(
            f'{path} holds no state of {robot.name!r}: expected the topic {", ".join(missing)}, '
            f'got {_listed(counts)}. Record it too, or name the robot it is of.'
        )


def _listed(counts: Mapping[str, int]) -> str:
    return ', '.join(f'{name} ({count})' for name, count in sorted(counts.items())) or 'nothing'


def _one_clock(found: dict[str, Track]) -> dict[str, Track]:
    """Tracks by their stamps, or all by their times of reception if a stamp is foreign."""
    foreign = [
        name
        for name, track in found.items()
        if abs(np.median(track.received - track.time)) > CLOCK_S
    ]
    if not foreign:
        return found
    return {name: track._replace(time=track.received) for name, track in found.items()}


def _samples(track: Track, name: str, zero: float) -> Samples:
    """Finite values in rising time; quaternions of unit length and without jumps of sign."""
    order = np.argsort(track.time, kind='stable')
    time, values = track.time[order] - zero, track.values[name][order]
    keep = np.isfinite(values).all(1) & np.isfinite(time)
    if STIFFNESS in track.values:  # drives that give way are not in the engine's setpoint
        keep &= track.values[STIFFNESS][order, 0] == 1.0
    keep[1:] &= np.diff(time) > 0.0
    time, values = time[keep], values[keep]
    if name != SETPOINT and signal(name).is_quaternion:
        values = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
        turned = np.sum(values[1:] * values[:-1], axis=1) < 0.0
        values[1:] *= np.where(np.cumsum(turned) % 2, -1.0, 1.0)[:, None]
    return Samples(time, values)


def _require_motion(
    path: Path,
    robot: Robot,
    setpoint: Setpoint,
    sent: Samples,
    measured: Mapping[str, Samples],
) -> None:
    """Raise RecordingError where nothing was asked of the robot, or nothing came of it."""
    span = np.subtract(setpoint.high, setpoint.low)
    if len(sent.time) < 2 or not measured:
        raise RecordingError(
            f'{path} holds no finite numbers of {robot.name!r}: got {len(sent.time)} setpoints '
            f'and {len(measured)} signals, expected at least 2 and 1. Record it again.'
        )
    if np.all(np.ptp(sent.values, axis=0) < STILL * span):
        raise RecordingError(
            f'{path} has no excitation: its setpoints never change. Record a flight with turns, '
            'climbs and stops; a figure eight will do.'
        )
    sensors = {name: robot.sensor(name) for name in measured}
    noise = {name: sensor.noise_std if sensor else 0.0 for name, sensor in sensors.items()}
    if all(
        np.all(samples.values.std(0) <= 3.0 * noise[name]) for name, samples in measured.items()
    ):
        raise RecordingError(
            f'{path} has no excitation: the robot did not move beyond the noise of its sensors. '
            'Record a flight with turns, climbs and stops.'
        )


def _gaps(parts: Iterable[Samples]) -> Array:
    """Merged pauses (k, 2) [s] of any of `parts`, with what lies before and after all of them."""
    pauses: list[tuple[float, float]] = []
    for samples in parts:
        step = np.diff(samples.time)
        limit = max(GAP_S, GAP_PERIODS * float(np.median(step))) if len(step) else 0.0
        holes = np.flatnonzero(step > limit)
        pauses += zip(samples.time[holes].tolist(), samples.time[holes + 1].tolist(), strict=True)
        pauses += [(-np.inf, float(samples.time[0])), (float(samples.time[-1]), np.inf)]
    merged: list[tuple[float, float]] = []
    for low, high in sorted(pauses):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return np.array(merged)
