"""A flight over ROS 2 from start to score: real processes, a recording, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
import os
from pathlib import Path
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_rl.deploy.policy import contract_of
from robot_rl.deploy.timing import percentiles
from robot_rl.errors import FlightError
from robot_rl.files import read_json
from robot_rl.nodes.dds import confined, random_domain
from robot_rl.nodes.description import GROUND_TRUTH, Value, parameter_file, processes
from robot_rl.nodes.group import Group
from robot_rl.nodes.recording import SETPOINT, tracks
from robot_rl.nodes.run import require, wait_for
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for
from robot_rl.spec.robot import Robot

Array = NDArray[np.float64]
READY_S = 60.0
"""[s] the nodes get to come up: a simulator may compile its kernels first."""


@dataclass(frozen=True)
class FlightResult:
    """What one flight was like; errors against the goal at the same time, on the true state."""

    goal: str
    engine: str
    error_rms: float
    """[m] over the scored part; nan for a robot of which no position is asked."""
    error_max: float
    """[m] over the scored part."""
    tilt_max: float
    """[rad] over the whole flight."""
    ticks: int
    """Control periods."""
    missed: int
    """Deadlines without a control period."""
    rate_hz: float
    step_p50: float
    """[us] signals to setpoint, in process."""
    step_p99: float
    """[us]"""
    memory_mb: tuple[float, float]
    """[MB] resident memory of policy_node, at the start of the flight and at its end."""
    cpu: float
    """Part of a core that policy_node used."""
    reasons: tuple[str, ...]
    """Why the robot did not do what was asked, in order; landing at the end is the last one."""
    time: Array
    """(n,) [s] since the policy was activated."""
    position: Array
    """(n, 3) [m] true position."""
    goal_position: Array
    """(n, 3) [m] asked for at that time."""
    tilt: Array
    """(n,) [rad]"""
    scored: NDArray[np.bool_]
    """(n,) the part that `error_rms` is about."""
    setpoint_time: Array
    """(m,) [s]"""
    setpoints: Array
    """(m, size) [SI] as sent."""
    micros: Mapping[str, Array]
    """Durations of every control period [us]: see nodes.traces."""
    memory: Array
    """(k, 2) [s, MB] resident memory of policy_node over the flight."""
    recording: Path


def fly(
    policy: Path,
    *,
    engine: str | None = None,
    goal: str = 'hover',
    duration_s: float = 10.0,
    out: Path,
    settle_s: float = 4.0,
    sim_parameters: Mapping[str, Value] | None = None,
) -> FlightResult:
    """Fly a policy over ROS 2 for `duration_s` in real time and score the flight.

    Args:
        policy: the .onnx file.
        engine: engine of the simulated robot; None for the fastest that can.
        goal: see nodes.description.GOALS.
        duration_s: [s] from the activation of the policy.
        out: new folder for the recording, logs and parameters.
        settle_s: [s] at the start that are not scored: the delay and ramp of the goal.
        sim_parameters: more parameters of sim_node.

    Raises:
        FlightError: a node refused, died or never got ready, or the recording is empty.
        RobotRLError: the policy cannot be read or a name is unknown.
    """
    require(engine)
    contract = contract_of(policy)
    robot = registry.robot(contract.robot)
    if engine is None:
        engine = engine_for(robot)
    record, report = out / f'{goal}-{engine}.mcap', out / 'policy_node.json'
    described = processes(
        robot,
        policy.resolve(),
        engine=engine,
        goal=goal,
        level=contract.level,
        task=contract.task,
        sim_parameters=sim_parameters,
        record=record.resolve(),
        report=report.resolve(),
    )
    report.unlink(missing_ok=True)
    environment = confined(out, random_domain())
    with Group(described, parameter_file(robot), environment, out) as group:
        wait_for(report, group, READY_S)
        usage = _watch(group, duration_s)
        _stop(group, out)
    return _score(
        robot, contract.level, record, report, usage, (goal, engine, settle_s, duration_s)
    )


def _stop(group: Group, out: Path) -> None:
    """End all nodes. Raises FlightError where one ends with another code than 0."""
    failed = {name: code for name, code in group.stop().items() if code}
    if failed:
        words = ' '.join(group.members[name].tail() for name in failed)
        raise FlightError(
            f'Nodes ended with exit codes {failed}, expected 0: {words} Read the logs in {out}.'
        )


def _watch(group: Group, seconds: float) -> Array:
    """(k, 3) time [s], resident memory [MB] and CPU time [s] of policy_node, once a second."""
    pid = group.members['policy_node'].popen.pid
    start = time.monotonic()
    rows = [(0.0, *_usage(pid))]
    while (now := time.monotonic() - start) < seconds:
        group.wait(min(1.0, seconds - now))
        rows.append((time.monotonic() - start, *_usage(pid)))
    return np.array(rows)


def _usage(pid: int) -> tuple[float, float]:
    """Resident memory [MB] and CPU time [s] of a process."""
    process = Path(f'/proc/{pid}')
    pages = int((process / 'statm').read_text().split()[1])
    fields = (process / 'stat').read_text().rpartition(')')[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6, ticks / os.sysconf('SC_CLK_TCK')


def _score(
    robot: Robot,
    level: str,
    record: Path,
    report: Path,
    usage: Array,
    about: tuple[str, str, float, float],
) -> FlightResult:
    goal, engine, settle_s, duration_s = about
    complaint = f'{report.parent} has no report of policy_node'
    said: dict[str, Any] = read_json(report, complaint, 'robot_rl demo')
    setpoint_topic = robot.setpoint(level).topic
    rows = _decode(robot, level, record, said['activated_at'])
    sent = rows[setpoint_topic]
    if not len(sent):
        raise FlightError(
            f'The recording {record} has no message on {setpoint_topic}, the setpoints. Read the '
            f'logs in {record.parent}.'
        )
    path = _path(robot, rows, record, duration_s)
    scored = path.time >= settle_s
    error = np.linalg.norm(path.position - path.goal, axis=1)[scored]
    if len(path.time) and not len(error):
        raise FlightError(
            f'A flight of {duration_s:g} s has nothing to score after {settle_s:g} s. Choose a '
            'longer one.'
        )
    p50, p99 = percentiles(said['micros']['step'])
    return FlightResult(
        goal=goal,
        engine=engine,
        error_rms=float(np.sqrt(np.mean(error**2))) if len(error) else math.nan,
        error_max=float(error.max(initial=0.0)) if len(error) else math.nan,
        tilt_max=float(path.tilt.max(initial=0.0)),
        ticks=said['ticks'],
        missed=said['missed_deadlines'],
        rate_hz=said['rate_hz'],
        step_p50=p50,
        step_p99=p99,
        memory_mb=(float(usage[0, 1]), float(usage[-1, 1])),
        cpu=float((usage[-1, 2] - usage[0, 2]) / (usage[-1, 0] - usage[0, 0])),
        reasons=tuple(said['reasons']),
        time=path.time,
        position=path.position,
        goal_position=path.goal,
        tilt=path.tilt,
        scored=scored,
        setpoint_time=sent[:, 0],
        setpoints=sent[:, 1:],
        micros={name: np.array(values) for name, values in said['micros'].items()},
        memory=usage[:, :2],
        recording=record,
    )


class _Path(NamedTuple):
    """Where a robot was and should have been; empty where no position is asked of it."""

    time: Array
    position: Array
    goal: Array
    tilt: Array


def _path(robot: Robot, rows: Mapping[str, Array], record: Path, duration_s: float) -> _Path:
    topic = _goal_topic(robot)
    if not topic:
        return _Path(np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
    truth, goals = rows[GROUND_TRUTH], rows[topic]
    if not (len(truth) and len(goals)):
        raise FlightError(
            f'The recording {record} has {len(truth)} messages on {GROUND_TRUTH} and {len(goals)} '
            f'on {topic}, expected some of both. Read the logs in {record.parent}.'
        )
    flown = truth[(truth[:, 0] >= 0.0) & (truth[:, 0] <= duration_s)]
    moment, position, quat = flown[:, 0], flown[:, 1:4], flown[:, 4:8]
    wanted = np.stack([np.interp(moment, goals[:, 0], goals[:, i]) for i in (1, 2, 3)], axis=1)
    tilt = np.arccos(np.clip(1.0 - 2.0 * (quat[:, 1] ** 2 + quat[:, 2] ** 2), -1.0, 1.0))
    return _Path(moment, position, wanted, tilt)


def _goal_topic(robot: Robot) -> str:
    """Topic of the position asked of a moving base; '' where there is none."""
    if robot.fixed_base or not robot.has_goal or 'goal_pos_w' not in robot.goal.signals:
        return ''
    return robot.goal.name


def _decode(robot: Robot, level: str, record: Path, start: float) -> dict[str, Array]:
    """Topic to rows (time since `start` [s], values): truth, goal and setpoint of a recording."""
    columns: dict[str, tuple[str, ...]] = {robot.setpoint(level).topic: (SETPOINT,)}
    if goal := _goal_topic(robot):
        columns |= {GROUND_TRUTH: ('base_pos_w', 'base_quat_w'), goal: ('goal_pos_w',)}
    rows = {name: np.zeros((0, 1)) for name in columns}
    for name, track in tracks(record, robot, columns).items():
        values = [track.values[column] for column in columns[name]]
        rows[name] = np.column_stack((track.time - start, *values))
    return rows
