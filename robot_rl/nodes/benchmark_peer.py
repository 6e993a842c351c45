"""Whoever is under test, seen from outside: its lifecycle state and its action, nothing else."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

from lifecycle_msgs.srv import GetState
import numpy as np
from rclpy.action.client import ActionClient
from rclpy.node import Node

from robot_rl.nodes.interfaces import interface
from robot_rl.nodes.messages import message_type, set_stamp
from robot_rl.spec.errand import Errand

TYPES = {
    'follow_path': 'nav2_msgs/action/FollowPath',
    'navigate_to_pose': 'nav2_msgs/action/NavigateToPose',
}
ACTIVE = 3
SUCCEEDED = 4
ANSWER_S = 3.0
"""[s] of wall time that a server gets to answer."""
GAVE_UP = (104, 105, 106)
"""Codes of FollowPath by which a controller gives a goal up: patience, no progress, no valid
control. Any other is no behaviour: no transform, an invalid path, a server that was shut down."""


class Broken(Exception):  # noqa: N818
    """Something failed that is not the contender's driving."""


class Peer:
    """The lifecycle node and the action server of a contender."""

    def __init__(self, node: Node, errand: Errand, frame: str, spin: Callable[[], None]) -> None:
        """Look for them; goals are in `frame`, and `spin` serves ROS for a moment."""
        self._errand, self._frame, self._spin = errand, frame, spin
        self._kind: Any = interface(TYPES[errand.action])
        self._states = node.create_client(GetState, f'{errand.server}/get_state')
        self._client = ActionClient(node, self._kind, errand.action)
        self._asked: Any = None
        self._since = 0.0
        self._goal: Any = None
        self._result: Any = None

    def await_active(self) -> None:
        """Wait until the server is active and offers the action. Raises Broken."""
        errand, begun, state = self._errand, time.perf_counter(), 'not there'
        while time.perf_counter() - begun < errand.activation_s:
            label = self._state()
            state = label or state
            if label == 'active' and self._client.server_is_ready():
                return
            self._wait(0.1)
        served = 'offered' if self._client.server_is_ready() else 'not offered'
        raise Broken(
            f'{errand.server} was not active within {errand.activation_s:g} s: it is {state}, '
            f'its action {errand.action} is {served}'
        )

    def send(self, ros_time: float) -> None:
        """Send the goal and wait until it is accepted. Raises Broken."""
        self._goal = self._until(self._client.send_goal_async(self._message(ros_time)))
        if self._goal is None or not self._goal.accepted:
            how = 'did not answer' if self._goal is None else 'refused'
            raise Broken(f'{self._errand.server} {how} a goal of {self._errand.action}')
        self._result = self._goal.get_result_async()

    @property
    def gave_up(self) -> str:
        """Why the goal was given up; '' while it is driven to, and where it is reached.

        Raises Broken where a code says that it was not about driving.
        """
        if not self._result.done():
            return ''
        response = self._result.result()
        if response.status == SUCCEEDED:
            return ''
        code, text = response.result.error_code, getattr(response.result, 'error_msg', '')
        words = f'{self._errand.server} ended the goal with code {code}: {text or "no words"}'
        if code not in GAVE_UP:
            raise Broken(words)
        return words

    def probe(self) -> None:
        """Ask for its state, without waiting. Raises Broken if it is late or not active."""
        now = time.perf_counter()
        if self._asked is None:
            self._asked, self._since = self._states.call_async(GetState.Request()), now
        elif self._asked.done():
            state = self._asked.result().current_state
            self._asked = None
            if state.id != ACTIVE:
                raise Broken(f'{self._errand.server} is {state.label} in the middle of a trial')
        elif now - self._since > ANSWER_S:
            raise Broken(f'{self._errand.server} sends no commands and answers no more')

    def cancel(self) -> None:
        """Take the goal back, if it is still there."""
        if self._goal is not None and self._result is not None and not self._result.done():
            self._until(self._goal.cancel_goal_async(), 1.0)

    def _message(self, ros_time: float) -> Any:
        errand = self._errand
        if errand.action == 'navigate_to_pose':
            goal = self._kind.Goal()
            goal.pose = pose_message(*errand.arena.goal, 0.0, self._frame, ros_time)
            return goal
        goal = self._kind.Goal(controller_id=errand.controller)
        goal.path = path_message(errand, self._frame, ros_time)
        return goal

    def _state(self) -> str:
        """Label of its state; '' where nobody answers."""
        if not self._states.service_is_ready():
            return ''
        answer = self._until(self._states.call_async(GetState.Request()))
        return answer.current_state.label if answer is not None else ''

    def _until(self, future: Any, seconds: float = ANSWER_S) -> Any:
        end = time.perf_counter() + seconds
        while not future.done() and time.perf_counter() < end:
            self._spin()
        return future.result() if future.done() else None

    def _wait(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self._spin()


def pose_message(x: float, y: float, yaw: float, frame: str, ros_time: float) -> Any:
    """A geometry_msgs/PoseStamped at x, y [m], yaw [rad]."""
    message: Any = message_type('geometry_msgs/msg/PoseStamped')()
    message.header.frame_id = frame
    set_stamp(message, ros_time)
    message.pose.position.x, message.pose.position.y = float(x), float(y)
    message.pose.orientation.z = float(np.sin(0.5 * yaw))
    message.pose.orientation.w = float(np.cos(0.5 * yaw))
    return message


def path_message(errand: Errand, frame: str, ros_time: float) -> Any:
    """The global plan as a nav_msgs/Path, each pose looking to the next."""
    message: Any = message_type('nav_msgs/msg/Path')()
    message.header.frame_id = frame
    set_stamp(message, ros_time)
    steps = np.diff(errand.path, axis=0)
    yaw = np.arctan2(steps[:, 1], steps[:, 0]) if len(steps) else np.zeros(0)
    yaw = np.append(yaw, yaw[-1] if len(yaw) else 0.0)
    message.poses = [
        pose_message(x, y, turn, frame, ros_time)
        for (x, y), turn in zip(errand.path.tolist(), yaw.tolist(), strict=True)
    ]
    return message
