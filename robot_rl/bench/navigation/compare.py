"""Compare planners and policies: trials that are not there yet are run, then the page is written.

This runs in one process, on the measurements of the simulated robot, without ROS and without Nav2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
import hashlib
from pathlib import Path

from robot_rl.bench.navigation import drive, page, planners
from robot_rl.bench.navigation.trial import Store, Trial
from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.machine import machine_name, package_versions
from robot_rl.spec import registry
from robot_rl.spec.arena import Arena, NavLimits
from robot_rl.spec.robot import Robot

POLICY = 'policy:'
_PACKAGES = ('robot_rl', 'torch', 'numpy', 'numba', 'onnxruntime')


@dataclass(frozen=True)
class Comparison:
    """What is compared, where, and how often."""

    contenders: tuple[str, ...]
    """'reference:...' or 'policy:FILE'."""
    robot: str
    arenas: Sequence[Arena]
    seeds: tuple[int, ...]
    engine: str = 'analytic'
    randomize: bool = True
    command: str = 'robot_rl bench nav'
    """As it was typed, for the page."""


def compare(what: Comparison, out: Path) -> Path:
    """Run what is missing in the folder `out`, and return its report.

    Raises:
        SpecError: No contender, or one is configured beyond the table of limits.
        UnknownNameError: A contender is neither a reference nor a policy.
        RunFolderError: `out` holds trials of another comparison.
    """
    robot = registry.robot(what.robot)
    if not what.contenders:
        raise SpecError(
            f'Nothing to compare. Name one or more of {", ".join(planners.NAMES)} or {POLICY}FILE.'
        )
    table = drive.table_of(robot, min(arena.goal_tolerance for arena in what.arenas))
    contenders = [contender(name, robot, table) for name in what.contenders]
    reach = {each.name: each.reach for each in contenders}
    store = Store(out, _config(what, table))
    for each in contenders:
        for seed in what.seeds:
            _run(each, robot, what, seed, table, store)
    bench = page.Bench(
        title=f'Navigation: {what.robot} in {len(what.arenas)} worlds',
        trials=[trial for trial in store.load() if trial.planner in reach],
        arenas={arena.name: arena for arena in what.arenas},
        limits=table,
        setup={
            'robot': f'{what.robot}, {what.engine} engine',
            'seeds': ', '.join(map(str, what.seeds)),
            'machine': machine_name(),
            'versions': ', '.join(f'{n} {v}' for n, v in package_versions(_PACKAGES).items()),
            'command': what.command,
        },
        reach=reach,
        config=store.config,
    )
    return page.write(bench, out)


def contender(name: str, robot: Robot, table: NavLimits) -> drive.Contender:
    """Who drives by the name of 'reference:...' or 'policy:FILE'.

    Raises UnknownNameError, and what the policy file raises.
    """
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


def _config(what: Comparison, table: NavLimits) -> dict[str, object]:
    """All that trials must have in common."""
    files = [Path(n.removeprefix(POLICY)) for n in what.contenders if n.startswith(POLICY)]
    digests = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files if f.is_file()}
    return {
        'limits': asdict(table),
        'robot': what.robot,
        'engine': what.engine,
        'randomize': what.randomize,
        'policies': digests,
        'versions': package_versions(('robot_rl',)),
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
