"""A person on the page takes a driving policy over: over a web socket, then over DDS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import re
import sys
import time
from typing import Any

import numpy as np
import pytest

from robot_rl.assets import asset

pytestmark = pytest.mark.ros
pytest.importorskip('aiohttp')

DT = 0.05
"""[s] control period of navigate-turtlebot."""
LOST_S = 0.2
"""[s] within which a lost connection lets go."""


class Visitor:
    """Somebody whose page can be killed."""

    def __init__(self, nodes: Any, address: str) -> None:
        self.nodes, self.file = nodes, nodes.folder / 'hand'
        self.file.write_text('0')
        script = str(Path(__file__).with_name('page_visitor.py'))
        command = [sys.executable, script, address, str(self.file)]
        self.process = nodes.spawn('visitor', command, nodes.environment)
        nodes.until(self._lines)

    def _lines(self) -> list[str]:
        return self.process.log.read_text().splitlines()

    def press(self, held: bool) -> float:
        """Hold or let go; returns when the page said it [s]."""
        lines = len(self._lines())
        part = self.file.with_suffix('.part')
        part.write_text('1' if held else '0')
        part.replace(self.file)
        self.nodes.until(lambda: len(self._lines()) > lines)
        return float(self._lines()[-1])


@pytest.fixture
def pilots(nodes: Any, make_peer: Any) -> Iterator[tuple[Any, list[tuple[float, str]], Any]]:
    """A policy that drives a peer: the peer, who acted in each period, and the teleop node."""
    from std_msgs.msg import Header

    from robot_rl.assets import policy_path
    from robot_rl.nodes.qos import Quality, profile

    peer = make_peer(robot='turtlebot')
    acted: list[tuple[float, str]] = []

    def keep(message: Any) -> None:
        acted.append((message.stamp.sec + 1e-9 * message.stamp.nanosec, message.frame_id))

    peer.listen(Header, 'policy_node/pilot', profile(Quality(depth=1000)), keep)
    policy = policy_path('navigate-turtlebot')
    params = ('--params-file', str(asset('launch', 'params/turtlebot.yaml')))
    nodes.start('policy_node', *params, policy=policy, autostart=True, rate_window_s=0.5)
    page = {'devices': '[page]', 'page.port': 0}
    teleop = nodes.start('teleop_node', *params, policy=policy, **page)
    nodes.until(lambda: any(who == 'policy' for _, who in acted))
    yield peer, acted, teleop


def test_a_person_on_the_page_drives_and_is_lost(nodes: Any, pilots: Any, text: Any) -> None:
    peer, acted, teleop = pilots
    found = nodes.until(lambda: re.search(r'page is at (http://[\d.:]+)/', text(teleop)))
    anna = Visitor(nodes, found[1])

    def wait(who: str, since: float) -> float:
        find = lambda: next((t for t, w in list(acted) if t > since and w == who), None)  # noqa: E731
        return nodes.until(find, 20.0) - since

    def late(since: float) -> float:
        times = [t for t, _ in list(acted) if since - DT <= t <= since + 1.0]
        return float(np.maximum(np.diff(times) - DT, 0.0).sum())

    time.sleep(0.5)  # the hand was seen open
    pressed = anna.press(True)
    took = wait('human anna', pressed)
    assert took <= 3 * DT + late(pressed)
    nodes.until(lambda: np.allclose(peer.setpoints[-1][1], (0.11, -1.42), rtol=0.02))
    released = anna.press(False)
    gave = wait('policy', released)
    assert gave <= 3 * DT + late(released)
    time.sleep(0.3)
    wait('human anna', anna.press(True))
    killed = time.time()
    anna.process.kill()
    safe = wait('robot', killed)
    assert safe <= LOST_S + 3 * DT + late(killed)
    nodes.until(lambda: np.array_equal(peer.setpoints[-1][1], (0.0, 0.0)))
    sys.stderr.write(f'took {took:.4f}, gave {gave:.4f}, safe {safe:.4f} s\n')
