"""ROS 2 nodes: the only place that imports rclpy."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def _end_quietly(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


# `python3 -m robot_rl.nodes.<node>` imports this first, and for a second what the node needs. Who
# is told to end meanwhile has begun nothing; a traceback would bury what another node said. Before
# it runs a module, Python has '-m' in the place of its path.
if sys.argv[0] == '-m' and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _end_quietly)
