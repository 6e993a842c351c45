"""Policies that hardly act, processes that end with the test, and a peer that plays the robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import functools
from importlib.util import module_from_spec, spec_from_file_location
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time
from typing import Any
import warnings

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DT = 0.01


@pytest.fixture(scope='session')
def hover_policy(export_untrained) -> Path:
    """A policy whose action is always zero: the rotors turn at hover speed."""
    pytest.importorskip('torch')
    return export_untrained(still, num_envs=8, steps=16)


def still(observation_size: int, action_size: int, action: float = 0.0):
    """A network whose output is always `action`."""
    import torch

    actor = torch.nn.Linear(observation_size, action_size)
    torch.nn.init.zeros_(actor.weight)
    torch.nn.init.constant_(actor.bias, action)
    return actor


@pytest.fixture(scope='session')
def creeping_policy(export_untrained) -> Callable[[str], Path]:
    """(task) -> a policy of hardly any action, but some: no two setpoints are alike."""
    pytest.importorskip('torch')

    @functools.cache
    def of(task: str) -> Path:
        return export_untrained(functools.partial(still, action=0.01), 8, 16, task)

    return of


class Logged(subprocess.Popen[bytes]):
    """A process whose output goes to the file `log`."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open('wb') as output:
            super().__init__(command, env=environment, stdout=output, stderr=subprocess.STDOUT)


class Nodes:
    """Processes of one test, in a DDS domain of their own."""

    def __init__(self, folder: Path) -> None:
        from robot_rl.nodes.dds import confined, random_domain

        self.folder = folder
        self.domain = random_domain()
        self.environment = confined(folder, self.domain)
        self.environment['ROS_PYTHON_CHECK_FIELDS'] = '1'
        self.environment['ROS_LOG_DIR'] = str(folder / 'ros')
        self.environment['PYTHONPATH'] = os.pathsep.join(
            [str(REPOSITORY), *filter(None, [os.environ.get('PYTHONPATH', '')])]
        )
        self.running: list[Logged] = []

    def start(self, name: str, *arguments: str, **parameters: object) -> Logged:
        """Start robot_rl.nodes.<name>; its output goes to <folder>/<name>-<number>.log."""
        given = [item for key, value in parameters.items() for item in ('-p', f'{key}:={value}')]
        command = [
            sys.executable,
            '-m',
            f'robot_rl.nodes.{name}',
            '--ros-args',
            *given,
            *arguments,
        ]
        return self.spawn(name, command, self.environment)

    def spawn(self, name: str, command: list[str], environment: dict[str, str]) -> Logged:
        """Start a command; its output goes to <folder>/<name>-<number>.log."""
        log = self.folder / f'{name}-{len(self.running)}.log'
        self.running.append(Logged(command, environment, log))
        return self.running[-1]

    def until(self, condition, seconds: float = 60.0):
        """Return the first true value of `condition()`; fail, with all logs, if none comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.01)
        logs = '\n'.join(f'{p.log.name}: {text(p)}' for p in self.running)
        pytest.fail(f'not within {seconds:g} s. {logs}')
        return None

    def stop(self) -> None:
        """End all, in good order where possible: a killed process leaves its shared memory."""
        for sign, patience in ((signal.SIGINT, 0.1), (signal.SIGINT, 3.0), (signal.SIGKILL, 5.0)):
            alive = [process for process in self.running if process.poll() is None]
            for process in alive:
                process.send_signal(sign)
            end = time.monotonic() + patience
            while time.monotonic() < end and any(process.poll() is None for process in alive):
                time.sleep(0.01)


def text(process: Logged) -> str:
    """What a process has printed."""
    return process.log.read_text(errors='replace')


@pytest.fixture(name='text', scope='session')
def text_fixture():
    """(process) -> what it has printed."""
    return text


@pytest.fixture(scope='session')
def ros() -> None:
    """Skip where rclpy is not installed; import what warns about itself."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # a parser among the wheels uses a deprecated module
        pytest.importorskip('rclpy')
        with contextlib.suppress(ImportError):
            import rosidl_generator_py  # noqa: F401


@pytest.fixture
def nodes(tmp_path, ros) -> Iterator[Nodes]:
    """Processes that do not outlive the test."""
    group = Nodes(tmp_path)
    yield group
    group.stop()


