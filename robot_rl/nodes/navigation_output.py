"""The way out of the navigation node: a velocity into Nav2's chain, no faster than is allowed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.nodes.interfaces import interface
from robot_rl.nodes.policy_output import Output
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.subscriptions import TakenByHand

LIMIT_TYPE = 'nav2_msgs/msg/SpeedLimit'
SPEED = 'speed'


class Velocity(Output):
    """Publishes velocities. Nav2's behaviours do so on the same topic, each in its time."""

    speed_limit = math.inf
    """[m/s]"""

    def publish(
        self, values: NDArray[np.float64], ros_time: float, stiffness: float = 1.0
    ) -> None:
        """Send `values` (size,) [SI], all of them smaller where the speed exceeds its limit.

        So the robot stays on the arc that the policy has chosen.
        """
        if math.isfinite(self.speed_limit) and SPEED in self.setpoint.fields:
            speed = abs(float(values[self.setpoint.fields.index(SPEED)]))
            if speed > self.speed_limit:
                values = values * (self.speed_limit / speed)
        super().publish(values, ros_time, stiffness)

    def others(self) -> list[str]:
        """None that matter: see the class."""
        return []

    def limit(self, message: Any) -> None:
        """Follow a nav2_msgs/SpeedLimit; 0 stands for none."""
        most = self.setpoint.high[self.setpoint.fields.index(SPEED)]
        limit = message.speed_limit * (most / 100.0 if message.percentage else 1.0)
        self.speed_limit = limit if math.isfinite(limit) and limit > 0.0 else math.inf

    def strangers(self) -> list[str]:
        """Whoever is on the topic with another type: DDS connects the two without a word."""
        mine = self.setpoint.message
        peers = [
            *self._node.get_subscriptions_info_by_topic(self.topic),
            *self._node.get_publishers_info_by_topic(self.topic),
        ]
        named = {
            f'{peer.node_name} ({peer.topic_type})' for peer in peers if peer.topic_type != mine
        }
        return sorted(named)

    @property
    def heard(self) -> bool:
        """Whether somebody listens."""
        return self._publisher.get_subscription_count() > 0


class SpeedLimits:
    """Listens to the topic that speed filters publish on."""

    def __init__(self, node: Any, topic: str, output: Velocity) -> None:
        """Subscribe, unless `topic` is ''. Raises MissingPackageError."""
        self._node, self._output = node, output
        self._subscription: Any = None
        if topic and SPEED in output.setpoint.fields:
            qos, kind = profile(quality('goal')), interface(LIMIT_TYPE)
            self._subscription = TakenByHand().subscribe(node, kind, topic, qos)

    def take(self) -> None:
        """Follow the newest."""
        if self._subscription is not None:
            message = TakenByHand.newest(self._subscription)
            if message is not None:
                self._output.limit(message)

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
