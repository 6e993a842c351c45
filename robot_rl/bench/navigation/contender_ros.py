"""Who is compared over ROS 2: the processes that drive, and what they are asked by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robot_rl.bench.navigation import nav2
from robot_rl.bench.navigation.drive import refuse_beyond
from robot_rl.deploy.policy import Policy
from robot_rl.errors import SpecError
from robot_rl.spec.arena import NavLimits
from robot_rl.spec.contract import require_fit
from robot_rl.spec.robot import Robot

if TYPE_CHECKING:
    from robot_rl.nodes.description import Process

POLICY = 'policy:'


@dataclass(frozen=True)
class RosContender:
    """A contender over ROS 2; every trial starts its processes anew."""

    name: str
    reach: NavLimits
    """What its own configuration may command."""
    server: str
    """Its lifecycle node."""
    processes: Callable[[float], tuple[Process, ...]]
    """Its processes, for the simulation's speed."""
    parameters: Mapping[str, Any] | None = None
    """Content of a parameter file of all its processes, by node."""
    identity: str = ''
    """What tells its trials from those of another file or configuration."""
    real_time: bool = False
    """Whether it keeps wall time whatever /clock says."""


def of(name: str, robot: Robot, table: NavLimits, tuning: Path | None) -> RosContender:
    """The contender 'policy:FILE' or 'nav2:NAME'; `tuning` is a YAML file for the latter.

    Raises:
        SpecError: It is configured beyond the table, or the file is no policy's.
        MissingPackageError: Nav2 is not installed.
        UnknownNameError: There is no such controller.
        PolicyFileError, ContractError: The policy is damaged or does not fit.
    """
    if name.startswith(POLICY):
        found = _policy(Path(name.removeprefix(POLICY)), robot, table)
    else:
        found = _nav2(name, robot, table, tuning)
    refuse_beyond(found.name, found.reach, table)
    return found


def _policy(path: Path, robot: Robot, table: NavLimits) -> RosContender:
    from robot_rl.nodes.description import Process

    if path.is_dir():
        raise SpecError(
            f'{path} is a run folder, and a node flies an .onnx file. Export it with: robot_rl '
            f'export {path}'
        )
    policy = Policy.load(path)
    require_fit(policy.contract, robot)
    policy.fit(robot)
    low, high = policy.contract.setpoint_low, policy.contract.setpoint_high

    def processes(speed: float) -> tuple[Process, ...]:
        given: dict[str, Any] = {
            'policy': str(path.resolve()),
            'robot': robot.name,
            'autostart': True,
            'stamped': True,
            'xy_tolerance': nav2.TIGHTER * table.goal_tolerance,
            'nice': 0,
        }
        if speed != 1.0:
            given['use_sim_time'] = True
        return (Process('navigation_node', given),)

    return RosContender(
        name=f'policy:{path.stem}',
        reach=replace(
            table,
            max_speed=min(high[0], table.max_speed),
            min_speed=max(low[0], table.min_speed),
            max_yaw_rate=min(high[1], table.max_yaw_rate),
        ),
        server='navigation_node',
        processes=processes,
        identity=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _nav2(name: str, robot: Robot, table: NavLimits, tuning: Path | None) -> RosContender:
    from robot_rl.nodes.description import Process
    from robot_rl.nodes.group import executable_of

    controller = name.removeprefix(nav2.PREFIX)
    made = nav2.parameters(controller, robot, table)
    if tuning is not None:
        made = nav2.merged(made, tuning)
    for package, executable in (
        ('nav2_controller', nav2.SERVER),
        ('nav2_lifecycle_manager', 'lifecycle_manager'),
    ):
        executable_of(package, executable, os.environ)

    def processes(_speed: float) -> tuple[Process, ...]:
        managed: dict[str, Any] = {
            'node_names': [nav2.SERVER],
            'autostart': True,
            'bond_timeout': 0.0,
        }
        return (
            Process(
                nav2.SERVER,
                package='nav2_controller',
                remappings=(('cmd_vel', 'cmd_vel_nav'),),
            ),
            Process(
                'lifecycle_manager', managed, package='nav2_lifecycle_manager', name=nav2.MANAGER
            ),
        )

    return RosContender(
        name=name,
        reach=nav2.reach(made, controller, table),
        server=nav2.SERVER,
        processes=processes,
        parameters=made,
        identity=hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest(),
        real_time=True,
    )