@pytest.fixture(scope='module')
def lasting_nodes(tmp_path_factory, ros) -> Iterator[Nodes]:
    """Processes that last for the tests of one file."""
    group = Nodes(tmp_path_factory.mktemp('nodes'))
    yield group
    group.stop()


PLACED = {
    'crazyflie': {'base_pos_w': [0.0, 0.0, 1.0], 'goal_pos_w': [0.0, 0.0, 1.0]},
    'racecar': {'scan': [3.0], 'base_lin_vel_b': [2.0, 0.0, 0.0]},
    'turtlebot': {'scan': [3.0], 'goal_pos_w': [1.0, 0.0, 0.0]},
}
"""Signals of a peer that are neither the robot's at rest nor zero."""


class Peer:
    """Plays a robot that does not move: sends all its topics at `rate_hz`, and remembers what
    comes back."""

    def __init__(
        self,
        nodes: Nodes,
        rate_hz: float = 100.0,
        robot: str = 'crazyflie',
        message: str = '',
        level: str = '',
    ) -> None:
        import rclpy
        from rclpy.signals import SignalHandlerOptions

        from robot_rl.deploy.timing import Pacer
        from robot_rl.nodes.messages import message_type
        from robot_rl.nodes.qos import profile, quality
        from robot_rl.nodes.setpoints import available, codec
        from robot_rl.nodes.signals import encoder
        from robot_rl.nodes.subscriptions import TakenByHand
        from robot_rl.spec import registry

        os.environ.update(
            {k: v for k, v in nodes.environment.items() if k.startswith(('ROS_', 'FAST'))}
        )
        self.context = rclpy.Context()
        rclpy.init(
            context=self.context,
            domain_id=nodes.domain,
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self.node = rclpy.create_node('peer', context=self.context)
        self.robot = registry.robot(robot)
        self.setpoint = available(
            self.robot.setpoint(level or next(iter(self.robot.setpoints))), message
        )
        self.signals = self._at_rest()
        self.topics: dict[str, tuple[Any, Any]] = {}
        """Topic to its publisher and the message as it was sent last."""
        self._encoders: dict[str, Any] = {}
        for topic in self.robot.topics:
            kind, purpose = message_type(topic.message), 'sensor' if topic.rate_hz else 'goal'
            publisher = self.node.create_publisher(kind, topic.name, profile(quality(purpose)))
            self.topics[topic.name] = publisher, kind()
            self._encoders[topic.name] = encoder(topic.message)
        self.first = self.topics[self.robot.topics[0].name][1]
        """The message of the first topic, as it was sent last."""
        self._hand = TakenByHand()
        deep = profile(quality('record'))
        self._codec = codec(self.setpoint.message)
        kind = message_type(self.setpoint.message)
        self._setpoints = self._hand.subscribe(self.node, kind, self.setpoint.topic, deep)
        self._diagnostics = self._hand.subscribe(
            self.node, message_type('diagnostic_msgs/msg/DiagnosticArray'), '/diagnostics', deep
        )
        self.setpoints: list[tuple[float, np.ndarray]] = []
        """(time.time() of the stamp, or of the arrival where there is none; values)."""
        self.stiffness: list[float] = []
        """Part of the drives' stiffness that each setpoint asks for."""
        self.messages: list[str] = []
        """Message of each diagnostic status."""
        self.silent: set[str] = set()
        """Topics that are not sent."""
        self.stamp_offset = 0.0
        self.change = lambda message: None
        """Called on the message of the first topic before it is sent."""
        self.last_sent = self.last_good = 0.0
        """time.time() of what was sent last, and last before a fault."""
        self._fault: Callable[[Peer], None] | None = None
        self._others: list[tuple[Any, Callable[[Any], None]]] = []
        self._pacer = Pacer(1.0 / rate_hz)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _at_rest(self) -> dict[str, np.ndarray]:
        names = [name for topic in self.robot.topics for name in topic.signals]
        signals = {name: np.zeros(self.robot.signal(name).size) for name in names}
        for name in signals:
            if '_quat_' in name:
                signals[name][0] = 1.0
        for given in (self.robot.rest, PLACED.get(self.robot.name, {})):
            for name, value in given.items():
                if name in signals:
                    signals[name][:] = value
        return signals

    def _run(self) -> None:
        while not self._ended.is_set():
            self._pacer.wait()
            self._publish()
            self._collect()

    @property
    def stalled_s(self) -> float:
        """[s] for which the machine has not let this thread run when it should: no node can be
        asked to do better."""
        return self._pacer.missed * self._pacer.dt

    def node_stalled_s(self, since: float, until: float, dt: float = DT) -> float:
        """[s] by which the machine has let the node run late: its setpoints are further apart."""
        stamps = [stamp for stamp, _ in list(self.setpoints) if since - dt <= stamp <= until]
        return float(np.maximum(np.diff(stamps) - dt, 0.0).sum())

    def break_with(self, fault: Callable[[Peer], None]) -> float:
        """From the next message on, `fault` holds.

        Returns when the last good one was sent, but no more than a period before: what this
        thread was late is not the node's.
        """
        self._fault = fault
        while self._fault is not None:
            time.sleep(0.001)
        return max(self.last_good, self.last_sent - self._pacer.dt)

    def _publish(self) -> None:
        from robot_rl.nodes.messages import set_stamp

        if self._fault is not None:
            self.last_good = self.last_sent
            self._fault(self)
            self._fault = None
        self.last_sent = time.time()
        for name, (publisher, message) in self.topics.items():
            if name in self.silent:
                continue
            self._encoders[name](message, self.robot, self.signals)
            first = message is self.first
            if hasattr(message, 'header'):
                set_stamp(message, self.last_sent + first * self.stamp_offset)
            if first:
                self.change(message)
            publisher.publish(message)

    def _collect(self) -> None:
        from robot_rl.nodes.messages import stamp_of

        while (taken := self._hand.take(self._setpoints)) is not None:
            values = np.zeros(self.setpoint.size)
            self.stiffness.append(self._codec.read(taken[0], self.robot, self.setpoint, values))
            moment = stamp_of(taken[0]) if self._codec.stamped else time.time()
            self.setpoints.append((moment, values))
        while (taken := self._hand.take(self._diagnostics)) is not None:
            self.messages.append(taken[0].status[0].message)

        for subscription, keep in self._others:
            while (taken := self._hand.take(subscription)) is not None:
                keep(taken[0])

    def listen(self, kind: type, topic: str, qos: Any, keep: Callable[[Any], None]) -> None:
        """Hear another topic: every message goes to `keep`, in the peer's thread."""
        self._others.append((self._hand.subscribe(self.node, kind, topic, qos), keep))

    def said(self, words: str) -> bool:
        """Whether a diagnostic message so far contains `words`."""
        return any(words in message for message in self.messages)

    def call(self, kind: type, name: str, seconds: float = 20.0, **request: object):
        """Call a service of the node under test."""
        from rclpy.executors import SingleThreadedExecutor

        client = self.node.create_client(kind, name)
        assert client.wait_for_service(timeout_sec=seconds), f'no service {name}'
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(self.node)
        future = client.call_async(kind.Request(**request))
        executor.spin_until_future_complete(future, timeout_sec=seconds)
        executor.remove_node(self.node)
        executor.shutdown()
        assert future.done(), f'{name} did not answer'
        return future.result()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self.node.destroy_node()
        self.context.try_shutdown()
        self.context.destroy()  # or its shared memory stays


@pytest.fixture
def make_peer(nodes) -> Iterator[Callable[..., Peer]]:
    """(rate_hz=100, robot='crazyflie', message='', level='') -> a robot that does not move, and
    hears setpoints of its first level or another, as their own message or another."""
    players: list[Peer] = []

    def make(*args: Any, **options: Any) -> Peer:
        players.append(Peer(nodes, *args, **options))
        return players[-1]

    yield make
    for player in players:
        player.close()


@pytest.fixture
def peer(make_peer) -> Peer:
    """A Crazyflie that stands still in the air."""
    return make_peer()


@pytest.fixture
def make_person(nodes) -> Callable[..., Any]:
    """(peer, dt) -> somebody with a gamepad, see person.py; `peer` hears what comes of it."""
    spec = spec_from_file_location('person', Path(__file__).with_name('person.py'))
    assert spec and spec.loader
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return functools.partial(made.Person, nodes)
