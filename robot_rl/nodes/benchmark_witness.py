"""What the judge of a trial watches: the truth from the simulation, and that the sensors live."""

from __future__ import annotations

from collections.abc import Sequence
import time
from typing import Any, NamedTuple

from rclpy.node import Node

from robot_rl.nodes.benchmark_peer import Broken
from robot_rl.nodes.messages import message_type
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.simulated_arena import ARENA_TRUTH, DEEP, TRUTH
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.spec.robot import Robot

PATIENCE_S = 3.0
"""[s] of wall time after which a topic has fallen silent."""


class Truth(NamedTuple):
    """One row of `ground_truth/arena`."""

    time_s: float
    x: float
    y: float
    yaw: float
    clearance: float


class Witness:
    """Subscriptions of the judge."""

    def __init__(self, node: Node, robot: Robot) -> None:
        """Listen from now on."""
        hand = TakenByHand()
        kind = message_type('std_msgs/msg/Float64MultiArray')
        self._truth = hand.subscribe(node, kind, ARENA_TRUTH, profile(DEEP))
        self._others: dict[str, Any] = {
            topic.name: hand.subscribe(
                node, message_type(topic.message), topic.name, profile(quality('sensor')), raw=True
            )
            for topic in robot.topics
            if not topic.requested
        }
        slowest = min(topic.rate_hz for topic in robot.topics if not topic.requested)
        self._patience_s = PATIENCE_S + 2.0 / slowest
        self._heard: dict[str, float] = {}

    def take(self) -> list[Truth]:
        """What has become known of the truth since the last call, oldest first."""
        now = time.perf_counter()
        for name, subscription in self._others.items():
            if TakenByHand.newest(subscription) is not None:
                self._heard[name] = now
        rows = [message.data for message in TakenByHand.all(self._truth)]
        if rows:
            self._heard[ARENA_TRUTH] = now
        return [Truth(*row) for row in rows if len(row) == len(TRUTH)]

    @property
    def expected(self) -> Sequence[str]:
        """Topics that the simulated robot must send."""
        return (ARENA_TRUTH, *self._others)

    def missing(self) -> list[str]:
        """Which of them have not been heard at all, or not lately."""
        oldest = time.perf_counter() - self._patience_s
        return [name for name in self.expected if self._heard.get(name, -1.0) < oldest]

    def require(self) -> None:
        """Raise Broken where the simulated robot has fallen silent."""
        if missing := self.missing():
            raise Broken(f'no {", no ".join(missing)} from the simulated robot')
