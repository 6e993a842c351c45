"""The chain after whoever drives, the same for all: holds velocities within the table of limits.

`cmd_vel_nav` -> limits of speed and acceleration -> the robot's own topic. It is what the smoother
of the comparison in one process is (bench/navigation/drive.py), by the clock of the physics:
what is sent approaches the newest command by no more than the accelerations allow in the time that
the robot has had.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from rclpy.node import Node

from robot_rl.nodes.messages import message_type
from robot_rl.nodes.qos import Quality, profile
from robot_rl.nodes.setpoints import available, codec
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.spec.arena import NavLimits
from robot_rl.spec.robot import Robot

INPUT = 'cmd_vel_nav'
MESSAGE = 'geometry_msgs/msg/TwistStamped'
SILENCE_S = 1.0
"""[s] without a command after which the robot is stopped: velocity_timeout of Nav2's smoother."""
BEAT_S = 0.01
"""[s] of physics between two velocities sent, at least."""


class Chain:
    """Between whoever drives and the robot."""

    def __init__(self, node: Node, robot: Robot, limits: NavLimits) -> None:
        """Take commands from now on, send nothing before the first turn."""
        self._node, self._robot = node, robot
        self._setpoint = available(robot.setpoint('velocity'))
        self._codec = codec(self._setpoint.message)
        self._message: Any = self._codec.create(robot, self._setpoint)
        self._publisher = node.create_publisher(
            type(self._message), self._setpoint.topic, profile(Quality())
        )
        self._input = TakenByHand().subscribe(
            node, message_type(MESSAGE), INPUT, profile(Quality(depth=10))
        )
        self._period = 1.0 / limits.rate_hz
        self._most = np.array((limits.acceleration, limits.yaw_acceleration))
        self._low = np.array((limits.min_speed, -limits.max_yaw_rate))
        self._high = np.array((limits.max_speed, limits.max_yaw_rate))
        self.command = np.zeros(2)
        """[m/s, rad/s] newest from whoever drives."""
        self.sent = np.zeros(2)
        """[m/s, rad/s] newest to the robot."""
        self.heard = -math.inf
        """[s] of time.perf_counter when the newest command came."""
        self.missed = 0
        """Control periods without a new command, after the first."""
        self._heard = -math.inf
        self._time = 0.0

    @property
    def strangers(self) -> list[str]:
        """Who sends another type on the topic of commands: DDS connects the two without a word."""
        peers = self._node.get_publishers_info_by_topic(INPUT)
        return [f'{p.node_name} ({p.topic_type})' for p in peers if p.topic_type != MESSAGE]

    def drain(self) -> None:
        """Forget what came before the start."""
        TakenByHand.newest(self._input)

    def turn(self, time_s: float, ros_time: float) -> None:
        """Hand on what came until physics time `time_s` [s]; call it whenever that is known.

        The first call, at 0, is what lets the physics begin.
        """
        message = TakenByHand.newest(self._input)
        if message is not None:
            twist = message.twist
            self.command[:] = twist.linear.x, twist.angular.z
            if math.isfinite(self._heard):
                self.missed += max(round((time_s - self._heard) / self._period) - 1, 0)
            self._heard, self.heard = time_s, time.perf_counter()
        passed = time_s - self._time
        if time_s > 0.0 and passed < BEAT_S - 1e-6:
            return
        self._time = time_s
        silent = time_s - self._heard > SILENCE_S
        wanted = (
            np.zeros(2) if silent else np.clip(np.nan_to_num(self.command), self._low, self._high)
        )
        most = min(passed, self._period) * self._most
        self.sent += np.clip(wanted - self.sent, -most, most)
        self._publish(ros_time)

    def stop(self, ros_time: float) -> None:
        """Send zero at once: the trial is over."""
        self.sent[:] = 0.0
        self._publish(ros_time)

    def _publish(self, ros_time: float) -> None:
        self._codec.write(self._message, self._robot, self._setpoint, self.sent, 1.0)
        self._codec.stamp(self._message, ros_time)
        self._publisher.publish(self._message)
