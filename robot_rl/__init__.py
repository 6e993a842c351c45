"""Reinforcement learning for robots: what was trained in simulation is what runs on ROS 2.

`docs/architecture.md` draws the parts; the command line is `robot_rl`, or `python3 -m robot_rl`.
"""
