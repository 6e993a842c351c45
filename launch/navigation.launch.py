"""`ros2 launch robot_rl navigation.launch.py policy:=FILE`: a policy in Nav2's controller's place.

Beside the other servers of Nav2 (planner, behaviours, bt_navigator) and a localisation, which are
left to its own bringup. The processes are those of robot_rl.nodes.navigation_chain.
"""

from __future__ import annotations

from launch import LaunchDescription
from robot_rl.nodes.launching import describe_navigation


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return describe_navigation()
