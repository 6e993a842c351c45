"""A gamepad's driver as a process: publishes what a file says, and when that changed.

    python test/nodes/pad.py FILE HZ

FILE holds a JSON object: `buttons` (indices of those that are down), `axes` (index to value), and
`count` of axes. Each change is printed with the time of the message that brought it.
"""

from __future__ import annotations

import json
from pathlib import Path
import sys
import time

import rclpy
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Joy


def main() -> None:
    """Publish until killed."""
    path, hz = Path(sys.argv[1]), float(sys.argv[2])
    rclpy.init()
    node = rclpy.create_node('pad')
    publisher = node.create_publisher(Joy, 'joy', QoSProfile(depth=10))
    before, due = '', time.perf_counter()
    while True:
        text = path.read_text()
        said = json.loads(text)
        message = Joy(axes=[0.0] * said.get('count', 6), buttons=[0] * 21)
        for index, value in said.get('axes', {}).items():
            message.axes[int(index)] = float(value)
        for index in said.get('buttons', []):
            message.buttons[index] = 1
        now = time.time()
        message.header.frame_id = 'joy'
        message.header.stamp.sec = int(now)
        message.header.stamp.nanosec = int(1e9 * (now % 1.0))
        publisher.publish(message)
        if text != before:
            before = text
            sys.stdout.write(json.dumps([now, said]) + '\n')
            sys.stdout.flush()
        due = max(due + 1.0 / hz, time.perf_counter() - 1.0 / hz)
        time.sleep(max(0.0, due - time.perf_counter()))


if __name__ == '__main__':
    main()
