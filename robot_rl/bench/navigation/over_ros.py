"""Trials over ROS 2: for each, simulated robot, contender, recorder and judge start anew.

<folder>/trials/<planner>/<world>/<seed>.npz, .mcap    the trial, and all that was said in it
<folder>/broken/<planner>/<world>/<seed>/              logs of a trial that failed otherwise

What fails for another reason than driving is tried again, ATTEMPTS times in all, and again when
the bench is run again: it is kept as an infrastructure failure, which counts in no metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import hashlib
import json
from pathlib import Path
import shutil
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from robot_rl.bench.navigation.contender_ros import RosContender
from robot_rl.bench.navigation.global_plan import global_plan
from robot_rl.bench.navigation.trial import Key, Store, Trial
from robot_rl.envs.arena import task_in
from robot_rl.errors import FlightError, RunFolderError, SpecError
from robot_rl.spec import arena_file
from robot_rl.spec.arena import Arena, NavLimits
from robot_rl.spec.engines import engine_for
from robot_rl.spec.errand import INFRASTRUCTURE, Errand, Log
from robot_rl.spec.robot import Robot

if TYPE_CHECKING:
    from robot_rl.nodes.description import Process

ATTEMPTS = 2
GIVEN_UP = 3
"""Trials in a row that broke, after which a contender is left out for this time."""
START_S = 180.0
"""[s] of wall time beside the trial and the activation, after which a judge has hung."""
PHYSICS_DT = 0.005
"""[s] that divides the period of every sensor."""
JUDGE = 'nav2_benchmark_node'
TOPICS = (
    *('cmd_vel_nav', 'plan', '/tf', '/tf_static', '/diagnostics'),
    *('ground_truth/odom', 'ground_truth/arena'),
)
"""Recorded beside the robot's own."""


@dataclass(frozen=True)
class Conditions:
    """What all trials over ROS 2 have in common."""

    robot: Robot
    table: NavLimits
    randomize: bool = True
    speed: float = 1.0
    """Of the simulation, times real time."""
    activation_s: float = 60.0
    """[s] of wall time that a contender gets to become active."""
    least_pace: float = 0.9
    """A trial in which the simulation was slower than this part of its speed is void."""

    def refuse(self, contenders: Sequence[RosContender]) -> None:
        """Raise SpecError for a speed that a contender cannot keep."""
        if not 0.0 < self.speed <= 20.0:
            raise SpecError(
                f'The speed of a simulation must be above 0 and at most 20 times real time, got '
                f'{self.speed:g}. Choose another --speed.'
            )
        late = [each.name for each in contenders if each.real_time]
        if late and self.speed != 1.0:
            raise SpecError(
                f'{", ".join(late)} keeps wall time, and the simulation was to run at '
                f'{self.speed:g} times that. Leave out --speed, for all contenders alike.'
            )


def require() -> None:
    """Raise MissingPackageError where rclpy is not installed."""
    from robot_rl.nodes.run import require as installed

    installed('analytic')


def run_all(
    contenders: Sequence[RosContender],
    arenas: Sequence[Arena],
    seeds: Sequence[int],
    conditions: Conditions,
    store: Store,
) -> None:
    """Run what is missing, world by world; says on the terminal what fails.

    Raises:
        SpecError: A world has no way to its goal.
        RunFolderError: The disk refuses.
    """
    wanted = to_run(
        store, [each.name for each in contenders], [arena.name for arena in arenas], seeds
    )
    if wanted:
        _compile(arenas[0], conditions)
    by_name = {each.name: each for each in contenders}
    worlds = {arena.name: arena for arena in arenas}
    broken = dict.fromkeys(by_name, 0)
    for key in wanted:
        if broken[key.planner] >= GIVEN_UP:
            continue
        trial, reason = _attempts(by_name[key.planner], worlds[key.world], key, conditions, store)
        broken[key.planner] = broken[key.planner] + 1 if reason else 0
        if reason:
            print(f'{key.planner} in {key.world}, seed {key.seed}: not counted. {reason}')
        if broken[key.planner] == GIVEN_UP:
            print(f'{key.planner} is left out: {GIVEN_UP} trials in a row broke.')
        store.add(trial)


def _compile(arena: Arena, conditions: Conditions) -> None:
    """Have the machine code of the simulation made once, not by a process that is waited for."""
    from robot_rl.nodes.simulated_robot import SimulatedRobot

    robot, dt = conditions.robot, PHYSICS_DT
    task = task_in(robot, arena, dt)
    one = SimulatedRobot(
        robot, 'velocity', engine_for(robot), dt=dt, sensor_dt=dt, seed=0, noise=True,
        randomize=conditions.randomize, task=task, walking=True,
    )  # fmt: skip
    one.reset(robot.rest)
    one.step(np.zeros(2), 0.0)
    one.measured()


def to_run(
    store: Store, planners: Sequence[str], worlds: Sequence[str], seeds: Sequence[int]
) -> list[Key]:
    """Trials that are not there yet, or that broke; world by world."""
    missing = set(store.missing(planners, worlds, seeds))
    whole = [Key(p, world, seed) for world in worlds for seed in seeds for p in planners]
    return [
        key
        for key in whole
        if key in missing or Trial.unpack(store.path(key)).outcome == INFRASTRUCTURE
    ]


