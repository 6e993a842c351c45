"""The launch file, with the genuine launch packages where they are installed."""

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
