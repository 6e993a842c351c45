"""Types that the wheels lack: built from their fields, and spoken between two processes."""

from __future__ import annotations

import os
from pathlib import Path
import shutil
import subprocess
import sys
from typing import Any

import pytest

from robot_rl.errors import MessageError, MissingPackageError

pytestmark = pytest.mark.ros

TF_HASH = 'RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087'
"""Type hash of tf2_msgs/msg/TFMessage, as every ROS 2 since Iron announces it."""
PRINT = """
from robot_rl.nodes.interfaces import interface
kind = interface('tf2_msgs/msg/TFMessage')
import tf2_msgs
print(tf2_msgs.__file__)
"""
SERVER = """
import rclpy
from rclpy.action import ActionServer
from robot_rl.nodes.interfaces import interface

kind = interface('nav2_msgs/action/FollowPath')

def drive(handle):
    left = float(len(handle.request.path.poses))
    handle.publish_feedback(kind.Feedback(distance_to_goal=left, speed=0.5))
    handle.succeed()
    return kind.Result(error_code=105, error_msg=handle.request.path.poses[-1].header.frame_id)

with rclpy.init():
    node = rclpy.create_node('server')
    server = ActionServer(node, kind, 'follow_path', drive)
    while True:
        rclpy.spin_once(node, timeout_sec=0.1)
"""


@pytest.fixture(scope='module')
def interface(ros):
    """interface(), where what it needs is there."""
    from robot_rl.nodes.interfaces import interface

    try:
        interface('tf2_msgs/msg/TFMessage')
    except MissingPackageError as error:
        pytest.skip(str(error))
    return interface


def printed(code: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, '-c', code],
        env={**os.environ, 'PYTHONPATH': str(Path(__file__).resolve().parents[2]), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_built_type_has_the_name_and_the_hash_of_the_real_one(interface, nodes):
    import rclpy

    context = rclpy.Context()
    rclpy.init(context=context, domain_id=nodes.domain)
    node = rclpy.create_node('talker', context=context)
    node.create_publisher(interface('tf2_msgs/msg/TFMessage'), '/tf', 1)
    (found,) = node.get_publishers_info_by_topic('/tf')
    assert found.topic_type == 'tf2_msgs/msg/TFMessage'
    assert str(found.topic_type_hash) == TF_HASH
    node.destroy_node()
    context.destroy()


def test_fields_and_constants_are_those_of_nav2(interface):
    follow = interface('nav2_msgs/action/FollowPath')
    assert follow.Goal.get_fields_and_field_types() == {
        'path': 'nav_msgs/Path',
        'controller_id': 'string',
        'goal_checker_id': 'string',
        'progress_checker_id': 'string',
    }
    assert follow.Result.FAILED_TO_MAKE_PROGRESS == 105
    assert interface('nav2_msgs/action/NavigateToPose').Result.TF_ERROR == 9002
    limit = interface('nav2_msgs/msg/SpeedLimit')
    assert [*limit.get_fields_and_field_types()] == ['header', 'percentage', 'speed_limit']


def test_an_action_crosses_between_two_processes(interface, nodes):
    import rclpy
    from rclpy.action.client import ActionClient
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    process = nodes.spawn('server', [sys.executable, '-c', SERVER], nodes.environment)
    kind = interface('nav2_msgs/action/FollowPath')
    context = rclpy.Context()
    quiet = SignalHandlerOptions.NO
    rclpy.init(context=context, domain_id=nodes.domain, signal_handler_options=quiet)
    node = rclpy.create_node('client', context=context)
    client = ActionClient(node, kind, 'follow_path')
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    heard = []

    def done(future) -> Any:
        def check():
            executor.spin_once(timeout_sec=0.01)
            return future.done()

        nodes.until(check)
        return future.result()

    assert client.wait_for_server(timeout_sec=60.0)
    goal = kind.Goal(controller_id='x')
    from geometry_msgs.msg import PoseStamped

    goal.path.poses = [PoseStamped() for _ in range(3)]
    goal.path.poses[-1].header.frame_id = 'over there'
    handle = done(client.send_goal_async(goal, feedback_callback=heard.append))
    assert handle.accepted
    response = done(handle.get_result_async())
    assert (response.status, response.result.error_code) == (4, 105)
    assert response.result.error_msg == 'over there'
    nodes.until(lambda: executor.spin_once(timeout_sec=0.01) or heard)
    assert heard[0].feedback.distance_to_goal == 3.0
    assert process.poll() is None
    client.destroy()
    node.destroy_node()
    context.destroy()


def test_a_transform_is_read_by_hand_as_rclpy_writes_it(interface):
    from geometry_msgs.msg import TransformStamped
    from rclpy.serialization import serialize_message

    from robot_rl.nodes.cdr import parse_transforms

    kind = interface('tf2_msgs/msg/TFMessage')
    items = []
    for number, (parent, child) in enumerate((('map', 'odom'), ('odometry', 'b'))):
        item = TransformStamped()
        item.header.frame_id, item.child_frame_id = parent, child
        item.header.stamp.sec, item.header.stamp.nanosec = 7 + number, 500_000_000
        item.transform.translation.y = 2.0 + number
        item.transform.rotation.x, item.transform.rotation.w = 0.6, 0.8
        items.append(item)
    read = parse_transforms(serialize_message(kind(transforms=items)))
    assert read == [
        (7.5, 'map', 'odom', (0.0, 2.0, 0.0, 0.6, 0.0, 0.0, 0.8)),
        (8.5, 'odometry', 'b', (0.0, 3.0, 0.0, 0.6, 0.0, 0.0, 0.8)),
    ]
    assert parse_transforms(serialize_message(kind())) == []


def test_two_processes_build_one_package_once(interface, tmp_path):
    if 'robot_rl' not in str(sys.modules['tf2_msgs'].__file__):
        pytest.skip('this ROS has the package')
    both = [printed(PRINT, XDG_CACHE_HOME=str(tmp_path)) for _ in range(2)]
    outputs = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert len({out for out, _ in outputs}) == 1
    kept = sorted(path.suffix for path in (tmp_path / 'robot_rl/interfaces').iterdir())
    assert kept == ['', '.lock'], 'nothing half done is left'


def test_the_folder_is_named_after_fields_and_versions(ros, monkeypatch, tmp_path):
    from robot_rl.nodes import interfaces

    before = interfaces._digest('tf2_msgs')
    assert before == interfaces._digest('tf2_msgs')
    copy = tmp_path / 'definitions'
    shutil.copytree(interfaces.DEFINITIONS, copy)
    with (copy / 'tf2_msgs/msg/TFMessage.msg').open('a') as file:
        file.write('bool more\n')
    monkeypatch.setattr(interfaces, 'DEFINITIONS', copy)
    changed = interfaces._digest('tf2_msgs')
    monkeypatch.undo()
    monkeypatch.setattr(interfaces.build, 'version_of', lambda name: '0.0.0')
    assert len({before, changed, interfaces._digest('tf2_msgs')}) == 3


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('nav2_msgs/FollowPath', 'reads like'),
        ('nav2_msgs/srv/FollowPath', 'one of msg, action'),
        ('std_msgs/msg/Sting', 'has no type'),
        ('std_msgs/action/Bool', 'has no type'),
    ],
)
def test_a_wrong_name_is_refused(ros, name, words):
    from robot_rl.nodes.interfaces import interface

    with pytest.raises(MessageError, match=words):
        interface(name)


