"""Compare planners and policies: trials that are not there yet are run, then the page is written.

In one process this runs on the measurements of the simulated robot, without ROS and without Nav2.
Over ROS 2 (`over_ros.py`) policies and Nav2's controllers are nodes; reference planners stay in
this process, and the page says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
import hashlib
import json
from pathlib import Path

from robot_rl.bench.navigation import contender_ros, drive, nav2, over_ros, page, planners
from robot_rl.bench.navigation.contender_ros import RosContender
from robot_rl.bench.navigation.trial import Store, Trial
from robot_rl.errors import FlightError, SpecError, UnknownNameError
from robot_rl.machine import machine_name, package_versions
from robot_rl.spec import registry
from robot_rl.spec.arena import Arena, NavLimits
from robot_rl.spec.arena_file import as_json
from robot_rl.spec.errand import INFRASTRUCTURE
from robot_rl.spec.robot import Robot

POLICY = 'policy:'
PROCESS, ROS = 'process', 'ros2'
OVER = (PROCESS, ROS)
_PACKAGES = ('robot_rl', 'torch', 'numpy', 'numba', 'onnxruntime')


@dataclass(frozen=True)
class Comparison:
    """What is compared, where, and how often."""

    contenders: tuple[str, ...]
    """'reference:...', 'policy:FILE' or, over ROS 2, 'nav2:...'."""
    robot: str
    arenas: Sequence[Arena]
    seeds: tuple[int, ...]
    engine: str = 'analytic'
    randomize: bool = True
    command: str = 'robot_rl bench nav'
    """As it was typed, for the page."""
    over: str = PROCESS
    """One of OVER: where policies drive."""
    tuning: Path | None = None
    """YAML file of parameters for Nav2's controllers."""
    speed: float = 1.0
    """Of simulations over ROS 2, times real time."""
    activation_s: float = 60.0
    """[s] that a contender over ROS 2 gets to become active."""
    least_pace: float = 0.9
    """See over_ros.Conditions."""


def compare(what: Comparison, out: Path) -> Path:
    """Run what is missing in the folder `out`, and return its report.

    Raises:
        SpecError: No contender, or one is configured beyond the table of limits.
        UnknownNameError: A contender is neither a reference nor a policy, nor of Nav2.
        FlightError: Over ROS 2, where no trial came to an end that can be judged.
        MissingPackageError: Over ROS 2, where rclpy or Nav2 is not installed.
        RunFolderError: `out` holds trials of another comparison.
    """
    robot = registry.robot(what.robot)
    if not what.contenders:
        raise SpecError(
            f'Nothing to compare. Name one or more of {", ".join(planners.NAMES)} or {POLICY}FILE.'
        )
    if what.over not in OVER:
        raise UnknownNameError('way to drive', what.over, OVER)
    table = drive.table_of(robot, min(arena.goal_tolerance for arena in what.arenas))
    nodes = [name for name in what.contenders if what.over == ROS and _can_be_node(name)]
    inside = [contender(name, robot, table) for name in what.contenders if name not in nodes]
    outside = [contender_ros.of(name, robot, table, what.tuning) for name in nodes]
    conditions = over_ros.Conditions(
        robot, table, what.randomize, what.speed, what.activation_s, what.least_pace
    )
    if outside:
        conditions.refuse(outside)
        over_ros.require()
    reach = {each.name: each.reach for each in (*inside, *outside)}
    store = Store(out, _config(what, table, outside))
    for name, each in zip((n for n in what.contenders if n not in nodes), inside, strict=True):
        _claim(store, each, Path(name.removeprefix(POLICY)))
        for seed in what.seeds:
            _run(each, robot, what, seed, table, store)
    over_ros.run_all(outside, what.arenas, what.seeds, conditions, store)
    trials = [trial for trial in store.load() if trial.planner in reach]
    counted = {trial.planner for trial in trials if trial.outcome != INFRASTRUCTURE}
    if not counted:
        raise FlightError(
            f'All {len(trials)} trials broke for reasons of the bench, none is left to be judged. '
            f'Read the logs in {out / "broken"}, then run the bench again with the same folder.'
        )
    bench = page.Bench(
        title=f'Navigation: {what.robot} in {len(what.arenas)} worlds',
        trials=[trial for trial in trials if trial.planner in counted],
        arenas={arena.name: arena for arena in what.arenas},
        limits=table,
        setup={
            'robot': f'{what.robot}, {what.engine} engine',
            'seeds': ', '.join(map(str, what.seeds)),
            **_where(what, inside, outside),
            **_lost(trials, counted),
            'machine': machine_name(),
            'versions': ', '.join(f'{n} {v}' for n, v in package_versions(_PACKAGES).items()),
            'command': what.command,
        },
        reach=reach,
        config=store.config,
    )
    return page.write(bench, out)


