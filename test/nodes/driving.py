"""The world around a navigation node in tests: a rover that obeys, and whoever sends goals."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import math
import os
import threading
import time
from typing import Any

import numpy as np

MAP_TO_ODOM = (1.0, -2.0, 0.7)  # x, y [m], yaw [rad]


def to_map(x: float, y: float) -> tuple[float, float]:
    """A point of odom in map."""
    east, north, turn = MAP_TO_ODOM
    c, s = math.cos(turn), math.sin(turn)
    return east + c * x - s * y, north + s * x + c * y


class Sent:
    """A goal that was sent, and what came back."""

    def __init__(self, future: Any, feedback: list[Any], times: list[float]) -> None:
        self._future, self.feedback, self.times = future, feedback, times
        self._result: Any = None

    @property
    def accepted(self) -> bool | None:
        """None while there is no answer."""
        return self._future.result().accepted if self._future.done() else None

    @property
    def handle(self) -> Any:
        return self._future.result()

    @property
    def result(self) -> Any:
        """Response with `status` and `result`, or None."""
        if not self.accepted:
            return None
        if self._result is None:
            self._result = self.handle.get_result_async()
        return self._result.result() if self._result.done() else None


class World:
    """Sensors, transforms, a body, and clients of both actions, in threads of their own."""

    def __init__(self, nodes: Any, robot: Any, command: str = 'TwistStamped') -> None:
        import rclpy
        from rclpy.action.client import ActionClient
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.signals import SignalHandlerOptions

        from robot_rl.nodes.interfaces import interface
        from robot_rl.nodes.messages import message_type
        from robot_rl.nodes.qos import profile, quality
        from robot_rl.nodes.signals import encoder
        from robot_rl.nodes.subscriptions import TakenByHand

        os.environ.update(
            {k: v for k, v in nodes.environment.items() if k.startswith(('ROS_', 'FAST'))}
        )
        self.context, self.robot = rclpy.Context(), robot
        rclpy.init(
            context=self.context,
            domain_id=nodes.domain,
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self.node = rclpy.create_node('world', context=self.context)
        self.client = rclpy.create_node('client', context=self.context)
        self.kinds = {
            'follow_path': interface('nav2_msgs/action/FollowPath'),
            'navigate_to_pose': interface('nav2_msgs/action/NavigateToPose'),
        }
        self._clients = {n: ActionClient(self.client, k, n) for n, k in self.kinds.items()}
        self.type = message_type
        self._publishers: dict[str, tuple[Any, Any, Any]] = {}
        for topic in robot.topics[:2]:
            kind = message_type(topic.message)
            publisher = self.node.create_publisher(kind, topic.name, profile(quality('sensor')))
            self._publishers[topic.name] = publisher, kind(), encoder(topic.message)
        self._tf_kind = interface('tf2_msgs/msg/TFMessage')
        self._tf = self.node.create_publisher(self._tf_kind, '/tf', profile(quality('transform')))
        self._hand = TakenByHand()
        kind = message_type(f'geometry_msgs/msg/{command}')
        self._commands = self._hand.subscribe(
            self.node, kind, 'cmd_vel_nav', profile(quality('record'))
        )
        self.commands: deque[tuple[float, float, float]] = deque(maxlen=100_000)
        """(time.monotonic() of the arrival, v [m/s], w [rad/s])."""
        self.reset()
        self._ended = threading.Event()
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.client)
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._run, self._spin)
        ]
        for thread in self._threads:
            thread.start()

    def reset(self) -> None:
        """Everything works; the rover stands at the origin of odom."""
        self.pose, self._velocity = np.zeros(3), (0.0, 0.0)
        self.trace: list[tuple[float, float, float]] = []
        self.silent: set[str] = set()
        """Topics that are not sent."""
        self.held = False
        """Whether the wheels are blocked."""
        self.roll = 0.0
        self.change_scan: Callable[[Any], None] = lambda message: None

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def _run(self) -> None:
        from robot_rl.nodes.subscriptions import TakenByHand

        last = time.monotonic()
        while not self._ended.is_set():
            time.sleep(0.02)
            now = time.monotonic()
            for message in TakenByHand.all(self._commands):
                twist = getattr(message, 'twist', message)
                self._velocity = twist.linear.x, twist.angular.z
                self.commands.append((now, *self._velocity))
            if not self.held:
                self._move(min(now - last, 0.1))
            last = now
            self._publish()

    def _move(self, dt: float) -> None:
        v, w = self._velocity
        yaw = self.pose[2] + 0.5 * w * dt
        self.pose = self.pose + (dt * v * math.cos(yaw), dt * v * math.sin(yaw), dt * w)
        self.trace.append((self.pose[0], self.pose[1], self.pose[2]))

    def _publish(self) -> None:
        from robot_rl.nodes.messages import set_stamp
        from robot_rl.nodes.navigation_frames import Transform
        from robot_rl.nodes.transform import fill

        x, y, yaw = self.pose
        half, tilt = 0.5 * yaw, 0.5 * self.roll
        quat = (
            math.cos(half) * math.cos(tilt),
            math.cos(half) * math.sin(tilt),
            math.sin(half) * math.sin(tilt),
            math.sin(half) * math.cos(tilt),
        )
        moving = (0.0, 0.0) if self.held else self._velocity
        signals = {
            'scan': np.full(self.robot.lidar.beams, 5.0),
            'base_pos_w': np.array([x, y, 0.0]),
            'base_quat_w': np.array(quat),
            'base_lin_vel_b': np.array([moving[0], 0.0, 0.0]),
            'base_ang_vel_b': np.array([0.0, 0.0, moving[1]]),
        }
        for name, (publisher, message, encode) in self._publishers.items():
            if name not in self.silent:
                encode(message, self.robot, signals)
                set_stamp(message, time.time())
                if name == 'scan':
                    self.change_scan(message)
                publisher.publish(message)
                if name == 'scan':
                    message.header.frame_id = ''  # the next one is filled in anew
        if 'tf' not in self.silent:
            east, north, turn = MAP_TO_ODOM
            pose = Transform(
                np.array([east, north, 0.0]),
                np.array([math.cos(0.5 * turn), 0.0, 0.0, math.sin(0.5 * turn)]),
            )
            item = self.type('geometry_msgs/msg/TransformStamped')()
            fill(item, self.robot, {'base_pos_w': pose.pos, 'base_quat_w': pose.quat}, time.time())
            item.header.frame_id, item.child_frame_id = 'map', 'odom'
            self._tf.publish(self._tf_kind(transforms=[item]))

    def pose_message(self, x: float, y: float, frame: str) -> Any:
        message = self.type('geometry_msgs/msg/PoseStamped')()
        message.header.frame_id = frame
        message.pose.position.x, message.pose.position.y = float(x), float(y)
        message.pose.orientation.w = 1.0
        return message

    def send(self, name: str, goal: Any) -> Sent:
        """Send a goal without waiting for the answer."""
        client = self._clients[name]
        assert client.wait_for_server(timeout_sec=30.0), f'nobody serves {name}'
        feedback: list[Any] = []
        times: list[float] = []

        def hear(message: Any) -> None:
            feedback.append(message.feedback)
            times.append(time.monotonic())

        return Sent(client.send_goal_async(goal, feedback_callback=hear), feedback, times)

    def go(self, x: float, y: float, frame: str = 'odom') -> Sent:
        """Ask for a pose."""
        kind = self.kinds['navigate_to_pose']
        return self.send('navigate_to_pose', kind.Goal(pose=self.pose_message(x, y, frame)))

    def follow(self, points: Any, frame: str = 'odom', controller: str = 'FollowPath') -> Sent:
        """Ask for a path."""
        goal = self.kinds['follow_path'].Goal(controller_id=controller)
        goal.path.header.frame_id = frame
        goal.path.poses = [self.pose_message(x, y, frame) for x, y in points]
        return self.send('follow_path', goal)

    def commands_after(self, moment: float) -> list[tuple[float, float, float]]:
        return [command for command in list(self.commands) if command[0] > moment]

    @property
    def resting(self) -> bool:
        """Whether only zeros were sent for half a second, and nothing for a quarter."""
        now = time.monotonic()
        recent = self.commands_after(now - 0.5)
        return all(v == w == 0.0 for _, v, w in recent) and not self.commands_after(now - 0.25)

    def call(self, kind: type, name: str, **request: Any) -> Any:
        """Call a service of the node under test."""
        client = self.client.create_client(kind, name)
        assert client.wait_for_service(timeout_sec=20.0), f'no service {name}'
        future = client.call_async(kind.Request(**request))
        end = time.monotonic() + 20.0
        while not future.done() and time.monotonic() < end:
            time.sleep(0.01)
        assert future.done(), f'{name} did not answer'
        self.client.destroy_client(client)
        return future.result()

    def close(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._executor.shutdown()
        for client in self._clients.values():
            client.destroy()
        self.client.destroy_node()
        self.node.destroy_node()
        self.context.try_shutdown()
        self.context.destroy()
