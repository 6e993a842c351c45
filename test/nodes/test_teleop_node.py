"""A person at a gamepad takes a flying policy over, over DDS: press, drive, let go, unplug."""

from __future__ import annotations

from collections.abc import Callable
import json
from pathlib import Path
import signal
import sys
import time
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros

POLICY = 'navigate-turtlebot'
DT = 0.05
HZ = 50.0
"""[1/s] of the gamepad."""
LEFT_Y, RIGHT_X = 1, 2
DEAD_MAN, SUCCESS = 10, 0


class Person:
    """A pad whose driver is a process, and what comes of it on the topics."""

    def __init__(self, nodes: Any, peer: Any) -> None:
        from std_msgs.msg import Header

        from robot_rl.nodes.qos import Quality, profile

        self.nodes, self.peer = nodes, peer
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
        command = [sys.executable, str(script), str(self.file), str(HZ)]
        self.pad = self.nodes.spawn('pad', command, self.nodes.environment)
        return self.pad

    def do(self, **said: Any) -> float:
        """Let the pad say it; returns when it did [s]."""
        lines = len(self.pad.log.read_text().splitlines())
        part = self.file.with_suffix('.part')
        part.write_text(json.dumps(said))
        part.replace(self.file)
        self.nodes.until(lambda: len(self.pad.log.read_text().splitlines()) > lines)
        return json.loads(self.pad.log.read_text().splitlines()[-1])[0]

    def acted(self, who: str, since: float) -> float:
        """[s] from `since` to the first period in which `who` acted; waits for it."""
        find = lambda: next((t for t, w in list(self.pilots) if t > since and w == who), None)  # noqa: E731
        return self.nodes.until(find, 20.0) - since

    def lateness(self, since: float) -> float:
        """[s] by which the machine let control periods of the second after that be late."""
        times = [t for t, _ in list(self.pilots) if since - DT <= t <= since + 1.0]
        return float(np.maximum(np.diff(times) - DT, 0.0).sum())


@pytest.fixture
def person(nodes, make_peer):
    """Somebody at the controls of a policy that drives the peer."""
    from robot_rl.assets import asset, policy_path

    peer = make_peer(robot='turtlebot')
    policy = policy_path(POLICY)
    params = ('--params-file', str(asset('launch', 'params/turtlebot.yaml')))
    nodes.start('policy_node', *params, policy=policy, autostart=True, rate_window_s=0.5)
    found = Person(nodes, peer)
    found.teleop = nodes.start('teleop_node', *params, policy=policy, operator='anna')
    nodes.until(lambda: any(who == 'policy' for _, who in found.pilots))
    return found


def test_a_person_drives_while_they_hold_the_dead_man(nodes, person, text):
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    peer = person.peer
    time.sleep(0.5)  # the pad was heard for a while
    pressed = person.do(buttons=[DEAD_MAN], axes={LEFT_Y: 1.0, RIGHT_X: -1.0})
    took = person.acted('human anna', pressed)
    assert took <= 3 * DT + person.lateness(pressed)
    steering = (0.5 * 0.22, -0.5 * 2.84)  # half of what a TurtleBot3 can
    nodes.until(lambda: np.allclose(peer.setpoints[-1][1], steering, rtol=0.02))
    nodes.until(lambda: 'You drive.' in text(person.teleop))

    label = person.do(buttons=[DEAD_MAN, SUCCESS], axes={LEFT_Y: 1.0, RIGHT_X: -1.0})
    nodes.until(lambda: person.labels)
    assert person.labels[0][1] == 'success'
    assert abs(person.labels[0][0] - label) < 0.05

    released = person.do()
    gave = person.acted('policy', released)
    assert gave <= 3 * DT + person.lateness(released)

    person.do(buttons=[DEAD_MAN])
    person.acted('human anna', released + gave)
    wrong = person.do(buttons=[DEAD_MAN], axes={LEFT_Y: float('nan')})
    gone = person.acted('robot', wrong)
    assert gone <= 3 * DT + person.lateness(wrong)
    nodes.until(lambda: 'Axis 1 is nan' in text(person.teleop))
    person.do()
    person.acted('nobody', wrong)  # it has stopped
    activate = Transition(id=Transition.TRANSITION_ACTIVATE)
    change = ('/policy_node/change_state', {'transition': activate})
    nodes.until(lambda: peer.call(ChangeState, change[0], **change[1]).success)
    began = person.pilots[-1][0]
    assert person.acted('policy', began)

    first = person.pad, person.file
    second = person.plug()  # a second driver on the same topic
    nodes.until(lambda: 'A second device sends on the same topic' in text(person.teleop))
    second.kill()
    person.pad, person.file = first
    pressed = person.do(buttons=[DEAD_MAN], axes={LEFT_Y: 1.0})
    person.acted('human anna', pressed)
    killed = time.time()
    person.pad.send_signal(signal.SIGKILL)
    safe = person.acted('robot', killed)
    assert safe <= 3 * DT + person.lateness(killed)
    nodes.until(lambda: np.array_equal(peer.setpoints[-1][1], (0.0, 0.0)))
    nodes.until(lambda: peer.said('stopping'))
    sys.stderr.write(f'took {took:.4f}, gave {gave:.4f}, gone {gone:.4f}, safe {safe:.4f} s\n')


def test_a_stick_is_refused_where_it_cannot_drive(nodes, text):
    from robot_rl.assets import policy_path

    process = nodes.start('teleop_node', policy=policy_path('walk-go2'))
    assert process.wait(60) == 2
    assert 'A stick cannot drive the level' in text(process)
