"""From a recording to a proposed randomization file, a picture and a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.envs.engines import engine_factory
from robot_rl.envs.ranges import load_randomization
from robot_rl.errors import SpecError
from robot_rl.identify.findings import Findings, findings
from robot_rl.identify.flight import RecordedFlight, recorded_flight
from robot_rl.identify.plots import picture
from robot_rl.identify.problem import Problem
from robot_rl.identify.proposal import proposal, refuse_existing, write_proposal
from robot_rl.identify.rollout import Simulator, states
from robot_rl.identify.solve import Solution, solve
from robot_rl.identify.unknowns import Unknowns, check_known
from robot_rl.identify.windows import STEP_S, Windows, windows
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for
from robot_rl.spec.robot import Robot

Array = NDArray[np.float64]
HORIZONS_S = (0.1, 5.0)
"""[s] shortest and longest window."""
UNEXPLAINED = 3.0
"""Noise beyond this many times what the sensor is said to have is worth a warning."""


@dataclass(frozen=True)
class Identification:
    """What a flight says about a robot."""

    robot: Robot
    flight: RecordedFlight
    windows: Windows
    solution: Solution
    findings: Findings
    known: Mapping[str, Sequence[float]]
    """What was given [SI]."""
    noise: Mapping[str, tuple[float, float]]
    """Signal to (left unexplained, declared noise), deviations [SI]."""
    delays: Mapping[str, tuple[float, float]]
    """Signal to delay from a setpoint to its measured effect: estimate, half a 95 % interval."""
    proposal: Path
    picture: Path


def identify(
    recording: Path,
    robot_name: str,
    *,
    engine: str = '',
    known: Mapping[str, Sequence[float]] | None = None,
    horizon_s: float = 0.5,
    out: Path | None = None,
) -> Identification:
    """Estimate the randomized parameters of a robot from a recorded flight.

    Args:
        recording: an .mcap file with setpoints and states.
        robot_name: whose it is.
        engine: simulator that predicts; '' for the fastest that knows the robot.
        known: parameters that were measured otherwise, [SI] by name.
        horizon_s: [s] how far ahead predictions are held against measurements.
        out: new .yaml file, the picture goes beside it; by default beside the recording.

    Raises:
        RecordingError: the recording has no setpoints or state of this robot, is too short, has
            no excitation, or cannot be explained.
        RobotRLError: a file is missing, exists already or is malformed; a name is unknown.
    """
    robot, given = registry.robot(robot_name), known or {}
    engine = engine_for(robot, engine)
    make, everything = engine_factory(engine), load_randomization(robot)
    probe = make(robot, next(iter(robot.setpoints)), 1, STEP_S)
    spreads = tuple(item for item in everything if item.parameter in probe.simulated)
    check_known(robot, spreads, given)
    if not HORIZONS_S[0] <= horizon_s <= HORIZONS_S[1]:
        low, high = HORIZONS_S
        raise SpecError(f'The horizon must be within [{low:g}, {high:g}] s, got {horizon_s:g} s.')
    target = out or recording.with_name(f'{robot.name}.{recording.stem}.yaml')
    image = target.with_suffix('.png')
    for path in (target, image):
        refuse_existing(path)
    torch.set_num_threads(1)
    flight = recorded_flight(recording, robot, states(probe))
    cut = windows(flight, horizon_s)
    unknowns = Unknowns(robot, spreads, given)
    problem = Problem(robot, unknowns, Simulator(make, robot, flight.level, cut), cut)
    solution = solve(problem)
    found = findings(unknowns, solution)
    result = Identification(
        robot, flight, cut, solution, found, given, _noise(problem, solution),
        problem.delay_intervals(solution.mean, solution.covariance), target, image,
    )  # fmt: skip
    _write(result, problem, everything)
    return result


def _noise(problem: Problem, solution: Solution) -> dict[str, tuple[float, float]]:
    rows = zip(problem.names, solution.noise.tolist(), problem.noise.tolist(), strict=True)
    return {name: (left, declared) for name, left, declared in rows}


def _write(result: Identification, problem: Problem, spreads: Sequence) -> None:
    flight, solution = result.flight, result.solution
    origin = f'{flight.name}, recorded {flight.date}'
    content = proposal(result.robot, spreads, result.findings, result.known, origin)
    nothing = np.zeros_like(solution.shared), np.zeros_like(solution.start)
    picture(
        result.picture,
        f'{result.robot.name}: {flight.name}, recorded {flight.date}',
        result.robot,
        result.windows,
        problem.predicted(solution.shared, solution.start),
        problem.predicted(*nothing),
        solution.kept,
        result.findings,
    )
    heading = f'Proposed by robot_rl identify: 95 % intervals of one flight, {origin}.'
    write_proposal(result.proposal, content, heading)
