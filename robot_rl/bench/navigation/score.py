"""What each trial of a navigation bench is worth: every number of the report is defined here.

Definitions follow The BARN Challenge (score, rules of 2024), P. Anderson et al., "On evaluation of
embodied navigation agents", 2018 (SPL), and Nav2's proposal of a controller benchmark (its issue
3239: clearance, jerk, and that what is not about failing is measured on successes only).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.bench.navigation.trial import OUTCOMES, Trial
from robot_rl.spec.arena import Arena

Array = NDArray[np.float64]

BARN_SPEED = 2.0
"""[m/s] of the optimal time: the Jackal's."""
BARN_LOWER, BARN_LOWER_OLD, BARN_UPPER = 2.0, 4.0, 8.0
"""Times the optimal time, where the score is clipped. The lower was 4 before February 2024."""
BEHAVIOUR = OUTCOMES[:4]


@dataclass(frozen=True)
class Metric:
    """One number of a trial."""

    label: str
    unit: str
    better: int
    """1 where more is better, -1 where less is, 0 where it depends."""
    digits: int
    note: str
    rate: bool = False
    """Whether it is 1 or 0."""


_WON = 'successes only'
_STEPS = f'mean squared successive difference of the planner’s command; {_WON}'
_SENT = f'the same after smoother and limits; {_WON}'
METRICS: dict[str, Metric] = {
    'barn': Metric('BARN score', '', 1, 3, 'success x OT / clip(time, 2 OT, 8 OT); 0.5 is most'),
    'success': Metric('success', '%', 1, 1, 'in the goal, in time, nothing touched', True),
    'collision': Metric('collision', '%', -1, 1, 'the footprint touched something', True),
    'timeout': Metric('timeout', '%', -1, 1, 'on its way when time was up', True),
    'stuck': Metric('stuck', '%', -1, 1, 'no 0.5 m of progress in 10 s', True),
    'spl': Metric('SPL', '', 1, 3, 'success weighted by path length'),
    'time': Metric('time', 's', -1, 1, _WON),
    'time_capped': Metric('time, capped', 's', -1, 1, 'failures count with the time limit'),
    'path': Metric('path', 'm', -1, 2, f'driven; {_WON}'),
    'clearance_min': Metric('clearance, least', 'm', 1, 3, _WON),
    'clearance_mean': Metric('clearance, mean', 'm', 1, 3, _WON),
    'jerk': Metric('jerk', 'm/s³', -1, 2, f'mean |third derivative| of the way; {_WON}'),
    'jerk_yaw': Metric('yaw jerk', 'rad/s³', -1, 2, f'mean |third derivative|; {_WON}'),
    'mssd_v': Metric('MSSD of v', 'm²/s²', -1, 5, _STEPS),
    'mssd_w': Metric('MSSD of w', 'rad²/s²', -1, 5, _STEPS),
    'mssd_v_sent': Metric('MSSD of v, sent', 'm²/s²', -1, 5, _SENT),
    'mssd_w_sent': Metric('MSSD of w, sent', 'rad²/s²', -1, 5, _SENT),
    'compute_p50': Metric('compute, median', 'ms', -1, 2, 'of a trial'),
    'compute_p99': Metric('compute, 99 %', 'ms', -1, 2, 'of a trial'),
    'missed': Metric('missed deadlines', '', -1, 2, 'a trial'),
    'recoveries': Metric('recoveries', '', -1, 2, 'a trial'),
}
"""In the order of the report."""


def barn_score(
    success: ArrayLike,
    time_s: ArrayLike,
    path_length: ArrayLike,
    *,
    lower: float = BARN_LOWER,
    speed: float = BARN_SPEED,
) -> Array:
    """Score of The BARN Challenge: success * OT / clip(time, lower * OT, 8 * OT).

    Args:
        success: Whether the goal was reached without contact.
        time_s: [s] that it took.
        path_length: [m] of the reference path; OT is the time at `speed`.
        lower: 2 as since February 2024, most is then 0.5; BARN_LOWER_OLD for tables from before,
            most is then 0.25. Numbers of the two must not stand in one table.
        speed: [m/s]
    """
    optimal = np.asarray(path_length, np.float64) / speed
    time = np.clip(np.asarray(time_s, np.float64), lower * optimal, BARN_UPPER * optimal)
    return np.where(np.asarray(success, bool), optimal / time, 0.0)


def spl(success: ArrayLike, path_length: ArrayLike, driven: ArrayLike) -> Array:
    """Success weighted by path length: success * reference / max(driven, reference)."""
    reference = np.asarray(path_length, np.float64)
    share = reference / np.maximum(np.asarray(driven, np.float64), reference)
    return np.where(np.asarray(success, bool), share, 0.0)


def driven(pose: Array) -> float:
    """[m] along the poses (n, 3)."""
    steps = np.diff(pose[:, :2], axis=0)
    return float(np.sqrt(np.square(steps).sum(axis=1)).sum())


