"""`ros2 launch robot_rl crazyflie.launch.py policy:=FILE`: a simulated Crazyflie and its policy.

The processes are those of robot_rl.nodes.description; `robot_rl run` starts the same ones
without launch.
"""

from __future__ import annotations

from pathlib import Path

from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription
from robot_rl.assets import asset
from robot_rl.nodes.description import GOALS, parameter_file, processes
from robot_rl.spec import registry

ROBOT = 'crazyflie'
ARGUMENTS = (
    ('policy', f'hover-{ROBOT}.onnx', 'policy file, as a path or a name in policies/'),
    ('engine', 'analytic', "engine of the simulated robot; '' for a real one"),
    ('goal', 'hover', f"one of {', '.join(GOALS)}; '' if somebody else sends it"),
    ('record', '', 'new .mcap file to record to'),
    ('use_sim_time', 'false', 'take time from /clock'),
)


def _nodes(context: LaunchContext) -> list[Node]:
    """Turn the description into launch actions, now that the arguments are known."""
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    robot = registry.robot(ROBOT)
    policy = Path(given['policy'])
    described = processes(
        robot,
        policy if policy.is_file() else asset('policies', given['policy']),
        engine=given['engine'],
        goal=given['goal'],
        record=Path(given['record']) if given['record'] else None,
        use_sim_time=given['use_sim_time'].lower() == 'true',
    )
    return [
        Node(
            package='robot_rl',
            executable=process.executable,
            name=process.executable,
            parameters=[str(parameter_file(robot)), dict(process.parameters)],
            output='screen',
            on_exit=Shutdown(reason=f'{process.executable} ended') if process.essential else None,
        )
        for process in described
    ]


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_nodes)])
