"""Records topics to one MCAP file that Foxglove and `ros2 bag` read.

A kill -9 costs the last second at most. Messages are taken serialized and never decoded. A full
disk ends the recording with a message and nothing else: this process shares neither thread nor
topic with the one that flies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import struct
import sys
import time
from typing import Any

from rclpy.node import Node
from rclpy.subscription import Subscription

from robot_rl.deploy.record import Channel, Recording
from robot_rl.errors import MissingPackageError, RunFolderError, SpecError
from robot_rl.nodes.interfaces import interface
from robot_rl.nodes.messages import message_type
from robot_rl.nodes.parameters import NODE_OPTIONS, Parameters
from robot_rl.nodes.process import SPIN_S, Stop, executor_of, serve
from robot_rl.nodes.qos import Quality, profile
from robot_rl.nodes.schemas import schema, starts_with_header
from robot_rl.nodes.subscriptions import TakenByHand

PERIOD_S = 0.05
"""[s] between two looks at the subscriptions; their depth bridges it."""
TRANSFORMS = 'tf2_msgs/msg/TFMessage'
"""What no wheel brings, see `interfaces.py`."""
LATCHED = Quality(durability='transient_local')
"""Of transforms that are said once."""
DISCOVERY_S = 0.5
"""[s] between two searches for topics that are not there yet."""


@dataclass
class _Source:
    """One topic being recorded."""

    subscription: Subscription[Any]
    channel: int
    stamped: bool
    """Whether the message begins with a header, so that its time is in bytes 4 to 12."""


class RecorderNode(Node):
    """Parameters: `path`, `topics` (names), `min_free_mb`, `qos.record.*`."""

    def __init__(self) -> None:
        """Read the parameters and open the file."""
        super().__init__('recorder_node', **NODE_OPTIONS)
        parameters = Parameters(self)
        path = parameters.get('path', '')
        self._wanted = [self.resolve_topic_name(t) for t in parameters.strings('topics', ())]
        self._quality: Quality = parameters.quality('record', 'record')
        min_free = int(parameters.get('min_free_mb', 50.0) * 1e6)
        parameters.finish()
        if not path or not self._wanted:
            raise SpecError(
                "The node 'recorder_node' needs the parameters 'path' (a new .mcap file) and "
                f"'topics', got {path!r} and {self._wanted}."
            )
        self._recording = Recording(Path(path).expanduser(), min_free=min_free)
        self._hand = TakenByHand()
        self._sources: dict[str, _Source] = {}
        self._simulated = bool(self.get_parameter('use_sim_time').value)
        self._time = 0

    def run(self, stop: Stop) -> int:
        """Record until stopped. Returns 1 if the recording had to end early."""
        executor = executor_of(self)
        code, searched, looked = 0, 0.0, 0.0
        while not stop:
            now = time.perf_counter()
            if self._recording.open:
                try:
                    if now - searched >= DISCOVERY_S:
                        searched = now
                        self._search()
                    if now - looked >= PERIOD_S:
                        looked = now
                        self._take()
                        self._recording.flush(now)
                except RunFolderError as error:
                    self.get_logger().error(str(error))
                    code = 1
            executor.spin_once(timeout_sec=PERIOD_S if self._recording.open else SPIN_S)
        if self._recording.open:
            self._take()
            self._recording.close()
            self.get_logger().info(
                f'Recorded {self._recording.messages} messages to {self._recording.path}.'
            )
        return code

    def _search(self) -> None:
        """Subscribe to the wanted topics that have appeared."""
        missing = [name for name in self._wanted if name not in self._sources]
        if not missing:
            return
        types = dict(self.get_topic_names_and_types())
        for name in missing:
            if name in types:
                try:
                    self._sources[name] = self._source(name, types[name][0])
                except MissingPackageError as error:
                    self.get_logger().error(f'{name} is not recorded. {error}')
                    self._wanted.remove(name)

    def _source(self, name: str, ros_type: str) -> _Source:
        if ros_type == TRANSFORMS:
            interface(ros_type)  # from now on it is there
        channel = self._recording.add(Channel(name, ros_type, schema(ros_type)))
        quality = LATCHED if name.endswith('/tf_static') else self._quality
        subscription = self._hand.subscribe(
            self, message_type(ros_type), name, profile(quality), raw=True
        )
        return _Source(subscription, channel, starts_with_header(ros_type))

    def _take(self) -> None:
        for source in self._sources.values():
            while (taken := self._hand.take(source.subscription)) is not None:
                data, info = taken
                self._time = self._log_time(source, data, int(info['received_timestamp']))
                self._recording.write(
                    source.channel, data, self._time, int(info['source_timestamp'])
                )

    def _log_time(self, source: _Source, data: bytes, received: int) -> int:
        """[ns] when it arrived; in simulated time the stamp it carries, or the newest one seen."""
        if not self._simulated:
            return received
        if not source.stamped:
            return self._time
        order = '<' if data[1] & 1 else '>'
        seconds, nanoseconds = struct.unpack_from(order + 'iI', data, 4)
        return seconds * 1_000_000_000 + nanoseconds


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the process."""
    return serve(RecorderNode, argv)


if __name__ == '__main__':
    sys.exit(main())
