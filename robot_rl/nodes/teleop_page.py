"""The page in a browser as a device of the teleop node, and what it shows of the robot."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
import os
import sys
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
from rclpy.node import Node

from robot_rl.deploy.command import Actor
from robot_rl.deploy.modes import Mode
from robot_rl.errors import MessageError
from robot_rl.nodes.messages import Values, message_type
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.signals import Decoder, decoder
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.spec.contract import Contract
from robot_rl.spec.robot import Robot
from robot_rl.teleop.web.board import Status
from robot_rl.teleop.web.pilot import WebPilot

TOKEN = 'ROBOT_RL_TELEOP_TOKEN'
"""Variable of the environment with the token: parameters are for everybody to read."""
POSES = ('base_pos_w', 'base_quat_w', 'joint_pos')
"""Signals that say where a robot is."""
SHOW_S, CURVE_S, SHARE_S = 0.06, 1.0, 60.0
"""[s] between two pictures, two points of a curve; over which a person's share is taken."""
NOWHERE = -1e3
"""[m] height of a goal of which nothing was heard: out of sight."""


@dataclass
class _Heard:
    """A topic whose signals are drawn."""

    decoder: Decoder
    subscription: Any
    arrays: dict[str, Values]


class Page:
    """Serves the page of one robot and keeps it up to date."""

    def __init__(self, node: Node, robot: Robot, contract: Contract, host: str, port: int) -> None:
        """Serve, and print where: the address has the token in it, so it is not logged.

        Raises TeleopError or MissingPackageError, see WebPilot.
        """
        self._robot, self._hand = robot, TakenByHand()
        self._names = [s.name for s in contract.signals]
        self._signals = self._start()
        self._heard = [self._listen(node, topic) for topic in robot.topics if self._drawn(topic)]
        self._diagnostics = self._hand.subscribe(
            node, DiagnosticArray, '/diagnostics', profile(quality('sensor'))
        )
        self._scene = self._draw()
        self.pilot = WebPilot(
            robot.name,
            robot.setpoint(contract.level).fields,
            host=host,
            port=port,
            token=os.environ.get(TOKEN) or None,
            title=contract.task,
            scene=self._scene.description if self._scene else None,
        )
        self._said: dict[str, str] = {}
        self._human: deque[bool] = deque(maxlen=round(SHARE_S / SHOW_S))
        self._due = self._curve_due = 0.0
        sys.stdout.write(f'The page is at {self.pilot.url}\n')
        sys.stdout.flush()

    def _start(self) -> dict[str, Values]:
        """Signals to draw, until messages say otherwise: at the origin, goals out of sight."""
        asked = {name for name in self._names if self._robot.topic(name).requested}
        known = {name for topic in self._robot.topics for name in topic.signals}
        found = {n: np.zeros(self._robot.signal(n).size) for n in {*asked, *(known & set(POSES))}}
        for name, values in found.items():
            if '_quat_' in name:
                values[0] = 1.0
            if name.startswith('goal_pos'):
                values[-1] = NOWHERE
        return found

    def _drawn(self, topic: Any) -> bool:
        return bool(set(topic.signals) & set(self._signals))

    def _listen(self, node: Node, topic: Any) -> _Heard:
        reader = decoder(topic.message)
        qos = profile(quality('goal' if topic.requested else 'sensor'))
        kind = message_type(topic.message)
        arrays = {name: np.zeros(self._robot.signal(name).size) for name in reader.signals}
        subscription = self._hand.subscribe(node, kind, topic.name, qos, raw=reader.raw)
        return _Heard(reader, subscription, arrays)

    def _draw(self) -> Any:
        """The scene, or None where what drawing needs is not installed."""
        try:
            from robot_rl.pictures.live import LiveScene
        except ModuleNotFoundError:
            return None
        return LiveScene(self._robot, self._names, self._signals)

    def show(self, now: float, pilot: str) -> None:
        """Show what has come, if it is time; `pilot` is who acts, as the policy node says."""
        if now < self._due:
            return
        self._due = now + SHOW_S
        for heard in self._heard:
            message = TakenByHand.newest(heard.subscription)
            if message is not None:
                self._take(heard, message)
        self._hear()
        human = pilot.startswith(f'{Actor.HUMAN.value} ')
        self._human.append(human)
        curves: Mapping[str, float] = {}
        if now >= self._curve_due:
            self._curve_due = now + CURVE_S
            curves = {'intervention rate': sum(self._human) / len(self._human)}
        frames = self._scene.frames(self._signals) if self._scene else None
        self.pilot.show(self._status(pilot, human=human), curves=curves, frames=frames)

    def _take(self, heard: _Heard, message: Any) -> None:
        try:
            heard.decoder.read(message, self._robot, heard.arrays)
        except MessageError:
            return  # the policy node says so
        for name, values in heard.arrays.items():
            if name in self._signals and np.isfinite(values).all():
                np.copyto(self._signals[name], values)

    def _hear(self) -> None:
        for message in TakenByHand.all(self._diagnostics):
            for status in message.status:
                said = {value.key: value.value for value in status.values}
                if 'mode' in said and status.hardware_id == self._robot.name:
                    self._said = said

    def _status(self, pilot: str, *, human: bool) -> Status:
        said = self._said
        driver = 'person' if human else 'policy' if pilot == Actor.POLICY.value else ''
        reason, mode = said.get('reason', ''), said.get('mode', '')
        return Status(
            driver=driver,
            mode=mode,
            reason=reason,
            stopped=mode == Mode.FAULT.value and 'emergency stop' in reason,
            latency_ms=float(said['latency_p50_us']) / 1e3 if 'latency_p50_us' in said else None,
            step=int(said['ticks']) if said.get('ticks', '').isdigit() else None,
        )
