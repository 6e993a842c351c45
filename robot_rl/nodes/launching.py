"""Launch descriptions: the processes of nodes.description as `ros2 launch` wants them.

Imported by launch files only: the launch packages come with a ROS 2, not from PyPI.
"""

# The packages are not on PyPI, and pyright finds our own folder launch/ instead.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false

from __future__ import annotations

from pathlib import Path

from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription
from robot_rl.assets import policy_path
from robot_rl.deploy.policy import contract_of
from robot_rl.nodes.description import GOALS, parameter_file, processes
from robot_rl.spec import registry


def describe(robot_name: str, policy: str, engine: str) -> LaunchDescription:
    """A simulated robot and its policy; `policy` and `engine` are defaults of the arguments."""
    known = (
        ('policy', policy, 'policy file, as a path or a name in policies/'),
        ('engine', engine, "engine of the simulated robot; '' for a real one"),
        ('goal', 'default', f"one of {', '.join(GOALS)}; '' if somebody else sends it"),
        ('record', '', 'new .mcap file to record to'),
        ('use_sim_time', 'false', 'take time from /clock'),
    )
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in known
    ]
    names = [name for name, _, _ in known]
    nodes = OpaqueFunction(function=_nodes, args=[robot_name, names])
    return LaunchDescription([*arguments, nodes])


def _nodes(context: LaunchContext, robot_name: str, names: list[str]) -> list[Node]:
    """Turn the description into launch actions, now that the arguments are known."""
    given = {name: LaunchConfiguration(name).perform(context) for name in names}
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
        record=Path(given['record']) if given['record'] else None,
        use_sim_time=given['use_sim_time'].lower() == 'true',
    )
    common = parameter_file(robot)
    files = [str(common)] if common else []
    return [
        Node(
            package='robot_rl',
            executable=process.executable,
            name=process.executable,
            parameters=[*files, dict(process.parameters)],
            output='screen',
            sigterm_timeout=str(process.grace_s),  # a second signal cuts the safe action short
            on_exit=Shutdown(reason=f'{process.executable} ended') if process.essential else None,
        )
        for process in described
    ]
