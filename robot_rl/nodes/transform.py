"""TF of a simulated robot, where tf2_msgs is installed; robot_state_publisher does the joints.

Not run here against the real package, which is not on PyPI.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rclpy.node import Node

from robot_rl.errors import MissingPackageError
from robot_rl.nodes.messages import Values, message_type, put_quaternion, put_vector, set_stamp
from robot_rl.nodes.qos import profile, quality
from robot_rl.spec.robot import Robot


def fill(transform: Any, robot: Robot, signals: Mapping[str, Values], seconds: float) -> None:
    """Write the pose of the base in the world into a TransformStamped."""
    transform.header.frame_id, transform.child_frame_id = robot.world_frame, robot.base_frame
    set_stamp(transform, seconds)
    put_vector(transform.transform.translation, signals['base_pos_w'])
    put_quaternion(transform.transform.rotation, signals['base_quat_w'])


class BaseTransform:
    """Publishes /tf from world_frame to base_frame."""

    def __init__(self, node: Node, robot: Robot, kind: type) -> None:
        """`kind` is tf2_msgs/msg/TFMessage."""
        self._robot, self._message = robot, kind()
        self._transform = message_type('geometry_msgs/msg/TransformStamped')()
        self._message.transforms = [self._transform]
        self._publisher = node.create_publisher(kind, '/tf', profile(quality('transform')))

    @classmethod
    def find(cls, node: Node, robot: Robot, known: Collection[str]) -> BaseTransform | None:
        """One for a robot that moves; None where its pose is not `known`, or without tf2_msgs."""
        if robot.fixed_base or not {'base_pos_w', 'base_quat_w'} <= set(known):
            return None
        try:
            return cls(node, robot, message_type('tf2_msgs/msg/TFMessage'))
        except MissingPackageError:
            return None

    def publish(
        self, measured: Mapping[str, Values], truth: Mapping[str, Values], seconds: float
    ) -> None:
        """Send the pose of time `seconds` [s]: the true one where the robot measures no place."""
        pose = measured if {'base_pos_w', 'base_quat_w'} <= set(measured) else truth
        fill(self._transform, self._robot, pose, seconds)
        self._publisher.publish(self._message)
