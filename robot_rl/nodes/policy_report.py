"""What a policy node says about itself: the log, /diagnostics and the report file."""

from __future__ import annotations

import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from robot_rl.deploy.controller import Controller
from robot_rl.deploy.modes import SAFE_MODES, Mode
from robot_rl.files import write_json
from robot_rl.nodes.diagnostics import diagnostic_array
from robot_rl.nodes.policy_output import Output
from robot_rl.nodes.policy_settings import Settings
from robot_rl.nodes.traces import Traces


class Report:
    """Follows a controller; nothing here is done before a period's setpoint is out."""

    def __init__(self, node: Node, settings: Settings) -> None:
        """Make the publisher; there is no controller yet."""
        self._node, self._settings = node, settings
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._due = 0.0
        self._controller: Controller | None = None
        self._output: Output | None = None
        self.traces = Traces()
        self.refusal = ''
        """Why the last transition was refused; '' if it was not."""
        self._mode = Mode.IDLE
        self._reasons: list[str] = []
        self._causes: list[str] = []
        self._activated_at = 0.0

    def attach(self, controller: Controller | None, output: Output | None = None) -> None:
        """Follow another controller and its output, or none."""
        self._controller, self._output = controller, output

    def activated(self, ros_time: float) -> None:
        """Begin anew: the policy drives from `ros_time` [s] on."""
        self._activated_at = ros_time
        self._causes = []
        self.write()

    def look(self) -> None:
        """Say what has changed, and publish what is due."""
        controller = self._controller
        mode = Mode.IDLE if controller is None else controller.mode
        if mode is not self._mode:
            self._mode = mode
            self._on_mode(controller)
        elif time.perf_counter() >= self._due:
            self._publish()

    def _on_mode(self, controller: Controller | None) -> None:
        mode, reason = self._mode, '' if controller is None else controller.reason
        # Milliseconds: only where the robot follows its safe action and no deadline matters.
        if controller is not None and mode in (Mode.FAULT, Mode.STOPPING):
            self._causes = [finding.text for finding in controller.diagnose()]
            for cause in self._causes:
                self._node.get_logger().warning(f'Likely cause: {cause}')
        text = f'{mode.value}: {reason}' if reason else mode.value
        if reason:
            self._reasons = [*self._reasons[-99:], text]
        if mode in SAFE_MODES:  # two lines: rclpy allows one severity a line
            self._node.get_logger().warning(text)
        else:
            self._node.get_logger().info(text)
        self._publish()

    def _publish(self) -> None:
        self._due = time.perf_counter() + 1.0 / self._settings.diagnostics_hz
        content: dict[str, Any] = {'mode': 'idle', 'reason': self.refusal}
        warnings = list(self._causes)
        if self._controller is not None:
            content = self._controller.diagnostics() | {'likely_causes': self._causes}
        if self._output is not None and (others := self._output.others()):
            warnings += [f'another publisher on {self._output.topic}: {", ".join(others)}']
        name, robot = self._node.get_name(), self._settings.robot.name
        message = diagnostic_array(name, robot, content, warnings)
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def write(self, *, final: bool = False) -> None:
        """Write the file, if one is wanted; never while the robot is being driven."""
        if self._settings.report is None or self._controller is None:
            return
        content = self._controller.diagnostics()
        content['reasons'] = self._reasons
        content['likely_causes'] = self._causes
        content['final'] = final
        content['activated_at'] = self._activated_at
        if final:
            content['micros'] = self.traces.micros()
        write_json(self._settings.report, content, indent=None)
