"""What a simulation says of the goal that its world is built around: as a fixture or camera would.

The topic is the robot's own for goals, and the pose on it as wrong as the task tells it. Where
the hole of an insertion really is stands on `ground_truth/hole` (geometry_msgs/PoseStamped), for
whoever judges or plays a person who sees it; a policy node does not listen there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rclpy.node import Node

from robot_rl.errors import SpecError
from robot_rl.nodes.messages import Values, message_type, set_stamp
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.signals import encoder
from robot_rl.spec.robot import Robot

HOLE_TRUTH = 'ground_truth/hole'
_HOLE = {'goal_pos_w': 'hole_pos_w', 'goal_quat_w': 'hole_quat_w'}
GOAL_S = 0.1
"""[s] between two messages: whoever comes late waits no longer for what does not change."""


class GoalOutputs:
    """Publishers of the goal, and of the truth where there is one."""

    def __init__(self, node: Node, robot: Robot, asked: Mapping[str, Values], dt: float) -> None:
        """Say what is `asked` in one of the calls of `publish`, `dt` [s] apart, each GOAL_S.

        Raises SpecError for a robot or a world without goals.
        """
        lacking = set(robot.goal.signals) - set(asked) if robot.has_goal else {'goal'}
        if lacking:
            raise SpecError(
                f'The simulation of a {robot.name} cannot say its goal: the world it is in has no '
                f'{", ".join(sorted(lacking))}. Name a task that draws one with its world, such '
                "as insert-panda, in the parameter 'task', or leave out 'tell_goal'."
            )
        self._robot, self._every = robot, max(1, round(GOAL_S / dt))
        message, qos = robot.goal.message, profile(quality('goal'))
        kind, self._encode = message_type(message), encoder(message)
        self._message: Any = kind()
        self._goal = node.create_publisher(kind, robot.goal.name, qos)
        self._truth = None
        if asked.keys() >= set(_HOLE.values()):
            self._truth = node.create_publisher(kind, HOLE_TRUTH, qos)

    def publish(self, asked: Mapping[str, Values], now: float, sample: int) -> None:
        """Send what is `asked` at `now` [s], if it is its turn at the sample's number."""
        if sample % self._every:
            return
        self._send(self._goal, asked, now)
        if self._truth is not None:
            self._send(self._truth, {name: asked[true] for name, true in _HOLE.items()}, now)

    def _send(self, publisher: Any, signals: Mapping[str, Values], now: float) -> None:
        self._encode(self._message, self._robot, signals)
        set_stamp(self._message, now)
        publisher.publish(self._message)
