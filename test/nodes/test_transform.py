"""TF of a simulated robot."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robot_rl.nodes.messages import message_type
from robot_rl.nodes.transform import BaseTransform, fill
from robot_rl.spec import registry

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('ros')]


@pytest.fixture
def tf2(monkeypatch):
    """Stands for a package that is not on PyPI."""
    messages = SimpleNamespace(TFMessage=lambda: SimpleNamespace(transforms=[]))
    monkeypatch.setitem(sys.modules, 'tf2_msgs.msg', messages)


def test_a_transform_is_the_pose_of_the_base():
    message = message_type('geometry_msgs/msg/TransformStamped')()
    pose = {'base_pos_w': np.array([1.0, 2.0, 3.0])}
    pose['base_quat_w'] = np.array([0.1, 0.2, 0.3, 0.9])
    fill(message, registry.robot('crazyflie'), pose, 12.5)
    assert (message.header.frame_id, message.child_frame_id) == ('odom', 'base_link')
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (12, 500_000_000)
    assert message.transform.translation.z == 3.0
    assert (message.transform.rotation.w, message.transform.rotation.x) == (0.1, 0.2)


class Publishers:
    """Stands for a node; keeps what is published."""

    def __init__(self):
        self.sent, self.topics = [], []

    def create_publisher(self, _kind, topic, _qos):
        self.topics.append(topic)
        return SimpleNamespace(publish=self.sent.append)


@pytest.mark.usefixtures('tf2')
def test_a_transform_is_the_measured_pose_or_the_true_one():
    pose = {'base_pos_w': np.array([1.0, 2.0, 3.0]), 'base_quat_w': np.array([1.0, 0, 0, 0])}
    attitude = {'base_quat_w': np.array([0.0, 1.0, 0.0, 0.0])}
    for name, measured, z in (
        ('crazyflie', {**pose, 'base_pos_w': np.array([1.0, 2.0, 3.5])}, 3.5),
        ('go2', attitude, 3.0),
    ):
        node: Any = Publishers()
        transform = BaseTransform.find(node, registry.robot(name), pose)
        assert transform is not None
        transform.publish(measured, pose, 12.5)
        (message,) = node.sent
        (sent,) = message.transforms
        assert node.topics == ['/tf']
        assert (sent.header.frame_id, sent.child_frame_id) == ('odom', 'base_link')
        assert sent.transform.translation.z == z
        assert sent.transform.rotation.w == 1.0, 'place and attitude are of one pose'


@pytest.mark.usefixtures('tf2')
def test_there_is_no_transform_of_a_fixed_base_of_half_a_pose_or_without_its_package(monkeypatch):
    node: Any = Publishers()
    pose, go2 = {'base_pos_w', 'base_quat_w'}, registry.robot('go2')
    assert BaseTransform.find(node, go2, pose) is not None
    assert BaseTransform.find(node, go2, {'base_quat_w'}) is None
    assert BaseTransform.find(node, registry.robot('panda'), pose) is None
    monkeypatch.setitem(sys.modules, 'tf2_msgs.msg', None)
    assert BaseTransform.find(node, go2, pose) is None
