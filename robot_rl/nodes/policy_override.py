"""What overrides a policy: an emergency stop, and a human's setpoints and dead-man."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from diagnostic_msgs.msg import KeyValue
import numpy as np
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy
from std_msgs.msg import Bool, Header
from std_srvs.srv import SetBool, Trigger

from robot_rl.deploy.command import Command
from robot_rl.deploy.controller import Controller
from robot_rl.deploy.deadman import DeadMan
from robot_rl.deploy.modes import Mode
from robot_rl.errors import MessageError
from robot_rl.nodes.messages import stamp_of
from robot_rl.nodes.policy_output import Output
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.nodes.teleop_topics import (
    DEAD_MAN,
    ESTOP,
    HELD,
    LOST,
    PILOT,
    RELEASED,
    SETPOINT,
    header,
)
from robot_rl.spec.robot import Robot


class Override:
    """Listens to `estop` and to whoever drives in the policy's place; says who acts on `~/pilot`.

    They send `~/takeover_setpoint` (the robot's setpoint message) and `~/dead_man`: see
    teleop_link.py.
    """

    def __init__(
        self,
        node: Node,
        robot: Robot,
        output: Output,
        controller: Controller,
        now: Callable[[], float],
    ) -> None:
        """Subscribe and offer the services; `now` is the controller's clock [s]."""
        self._now = now
        self._node, self._robot, self._output, self._controller = node, robot, output, controller
        hand = TakenByHand()
        self._hand = hand
        # One hears every publisher, the other a reliable one reliably.
        stop = quality('estop')
        self._stops = [
            hand.subscribe(node, Bool, ESTOP, profile(kind))
            for kind in (replace(stop, reliability='best_effort'), stop)
        ]
        self._human = hand.subscribe(
            node, output.kind, f'~/{SETPOINT}', profile(quality('sensor'))
        )
        self._switches = hand.subscribe(
            node, KeyValue, f'~/{DEAD_MAN}', profile(quality('dead_man'))
        )
        self._dead_man = DeadMan(controller)
        self._pilots = node.create_publisher(Header, f'~/{PILOT}', profile(quality('pilot')))
        self._pilot = ''
        self._values = np.zeros(output.setpoint.size)
        self._complained = ''
        self.stopped = False
        """Whether the emergency stop is pressed."""
        self._services = [
            node.create_service(SetBool, '~/takeover', self._on_takeover),
            node.create_service(Trigger, '~/reset', self._on_reset),
        ]

    def look(self) -> None:
        """Hear a latched emergency stop that was pressed before this node came.

        Only where a publisher latches: asking one that does not would make it warn its user.
        """
        if len(self._stops) > 2:
            return
        publishers = self._node.get_publishers_info_by_topic(self._stops[0].topic_name)
        if any(p.qos_profile.durability is DurabilityPolicy.TRANSIENT_LOCAL for p in publishers):
            qos = profile(replace(quality('estop'), durability='transient_local'))
            self._stops.append(self._hand.subscribe(self._node, Bool, ESTOP, qos))

    def take(self, now: float, ros_offset: float) -> None:
        """Take what arrived; an emergency stop is a fault, latched until it is reset."""
        pressed = False  # also where it is released again before this look
        for subscription in self._stops:
            for message in TakenByHand.all(subscription):
                self.stopped = bool(message.data)
                pressed = pressed or self.stopped
        if pressed or self.stopped:
            self._controller.fail(now, 'emergency stop')
        self._take_setpoint(now, ros_offset)
        for message in TakenByHand.all(self._switches):
            self._switch(message.key, message.value, now)
        self._dead_man.look(now)

    def _switch(self, operator: str, word: str, now: float) -> None:
        """A dead-man was heard."""
        refusal = ''
        if word == HELD:
            refusal = self._dead_man.hold(operator, now)
        elif word == RELEASED:
            self._dead_man.let_go(operator, now)
        elif word == LOST:
            self._dead_man.lose(operator, now)
        else:
            refusal = f'a dead-man is {HELD}, {RELEASED} or {LOST}, got {word!r} of {operator!r}'
        self._complain(f'A takeover was refused: {refusal}.' if refusal else '')

    def _complain(self, text: str) -> None:
        """Say it once."""
        if text and text != self._complained:
            self._node.get_logger().warning(text)
        self._complained = text or self._complained

    def say(self, command: Command, ros_time: float) -> None:
        """Publish who acted, with the stamp of the setpoint; nobody, once."""
        if command.publish or command.pilot != self._pilot:
            self._pilot = command.pilot
            self._pilots.publish(header(self._pilot, ros_time))

    def _take_setpoint(self, now: float, ros_offset: float) -> None:
        message = TakenByHand.newest(self._human)
        if message is None:
            return
        try:
            self._output.codec.read(message, self._robot, self._output.setpoint, self._values)
        except MessageError as error:
            self._complain(f'A takeover setpoint was refused: {error}')
            return
        stamp = stamp_of(message) - ros_offset if self._output.codec.stamped else now
        self._controller.drive(self._values, stamp)

    def _on_takeover(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        """Hand over to the human, or back to the policy."""
        controller = self._controller
        if request.data:
            response.success = bool(controller.take_over(self._now()))
        else:
            controller.release(self._now())
            self._dead_man.spend()
            response.success = controller.mode is not Mode.TAKEOVER
        response.message = controller.reason or controller.mode.value
        return response

    def _on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Leave a fault: land, then be ready."""
        if self._controller.mode is not Mode.FAULT:
            response.success, response.message = False, 'there is no fault to reset'
        elif self.stopped:
            response.success, response.message = False, 'the emergency stop is still pressed'
        else:
            self._controller.reset(self._now())
            response.success, response.message = True, 'landing, then ready'
        return response

    def close(self) -> None:
        """Unsubscribe and withdraw the services."""
        for service in self._services:
            self._node.destroy_service(service)
        for subscription in (*self._stops, self._human, self._switches):
            self._node.destroy_subscription(subscription)
        self._node.destroy_publisher(self._pilots)
