"""The launch files, with the genuine launch packages where they are installed."""

# They are not on PyPI, and pyright finds our own folder launch/ instead.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

from importlib.util import find_spec
import os
from pathlib import Path
import signal
import sys

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LAUNCH_FILE = REPOSITORY / 'launch' / 'crazyflie.launch.py'
SERVICE = """
import sys
from launch import LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource

source = AnyLaunchDescriptionSource(sys.argv[1])
arguments = [tuple(argument.split(':=', 1)) for argument in sys.argv[2:]]
service = LaunchService()
service.include_launch_description(IncludeLaunchDescription(source, launch_arguments=arguments))
sys.exit(service.run())
"""


@pytest.fixture
def prefix(tmp_path) -> Path:
    """An ament prefix that holds the package, as an installation would make it."""
    root = tmp_path / 'prefix'
    index = root / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / 'robot_rl').touch()
    library = root / 'lib' / 'robot_rl'
    library.mkdir(parents=True)
    for stub in (REPOSITORY / 'robot_rl' / 'nodes' / 'bin').glob('*_node'):
        (library / stub.name).symlink_to(stub.resolve())
    (root / 'bin').mkdir()
    (root / 'bin' / 'python3').write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (root / 'bin' / 'python3').chmod(0o755)
    return root


def stubs() -> list[Path]:
    return sorted((REPOSITORY / 'robot_rl' / 'nodes' / 'bin').glob('*_node'))


def test_every_node_has_an_executable_and_every_executable_a_node():
    modules = {path.stem for path in (REPOSITORY / 'robot_rl' / 'nodes').glob('*_node.py')}
    assert {stub.name for stub in stubs()} == modules
    assert all(os.access(stub, os.X_OK) for stub in stubs())


def test_navigation_stands_where_nav2s_controller_does():
    from robot_rl.nodes.navigation_chain import MANAGER, navigation

    node, smoother, monitor, manager = navigation(Path('p.onnx'), stamped=True)
    assert (node.package, node.executable) == ('robot_rl', 'navigation_node')
    assert node.parameters == {'policy': 'p.onnx', 'actions': ['follow_path'], 'stamped': True}
    assert smoother.remappings == (('cmd_vel', 'cmd_vel_nav'),)
    assert monitor.parameters['cmd_vel_in_topic'] == 'cmd_vel_smoothed'
    assert monitor.parameters['cmd_vel_out_topic'] == 'cmd_vel'
    assert smoother.parameters['enable_stamped_cmd_vel'] is True
    assert monitor.parameters['enable_stamped_cmd_vel'] is True
    assert manager.name == MANAGER
    assert manager.parameters == {
        'node_names': ['navigation_node', 'velocity_smoother', 'collision_monitor'],
        'autostart': True,
        'bond_timeout': 0.0,
    }


def test_navigation_beside_a_whole_nav2_is_two_processes():
    from robot_rl.nodes.navigation_chain import navigation

    found = navigation(Path('p.onnx'), robot='jackal', chain=False, use_sim_time=True)
    assert [process.executable for process in found] == ['navigation_node', 'lifecycle_manager']
    assert found[0].parameters['robot'] == 'jackal'
    assert 'stamped' not in found[0].parameters, 'the node knows what its ROS does'
    assert all(process.parameters['use_sim_time'] is True for process in found)
    assert found[1].parameters['node_names'] == ['navigation_node']


def test_the_parameters_of_navigation_are_its_nodes_own():
    yaml = pytest.importorskip('yaml')
    pytest.importorskip('rclpy')
    from robot_rl.nodes.navigation_settings import Navigation
    from robot_rl.nodes.policy_settings import Settings

    file = yaml.safe_load((REPOSITORY / 'launch/params/navigation.yaml').read_text())
    assert [*file] == ['navigation_node', 'velocity_smoother', 'collision_monitor']
    known = {*Navigation.__dataclass_fields__, *Settings.__dataclass_fields__}
    assert {*file['navigation_node']['ros__parameters']} <= known


def test_every_launch_file_is_python_that_describes_something():
    files = sorted(LAUNCH_FILE.parent.glob('*.launch.py'))
    assert 'navigation.launch.py' in [path.name for path in files]
    for path in files:
        code = compile(path.read_text(), str(path), 'exec')
        assert 'generate_launch_description' in code.co_names


def described(description, **arguments: str) -> list:
    """Launch nodes that a description has for these arguments."""
    from launch.actions import DeclareLaunchArgument, OpaqueFunction

    from launch import LaunchContext

    context = LaunchContext()
    for entity in description.entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.execute(context)
    context.launch_configurations.update(arguments)
    (function,) = [each for each in description.entities if isinstance(each, OpaqueFunction)]
    return function.execute(context) or []


@pytest.mark.ros
@pytest.mark.skipif(find_spec('launch_ros') is None, reason='launch_ros is not installed')
def test_ros2_launch_describes_navigation():
    from robot_rl.nodes.launching import describe_navigation

    assert [n.node_package for n in described(describe_navigation(), policy='race-racecar')] == [
        'robot_rl',
        'nav2_velocity_smoother',
        'nav2_collision_monitor',
        'nav2_lifecycle_manager',
    ]


@pytest.mark.ros
@pytest.mark.skipif(find_spec('launch_ros') is None, reason='launch_ros is not installed')
def test_ros2_launch_leaves_out_what_is_none():
    from robot_rl.nodes.launching import describe

    nodes = described(
        describe('crazyflie', 'hover-crazyflie.onnx', 'analytic'), engine='none', goal='none'
    )
    assert [node.node_executable for node in nodes] == ['policy_node']


@pytest.mark.ros
@pytest.mark.skipif(find_spec('launch_ros') is None, reason='launch_ros is not installed')
def test_ros2_launch_starts_the_flight_and_ends_it_in_good_order(
    nodes, make_peer, hover_policy, prefix
):
    peer = make_peer()
    peer.silent = {'odom', 'goal'}
    environment = dict(nodes.environment)
    paths = [str(prefix), environment.get('AMENT_PREFIX_PATH', ''), sys.prefix]
    environment['AMENT_PREFIX_PATH'] = os.pathsep.join(path for path in paths if path)
    command = [sys.executable, '-c', SERVICE, str(LAUNCH_FILE), f'policy:={hover_policy}']
    process = nodes.spawn('launch', command, environment)
    nodes.until(lambda: len(peer.setpoints) > 50, 30.0)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    output = process.log.read_text()
    assert output.count('process has finished cleanly') == 3
    assert 'Traceback' not in output
    stages = {tuple(values) for _, values in peer.setpoints}
    assert peer.robot.setpoint('motors').safe[-1].setpoint in stages, 'it must land'
