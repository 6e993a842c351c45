"""A process in the place of Nav2's controller server, and as broken as BROKEN says: it is never
active, dies while it drives, or works. It speaks the real types on the real names."""

from __future__ import annotations

import os
import sys
import threading
import time

import rclpy
from rclpy.action.server import ActionServer
from rclpy.executors import MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNode

from robot_rl.nodes.interfaces import interface
from robot_rl.nodes.messages import message_type

BROKEN = os.environ['BROKEN']
DRIVEN_S = 0.5


class Server(LifecycleNode):
    def __init__(self) -> None:
        super().__init__('controller_server', allow_undeclared_parameters=True,
                         automatically_declare_parameters_from_overrides=True)  # fmt: skip
        assert self.get_parameter('FollowPath.vx_max').value == 2.0, 'a file of parameters'
        self.kind = interface('nav2_msgs/action/FollowPath')
        self.twist = message_type('geometry_msgs/msg/TwistStamped')
        self.publisher = self.create_publisher(self.twist, 'cmd_vel', 1)
        self.server = ActionServer(self, self.kind, 'follow_path', self.follow)

    def follow(self, handle):
        begun = time.monotonic()
        while not handle.is_cancel_requested:
            message = self.twist()
            message.header.frame_id = 'base_link'
            message.header.stamp = self.get_clock().now().to_msg()
            message.twist.linear.x = 9.0  # the chain knows better
            self.publisher.publish(message)
            time.sleep(0.05)
            if BROKEN == 'dies' and time.monotonic() > begun + DRIVEN_S:
                sys.stderr.write('Segmentation fault\n')
                os._exit(139)
        handle.canceled()
        return self.kind.Result()


if __name__ == '__main__':
    rclpy.init()
    node = Server()
    executor = MultiThreadedExecutor(4)
    executor.add_node(node)
    threading.Thread(target=executor.spin, daemon=True).start()
    if BROKEN != 'never active':
        node.trigger_configure()
        node.trigger_activate()
    threading.Event().wait()
