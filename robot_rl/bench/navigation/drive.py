"""Drive contenders through arenas: one simulation, one noise, one table of limits for all.

All arenas of a batch run side by side. Whoever commands sees the same measurements; what comes out
goes through the same smoother, which holds it within the table, and then to the same drives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
import time
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.bench.navigation.planners import Planner
from robot_rl.bench.navigation.trial import Trial
from robot_rl.deploy.policy import Policy
from robot_rl.envs.engines import make_env
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import SpecError
from robot_rl.export.graph import PolicyGraph
from robot_rl.learn.train import load_actor
from robot_rl.mdp.arenas import Arenas
from robot_rl.mdp.observations import heading
from robot_rl.spec.arena import Arena, NavLimits
from robot_rl.spec.contract import require_fit
from robot_rl.spec.ending import Progress, ending
from robot_rl.spec.robot import Robot
from robot_rl.tasks import navigate

Array = NDArray[np.float64]


class Contender(Protocol):
    """Whoever is compared: many robots at once."""

    name: str
    reach: NavLimits
    """What its own configuration may command."""

    def begin(self, env: VectorEnv, arenas: Sequence[Arena], seed: int) -> None:
        """All episodes start."""
        ...

    def command(self, env: VectorEnv, running: NDArray[np.intp], out: Array, took: Array) -> None:
        """Write speed and yaw rate of the `running` into `out` (n, 2) and seconds into `took`."""
        ...

    def recoveries(self, row: int) -> int:
        """Recovery behaviours of one."""
        ...


def table_of(robot: Robot, goal_tolerance: float) -> NavLimits:
    """The limits of a robot that navigates, for every contender."""
    setpoint = robot.setpoint('velocity')
    return NavLimits(
        max_speed=setpoint.high[0],
        min_speed=-navigate.REVERSE * setpoint.high[0],
        max_yaw_rate=min(setpoint.high[1], navigate.TURNING),
        acceleration=setpoint.slew[0],
        yaw_acceleration=setpoint.slew[1],
        rate_hz=1.0 / navigate.CONTROL_DT,
        goal_tolerance=goal_tolerance,
        yaw_tolerance=np.pi,
        footprint=np.array(robot.footprint),
    )


def refuse_beyond(contender: str, reach: NavLimits, table: NavLimits) -> None:
    """Raise SpecError where a configuration may command more than the table allows."""
    for each in fields(table):
        if each.name in ('footprint', 'goal_tolerance', 'yaw_tolerance', 'rate_hz'):
            continue
        theirs, most = getattr(reach, each.name), getattr(table, each.name)
        beyond = theirs < most - 1e-6 if each.name == 'min_speed' else theirs > most + 1e-6
        if beyond:
            raise SpecError(
                f'{contender} is configured for a {each.name} of {theirs:g}, the table of limits '
                f'has {most:g}. Configure it within the table, which is the same for all.'
            )


class PolicyFile:
    """A policy file, stepped as on the robot."""

    def __init__(self, path: Path, robot: Robot, table: NavLimits) -> None:
        """Load it. Raises PolicyFileError or ContractError."""
        self._policy = policy = Policy.load(path)
        require_fit(policy.contract, robot)
        policy.fit(robot)
        low, high = policy.contract.setpoint_low, policy.contract.setpoint_high
        self.name = f'policy:{path.stem}'
        # The deployed controller holds what comes out within the robot's limits.
        self.reach = replace(
            table,
            max_speed=min(high[0], table.max_speed),
            min_speed=max(low[0], table.min_speed),
            max_yaw_rate=min(high[1], table.max_yaw_rate),
        )

    def begin(self, env: VectorEnv, arenas: Sequence[Arena], seed: int) -> None:  # noqa: ARG002
        """Memory is zero."""
        self._memory = np.zeros((len(arenas), len(self._policy.memory)), np.float32)

    def command(self, env: VectorEnv, running: NDArray[np.intp], out: Array, took: Array) -> None:
        """Step each of them."""
        policy = self._policy
        measured = {name: env.measured[name].numpy() for name in policy.inputs}
        for row in running:
            began = time.perf_counter()
            for name, buffer in policy.inputs.items():
                buffer[:] = measured[name][row]
            policy.memory[:] = self._memory[row]
            out[row] = policy.step()
            self._memory[row] = policy.memory
            took[row] = time.perf_counter() - began

    def recoveries(self, row: int) -> int:  # noqa: ARG002
        """None."""
        return 0


class RunFolder:
    """The best actor of a run folder, in one batch."""

    def __init__(self, path: Path, table: NavLimits) -> None:
        """Load it. Raises RunFolderError."""
        _, self._actor, _ = load_actor(path)
        self.name, self.reach = f'policy:{path.name}', table

    def begin(self, env: VectorEnv, arenas: Sequence[Arena], seed: int) -> None:  # noqa: ARG002
        """Memory is zero."""
        self._graph = PolicyGraph(env.task, self._actor).eval()
        self._memory = torch.zeros(len(arenas), self._graph.memory_size)

    def command(self, env: VectorEnv, running: NDArray[np.intp], out: Array, took: Array) -> None:
        """Ask for all at once; each took its share."""
        began = time.perf_counter()
        with torch.inference_mode():
            measured = [env.measured[name] for name in env.task.signal_names]
            setpoint, self._memory = self._graph(*measured, self._memory)
            out[:] = setpoint.numpy()
        took[running] = (time.perf_counter() - began) / max(len(running), 1)

    def recoveries(self, row: int) -> int:  # noqa: ARG002
        """None."""
        return 0


class Planners:
    """One in-process planner for each robot."""

    def __init__(self, name: str, make: Callable[[], Planner]) -> None:
        """`make` builds one."""
        self._make, self.name = make, name
        self.reach = make().reach
        self._each: list[Planner] = []

    def begin(self, env: VectorEnv, arenas: Sequence[Arena], seed: int) -> None:
        """Each starts where odometry says."""
        pose = _measured_pose(env)
        self._each = [self._make() for _ in arenas]
        for row, (planner, arena) in enumerate(zip(self._each, arenas, strict=True)):
            x, y, yaw = pose[row].tolist()
            planner.reset(arena.goal, (x, y, yaw), seed + row)

    def command(self, env: VectorEnv, running: NDArray[np.intp], out: Array, took: Array) -> None:
        """Ask each of them."""
        pose, measured = _measured_pose(env), env.measured
        scan = measured['scan'].double().numpy()
        speed, rate = measured['base_lin_vel_b'][:, 0], measured['base_ang_vel_b'][:, 2]
        motion = torch.stack((speed, rate), 1).double().numpy()
        for row in running:
            began = time.perf_counter()
            out[row] = self._each[row].command(scan[row], pose[row], motion[row])
            took[row] = time.perf_counter() - began

    def recoveries(self, row: int) -> int:
        """Recovery behaviours of one."""
        return self._each[row].recoveries


def _measured_pose(env: VectorEnv) -> Array:
    measured = env.measured
    place, yaw = measured['base_pos_w'][:, :2], heading(measured['base_quat_w'])
    return torch.column_stack((place, yaw)).double().numpy()


@dataclass
class _Log:
    """What one robot did."""

    rows: list[Array] = field(default_factory=list[Array])
    outcome: str = ''


def drive(
    contender: Contender,
    robot: Robot,
    arenas: Sequence[Arena],
    table: NavLimits,
    *,
    seed: int,
    engine: str = 'analytic',
    randomize: bool = True,
) -> list[Trial]:
    """One trial in each of the arenas.

    Args:
        contender: Who drives. Raises SpecError where its configuration exceeds the table.
        robot: With its own lidar.
        arenas: Where.
        table: The limits of all.
        seed: Of noise, physics and whatever else is drawn: the same for every contender.
        engine: Simulator.
        randomize: Whether physics differ as in the robot's randomization file.
    """
    refuse_beyond(contender.name, contender.reach, table)
    env = _environment(robot, arenas, engine, seed, randomize=randomize)
    dt, num = env.task.control_dt, len(arenas)
    contender.begin(env, arenas, seed)
    logs, progress = [_Log() for _ in arenas], [Progress() for _ in arenas]
    command, sent, took = np.zeros((num, 2)), np.zeros((num, 2)), np.zeros(num)
    most = dt * np.array((table.acceleration, table.yaw_acceleration))
    low = np.array((table.min_speed, -table.max_yaw_rate))
    high = np.array((table.max_speed, table.max_yaw_rate))
    running, count = np.arange(num), 0
    while len(running):
        count += 1
        contender.command(env, running, command, took)
        wanted = np.clip(np.nan_to_num(command), low, high)
        sent += np.clip(wanted - sent, -most, most)
        moved = env.step(torch.zeros(num, 2), torch.from_numpy(sent).float())
        _note(moved.step.signals, command, sent, took, logs, running)
        hit = moved.terminated.tolist()
        for row in running.tolist():
            log = logs[row]
            x, y = log.rows[-1][:2].tolist()
            log.outcome = ending(
                arenas[row], progress[row], hit=hit[row], time_s=count * dt, x=x, y=y
            )
        running = np.array([row for row in running.tolist() if not logs[row].outcome], np.intp)
    return [
        _trial(contender, row, arena, log, seed, dt)
        for row, (arena, log) in enumerate(zip(arenas, logs, strict=True))
    ]


def _environment(
    robot: Robot, arenas: Sequence[Arena], engine: str, seed: int, *, randomize: bool
) -> VectorEnv:
    """The arenas side by side, begun. Raises SpecError for a robot that has no lidar."""
    if robot.lidar is None:
        raise SpecError(
            f'Robot {robot.name!r} has no lidar to navigate with. Choose one that has, such as '
            f'{navigate.ROBOTS[0]}.'
        )
    dt, longest = navigate.CONTROL_DT, max(arena.time_limit_s for arena in arenas)
    where = Arenas(robot.lidar, robot.footprint, navigate.MARGIN, dt, arenas)
    task = replace(navigate.on(robot, where), episode_length_s=longest + 1.0)
    env = make_env(task, engine, len(arenas), seed=seed, randomize=randomize)
    env.reset(seed=seed)
    return env


def _note(
    signals: Any,
    command: Array,
    sent: Array,
    took: Array,
    logs: list[_Log],
    running: NDArray[np.intp],
) -> None:
    """Add a row to the log of each that runs: pose, command, sent, clearance, seconds."""
    pose = torch.column_stack((signals['base_pos_w'][:, :2], heading(signals['base_quat_w'])))
    clear = signals['arena_clearance'].double().numpy()
    rows = np.concatenate((pose.double().numpy(), command, sent, clear, took[:, None]), 1)
    for row in running:
        logs[row].rows.append(rows[row])


def _trial(contender: Contender, row: int, arena: Arena, log: _Log, seed: int, dt: float) -> Trial:
    rows = np.array(log.rows)
    return Trial(
        planner=contender.name,
        world=arena.name,
        seed=seed,
        outcome=log.outcome or 'timeout',
        time_s=len(rows) * dt,
        dt=dt,
        path_length=arena.path_length,
        pose=rows[:, 0:3],
        command=rows[:, 3:5],
        sent=rows[:, 5:7],
        clearance=rows[:, 7],
        compute_s=rows[:, 8],
        missed=int((rows[:, 8] > dt).sum()),
        recoveries=contender.recoveries(row),
    )
