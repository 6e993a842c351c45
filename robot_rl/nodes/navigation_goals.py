"""The two actions of Nav2 that a controller or a navigator serves, with one goal at a time.

A goal is accepted at once, whatever it asks for, and given up with a code where it cannot be met:
that is how a behaviour tree learns why. A new goal takes the place of the one before it, which is
aborted; the robot does not stop in between.

Nothing here waits. rclpy would run a coroutine for each goal, and look at it in every turn of the
executor for as long as the robot drives; the goal's end is therefore said by whoever drives, and
only then given to rclpy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.action.server import ActionServer, CancelResponse, GoalResponse
from rclpy.node import Node

from robot_rl.nodes.interfaces import interface
from robot_rl.nodes.messages import get_quaternion, get_vector, split_seconds
from robot_rl.nodes.navigation_frames import yaw_of

Array = NDArray[np.float64]


class Code(IntEnum):
    """Why a goal was given up: the codes of FollowPath."""

    NONE = 0
    UNKNOWN = 100
    INVALID_CONTROLLER = 101
    TF_ERROR = 102
    INVALID_PATH = 103
    PATIENCE_EXCEEDED = 104
    FAILED_TO_MAKE_PROGRESS = 105
    NO_VALID_CONTROL = 106


TO_POSE = {
    Code.UNKNOWN: 9000,
    Code.INVALID_PATH: 9000,
    Code.INVALID_CONTROLLER: 9001,
    Code.TF_ERROR: 9002,
}
"""Codes of NavigateToPose that differ; the others are a controller's, as Nav2 hands them on."""
REPLACED = 'a newer goal has taken its place'


class Invalid(Exception):  # noqa: N818
    """A goal that cannot be driven to; code and words go to whoever sent it."""

    def __init__(self, code: Code, text: str) -> None:
        """Keep both."""
        super().__init__(text)
        self.code, self.text = code, text


@dataclass
class Errand:
    """A goal on its way: what was asked, and what is to be said about it."""

    server: _Server
    handle: Any
    frame: str = ''
    points: Array = field(default_factory=lambda: np.zeros((0, 3)))
    """(n, 3) [m] of a path, or the goal alone."""
    yaw: float = 0.0
    """[rad] asked for at the end."""
    begun: float = math.nan
    """[s] when it was first seen by who drives; nan before."""
    distance: float = math.inf
    """[m] left."""
    replaces: str = ''
    """Action of the goal whose place it has taken, while that was driven to; '' for none."""

    @property
    def name(self) -> str:
        """Name of its action."""
        return self.server.name


def _points(poses: list[Any]) -> tuple[Array, float]:
    """Positions (n, 3) of poses, and the heading of the last."""
    points, quat = np.zeros((len(poses), 3)), np.zeros(4)
    for row, pose in zip(points, poses, strict=True):
        get_vector(pose.position, row)
    get_quaternion(poses[-1].orientation, quat)
    if not (np.isfinite(points).all() and np.isfinite(quat).all()):
        raise Invalid(Code.INVALID_PATH, 'the path holds numbers that are not finite')
    return points, yaw_of(quat)


def read_path(goal: Any, errand: Errand, controllers: tuple[str, ...]) -> None:
    """A goal of FollowPath. Raises Invalid."""
    if goal.controller_id and goal.controller_id not in controllers:
        known = ', '.join(controllers) or 'none'
        text = f'no controller {goal.controller_id!r} here; its names: {known}'
        raise Invalid(Code.INVALID_CONTROLLER, text)
    path = goal.path
    if not path.poses:
        raise Invalid(Code.INVALID_PATH, 'the path is empty')
    errand.frame = path.header.frame_id or path.poses[0].header.frame_id
    if not errand.frame:
        raise Invalid(Code.INVALID_PATH, 'the path names no frame')
    for pose in path.poses:
        if pose.header.frame_id not in ('', errand.frame):
            text = f'the path is in {errand.frame!r}, a pose of it in {pose.header.frame_id!r}'
            raise Invalid(Code.INVALID_PATH, text)
    errand.points, errand.yaw = _points([stamped.pose for stamped in path.poses])


def read_pose(goal: Any, errand: Errand, _controllers: tuple[str, ...]) -> None:
    """A goal of NavigateToPose. Raises Invalid."""
    if goal.behavior_tree:
        text = f'there are no behaviour trees here, {goal.behavior_tree!r} was asked for'
        raise Invalid(Code.INVALID_CONTROLLER, text)
    errand.frame = goal.pose.header.frame_id
    if not errand.frame:
        raise Invalid(Code.INVALID_PATH, 'the goal names no frame')
    errand.points, errand.yaw = _points([goal.pose.pose])


@dataclass(frozen=True)
class Here:
    """Where the robot is, in the frame of its goal."""

    time: float
    """[s] on the driver's clock."""
    ros_time: float
    pos: Array
    """(3,) [m]"""
    quat: Array
    """(4,) wxyz."""
    speed: float
    """[m/s]"""


