"""From topics to the controller: take the newest message, decode it, hand it over."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
import time
from typing import Any

import numpy as np
from rclpy.node import Node

from robot_rl.deploy.controller import Controller
from robot_rl.deploy.watchdog import Source
from robot_rl.errors import MessageError
from robot_rl.nodes.messages import Values, message_type
from robot_rl.nodes.parameters import Parameters
from robot_rl.nodes.qos import Quality, profile
from robot_rl.nodes.signals import Decoder, decoder
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.spec.robot import Robot, Topic

RATE_TOLERANCE = 0.9
"""A topic must come at this part of the rate that the policy needs: jitter is none of its
faults."""


@dataclass(frozen=True)
class Route:
    """How one topic of the robot is listened to."""

    topic: Topic
    """As the robot declares it; `name` and `message` may be overridden by parameters."""
    name: str
    message: str
    quality: Quality

    @staticmethod
    def read(parameters: Parameters, topic: Topic) -> Route:
        """Read `topics.<name>`, `messages.<name>` and `qos.<name>.*`."""
        purpose = 'goal' if topic.requested else 'sensor'
        return Route(
            topic,
            parameters.get(f'topics.{topic.name}', topic.name),
            parameters.get(f'messages.{topic.name}', topic.message),
            parameters.quality(topic.name, purpose),
        )


@dataclass
class _Input:
    """A route with its subscription and the arrays its messages are decoded into."""

    route: Route
    decoder: Decoder
    subscription: Any
    arrays: dict[str, Values]
    sources: tuple[Source, ...]
    """Signals of this topic that the controller wants."""
    stamps: deque[float] = field(default_factory=lambda: deque[float](maxlen=200))
    """[s] header stamps of the newest messages, while a rate is measured."""
    stamp: float = 0.0
    """[s] its time of measurement, on the controller's clock."""


class PolicyInputs:
    """All topics of one robot that its controller listens to."""

    def __init__(
        self, node: Node, robot: Robot, controller: Controller, routes: list[Route]
    ) -> None:
        """Subscribe. Raises MessageError or MissingPackageError for a type that cannot be read."""
        self._node, self._robot, self._controller = node, robot, controller
        self._hand = TakenByHand()
        self._complaints: dict[str, float] = {}
        self._inputs = [item for route in routes if (item := self._open(route)) is not None]
        self._paced_by = self._slowest(controller.policy.contract.control_dt)

    def _open(self, route: Route) -> _Input | None:
        wanted = self._controller.inputs.sources
        sources = tuple(wanted[name] for name in route.topic.signals if name in wanted)
        if not sources:
            return None
        reader = decoder(route.message)
        lacking = [s.signal.name for s in sources if s.signal.name not in reader.signals]
        if lacking:
            raise MessageError(
                f'The topic {route.name!r} must supply {lacking[0]!r}, which {route.message} '
                f'lacks. Choose another type with the parameter messages.{route.topic.name}.'
            )
        qos = profile(route.quality)
        kind = message_type(route.message)
        signals = [self._robot.signal(name) for name in reader.signals]
        arrays = {s.name: np.zeros(s.row, np.uint8 if s.is_image else None) for s in signals}
        subscription = self._hand.subscribe(self._node, kind, route.name, qos, raw=reader.raw)
        return _Input(route, reader, subscription, arrays, sources)

    def _slowest(self, control_dt: float) -> float:
        """[Hz] rate of the measurements that a control period best begins after.

        The slowest that come in every one, so that an image is new when the policy looks at it.
        """
        rates = [i.route.topic.rate_hz for i in self._inputs if not i.route.topic.requested]
        every = [rate for rate in rates if rate * control_dt > RATE_TOLERANCE]
        return min(every or rates, default=0.0)

    def close(self) -> None:
        """Unsubscribe."""
        for item in self._inputs:
            self._node.destroy_subscription(item.subscription)
        self._inputs = []

    def take(self, now: float, ros_offset: float) -> bool:
        """Feed the newest message of every topic.

        Returns whether a measurement came that control periods keep in step with.

        Args:
            now: [s] the controller's clock.
            ros_offset: [s] ROS time minus that clock.
        """
        measured = False
        for item in self._inputs:
            message = TakenByHand.newest(item.subscription)
            if message is not None:
                self._feed(item, message, now, ros_offset)
                topic = item.route.topic
                leads = not topic.requested and topic.rate_hz == self._paced_by
                measured = measured or leads
        return measured

    def _feed(self, item: _Input, message: Any, now: float, ros_offset: float) -> None:
        try:
            stamp = item.decoder.read(message, self._robot, item.arrays)
            stamp = self._stamp(item, stamp, now, ros_offset)
        except MessageError as error:
            self._refuse(item, str(error))
            return
        item.stamp = stamp
        for source in item.sources:
            name = source.signal.name
            if not self._controller.feed(name, item.arrays[name], stamp):
                self._complain(item, source.refusal)

    def _stamp(self, item: _Input, stamp: float, now: float, ros_offset: float) -> float:
        """[s] time of measurement on the controller's clock, from a header stamp in ROS time."""
        item.stamps.append(stamp)
        if stamp == 0.0:
            if item.route.topic.requested:
                return now  # a goal typed by hand
            raise MessageError(
                f'A message on {item.route.name!r} has no time in its header stamp. Fill in when '
                'it was measured.'
            )
        return stamp - ros_offset

    def _refuse(self, item: _Input, text: str) -> None:
        for source in item.sources:
            source.refusal = text
            source.refused += 1
        self._complain(item, text)

    def _complain(self, item: _Input, text: str) -> None:
        """Log a refusal, at most once a second and topic."""
        moment = time.perf_counter()
        if moment - self._complaints.get(item.route.name, -1.0) >= 1.0:
            self._complaints[item.route.name] = moment
            self._node.get_logger().warning(f'A message on {item.route.name} was refused: {text}')

    def age(self, now: float) -> float:
        """[s] age of the oldest measurement in use."""
        stamps = [i.stamp for i in self._inputs if not i.route.topic.requested]
        return now - min(stamps, default=now)

    def forget_rates(self) -> None:
        """Start to measure rates."""
        for item in self._inputs:
            item.stamps.clear()

    def slow(self, control_dt: float) -> list[str]:
        """Say, a sentence each, which sensor topics come less often than the policy needs.

        That is as often as it runs; of a topic that the robot declares to be slower, that rate,
        which training had as well.
        """
        found = []
        for item in self._inputs:
            topic = item.route.topic
            if topic.requested:
                continue
            needed = min(1.0 / control_dt, topic.rate_hz)
            rate = _rate(item.stamps)
            if rate < RATE_TOLERANCE * needed:
                found.append(
                    f'{item.route.name} comes at {rate:.1f} Hz, the policy needs {needed:g} Hz'
                )
        return found


def _rate(stamps: deque[float]) -> float:
    """[Hz] mean rate of different stamps; 0 where there are fewer than three."""
    distinct = sorted(set(stamps))
    if len(distinct) < 3:
        return 0.0
    return (len(distinct) - 1) / (distinct[-1] - distinct[0])
