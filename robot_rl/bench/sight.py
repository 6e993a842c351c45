"""Flights by camera over ROS 2: real processes, images as messages, real time.

Each is scored on the truth that was recorded, in the place that the simulator drew: how far it
came, what it touched, and how old the oldest measurement was, by its stamp, when the setpoint that
it led to was sent. Stamps are of the exposure: the latency of the camera is a part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.bench.statistics import wilson
from robot_rl.deploy.policy import contract_of
from robot_rl.deploy.timing import percentiles
from robot_rl.errors import SpecError
from robot_rl.machine import machine_name
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for
from robot_rl.spec.task import Step, Task

if TYPE_CHECKING:
    from robot_rl.nodes.fly import FlightResult

Array = NDArray[np.float64]
EVERY_S = 0.02
"""[s] between the moments of a flight that are looked at: 4 cm at 2 m/s."""
DT, SENSOR_DT = 0.002, 0.01  # [s] of sim_node


@dataclass(frozen=True)
class Flight:
    """One of them."""

    seed: int
    """Of the simulator, and with it of the place."""
    success: bool
    """Whether it came to the end in the time of an episode, and touched nothing before."""
    clearance: float
    """[m] least, until then."""
    time_s: float
    """[s] until the end of the way; infinite where it never got there."""
    latency: Array
    """(n,) [ms] from the stamp of the oldest measurement in use to the setpoint, each period."""
    rate_hz: float
    """[Hz] of setpoints."""
    missed: int
    """Deadlines without a control period."""


def sight(policy: Path, flights: int, out: Path) -> list[Flight]:
    """Fly `policy` in the places of the seeds from 0; recordings go to folders in `out`.

    Raises:
        SpecError: The policy does not look at images.
        FlightError, RobotRLError: see `fly`.
    """
    from robot_rl.nodes.fly import fly

    contract = contract_of(policy)
    task = registry.task(contract.task)
    if task.eye is None:
        raise SpecError(
            f'{policy.name} was trained for {contract.task!r}, got a task without a camera. '
            'Choose a policy that sees.'
        )
    done: list[Flight] = []
    for seed in range(flights):
        flown = fly(
            policy,
            duration_s=task.episode_length_s + 1.0,
            out=out / f'flight-{seed}',
            settle_s=0.0,
            sim_parameters={'seed': seed},
        )
        done.append(scored(task, flown, seed))
    return done


def scored(task: Task, flown: FlightResult, seed: int) -> Flight:
    """What a flight in the place of the simulator's `seed` was like."""
    from robot_rl.nodes.simulated_robot import SimulatedRobot

    robot = registry.robot(task.robot.name)
    engine = engine_for(robot)
    place = SimulatedRobot(
        robot,
        task.level,
        engine,
        dt=DT,
        sensor_dt=SENSOR_DT,
        seed=seed,
        noise=True,
        randomize=False,
        task=task,
    )
    place.reset(robot.rest)
    rows = np.searchsorted(flown.time, np.arange(0.0, flown.time[-1], EVERY_S))
    time, position = flown.time[rows], flown.position[rows]
    level = np.tile(np.array([1.0, 0.0, 0.0, 0.0]), (len(rows), 1))
    still = np.zeros_like(position)
    truth = {
        'base_pos_w': position,
        'base_quat_w': level,
        'base_lin_vel_b': still,
        'base_ang_vel_b': still,
    }
    seen = place.perceived(truth)
    signals = {name: torch.from_numpy(value) for name, value in seen.items()}
    none = torch.zeros(len(rows), task.action_size)
    error = task.error(Step(signals, none, none)).numpy()
    there = (error < task.success_error) & (time <= task.episode_length_s)
    last = int(there.argmax()) if there.any() else len(rows) - 1
    clearance = float(seen['arena_clearance'][: last + 1].min())
    ages, cycles = flown.micros['age'], flown.micros['cycle']
    return Flight(
        seed=seed,
        success=bool(there.any()) and clearance >= 0.0,
        clearance=clearance,
        time_s=float(time[last]) if there.any() else float('inf'),
        latency=1e-3 * (ages + cycles),
        rate_hz=flown.rate_hz,
        missed=flown.missed,
    )


def text(flights: Sequence[Flight]) -> str:
    """A table of the flights, and what they come to together."""
    lines = ['| seed | | least clearance | time | setpoints | stamp to setpoint, p50, p99 |']
    lines += ['| --- | --- | --- | --- | --- | --- |']
    lines += [_row(one) for one in flights]
    won = sum(one.success for one in flights)
    share = wilson(won, len(flights)).text('.0f', 100.0)
    p50, p99 = percentiles(np.concatenate([one.latency for one in flights]))
    lines += [
        '',
        f'{won} of {len(flights)} without contact: {share} %; stamp to setpoint p50 {p50:.1f} ms, '
        f'p99 {p99:.1f} ms. {machine_name()}',
    ]
    return '\n'.join(lines)


def _row(one: Flight) -> str:
    p50, p99 = percentiles(one.latency)
    cells: tuple[Any, ...] = (
        one.seed,
        'through' if one.success else 'failed',
        f'{one.clearance:.2f} m',
        f'{one.time_s:.1f} s',
        f'{one.rate_hz:.1f} Hz, {one.missed} missed',
        f'{p50:.1f} ms, {p99:.1f} ms',
    )
    return f'| {" | ".join(map(str, cells))} |'
