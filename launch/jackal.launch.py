"""`ros2 launch robot_rl jackal.launch.py policy:=FILE`: a simulated Jackal and its policy.

The processes are those of robot_rl.nodes.description; `robot_rl run` starts the same ones
without launch.
"""

from __future__ import annotations

from launch import LaunchDescription
from robot_rl.nodes.launching import describe


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return describe('jackal', policy='navigate-jackal.onnx', engine='analytic')