def jerk(pose: Array, dt: float) -> tuple[float, float]:
    """Mean size of the third derivative of the way along the heading [m/s^3] and of yaw [rad/s^3].

    NaN with fewer than four poses.
    """
    if len(pose) < 4:
        return math.nan, math.nan
    yaw = np.unwrap(pose[:, 2])
    middle = 0.5 * (yaw[1:] + yaw[:-1])
    step = np.diff(pose[:, :2], axis=0)
    along = step[:, 0] * np.cos(middle) + step[:, 1] * np.sin(middle)
    linear, turning = np.diff(along, n=2), np.diff(yaw, n=3)
    return float(np.abs(linear).mean() / dt**3), float(np.abs(turning).mean() / dt**3)


def mssd(command: Array) -> tuple[float, float]:
    """Mean squared successive difference of v [m^2/s^2] and w [rad^2/s^2]; NaN for a single row.

    Grows with the control period: compare only what ran at one rate.
    """
    if len(command) < 2:
        return math.nan, math.nan
    v, w = np.square(np.diff(command, axis=0)).mean(axis=0)
    return float(v), float(w)


def measure(trial: Trial, time_limit_s: float, barn_lower: float = BARN_LOWER) -> dict[str, float]:
    """Every metric of one trial; NaN where it has none, as for all of an infrastructure failure.

    Args:
        trial: The trial.
        time_limit_s: [s] that a failure counts as.
        barn_lower: See `barn_score`.
    """
    if trial.outcome == 'infrastructure':
        return dict.fromkeys(METRICS, math.nan)
    won = trial.outcome == 'success'
    way = driven(trial.pose)
    found: dict[str, float] = {name: float(trial.outcome == name) for name in BEHAVIOUR}
    score = barn_score(won, trial.time_s, trial.path_length, lower=barn_lower)
    found |= {'barn': float(score), 'spl': float(spl(won, trial.path_length, way))}
    found['time_capped'] = min(trial.time_s, time_limit_s) if won else time_limit_s
    found |= {'missed': float(trial.missed), 'recoveries': float(trial.recoveries)}
    if trial.compute_s.size:
        middle, high = np.percentile(trial.compute_s, (50.0, 99.0))
        found |= {'compute_p50': 1e3 * float(middle), 'compute_p99': 1e3 * float(high)}
    if won:
        found |= {'time': trial.time_s, 'path': way}
        found['jerk'], found['jerk_yaw'] = jerk(trial.pose, trial.dt)
        found['mssd_v'], found['mssd_w'] = mssd(trial.command)
        found['mssd_v_sent'], found['mssd_w_sent'] = mssd(trial.sent)
        if trial.clearance.size:
            found['clearance_min'] = float(trial.clearance.min())
            found['clearance_mean'] = float(trial.clearance.mean())
    return {name: found.get(name, math.nan) for name in METRICS}


@dataclass(frozen=True)
class Table:
    """The metrics of a bench: planners x worlds x seeds."""

    planners: list[str]
    worlds: list[str]
    seeds: list[int]
    values: dict[str, Array]
    """Metric to (planners, worlds, seeds); NaN where there is none."""
    outcomes: NDArray[np.int64]
    """(planners, worlds, seeds) index into OUTCOMES, -1 where no trial was run."""

    def of(self, metric: str, planner: str) -> Array:
        """Values of one planner, (worlds, seeds)."""
        return self.values[metric][self.planners.index(planner)]

    def count(self, planner: str, outcome: str) -> int:
        """Trials of `planner` that ended so."""
        mine = self.outcomes[self.planners.index(planner)]
        return int((mine == OUTCOMES.index(outcome)).sum())

    def trials(self, planner: str) -> int:
        """Trials of `planner` that count: all but infrastructure failures."""
        return sum(self.count(planner, outcome) for outcome in BEHAVIOUR)


def score(
    trials: Sequence[Trial], arenas: Mapping[str, Arena], barn_lower: float = BARN_LOWER
) -> Table:
    """Measure all trials.

    Args:
        trials: In any order; planners and worlds keep the order of their first trial.
        arenas: By name; each says its time limit.
        barn_lower: See `barn_score`.
    """
    planners = list(dict.fromkeys(trial.planner for trial in trials))
    worlds = list(dict.fromkeys(trial.world for trial in trials))
    seeds = sorted({trial.seed for trial in trials})
    shape = len(planners), len(worlds), len(seeds)
    cube = np.full((len(METRICS), *shape), np.nan)
    outcomes = np.full(shape, -1)
    places = [
        {name: index for index, name in enumerate(names)} for names in (planners, worlds, seeds)
    ]
    for trial in trials:
        at = tuple(place[name] for place, name in zip(places, trial.key, strict=True))
        measured = measure(trial, arenas[trial.world].time_limit_s, barn_lower)
        cube[(slice(None), *at)] = list(measured.values())
        outcomes[at] = OUTCOMES.index(trial.outcome)
    return Table(planners, worlds, seeds, dict(zip(METRICS, cube, strict=True)), outcomes)
