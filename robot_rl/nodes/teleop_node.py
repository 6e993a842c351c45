"""Lets a person drive a robot in the place of its policy, as long as they hold the dead-man.

Hears `joy` (sensor_msgs/Joy), the keyboard or a page in a browser (teleop_page.py), and sends what
`teleop_link.py` says to a policy node, whose limits, watchdogs and safe action hold for the person
too. Parameters: see `Settings` in teleop_settings.py; launch/params/<robot>.yaml has the axes of
each robot.
"""

from __future__ import annotations

from collections.abc import Sequence
import sys
import time
from typing import TYPE_CHECKING, Any

from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import Joy as JoyMessage

from robot_rl.deploy.takeover import MAX_PERIODS
from robot_rl.errors import SpecError
from robot_rl.nodes.parameters import NODE_OPTIONS, Parameters
from robot_rl.nodes.process import Stop, executor_of, raise_priority, serve
from robot_rl.nodes.qos import profile
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.nodes.teleop_link import Link
from robot_rl.nodes.teleop_settings import Settings
from robot_rl.teleop.joy import Joy
from robot_rl.teleop.keyboard import Keyboard
from robot_rl.teleop.pilots import Pilots
from robot_rl.teleop.stick import Device

if TYPE_CHECKING:
    from robot_rl.nodes.teleop_page import Page

LOOKS = 8.0
"""Looks at the devices in a control period."""
SHORTEST_S, LONGEST_S = 0.001, 0.005
"""[s] bounds of the time between two looks."""
SERVE_S = 0.1
"""[s] services and parameters are served this often."""


class TeleopNode(Node):
    """See the module."""

    def __init__(self) -> None:
        """Read the parameters and open the devices."""
        super().__init__('teleop_node', **NODE_OPTIONS)
        settings = Settings.read(Parameters(self))
        if self.get_parameter('use_sim_time').value:
            raise SpecError(
                "A person drives in real time: the node 'teleop_node' needs use_sim_time to be "
                'false, got true. Run the simulation at the speed 1.'
            )
        dt = settings.contract.control_dt
        self._nap = min(LONGEST_S, max(SHORTEST_S, dt / LOOKS))
        self._nice = settings.nice
        self._link = Link(
            self,
            settings.robot,
            settings.steering,
            settings.policy_node,
            dt,
            message=settings.setpoint_message,
            gains=settings.setpoint_gains,
            say=self._say,
        )
        hold = settings.hold
        self._joy: Joy | None = None
        self._keyboard: Keyboard | None = None
        self._subscription: Subscription[Any] | None = None
        devices: list[Device] = []
        if 'joy' in settings.devices:
            self._joy = Joy(hold.hand(), dt, MAX_PERIODS * dt)
            quality = profile(hold.quality)
            self._subscription = TakenByHand().subscribe(self, JoyMessage, 'joy', quality)
            devices.append(self._joy)
        if 'keyboard' in settings.devices:
            size = settings.steering.setpoint.size
            self._keyboard = Keyboard(size, hold.operator, hold.speed)
            devices.append(self._keyboard)
        self._page = self._serve(settings)
        if self._page is not None:
            devices.append(self._page.pilot)
        self._pilots = Pilots(devices)
        self._told: dict[str, str] = {}

    def _serve(self, settings: Settings) -> Page | None:
        """The page, if it is one of the devices."""
        if 'page' not in settings.devices:
            return None
        from robot_rl.nodes.teleop_page import Page

        where = settings.page_host, settings.page_port
        return Page(self, settings.robot, settings.contract, *where)

    def run(self, stop: Stop) -> int:
        """Work until asked to stop, then let go."""
        executor, served = executor_of(self), 0.0
        if self._nice:
            raise_priority(self._nice)
        try:
            while not stop:
                time.sleep(self._nap)
                now = time.perf_counter()
                self._hear(now)
                stick = self._pilots.read(now)
                self._link.send(stick, now, time.time() - time.perf_counter())
                if self._page is not None:
                    self._page.show(now, self._link.pilot)
                self._tell(now)
                if now - served > SERVE_S:
                    served = now
                    executor.spin_once(timeout_sec=0.0)
        finally:
            self._link.close()
            self._pilots.close()
        return 0

    def _hear(self, now: float) -> None:
        if self._joy is None or self._subscription is None:
            return
        while (taken := TakenByHand.take(self._subscription)) is not None:
            message, info = taken
            source = (info.get('publisher_gid') or {}).get('data')  # not in every ROS
            self._joy.feed(message.axes, message.buttons, now, source)

    def _tell(self, now: float) -> None:
        """Say once what the person should know."""
        if self._joy is not None:
            self._once('joy', self._joy.problem)
            self._once('second', self._joy.notice(now))
        for name in self._pilots.refused:
            self._say(f'The {name} does not drive: another device does until it lets go.')

    def _once(self, key: str, text: str) -> None:
        if text != self._told.get(key, ''):
            self._told[key] = text
            if text:
                self.get_logger().warning(f'{text[:1].upper()}{text[1:]}.')

    def _say(self, text: str) -> None:
        self.get_logger().info(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the process."""
    return serve(TeleopNode, argv)


if __name__ == '__main__':
    sys.exit(main())
