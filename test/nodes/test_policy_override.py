"""The emergency stop, whoever sends it and however briefly."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.ros


@pytest.fixture
def override(peer):
    """What listens, and the reasons that it gave its controller to fail."""
    from robot_rl.deploy.modes import Mode
    from robot_rl.nodes.messages import message_type
    from robot_rl.nodes.policy_override import Override
    from robot_rl.nodes.setpoints import codec

    reasons: list[str] = []
    controller: Any = SimpleNamespace(
        fail=lambda _now, reason: reasons.append(reason), mode=Mode.ACTIVE
    )
    output: Any = SimpleNamespace(
        kind=message_type(peer.setpoint.message),
        setpoint=peer.setpoint,
        codec=codec(peer.setpoint.message),
    )
    return Override(peer.node, peer.robot, output, controller, lambda: 0.0), reasons


@pytest.mark.parametrize(('reliability', 'ways'), [('reliable', 2), ('best_effort', 1)])
def test_pressed_and_released_between_two_looks_is_pressed(
    nodes, peer, override, reliability, ways
):
    from std_msgs.msg import Bool

    from robot_rl.nodes.qos import Quality, profile

    listener, reasons = override
    quality = profile(Quality(reliability=reliability, depth=10))
    publisher = peer.node.create_publisher(Bool, 'estop', quality)
    nodes.until(lambda: publisher.get_subscription_count() == ways)
    time.sleep(0.2)  # until they know each other
    for pressed in (True, False):
        publisher.publish(Bool(data=pressed))
    time.sleep(0.5)  # until both have come
    nodes.until(lambda: listener.take(0.0, 0.0) or reasons, 5.0)
    nodes.until(lambda: listener.take(0.0, 0.0) or not listener.stopped, 5.0)
    assert set(reasons) == {'emergency stop'}