def _attempts(
    who: RosContender, arena: Arena, key: Key, conditions: Conditions, store: Store
) -> tuple[Trial, str]:
    """The trial, and why it broke, '' where it did not."""
    place = store.path(key).relative_to(store.folder / 'trials').with_suffix('')
    folder = store.folder / 'broken' / place
    log, reason = Log(INFRASTRUCTURE, ''), ''
    for number in range(ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        log = _attempt(who, arena, key.seed, conditions, folder)
        recording = folder / 'recording.mcap'
        if log.outcome != INFRASTRUCTURE:
            kept = store.path(key).with_suffix('.mcap')
            kept.parent.mkdir(parents=True, exist_ok=True)
            if recording.exists():
                recording.replace(kept)
            shutil.rmtree(folder, ignore_errors=True)
            reason = ''
            break
        reason = f'{log.reason}. Tried {number + 1} times; logs: {folder}'
    return _trial(key, arena, log, conditions.table), reason


def _attempt(
    who: RosContender, arena: Arena, seed: int, conditions: Conditions, folder: Path
) -> Log:
    """Start everything, wait for the judge, stop everything."""
    from robot_rl.nodes.dds import confined, random_domain
    from robot_rl.nodes.group import Group

    try:
        folder.mkdir(parents=True)
        lidar = conditions.robot.lidar
        assert lidar is not None
        errand = Errand(
            arena=arena,
            limits=conditions.table,
            path=global_plan(arena, lidar, conditions.table),
            server=who.server,
            activation_s=conditions.activation_s,
            least_pace=conditions.least_pace,
        )
        errand.write(folder / 'errand.json')
        arena_file.write(folder / 'arena.json', arena)
        common: Path | None = None
        if who.parameters is not None:
            common = folder / 'parameters.yaml'
            common.write_text(json.dumps(who.parameters, indent=1), encoding='utf-8')
    except OSError as error:
        raise RunFolderError(
            f'Cannot write to {folder}: {error.strerror}. Free space, or choose another --out.'
        ) from error
    group = Group(
        _processes(who, arena, seed, conditions, folder),
        common,
        confined(folder, random_domain()),
        folder,
    )
    try:
        with group:
            return _judged(group, folder / 'result.npz', arena, conditions)
    except FlightError as error:
        return Log(INFRASTRUCTURE, str(error))


def _judged(group: Any, result: Path, arena: Arena, conditions: Conditions) -> Log:
    """What the judge wrote. Raises FlightError when a process ends before."""
    longest = START_S + conditions.activation_s + 2.0 * arena.time_limit_s / conditions.speed
    end = time.monotonic() + longest
    while not result.exists():
        try:
            group.check()
        except FlightError:
            if not result.exists():  # else it has ended because the trial has
                raise
        if time.monotonic() > end:
            raise FlightError(
                f'The judge must end within {longest:g} s, and did not. Read its log, '
                f'{result.with_name(JUDGE)}.log.'
            )
        time.sleep(0.02)
    return Log.read(result)


def drawn_from(world: str, seed: int) -> int:
    """Seed of noise and physics of a trial: the same for every contender, another a world."""
    return int.from_bytes(hashlib.sha256(f'{world} {seed}'.encode()).digest()[:4], 'big') >> 1


def _processes(
    who: RosContender, arena: Arena, seed: int, conditions: Conditions, folder: Path
) -> tuple[Process, ...]:
    """All of one trial. The recorder comes first: it must not miss what is said once."""
    from robot_rl.nodes.description import Process

    robot, speed = conditions.robot, conditions.speed
    clock: dict[str, Any] = {'use_sim_time': True} if speed != 1.0 else {}
    own = [topic.name for topic in robot.topics if not topic.requested]
    recording: dict[str, Any] = {
        'path': str(folder / 'recording.mcap'),
        'topics': [*own, robot.setpoint('velocity').topic, *TOPICS],
        **clock,
    }
    simulation: dict[str, Any] = {
        'robot': robot.name,
        'engine': engine_for(robot),
        'level': 'velocity',
        'arena': str(folder / 'arena.json'),
        'seed': drawn_from(arena.name, seed),
        'randomize': conditions.randomize,
        'dt': PHYSICS_DT,
        'speed': float(speed),
        'nice': 0,
    }
    judging: dict[str, Any] = {
        'robot': robot.name,
        'errand': str(folder / 'errand.json'),
        'result': str(folder / 'result.npz'),
        'speed': float(speed),
        'await_recorder': True,
        **clock,
    }
    return (
        Process('recorder_node', recording, essential=False),
        Process('sim_node', simulation),
        *who.processes(speed),
        Process(JUDGE, judging),
    )


def _trial(key: Key, arena: Arena, log: Log, table: NavLimits) -> Trial:
    """Nobody outside sees how long a command took to compute: that is not a number here."""
    return Trial(
        planner=key.planner,
        world=key.world,
        seed=key.seed,
        outcome=log.outcome,
        time_s=log.time_s,
        dt=1.0 / table.rate_hz,
        path_length=arena.path_length,
        pose=log.pose,
        command=log.command,
        sent=log.sent,
        clearance=log.clearance,
        compute_s=np.full(len(log.pose), np.nan),
        missed=log.missed,
        recoveries=0,
    )