def lacking(monkeypatch, tmp_path, name='tf2_msgs/msg/TFMessage') -> str:
    """What is said where the package is not there and may not be built as things are."""
    from robot_rl.nodes import interfaces

    monkeypatch.setattr(interfaces, 'find_spec', lambda package: None)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    with pytest.raises(MissingPackageError) as caught:
        interfaces.interface(name)
    return str(caught.value)


def test_without_a_compiler_it_says_what_to_install(ros, monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setenv('ROS_DISTRO', 'kilted')
    said = lacking(monkeypatch, tmp_path)
    assert 'gcc, g++' in said
    assert 'Install ros-kilted-tf2-msgs' in said


def test_fields_nobody_wrote_down_are_not_guessed(ros, monkeypatch, tmp_path):
    assert 'does not know its fields' in lacking(monkeypatch, tmp_path, 'moveit_msgs/msg/Grasp')


def test_another_distribution_gets_no_fields_of_ours(ros, monkeypatch, tmp_path):
    from robot_rl.nodes import interfaces

    monkeypatch.setattr(interfaces.build, 'version_of', lambda name: '11.0.0')
    assert 'Jazzy and Kilted' in lacking(monkeypatch, tmp_path)


def test_another_middleware_is_refused(ros, monkeypatch, tmp_path):
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_zenoh_cpp')
    assert 'speaks rmw_fastrtps_cpp only' in lacking(monkeypatch, tmp_path)


def test_a_cache_that_cannot_be_written_is_named(interface, monkeypatch, tmp_path):
    (tmp_path / 'cache').write_text('a file')
    said = lacking(monkeypatch, tmp_path)
    assert str(tmp_path / 'cache') in said
    assert 'XDG_CACHE_HOME' in said


def test_a_build_that_fails_says_why_and_leaves_nothing(interface, monkeypatch, tmp_path):
    from robot_rl.nodes import interfaces

    copy = tmp_path / 'definitions'
    (copy / 'tf2_msgs/msg').mkdir(parents=True)
    (copy / 'tf2_msgs/msg/TFMessage.msg').write_text('nobody_msgs/Unknown thing\n')
    monkeypatch.setattr(interfaces, 'DEFINITIONS', copy)
    said = lacking(monkeypatch, tmp_path)
    assert 'nobody_msgs' in said
    kept = [path.suffix for path in (tmp_path / 'cache/robot_rl/interfaces').iterdir()]
    assert kept == ['.lock']
