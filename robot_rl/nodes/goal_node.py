"""Publishes a goal: a point, a figure eight, a Lissajous curve, or waypoints of any kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import math
import sys
from typing import Any

import numpy as np
from rclpy.node import Node

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.nodes.messages import Values, message_type, set_stamp
from robot_rl.nodes.parameters import NODE_OPTIONS, Parameters
from robot_rl.nodes.process import Stop, executor_of, serve
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.rhythm import Rhythm, Stopped
from robot_rl.nodes.signals import encoder
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.spec.curves import Curve, figure_eight, hold, lissajous
from robot_rl.spec.robot import Robot, Topic

KINDS = ('hold', 'figure_eight', 'lissajous', 'waypoints')
Goal = Callable[[float], dict[str, Values]]
"""Time [s] to the signals of a goal."""


def _curve(kind: str, robot: Robot, topic: Topic, parameters: Parameters) -> Goal:
    """A moving position with its derivatives. Raises SpecError."""
    lacking = [name for name in topic.signals if name not in _DERIVATIVES]
    if lacking:
        raise SpecError(
            f'A {robot.name} is asked for {", ".join(topic.signals)}, a goal of the kind {kind!r} '
            f'gives {", ".join(_DERIVATIVES)}. Use waypoints.'
        )
    x, y, z = parameters.floats('centre', (0.0, 0.0, 1.0))
    speed, ramp_s = parameters.get('speed', 1.0), parameters.get('ramp_s', 2.0)
    length, width = parameters.get('length', 1.0), parameters.get('width', 0.5)
    a, b, c = parameters.floats('amplitude', (1.0, 0.5, 0.2))
    k, m, n = (round(v) for v in parameters.floats('ratio', (1.0, 2.0, 3.0)))
    curve: Curve = {
        'hold': lambda: hold((x, y, z)),
        'figure_eight': lambda: figure_eight(
            (x, y, z), speed, length=length, width=width, ramp_s=ramp_s
        ),
        'lissajous': lambda: lissajous((x, y, z), (a, b, c), (k, m, n), speed, ramp_s=ramp_s),
    }[kind]()
    return lambda time: dict(zip(_DERIVATIVES, curve(time), strict=True))


def _waypoints(robot: Robot, topic: Topic, parameters: Parameters) -> Goal:
    """Goals one after another, over and over. Raises SpecError for rows of another length."""
    sizes = [robot.signal(name).size for name in topic.signals]
    hold_s = parameters.get('hold_s', 4.0)
    numbers = np.array(parameters.numbers('waypoints'))
    if not len(numbers) or len(numbers) % sum(sizes):
        raise SpecError(
            f"Parameter 'waypoints' of the goal must hold rows of {sum(sizes)} numbers "
            f'({", ".join(topic.signals)}), got {len(numbers)} in all.'
        )
    rows = numbers.reshape(-1, sum(sizes))
    goals = [
        dict(zip(topic.signals, np.split(row, np.cumsum(sizes)[:-1]), strict=True)) for row in rows
    ]
    return lambda time: goals[int(max(time, 0.0) // hold_s) % len(goals)]


_DERIVATIVES = ('goal_pos_w', 'goal_lin_vel_w', 'goal_lin_acc_w')


class GoalNode(Node):
    """Parameters: `robot`, `kind` and its shape, `speed`, `rate_hz`, and when it starts.

    The curve starts `delay_s` after the first message on the topic `start_with`, by default where
    the robot takes setpoints of the `level`, or after the start of the node if there is neither;
    until then the goal stands at the curve's start.
    """

    def __init__(self) -> None:
        """Read the parameters and make the publisher."""
        super().__init__('goal_node', **NODE_OPTIONS)
        parameters = Parameters(self)
        self._robot = parameters.robot()
        topic = self._robot.goal
        name = parameters.get('goal_topic', topic.name)
        kind = parameters.get('kind', 'hold')
        if kind not in KINDS:
            raise UnknownNameError('goal', kind, KINDS)
        if kind == 'waypoints':
            self._goal = _waypoints(self._robot, topic, parameters)
        else:
            self._goal = _curve(kind, self._robot, topic, parameters)
        self._rate = parameters.get('rate_hz', 100.0)
        self._delay = parameters.get('delay_s', 2.0)
        level = parameters.get('level', '')
        declared = self._robot.setpoint(level).topic if level else ''
        self._start_with = parameters.get('start_with', declared)
        qos = parameters.quality('goal', 'goal')
        parameters.finish()
        if not self._rate > 0.0:
            raise SpecError(f"Parameter 'rate_hz' of the goal must be positive, got {self._rate}.")
        self._message = message_type(topic.message)()
        self._encode = encoder(topic.message)
        self._publisher = self.create_publisher(type(self._message), name, profile(qos))
        self._waiting_for: Any = None
        if self._start_with:
            self.get_logger().info(f'The goal waits for the first message on {self._start_with}.')

    def run(self, stop: Stop) -> int:
        """Publish until stopped."""
        rhythm = Rhythm(self, executor_of(self), 1.0 / self._rate, lambda: bool(stop))
        start = math.inf
        try:
            while True:
                rhythm.wait()
                now = rhythm.now()
                if start == math.inf and self._may_start(rhythm.pacer.ticks):
                    start = now + self._delay
                self._publish(now - start, now + rhythm.ros_offset())
        except Stopped:
            return 0

    def _may_start(self, tick: int) -> bool:
        """Whether the robot is being driven: the first message on `start_with` has come."""
        if not self._start_with:
            return True
        if self._waiting_for is not None:
            if TakenByHand.take(self._waiting_for) is None:
                return False
            self.destroy_subscription(self._waiting_for)  # each reader costs its publisher time
            return True
        name = self.resolve_topic_name(self._start_with)
        if tick % 20 == 0 and name in (types := dict(self.get_topic_names_and_types())):
            self._waiting_for = TakenByHand().subscribe(
                self, message_type(types[name][0]), name, profile(quality('sensor')), raw=True
            )
        return False

    def _publish(self, time: float, ros_time: float) -> None:
        signals = self._goal(time if math.isfinite(time) else -1.0)
        self._encode(self._message, self._robot, signals)
        set_stamp(self._message, ros_time)
        self._publisher.publish(self._message)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the process."""
    return serve(GoalNode, argv)


if __name__ == '__main__':
    sys.exit(main())
