"""A joy driver's messages as a device, for a process that is no node: practice in a simulation.

Axes and buttons are those of the teleop node: launch/params/<robot>.yaml, section `teleop_node`.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Joy as JoyMessage

from robot_rl.deploy.takeover import MAX_PERIODS
from robot_rl.errors import SpecError
from robot_rl.nodes.description import parameter_file
from robot_rl.nodes.parameters import NODE_OPTIONS, Parameters
from robot_rl.nodes.qos import profile
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.nodes.teleop_settings import Hold
from robot_rl.spec.robot import Robot
from robot_rl.teleop.joy import Joy
from robot_rl.teleop.stick import Stick

NODE = 'teleop_node'
"""Its section of the parameter file, and so its name."""
OPERATOR = 'joy'
"""Name of the person in the record, unless the parameter file says another."""
NAP_S = 0.004
"""[s] between two looks for messages: what their times are known to."""
_LOG = logging.getLogger(__name__)


class JoyListener:
    """Hears the topic `joy` in a thread of its own; a `Device`, see teleop/stick.py."""

    name = 'joy'

    def __init__(
        self, robot: Robot, level: str, period_s: float, layout: str, domain: int | None = None
    ) -> None:
        """Listen, for control periods of `period_s` [s] of this machine's clock.

        Args:
            robot: whose parameter file says what the axes are for.
            level: setpoint level that the person drives.
            period_s: what a driver has to keep up with, see teleop/joy.py.
            layout: of the device, see teleop/layouts.py.
            domain: ROS_DOMAIN_ID; by default that of the environment.

        Raises UnknownNameError or SpecError for parameters that cannot be meant.
        """
        self._context = Context()
        rclpy.init(
            args=[],
            context=self._context,
            domain_id=domain,
            signal_handler_options=SignalHandlerOptions.NO,
        )
        try:
            self._node = Node(NODE, context=self._context, cli_args=_file(robot), **NODE_OPTIONS)
            parameters = Parameters(self._node)
            fields = robot.setpoint(level).fields
            hold = Hold.read(parameters, robot, fields, layout=layout, operator=OPERATOR)
            parameters.finish()
            if not any(hold.controls.axes):
                raise SpecError(
                    f'No axis of the {layout} drives one of {", ".join(fields)} of a '
                    f'{robot.name}. Name one in launch/params/{robot.name}.yaml, section {NODE}, '
                    f'as axes.{layout}.{fields[0]}.'
                )
        except BaseException:
            self._context.try_shutdown()
            raise
        self._joy = Joy(hold.hand(), period_s, MAX_PERIODS * period_s)
        self._subscription = TakenByHand().subscribe(
            self._node, JoyMessage, 'joy', profile(hold.quality)
        )
        self._told: dict[str, str] = {}
        self._lock, self._end = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._listen, name='joy', daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._end.wait(NAP_S):
            with self._lock:
                now = time.monotonic()
                while (taken := TakenByHand.take(self._subscription)) is not None:
                    message, info = taken
                    source = (info.get('publisher_gid') or {}).get('data')  # not in every ROS
                    self._joy.feed(message.axes, message.buttons, now, source)
                self._once('problem', self._joy.problem)
                self._once('second', self._joy.notice(now))

    def _once(self, key: str, text: str) -> None:
        """Say once what the person should know."""
        if text != self._told.get(key, ''):
            self._told[key] = text
            if text:
                _LOG.warning('%s.', text[:1].upper() + text[1:])

    def read(self, now: float) -> Stick | None:
        """The newest state at `now` [s] of time.monotonic(); None where the device is silent."""
        with self._lock:
            return self._joy.read(now)

    def close(self) -> None:
        """Stop listening."""
        self._end.set()
        self._thread.join()
        self._node.destroy_node()
        self._context.try_shutdown()


def _file(robot: Robot) -> list[str]:
    """Arguments of ROS that give the node the robot's parameters."""
    file: Any = parameter_file(robot)
    return ['--ros-args', '--params-file', str(file)] if file else []
