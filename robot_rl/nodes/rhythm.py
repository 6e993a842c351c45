"""The beat of a node's own loop: absolute deadlines on the wall clock or on /clock."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

from rclpy.executors import Executor
from rclpy.node import Node

from robot_rl.deploy.timing import Pacer
from robot_rl.nodes.messages import message_type
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.subscriptions import TakenByHand

SERVE_S = 0.1
"""[s] services and parameters are served this often while the loop runs."""
CLOCK_POLL_S = 0.0002
"""[s] how long to sleep between two looks at /clock."""

ROUNDING_S = 1e-6
"""[s] simulated time comes in steps: nearer than this to a deadline is on it."""


class Stopped(Exception):  # noqa: N818
    """The process was asked to end while it waited."""


class Rhythm:
    """Deadlines of a loop, with ROS served in between.

    A look at an executor costs as much as a policy step, so it is taken only every SERVE_S. In
    real time the loop's clock is monotonic. In simulated time it is /clock, taken by hand: the
    loop then sees time pass even while a service of its own is waiting for something.
    """

    def __init__(
        self, node: Node, executor: Executor, dt: float, ended: Callable[[], bool]
    ) -> None:
        """Set the period `dt` [s]; `use_sim_time` decides on the clock, `ended` ends a wait."""
        self._executor, self._ended = executor, ended
        self.simulated = bool(node.get_parameter('use_sim_time').value)
        self._time = 0.0
        self._clock: Any = None
        if self.simulated:
            kind = message_type('rosgraph_msgs/msg/Clock')
            qos = profile(quality('sensor'))
            self._clock = TakenByHand().subscribe(node, kind, '/clock', qos)
            self.pacer = Pacer(dt, clock=self.now, sleep=self._sleep_simulated)
        else:
            self.pacer = Pacer(dt, sleep=self._sleep)
        self._serve_every = max(1, round(SERVE_S / dt))

    def now(self) -> float:
        """Time [s] of the loop's clock: monotonic, or simulated (0 until /clock is heard)."""
        if not self.simulated:
            return time.perf_counter()
        newest = TakenByHand.newest(self._clock)
        if newest is not None:
            self._time = newest.clock.sec + 1e-9 * newest.clock.nanosec
        return self._time

    def ros_offset(self) -> float:
        """ROS time minus the loop's time [s]; what turns a header stamp into the loop's time."""
        return 0.0 if self.simulated else time.time() - time.perf_counter()

    def wait(self, *, serve: bool = True) -> int:
        """Sleep until the next deadline; returns the deadlines missed since the last tick.

        Args:
            serve: serve ROS first when its turn has come; False inside a service.

        Raises:
            Stopped: `ended` became true.
        """
        if serve and self.pacer.ticks % self._serve_every == 0:
            self._executor.spin_once(timeout_sec=0.0)
        missed = self.pacer.wait()
        if self._ended():
            raise Stopped
        return missed

    def _sleep(self, seconds: float) -> None:
        # In slices, so that a slow loop still ends soon after it is asked to.
        time.sleep(min(seconds, 0.2))
        if self._ended():
            raise Stopped

    def _sleep_simulated(self, seconds: float) -> None:
        if seconds < ROUNDING_S:  # the clock stands on the deadline but for rounding
            self._time += seconds + 1e-9
            return
        time.sleep(CLOCK_POLL_S)
        if self._ended():
            raise Stopped
