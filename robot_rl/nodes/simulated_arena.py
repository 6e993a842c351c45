"""What a simulation in an arena says beside the robot's topics: the truth, and where the lidar is.

`ground_truth/arena` is for whoever judges, and nobody else: std_msgs/Float64MultiArray with
TRUTH. Its time is that of the physics, which begins with the first setpoint: exact where a stamp
is as late as the machine was busy.
"""

from __future__ import annotations

from collections.abc import Mapping
import math

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray, MultiArrayDimension

from robot_rl.nodes.interfaces import interface
from robot_rl.nodes.messages import Values, message_type
from robot_rl.nodes.qos import Quality, profile
from robot_rl.nodes.transform import fill
from robot_rl.spec.robot import Robot

ARENA_TRUTH = 'ground_truth/arena'
TRUTH = ('time', 'x', 'y', 'yaw', 'clearance')
"""[s] since the first setpoint, [m], [m], [rad] in the world, [m] from the footprint to what is
nearest."""
DEEP = Quality(depth=100)
LATCHED = Quality(durability='transient_local')


class ArenaOutputs:
    """Publishers of both."""

    def __init__(self, node: Node, robot: Robot) -> None:
        """Find tf2_msgs, or build it. Raises MissingPackageError where neither can be."""
        kind = interface('tf2_msgs/msg/TFMessage')
        self._truth = node.create_publisher(Float64MultiArray, ARENA_TRUTH, profile(DEEP))
        self._message = Float64MultiArray()
        self._message.layout.dim = [MultiArrayDimension(label=' '.join(TRUTH), size=len(TRUTH))]
        self._static = node.create_publisher(kind, '/tf_static', profile(LATCHED))
        lidar = robot.lidar
        assert lidar is not None
        if lidar.frame != robot.base_frame:
            mount = message_type('geometry_msgs/msg/TransformStamped')()
            upright = np.array([1.0, 0.0, 0.0, 0.0])
            place = {'base_pos_w': np.array(lidar.position), 'base_quat_w': upright}
            fill(mount, robot, place, 0.0)
            mount.header.frame_id, mount.child_frame_id = robot.base_frame, lidar.frame
            self._static.publish(kind(transforms=[mount]))

    def publish(self, time_s: float, truth: Mapping[str, Values], clearance: float) -> None:
        """Send the truth at physics time `time_s` [s]; see TRUTH."""
        w, x, y, z = truth['base_quat_w'].tolist()
        yaw = math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
        place = truth['base_pos_w']
        self._message.data = [float(time_s), float(place[0]), float(place[1]), yaw, clearance]
        self._truth.publish(self._message)
