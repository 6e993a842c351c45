"""The line from a person's stick to a policy node, and back: who drives.

To the policy node: the setpoint (`takeover_setpoint`), stamped with the moment when the device
was read, and the dead-man (`dead_man`, a KeyValue: who, and HELD, RELEASED or LOST). Both are sent
with every new reading while it is held; what falls silent, or is old, counts as lost. Labels go to
`~/label`, an emergency stop to `estop`. See docs/teleop.md.
"""

from __future__ import annotations

from collections.abc import Callable
import math

from diagnostic_msgs.msg import KeyValue
from rclpy.node import Node
from std_msgs.msg import Bool, Header

from robot_rl.deploy.command import Actor
from robot_rl.nodes.claim import Claim
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.setpoints import available, codec
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.nodes.teleop_topics import (
    DEAD_MAN,
    ESTOP,
    HELD,
    LABEL,
    LOST,
    PILOT,
    RELEASED,
    SETPOINT,
    header,
)
from robot_rl.spec.robot import Robot
from robot_rl.teleop.steering import Steering
from robot_rl.teleop.stick import Button, Stick

THROTTLE = 0.5
"""Part of a control period that passes at least between two setpoints."""


class Link:
    """Sends one person's sticks to one policy node."""

    def __init__(
        self,
        node: Node,
        robot: Robot,
        steering: Steering,
        policy_node: str,
        control_dt: float,
        *,
        message: str = '',
        gains: bool = True,
        say: Callable[[str], None],
    ) -> None:
        """Make the publishers; what the person should know is told to `say`.

        Raises as `setpoints.available` for a `message` that cannot carry the setpoint.
        """
        self._node, self._robot, self._steering, self._say = node, robot, steering, say
        self._least_s = THROTTLE * control_dt
        self._setpoint = available(steering.setpoint, message, gains=gains)
        self._codec = codec(self._setpoint.message)
        self._message = self._codec.create(robot, self._setpoint)
        kind = type(self._message)
        self._setpoints = node.create_publisher(
            kind, f'{policy_node}/{SETPOINT}', profile(quality('setpoint'))
        )
        switch = profile(quality('dead_man'))
        self._switch = node.create_publisher(KeyValue, f'{policy_node}/{DEAD_MAN}', switch)
        self._labels = node.create_publisher(Header, LABEL, profile(quality('label')))
        self._stop = node.create_publisher(Bool, ESTOP, profile(quality('estop')))
        self._pilots = TakenByHand().subscribe(
            node, Header, f'{policy_node}/{PILOT}', profile(quality('sensor'))
        )
        self._claim = Claim(node.context.get_domain_id(), self._setpoints.topic_name)
        self.pilot = ''
        """Who acts, as the policy node said last; '' before it has."""
        self._told = ''
        self._refused = False
        self._holder = ''
        self._sent = self._read = -math.inf

    @property
    def holding(self) -> bool:
        """Whether the person is driving, as far as it depends on this side."""
        return bool(self._holder)

    def send(self, stick: Stick | None, now: float, ros_offset: float) -> None:
        """Pass on what the device says at `now` [s]; `ros_offset` [s] makes that ROS time."""
        self._listen()
        if stick is None:
            self._end(LOST)
            return
        for label in sorted(stick.pressed, key=lambda button: button.value):
            self._label(label, stick.stamp + ros_offset)
        if not stick.held:
            self._refused = False
            self._end(RELEASED)
            return
        if not self._holder and not self._refused:
            self._begin(stick.operator)
        if self._holder and stick.stamp > self._read and now - self._sent >= self._least_s:
            self._sent, self._read = now, stick.stamp
            self._drive(stick, ros_offset)

    def close(self) -> None:
        """Let go."""
        self._end(RELEASED)

    def _begin(self, operator: str) -> None:
        problem = self._problem(operator)
        self._refused = bool(problem)
        if problem:
            self._say(f'You do not drive: {problem}. Let the dead-man go, then press it again.')
        else:
            self._holder = operator
            self._told = self.pilot

    def _problem(self, operator: str) -> str:
        """Why this person may not drive now, or ''."""
        if not self._setpoints.get_subscription_count():
            kind = self._setpoint.message
            return f'nobody listens on {self._setpoints.topic_name} for a {kind}'
        human = f'{Actor.HUMAN.value} '
        if self.pilot.startswith(human) and self.pilot != f'{human}{operator}':
            return f'{self.pilot.removeprefix(human)} drives'
        if holder := self._claim.take():
            return f'another pilot has the controls ({holder})'
        return ''

    def _end(self, word: str) -> None:
        if self._holder:
            self._switch.publish(KeyValue(key=self._holder, value=word))
            self._claim.release()
            self._say('You let go.' if word == RELEASED else 'Your device is gone: you let go.')
            self._holder = ''

    def _drive(self, stick: Stick, ros_offset: float) -> None:
        values = self._steering.values(stick.motion)
        self._codec.write(self._message, self._robot, self._setpoint, values, 1.0)
        self._codec.stamp(self._message, stick.stamp + ros_offset)
        self._setpoints.publish(self._message)
        self._switch.publish(KeyValue(key=self._holder, value=HELD))

    def _label(self, label: Button, ros_time: float) -> None:
        self._labels.publish(header(label.value, ros_time))
        if label is Button.STOP:
            self._stop.publish(Bool(data=True))
        self._say(f'You pressed: {label.value}.')

    def _listen(self) -> None:
        """Hear who acts, and tell the person who holds the dead-man when it changes."""
        newest = TakenByHand.newest(self._pilots)
        if newest is not None:
            self.pilot = newest.frame_id
        if self._holder and self.pilot != self._told:
            self._told = self.pilot
            mine = self.pilot == f'{Actor.HUMAN.value} {self._holder}'
            self._say('You drive.' if mine else f'Who acts now: {self.pilot or "nobody known"}.')