def tell_path(feedback: Any, errand: Errand, here: Here) -> None:
    """Feedback of FollowPath, as Jazzy and Kilted have it."""
    for name, value in (('distance_to_goal', errand.distance), ('speed', here.speed)):
        if hasattr(feedback, name):
            setattr(feedback, name, float(value))


def tell_pose(feedback: Any, errand: Errand, here: Here) -> None:
    """Feedback of NavigateToPose."""
    pose = feedback.current_pose
    pose.header.frame_id = errand.frame
    pose.header.stamp.sec, pose.header.stamp.nanosec = split_seconds(here.ros_time)
    place, turn = pose.pose.position, pose.pose.orientation
    place.x, place.y, place.z = here.pos.tolist()
    turn.w, turn.x, turn.y, turn.z = here.quat.tolist()
    passed = here.time - errand.begun
    left = errand.distance / max(here.speed, 0.05)
    for span, value in (
        (feedback.navigation_time, passed),
        (feedback.estimated_time_remaining, min(left, 1e6)),
    ):
        span.sec, span.nanosec = split_seconds(max(value, 0.0))
    feedback.distance_remaining = float(errand.distance)


@dataclass(frozen=True)
class _Kind:
    """What differs between the two actions."""

    type: str
    read: Callable[[Any, Errand, tuple[str, ...]], None]
    tell: Callable[[Any, Errand, Here], None]


KINDS = {
    'follow_path': _Kind('nav2_msgs/action/FollowPath', read_path, tell_path),
    'navigate_to_pose': _Kind('nav2_msgs/action/NavigateToPose', read_pose, tell_pose),
}


class _Server(ActionServer):
    """An action server that leaves an accepted goal to whoever drives."""

    def __init__(self, goals: Goals, node: Node, name: str) -> None:
        self.name, self.kind = name, KINDS[name]
        super().__init__(
            node,
            interface(self.kind.type),
            name,
            execute_callback=lambda _handle: None,
            goal_callback=goals.answer,
            handle_accepted_callback=lambda handle: goals.take(self, handle),
            cancel_callback=lambda _handle: CancelResponse.ACCEPT,
        )

    def notify_execute(self, goal_handle: Any, execute_callback: Any) -> None:
        """Nothing is executed before there is a result."""
        if execute_callback is not None:
            super().notify_execute(goal_handle, execute_callback)


class Goals:
    """Both actions of a node, and the one goal that it drives to."""

    def __init__(self, node: Node, names: tuple[str, ...], controllers: tuple[str, ...]) -> None:
        """Offer the actions `names`. Raises MissingPackageError where nav2_msgs cannot be had."""
        self._node, self._controllers = node, controllers
        self._servers = [_Server(self, node, name) for name in names]
        self.open = False
        """Whether goals are accepted."""
        self.current: Errand | None = None

    def answer(self, _goal: Any) -> GoalResponse:
        """Accept what comes while the node is active."""
        return GoalResponse.ACCEPT if self.open else GoalResponse.REJECT

    def take(self, server: _Server, handle: Any) -> None:
        """Drive to a new goal from now on; the one before it ends here."""
        handle.execute()
        errand = Errand(server, handle)
        if self.current is not None:
            errand.replaces = self.current.name
            self.end('abort', Code.NONE, REPLACED)
        self.current = errand
        try:
            server.kind.read(handle.request, errand, self._controllers)
        except Invalid as error:
            self.end('abort', error.code, error.text)

    def tell(self, here: Here) -> None:
        """Send feedback about the goal."""
        errand = self.current
        if errand is not None:
            feedback = errand.server.action_type.Feedback()
            errand.server.kind.tell(feedback, errand, here)
            errand.handle.publish_feedback(feedback)

    def end(self, how: str, code: Code = Code.NONE, text: str = '') -> None:
        """Leave the goal: `how` is 'succeed', 'abort' or 'canceled'."""
        errand, self.current = self.current, None
        if errand is None:
            return
        if text and text != REPLACED:
            self._node.get_logger().warning(f'{errand.name}: {text}')
        result = errand.server.action_type.Result()
        told = TO_POSE.get(code, int(code)) if errand.name == 'navigate_to_pose' else int(code)
        result.error_code = told
        if hasattr(result, 'error_msg'):
            result.error_msg = text

        def finish(handle: Any) -> Any:
            getattr(handle, how)()
            return result

        errand.server.notify_execute(errand.handle, finish)

    def rivals(self) -> list[str]:
        """Other nodes that serve one of these actions."""
        found = []
        for server in self._servers:
            topic = self._node.resolve_topic_name(f'{server.name}/_action/status')
            names = [
                f'{info.node_namespace.rstrip("/")}/{info.node_name}'
                for info in self._node.get_publishers_info_by_topic(topic)
            ]
            mine = self._node.get_fully_qualified_name()
            if mine in names:
                names.remove(mine)
            found += [f'{name} ({server.name})' for name in names]
        return found

    def close(self) -> None:
        """Withdraw the actions."""
        self.open = False
        for server in self._servers:
            server.destroy()
