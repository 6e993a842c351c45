"""Launch descriptions: the processes of nodes.description as `ros2 launch` wants them.

Imported by launch files only: the launch packages come with a ROS 2, not from PyPI.
"""

# The packages are not on PyPI, and pyright finds our own folder launch/ instead.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription
from robot_rl.assets import asset, policy_path
from robot_rl.deploy.policy import contract_of
from robot_rl.nodes.description import GOALS, Process, parameter_file, processes
from robot_rl.nodes.navigation_chain import navigation
from robot_rl.spec import registry
from robot_rl.teleop.layouts import LAYOUTS

NAVIGATION = 'params/navigation.yaml'
NONE = 'none'
"""What stands for '' in an argument: `ros2 launch` refuses `engine:=`, also in quotes."""


def describe(robot_name: str, policy: str, engine: str) -> LaunchDescription:
    """A simulated robot and its policy; `policy` and `engine` are defaults of the arguments."""
    known = (
        ('policy', policy, 'policy file, as a path or a name in policies/'),
        ('engine', engine, 'engine of the simulated robot; none for a real one'),
        ('goal', 'default', f'one of {", ".join(GOALS)}; none if somebody else sends it'),
        ('teleop', '', f'device on the topic joy, one of {", ".join(LAYOUTS)}; none for none'),
        ('record', '', 'new .mcap file to record to'),
        ('use_sim_time', 'false', 'take time from /clock'),
    )
    return _described(known, lambda given: _flight(robot_name, given))


def describe_navigation() -> LaunchDescription:
    """A policy in the place of Nav2's controller server, and the chain of velocities after it."""
    known = (
        ('policy', '', 'policy file, as a path or a name in policies/'),
        ('robot', '', "'' for the one the policy was trained for"),
        ('actions', 'follow_path', 'what to serve, joined by commas; without a bt_navigator also '
         'navigate_to_pose'),
        ('stamped', '', "true for TwistStamped, false for Twist, '' for what this ROS does"),
        ('chain', 'true', 'start velocity_smoother and collision_monitor'),
        ('params_file', str(asset('launch', NAVIGATION)), 'parameters of all these nodes'),
        ('use_sim_time', 'false', 'take time from /clock'),
    )  # fmt: skip
    return _described(known, _navigation)


Given = Mapping[str, str]
"""Launch arguments with their values."""


def _described(
    known: Sequence[tuple[str, str, str]], make: Callable[[Given], list[Node]]
) -> LaunchDescription:
    """Nodes that `make` gives once the arguments are known: (name, default, description) each."""

    def nodes(context: LaunchContext) -> list[Node]:
        given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in known}
        return make({name: '' if text == NONE else text for name, text in given.items()})

    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in known
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=nodes)])


def _navigation(given: Given) -> list[Node]:
    described = navigation(
        policy_path(given['policy']),
        robot=given['robot'],
        actions=[name.strip() for name in given['actions'].split(',')],
        stamped=_yes(given['stamped']) if given['stamped'] else None,
        chain=_yes(given['chain']),
        use_sim_time=_yes(given['use_sim_time']),
    )
    return _actions(described, [given['params_file']])


def _yes(text: str) -> bool:
    return text.lower() == 'true'


def _flight(robot_name: str, given: Given) -> list[Node]:
    robot = registry.robot(robot_name)
    policy = policy_path(given['policy'])
    contract = contract_of(policy)
    described = processes(
        robot,
        policy,
        engine=given['engine'],
        goal=given['goal'],
        level=contract.level,
        task=contract.task,
        teleop=given['teleop'],
        record=Path(given['record']) if given['record'] else None,
        use_sim_time=_yes(given['use_sim_time']),
    )
    common = parameter_file(robot)
    return _actions(described, [str(common)] if common else [])


def _actions(described: Sequence[Process], files: list[str]) -> list[Node]:
    """Processes as launch actions; `files` of parameters come before a process's own."""
    return [
        Node(
            package=process.package,
            executable=process.executable,
            name=process.name or process.executable,
            remappings=list(process.remappings),
            parameters=[*files, dict(process.parameters)],
            output='screen',
            sigterm_timeout=str(process.grace_s),  # a second signal cuts the safe action short
            on_exit=Shutdown(reason=f'{process.executable} ended') if process.essential else None,
        )
        for process in described
    ]
