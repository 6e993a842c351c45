"""A person at a gamepad takes a flying policy over, over DDS: press, drive, let go, unplug."""

from __future__ import annotations

from pathlib import Path
import signal
import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robot_rl.assets import asset
from robot_rl.errors import RobotRLError
from robot_rl.nodes.description import processes
from robot_rl.spec import registry
from robot_rl.teleop.stick import Stick

pytestmark = pytest.mark.ros

POLICY = 'navigate-turtlebot'
DT = 0.05
LEFT_Y, RIGHT_X = 1, 2
DEAD_MAN, SUCCESS = 10, 0


@pytest.fixture
def person(nodes, make_peer, make_person):
    """Somebody at the controls of a policy that drives the peer."""
    from robot_rl.assets import policy_path

    peer = make_peer(robot='turtlebot')
    policy = policy_path(POLICY)
    params = ('--params-file', str(asset('launch', 'params/turtlebot.yaml')))
    nodes.start('policy_node', *params, policy=policy, autostart=True, rate_window_s=0.5)
    found = make_person(peer, DT)
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


def test_two_pilots_of_one_robot_drive_one_after_the_other(nodes, peer):
    from std_msgs.msg import Header

    from robot_rl.nodes.messages import message_type
    from robot_rl.nodes.qos import profile, quality
    from robot_rl.nodes.subscriptions import TakenByHand
    from robot_rl.nodes.teleop_link import Link
    from robot_rl.teleop.steering import Steering

    robot = registry.robot('turtlebot')
    told: dict[str, list[str]] = {'anna': [], 'ben': []}
    links = {
        name: Link(peer.node, robot, Steering(robot, 'velocity'), 'driven', DT, say=words.append)
        for name, words in told.items()
    }

    def say(name, held):
        now = time.perf_counter()
        links[name].send(Stick(now, held, (1.0, 0.0), operator=name), now, 0.0)
        return links[name].holding

    assert not say('anna', True)
    assert 'nobody listens on /driven/takeover_setpoint for a geometry_msgs' in told['anna'][-1]
    kind = message_type(links['anna']._setpoint.message)
    heard = TakenByHand().subscribe(
        peer.node, kind, 'driven/takeover_setpoint', profile(quality('sensor'))
    )
    nodes.until(lambda: all(x._setpoints.get_subscription_count() for x in links.values()))
    say('anna', False)
    assert say('anna', True)
    assert not say('ben', True)
    assert 'another pilot has the controls (process' in told['ben'][-1]
    say('anna', False)
    assert not say('ben', True), 'pressed before the other let go'
    say('ben', False)
    assert say('ben', True)
    say('ben', False)
    assert nodes.until(lambda: TakenByHand.newest(heard)).twist.linear.x == pytest.approx(0.22)

    pilot = peer.node.create_publisher(Header, 'driven/pilot', profile(quality('pilot')))
    nodes.until(lambda: pilot.get_subscription_count() == 2)
    pilot.publish(Header(frame_id='human carl'))  # on another machine
    nodes.until(lambda: say('anna', False) or links['anna'].pilot)
    assert not say('anna', True)
    assert 'carl drives' in told['anna'][-1]


class Given:
    """A node, as far as parameters are concerned."""

    def __init__(self, **values: Any) -> None:
        self.values = {name.replace('__', '.'): value for name, value in values.items()}

    def get_parameters_by_prefix(self, _prefix: str) -> dict[str, Any]:
        return {name: SimpleNamespace(value=value) for name, value in self.values.items()}

    def get_name(self) -> str:
        return 'teleop_node'

    def declare_parameter(self, _name: str, _default: Any) -> None:
        """Nobody asks for it again."""


def settings(policy: str, **values: Any) -> Any:
    """Settings from parameters; '__' stands for a dot."""
    from robot_rl.assets import policy_path
    from robot_rl.nodes.parameters import Parameters
    from robot_rl.nodes.teleop_settings import Settings

    node: Any = Given(policy=str(policy_path(policy)), **values)
    return Settings.read(Parameters(node))


def given(robot: str) -> dict[str, Any]:
    """The section of a robot's parameter file, flat."""
    yaml = pytest.importorskip('yaml')
    nested = yaml.safe_load(asset('launch', f'params/{robot}.yaml').read_text())

    def flat(values: dict[str, Any], prefix: str = '') -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in values.items():
            deeper = isinstance(value, dict)
            found |= flat(value, f'{prefix}{name}__') if deeper else {f'{prefix}{name}': value}
        return found

    return flat(nested['teleop_node']['ros__parameters'])


@pytest.mark.parametrize('device', ['gamepad', 'spacemouse'])
@pytest.mark.parametrize('policy', ['navigate-turtlebot', 'navigate-jackal', 'race-racecar'])
def test_presets_give_every_field_an_axis(ros, policy, device):
    robot = policy.partition('-')[2]
    found = settings(policy, layout=device, **given(robot))
    assert all(found.hold.controls.axes)
    assert found.hold.controls.dead_man == {'gamepad': 10, 'spacemouse': 0}[device]


@pytest.mark.parametrize(
    ('policy', 'values', 'words'),
    [
        ('walk-go2', {}, 'A stick cannot drive the level'),
        ('race-racecar', {}, 'Name one as axes.gamepad.speed'),
        ('race-racecar', {'axes__gamepad__speed': 'left_yy'}, "Did you mean 'left_y'"),
        ('race-racecar', {'axes__gamepad__sped': 'left_y'}, "Did you mean 'axes.gamepad.speed'"),
        ('race-racecar', {'axes__gamepad__speed': 'left_y', 'buttons__clutch': 'a'}, 'one role'),
        ('race-racecar', {'axes__gamepad__speed': 'left_y', 'buttons__dead_man': ''}, 'dead-man'),
        ('race-racecar', {'axes__gamepad__speed': 'left_y', 'speed': 2.0}, "a 'speed' within"),
        ('race-racecar', {'axes__gamepad__speed': 'left_y', 'devices': ['mouse']}, 'device'),
        ('race-racecar', {'layout': 'wheel'}, 'layout of a device'),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(ros, policy, values, words):
    with pytest.raises(RobotRLError, match=words):
        settings(policy, **values)


def test_a_run_refuses_a_person_it_cannot_serve():
    made: dict[str, Any] = {'engine': '', 'level': 'drive', 'teleop': 'gamepad'}
    car = registry.robot('racecar')
    names = [process.executable for process in processes(car, Path('x.onnx'), **made)]
    assert names == ['policy_node', 'teleop_node']
    with pytest.raises(RobotRLError, match='in real time'):
        processes(car, Path('x.onnx'), use_sim_time=True, **made)
    with pytest.raises(RobotRLError, match='cannot drive the level'):
        processes(registry.robot('go2'), Path('x.onnx'), **{**made, 'level': 'positions'})
