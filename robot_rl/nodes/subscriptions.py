"""Subscriptions that a loop takes from by hand, without an executor.

A callback for each message of a fast sensor costs ten times what the policy does. A control loop
wants the newest message at its own deadlines: a subscription of depth 1 and one `take` of a few
microseconds.
"""

from __future__ import annotations

from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription


class TakenByHand(CallbackGroup):
    """A callback group that no executor ever runs: what is in it is taken with `take`."""

    def can_execute(self, entity: Any) -> bool:  # noqa: ARG002
        """Never: executors leave these subscriptions out of their wait set."""
        return False

    def beginning_execution(self, entity: Any) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Nothing was begun."""

    def subscribe(
        self, node: Node, kind: type, topic: str, qos: QoSProfile, *, raw: bool = False
    ) -> Subscription[Any]:
        """Subscribe in this group; with `raw`, messages are taken as serialized bytes."""
        return node.create_subscription(kind, topic, _unused, qos, callback_group=self, raw=raw)

    @staticmethod
    def take(subscription: Subscription[Any]) -> tuple[Any, Any] | None:
        """Next message and its info (times in ns), or None."""
        with subscription.handle:
            return subscription.handle.take_message(subscription.msg_type, subscription.raw)

    @classmethod
    def newest(cls, subscription: Subscription[Any]) -> Any | None:
        """Newest message that has arrived since the last call, or None."""
        taken = newest = cls.take(subscription)
        if subscription.qos_profile.depth > 1:
            while taken is not None:
                newest, taken = taken, cls.take(subscription)
        return None if newest is None else newest[0]

    @classmethod
    def all(cls, subscription: Subscription[Any]) -> list[Any]:
        """Messages that have arrived since the last call and are still kept, oldest first."""
        return [taken[0] for taken in iter(lambda: cls.take(subscription), None)]


def _unused(_message: Any) -> None:
    """Stand-in for the callback that rclpy insists on."""
