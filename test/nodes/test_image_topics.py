"""Images over DDS: the same pixels from either message type, and how often they come."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip('PIL')

from robot_rl.deploy.watchdog import Inputs
from robot_rl.nodes.messages import message_type, set_stamp
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.signals import COMPRESSED, encoder
from robot_rl.spec import registry

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('ros')]

ROBOT = registry.robot('crazyflie')
TOPIC = next(topic for topic in ROBOT.topics if topic.name == 'image')
SHAPE = ROBOT.signal('rgb').shape
SHADES = np.arange(SHAPE[1], dtype=np.uint8)[None, :, None] + np.zeros(SHAPE, np.uint8)
CONTROL_DT = 0.04


@pytest.fixture
def node(nodes):
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    context = rclpy.Context()
    rclpy.init(
        context=context, domain_id=nodes.domain, signal_handler_options=SignalHandlerOptions.NO
    )
    made = rclpy.create_node('camera', context=context)
    yield made
    made.destroy_node()
    context.shutdown()


class Watching:
    """A policy node's inputs, of which only the image matters."""

    def __init__(self, node: Any, message: str) -> None:
        from robot_rl.nodes.policy_inputs import PolicyInputs, Route

        self.inputs = Inputs(ROBOT, [ROBOT.signal('rgb')])
        policy = SimpleNamespace(contract=SimpleNamespace(control_dt=CONTROL_DT))
        controller: Any = SimpleNamespace(inputs=self.inputs, feed=self._feed, policy=policy)
        route = Route(TOPIC, 'seen', message, quality('sensor'))
        self.topics = PolicyInputs(node, ROBOT, controller, [route])

    def _feed(self, name: str, values: Any, stamp: float) -> bool:
        return self.inputs.feed(name, values, stamp, engaged=False)


@pytest.mark.parametrize('message', [TOPIC.message, COMPRESSED])
def test_how_often_images_come_is_held_against_the_policy(nodes, node, message):
    watching = Watching(node, message)
    publisher = node.create_publisher(message_type(message), 'seen', profile(quality('sensor')))
    nodes.until(lambda: publisher.get_subscription_count() > 0)
    sent, stamp, got = message_type(message)(), 100.0, 0
    for share, said in (
        (1.0, []),
        (0.5, ['seen comes at 12.5 Hz, the policy needs 25 Hz']),
        (0.1, ['seen comes at 2.5 Hz, the policy needs 25 Hz']),
    ):
        watching.topics.forget_rates()
        for _ in range(4):
            stamp, got = stamp + CONTROL_DT / share, got + 1
            encoder(message)(sent, ROBOT, {'rgb': SHADES + np.uint8(got)})
            set_stamp(sent, stamp)
            publisher.publish(sent)
            nodes.until(lambda: watching.topics.take(0.0, 0.0))
        assert watching.topics.slow(CONTROL_DT) == said
    source = watching.inputs.sources['rgb']
    assert (source.messages, source.refused) == (got, 0)
    assert np.abs(source.view.astype(int) - SHADES - got).max() < 8


def test_a_camera_that_is_silent_comes_at_no_rate(node):
    watching = Watching(node, TOPIC.message)
    assert watching.topics.slow(CONTROL_DT) == ['seen comes at 0.0 Hz, the policy needs 25 Hz']
    assert watching.inputs.problems(1.0) == ['rgb (topic image) has not arrived']


def test_another_message_than_was_promised_is_refused_and_said(nodes, node):
    watching = Watching(node, COMPRESSED)
    publisher = node.create_publisher(message_type(COMPRESSED), 'seen', profile(quality('sensor')))
    nodes.until(lambda: publisher.get_subscription_count() > 0)
    sent = message_type(COMPRESSED)()
    encoder(COMPRESSED)(sent, ROBOT, {'rgb': SHADES})
    set_stamp(sent, 100.0)
    sent.data = sent.data[: len(sent.data) // 2]
    publisher.publish(sent)
    nodes.until(lambda: watching.topics.take(0.0, 0.0))
    (problem,) = watching.inputs.problems(1.0)
    assert 'has not arrived; its last message was refused: A compressed image of' in problem
