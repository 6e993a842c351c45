"""Somebody with a gamepad in tests: its driver is a process, `pad.py`."""

from __future__ import annotations

from collections.abc import Callable
import json
from pathlib import Path
import sys
from typing import Any

import numpy as np

HZ = 50.0
"""[1/s] of the gamepad."""


class Person:
    """A pad whose driver is a process, and what comes of it on the topics."""

    def __init__(self, nodes: Any, peer: Any, dt: float, hz: float = HZ) -> None:
        """Plug a pad of `hz` [1/s] in, for a policy with control periods of `dt` [s]."""
        from std_msgs.msg import Header

        from robot_rl.nodes.qos import Quality, profile

        self.nodes, self.peer, self._dt, self._hz = nodes, peer, dt, hz
        self.pilots: list[tuple[float, str]] = []
        """(time of the control period, who acted), one for each."""
        self.labels: list[tuple[float, str]] = []
        deep = profile(Quality(depth=1000))
        for topic, kept in (
            ('policy_node/pilot', self.pilots),
            ('teleop_node/label', self.labels),
        ):
            peer.listen(Header, topic, deep, self._keeper(kept))
        self._files = 0
        self.teleop: Any = None
        self.plug()

    @staticmethod
    def _keeper(kept: list[tuple[float, str]]) -> Callable[[Any], None]:
        def keep(message: Any) -> None:
            stamp = message.stamp.sec + 1e-9 * message.stamp.nanosec
            kept.append((stamp, message.frame_id))

        return keep

    def plug(self) -> Any:
        """Start the driver of a new pad, with nothing pressed."""
        self._files += 1
        self.file = self.nodes.folder / f'pad-{self._files}.json'
        self.file.write_text('{}')
        script = Path(__file__).with_name('pad.py')
        command = [sys.executable, str(script), str(self.file), str(self._hz)]
        self.pad = self.nodes.spawn('pad', command, self.nodes.environment)
        return self.pad

    def do(self, **said: Any) -> float:
        """Let the pad say it; returns when it did [s]."""
        lines = len(self.pad.log.read_text().splitlines())
        self.say(**said)
        self.nodes.until(lambda: len(self.pad.log.read_text().splitlines()) > lines)
        return json.loads(self.pad.log.read_text().splitlines()[-1])[0]

    def say(self, **said: Any) -> None:
        """Let the pad say it from its next message on."""
        part = self.file.with_suffix('.part')
        part.write_text(json.dumps(said))
        part.replace(self.file)

    def acted(self, who: str, since: float) -> float:
        """[s] from `since` to the first period in which `who` acted; waits for it."""
        find = lambda: next((t for t, w in list(self.pilots) if t > since and w == who), None)  # noqa: E731
        return self.nodes.until(find, 20.0) - since

    def lateness(self, since: float) -> float:
        """[s] by which the machine let control periods of the second after that be late."""
        times = [t for t, _ in list(self.pilots) if since - self._dt <= t <= since + 1.0]
        return float(np.maximum(np.diff(times) - self._dt, 0.0).sum())
