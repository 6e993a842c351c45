"""The one way out of the policy node: a setpoint on the robot's topic."""

from __future__ import annotations

from dataclasses import replace
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile

from robot_rl.nodes.claim import Claim
from robot_rl.nodes.setpoints import available, codec, stiffened
from robot_rl.nodes.stamped_bytes import StampedBytes
from robot_rl.spec.robot import Robot, Setpoint

LAST_REPEATS = 5
"""How often the last setpoint is sent when the process ends early."""
LAST_PERIOD_S = 0.02
"""[s] between these."""
ACKNOWLEDGED_S = 0.5
"""[s] that a reliable listener gets to confirm the last one."""


class Output:
    """Publishes setpoints in one message that is filled in anew each time."""

    def __init__(
        self,
        node: Node,
        robot: Robot,
        setpoint: Setpoint,
        topic: str,
        message: str,
        qos: QoSProfile,
        *,
        gains: bool = True,
    ) -> None:
        """Make the publisher; `topic` and `message` '' stand for what the robot declares.

        Without `gains`, stiffness and damping are left out of a message that has room for them.

        Raises:
            ContractError: `message` has no place for the gains, which are not left out.
            MessageError: no setpoint can be sent as `message`.
            MissingPackageError: the package of `message` is not installed.
            SpecError: `message` has no place for this setpoint.
        """
        setpoint = replace(setpoint, topic=topic or setpoint.topic)
        self.setpoint = available(setpoint, message, gains=gains)
        self._node, self._robot = node, robot
        self.codec = codec(self.setpoint.message)
        self._message: Any = self.codec.create(robot, self.setpoint)
        self.kind = type(self._message)
        self._bytes = None
        if self.codec.stamped and not self.codec.gains:  # these bytes keep one stiffness
            write = lambda values: self._write(values, 1.0)  # noqa: E731
            self._bytes = StampedBytes.find(self._message, self.setpoint.size, write)
        self._publisher = node.create_publisher(self.kind, self.setpoint.topic, qos)
        self.topic: str = self._publisher.topic_name
        """Name in full."""
        self.claim = Claim(node.context.get_domain_id(), self.topic)
        """Held while this node drives the robot."""
        if stages := stiffened(self.setpoint):
            node.get_logger().warning(
                f'{self.setpoint.message} carries no gains here: the drives stay stiff in '
                f'{", ".join(stages)}.'
            )

    def _write(self, values: NDArray[np.float64], stiffness: float) -> None:
        self.codec.write(self._message, self._robot, self.setpoint, values, stiffness)

    def publish(
        self, values: NDArray[np.float64], ros_time: float, stiffness: float = 1.0
    ) -> None:
        """Send `values` (size,) [SI], stamped `ros_time` [s], with a part of the stiffness."""
        if self._bytes is not None:
            self._publisher.publish(self._bytes.fill(values, ros_time))
            return
        self._write(values, stiffness)
        self.codec.stamp(self._message, ros_time)
        self._publisher.publish(self._message)

    def publish_last_stage(self, sent: NDArray[np.float64], ros_time: float) -> None:
        """Send the last stage of the safe action, several times: nothing comes after it.

        `sent` (size,) is the setpoint before it, which a stage may hold.

        A single message is lost to a listener that is best effort and busy, or with the shared
        memory of a process that ends; the robot would then keep the setpoint before it.
        """
        stage = self.setpoint.safe[-1]
        last = np.where(np.isnan(stage.setpoint), sent, stage.setpoint)
        for repeat in range(LAST_REPEATS):
            self.publish(last, ros_time + repeat * LAST_PERIOD_S, stage.stiffness)
            time.sleep(LAST_PERIOD_S)
        self._publisher.wait_for_all_acked(Duration(seconds=ACKNOWLEDGED_S))

    def others(self) -> list[str]:
        """Nodes, beside this one, that publish on the topic."""
        names = [
            f'{info.node_namespace.rstrip("/")}/{info.node_name}'
            for info in self._node.get_publishers_info_by_topic(self.topic)
        ]
        mine = self._node.get_fully_qualified_name()
        if mine in names:
            names.remove(mine)  # once: a second node of the same name stays in the list
        return names

    def close(self) -> None:
        """Take the publisher back."""
        self.claim.release()
        self._node.destroy_publisher(self._publisher)