def _claim(store: Store, who: drive.Contender, path: Path) -> None:
    """Hold a policy's name to its file."""
    if path.is_file():
        store.claim(who.name, _digest(path.read_bytes()))


def _can_be_node(name: str) -> bool:
    return name.startswith((POLICY, nav2.PREFIX))


def _where(
    what: Comparison, inside: Sequence[drive.Contender], outside: Sequence[RosContender]
) -> dict[str, str]:
    """Which contenders drove where: they did not meet the same delays."""
    if what.over != ROS:
        return {}
    found = {'over ROS 2': ', '.join(each.name for each in outside) or 'none'}
    if what.speed != 1.0:
        found['speed'] = f'{what.speed:g} times real time'
    if inside:
        names = ', '.join(each.name for each in inside)
        found['not over ROS 2'] = (
            f'{names}: in one process, where no command is late and no message under way'
        )
    return found


def _lost(trials: Sequence[Trial], counted: set[str]) -> dict[str, str]:
    """Contenders of which nothing can be said."""
    names = sorted({trial.planner for trial in trials} - counted)
    words = 'not in this report, as all trials broke for reasons of the bench'
    return {words: ', '.join(names)} if names else {}


def contender(name: str, robot: Robot, table: NavLimits) -> drive.Contender:
    """Who drives by the name of 'reference:...' or 'policy:FILE'.

    Raises UnknownNameError, SpecError for Nav2, and what the policy file raises.
    """
    if name.startswith(nav2.PREFIX):
        raise SpecError(
            f'{name} is a process of its own, and here is none. Add --over ros2, for all '
            'contenders.'
        )
    if name.startswith(POLICY):
        path = Path(name.removeprefix(POLICY))
        if path.is_dir():
            return drive.RunFolder(path, table)
        return drive.PolicyFile(path, robot, table)
    if name not in planners.NAMES:
        raise UnknownNameError('contender', name, (*planners.NAMES, f'{POLICY}FILE'))
    lidar = robot.lidar
    if lidar is None:
        raise SpecError(
            f'Robot {robot.name!r} has no lidar to navigate with. Choose one that has, such as '
            'jackal.'
        )
    return drive.Planners(name, lambda: planners.make(name, lidar, table))


def _config(
    what: Comparison, table: NavLimits, outside: Sequence[RosContender]
) -> dict[str, object]:
    """All that trials must have in common."""
    return {
        'limits': asdict(table),
        'robot': what.robot,
        'engine': what.engine,
        'randomize': what.randomize,
        'worlds': {
            arena.name: _digest(json.dumps(as_json(arena)).encode()) for arena in what.arenas
        },
        'versions': package_versions(('robot_rl',)),
        **(_config_of_ros(what, outside) if what.over == ROS else {}),
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _config_of_ros(what: Comparison, outside: Sequence[RosContender]) -> dict[str, object]:
    """What trials over ROS 2 must have in common beside that."""
    return {
        'over': what.over,
        'speed': what.speed,
        'nodes': {each.name: each.identity for each in outside},
        'ros': package_versions(('rclpy',)),
    }


def _run(
    who: drive.Contender,
    robot: Robot,
    what: Comparison,
    seed: int,
    table: NavLimits,
    store: Store,
) -> list[Trial]:
    """Trials of one contender with one seed, all worlds side by side, unless all are there.

    What a seed draws depends on how many worlds there are: they are run together or not at all.
    """
    worlds = [arena.name for arena in what.arenas]
    if not store.missing([who.name], worlds, [seed]):
        return []
    trials = drive.drive(
        who, robot, what.arenas, table, seed=seed, engine=what.engine, randomize=what.randomize
    )
    for trial in trials:
        store.add(trial)
    return trials
