"""What overrides a policy: an emergency stop and a human's setpoints."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy
from std_msgs.msg import Bool

from robot_rl.deploy.controller import Controller
from robot_rl.errors import MessageError
from robot_rl.nodes.messages import stamp_of
from robot_rl.nodes.policy_output import Output
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.spec.robot import Robot

ESTOP = 'estop'
TAKEOVER = '~/takeover_setpoint'


class Override:
    """Listens to `estop` (std_msgs/Bool) and `~/takeover_setpoint` (the robot's setpoint message)."""

    def __init__(self, node: Node, robot: Robot, output: Output, controller: Controller) -> None:
        """Subscribe."""
        self._node, self._robot, self._output, self._controller = node, robot, output, controller
        hand = TakenByHand()
        self._hand = hand
        self._stops = [hand.subscribe(node, Bool, ESTOP, profile(quality('sensor')))]
        self._human = hand.subscribe(node, output.kind, TAKEOVER, profile(quality('sensor')))
        self._values = np.zeros(output.setpoint.size)
        self._complained = ''
        self.stopped = False
        """Whether the emergency stop is pressed."""

    def look(self) -> None:
        """Hear a latched emergency stop that was pressed before this node came.

        Only where a publisher latches: asking one that does not would make it warn its user.
        """
        if len(self._stops) > 1:
            return
        publishers = self._node.get_publishers_info_by_topic(self._stops[0].topic_name)
        if any(p.qos_profile.durability is DurabilityPolicy.TRANSIENT_LOCAL for p in publishers):
            qos = profile(quality('latched'))
            self._stops.append(self._hand.subscribe(self._node, Bool, ESTOP, qos))

    def take(self, now: float, ros_offset: float) -> None:
        """Take what arrived. An emergency stop is a fault, latched until it is released and reset."""
        for subscription in self._stops:
            message = TakenByHand.newest(subscription)
            if message is not None:
                self.stopped = bool(message.data)
        if self.stopped:
            self._controller.fail(now, 'emergency stop')
        message = TakenByHand.newest(self._human)
        if message is None:
            return
        try:
            self._output.codec.read(message, self._robot, self._output.setpoint, self._values)
        except MessageError as error:
            if str(error) != self._complained:
                self._complained = str(error)
                self._node.get_logger().warning(f'A takeover setpoint was refused: {error}')
            return
        stamp = stamp_of(message) - ros_offset if self._output.codec.stamped else now
        self._controller.drive(self._values, stamp)

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in (*self._stops, self._human):
            self._node.destroy_subscription(subscription)
