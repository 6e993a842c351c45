"""Runs one trial of whoever serves Nav2's actions, and judges it by the truth of the simulation.

It waits until the server is active, sends the goal through its public action, hands commands on
to the robot within the table of limits (`benchmark_chain.py`), and ends the trial by the rule of
every trial (`spec/ending.py`). What failed for another reason than driving (a server that is never
active or dies, sensors or a simulation that fall silent, a machine that is too slow) ends as
INFRASTRUCTURE. `robot_rl bench nav --over ros2` starts it, with everything around it.

Parameters: `robot`, `errand` (file, see spec/errand.py), `result` (file to write), `speed` of the
simulation, `await_recorder` (whether a recorder must have subscribed before the start).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys
import time

import numpy as np
from rclpy.node import Node

from robot_rl.errors import SpecError
from robot_rl.nodes.benchmark_chain import Chain
from robot_rl.nodes.benchmark_peer import Broken, Peer, path_message
from robot_rl.nodes.benchmark_witness import Truth, Witness
from robot_rl.nodes.messages import message_type
from robot_rl.nodes.parameters import NODE_OPTIONS, Parameters
from robot_rl.nodes.process import Stop, executor_of, serve
from robot_rl.nodes.qos import Quality, profile
from robot_rl.nodes.rhythm import Stopped
from robot_rl.spec.ending import Progress, ending
from robot_rl.spec.errand import INFRASTRUCTURE, Errand, Log

NAP_S = 0.002
"""[s] between two looks at the topics."""
SERVE_S = 0.01
"""[s] between two looks at services and actions while the robot drives."""
WORLD_S = 120.0
"""[s] of wall time that the simulated robot gets to begin."""
RECORDER_S = 15.0
SILENCE_S = 1.0
"""[s] of wall time without a command after which the server is asked whether it lives."""
SHORTEST_S = 2.0
"""[s] of a trial from which on its pace says something."""


class Nav2BenchmarkNode(Node):
    """See the module."""

    def __init__(self) -> None:
        """Read the parameters and the errand."""
        super().__init__('nav2_benchmark_node', **NODE_OPTIONS)
        parameters = Parameters(self)
        self._robot = parameters.robot()
        errand, result = parameters.get('errand', ''), parameters.get('result', '')
        self._speed = parameters.get('speed', 1.0)
        self._recorded = parameters.get('await_recorder', False)
        parameters.finish()
        if not errand or not result or not self._speed > 0.0:
            raise SpecError(
                "The node 'nav2_benchmark_node' needs the parameters 'errand', 'result' and "
                f"'speed' above 0, got {errand!r}, {result!r} and {self._speed}."
            )
        self._errand, self._result = Errand.read(Path(errand)), Path(result)
        self._executor = executor_of(self)
        self._stop = Stop()
        self._witness = Witness(self, self._robot)
        self._chain = Chain(self, self._robot, self._errand.limits)
        self._peer = Peer(self, self._errand, self._robot.world_frame, self._spin)
        self._plan = self.create_publisher(
            message_type('nav_msgs/msg/Path'), 'plan', profile(Quality())
        )
        self._rows: list[np.ndarray] = []

    def run(self, stop: Stop) -> int:
        """Run the trial and write its log, unless asked to stop before its end."""
        self._stop = stop
        try:
            log = self._trial()
        except Broken as error:
            log = Log(INFRASTRUCTURE, str(error))
        except Stopped:
            self._end()
            return 0
        self._end()
        log.write(self._result)
        self.get_logger().info(f'{log.outcome} after {log.time_s:.2f} s. {log.reason}')
        return 0

    def _trial(self) -> Log:
        """Raises Broken, Stopped."""
        self._await_world()
        self._peer.await_active()
        if strangers := self._chain.strangers:
            raise Broken(f'cmd_vel_nav must be TwistStamped, got {", ".join(strangers)}')
        self._await_recorder()
        self._plan.publish(path_message(self._errand, self._robot.world_frame, self._now()))
        self._witness.take()
        self._chain.drain()
        self._peer.send(self._now())
        return self._drive()

    def _await_world(self) -> None:
        end = time.perf_counter() + WORLD_S
        while self._witness.missing():
            if time.perf_counter() > end:
                self._witness.require()
            self._spin()
            self._witness.take()

    def _await_recorder(self) -> None:
        end = time.perf_counter() + RECORDER_S
        while self._recorded and not self._plan.get_subscription_count():
            if time.perf_counter() > end:
                raise Broken('the recorder does not listen')
            self._spin()

    def _drive(self) -> Log:
        """From the goal's acceptance to the end. Raises Broken, Stopped."""
        progress, begun, served = Progress(), time.perf_counter(), 0.0
        while True:
            for truth in self._witness.take():
                self._chain.turn(truth.time_s, self._now())
                if outcome := self._note(truth, progress):
                    self._require_pace(truth.time_s, time.perf_counter() - begun)
                    return self._log(outcome, truth.time_s, '')
            now = time.perf_counter()
            if now - served >= SERVE_S:
                served = now
                self._spin(0.0)
                self._witness.require()
                if now - max(self._chain.heard, begun) > SILENCE_S:
                    self._peer.probe()
                if (words := self._peer.gave_up) and self._rows:
                    return self._log('stuck', len(self._rows) / self._errand.limits.rate_hz, words)
            time.sleep(NAP_S)
            if self._stop:
                raise Stopped

    def _note(self, truth: Truth, progress: Progress) -> str:
        """Add a row where its time has come; how the trial ends with it, '' if it goes on."""
        count = len(self._rows) + 1
        if truth.time_s < count / self._errand.limits.rate_hz - 1e-6:
            return ''
        chain = self._chain
        self._rows.append(
            np.array((truth.x, truth.y, truth.yaw, *chain.command, *chain.sent, truth.clearance))
        )
        hit = truth.clearance <= 0.0
        arena, (x, y) = self._errand.arena, truth[1:3]
        return ending(arena, progress, hit=hit, time_s=truth.time_s, x=x, y=y)

    def _require_pace(self, simulated_s: float, wall_s: float) -> None:
        """Raise Broken where the machine was too slow: sensors and robot were out of step."""
        pace = simulated_s / (self._speed * wall_s)
        if wall_s > SHORTEST_S and pace < self._errand.least_pace:
            raise Broken(
                f'the simulation ran at {pace:.2f} of its pace, {self._errand.least_pace:g} is '
                'the least: the machine was too busy'
            )

    def _log(self, outcome: str, time_s: float, reason: str) -> Log:
        rows = np.array(self._rows)
        return Log(
            outcome,
            reason,
            time_s,
            self._chain.missed,
            pose=rows[:, 0:3],
            command=rows[:, 3:5],
            sent=rows[:, 5:7],
            clearance=rows[:, 7],
        )

    def _end(self) -> None:
        """Stop the robot and take the goal back."""
        self._chain.stop(self._now())
        self._stop = Stop()
        self._peer.cancel()

    def _now(self) -> float:
        """ROS time [s]."""
        return 1e-9 * self.get_clock().now().nanoseconds

    def _spin(self, timeout_s: float = 0.01) -> None:
        """Serve ROS for a moment. Raises Stopped."""
        self._executor.spin_once(timeout_sec=timeout_s)
        if self._stop:
            raise Stopped


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the process."""
    return serve(Nav2BenchmarkNode, argv)


if __name__ == '__main__':
    sys.exit(main())
