"""Names between a person's node and a policy node; docs/teleop.md lists them."""

from __future__ import annotations

from std_msgs.msg import Header

from robot_rl.nodes.messages import split_seconds

ESTOP = 'estop'
SETPOINT, DEAD_MAN, PILOT = 'takeover_setpoint', 'dead_man', 'pilot'
"""Topics under the name of the policy node."""
HELD, RELEASED, LOST = 'held', 'released', 'lost'
LABEL = '~/label'


def header(text: str, ros_time: float) -> Header:
    """A word with a time [s]: std_msgs has a String without a stamp."""
    message = Header(frame_id=text)
    message.stamp.sec, message.stamp.nanosec = split_seconds(ros_time)
    return message
