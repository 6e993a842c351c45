"""A policy that hovers, processes that end with the test, and a peer that plays the robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DT = 0.01


@pytest.fixture(scope='session')
def hover_policy(export_untrained) -> Path:
    """A policy whose action is always zero: the rotors turn at hover speed."""
    torch = pytest.importorskip('torch')

    def still(observation_size: int, action_size: int):
        actor = torch.nn.Linear(observation_size, action_size)
        for parameter in actor.parameters():
            parameter.data.zero_()
        return actor

    return export_untrained(still, num_envs=8, steps=16)


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
        self.environment['PYTHONPATH'] = str(REPOSITORY)
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


class Peer:
    """Plays a robot that stands still in the air: odometry and goal at 100 Hz, and remembers
    what comes back."""

    def __init__(self, nodes: Nodes, rate_hz: float = 100.0) -> None:
        import rclpy
        from rclpy.signals import SignalHandlerOptions

        from robot_rl.deploy.timing import Pacer
        from robot_rl.nodes.messages import message_type
        from robot_rl.nodes.qos import profile, quality
        from robot_rl.nodes.signals import ENCODERS
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
        self.robot = registry.robot('crazyflie')
        self._encoders = ENCODERS
        self.signals = {
            'base_pos_w': np.array([0.0, 0.0, 1.0]),
            'base_quat_w': np.array([1.0, 0.0, 0.0, 0.0]),
            'base_lin_vel_b': np.zeros(3),
            'base_ang_vel_b': np.zeros(3),
            'goal_pos_w': np.array([0.0, 0.0, 1.0]),
            'goal_lin_vel_w': np.zeros(3),
            'goal_lin_acc_w': np.zeros(3),
        }
        self.odom = message_type('nav_msgs/msg/Odometry')()
        self.goal = message_type('trajectory_msgs/msg/MultiDOFJointTrajectory')()
        sensor, reliable = profile(quality('sensor')), profile(quality('goal'))
        self._odom = self.node.create_publisher(type(self.odom), 'odom', sensor)
        self._goal = self.node.create_publisher(type(self.goal), 'goal', reliable)
        self._hand = TakenByHand()
        deep = profile(quality('record'))
        self._setpoints = self._hand.subscribe(
            self.node, message_type('sensor_msgs/msg/JointState'), 'rotor_command', deep
        )
        self._diagnostics = self._hand.subscribe(
            self.node, message_type('diagnostic_msgs/msg/DiagnosticArray'), '/diagnostics', deep
        )
        self.setpoints: list[tuple[float, np.ndarray]] = []
        """(time.time() of the stamp, values)."""
        self.messages: list[str] = []
        """Message of each diagnostic status."""
        self.send_odom = self.send_goal = True
        self.stamp_offset = 0.0
        self.change = lambda message: None
        """Called on the odometry before it is sent."""
        self.last_odom = self.last_good = 0.0
        """time.time() of the last odometry sent, and of the last before a fault."""
        self._fault: Callable[[Peer], None] | None = None
        self._pacer = Pacer(1.0 / rate_hz)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

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

    def node_stalled_s(self, since: float, until: float) -> float:
        """[s] for which the machine has not let the node run: its setpoints have gaps then."""
        stamps = [stamp for stamp, _ in list(self.setpoints) if since - DT <= stamp <= until]
        return float(sum(gap - DT for gap in np.diff(stamps) if gap > 1.5 * DT))

    def break_with(self, fault: Callable[[Peer], None]) -> float:
        """From the next message on, `fault` holds; returns when the last good one was sent."""
        self._fault = fault
        while self._fault is not None:
            time.sleep(0.001)
        return self.last_good

    def _publish(self) -> None:
        from robot_rl.nodes.messages import set_stamp

        if self._fault is not None:
            self.last_good = self.last_odom
            self._fault(self)
            self._fault = None
        now = time.time()
        if self.send_odom:
            self._encoders['nav_msgs/msg/Odometry'](self.odom, self.robot, self.signals)
            set_stamp(self.odom, now + self.stamp_offset)
            self.change(self.odom)
            self._odom.publish(self.odom)
            self.last_odom = now
        if self.send_goal:
            name = 'trajectory_msgs/msg/MultiDOFJointTrajectory'
            self._encoders[name](self.goal, self.robot, self.signals)
            set_stamp(self.goal, now)
            self._goal.publish(self.goal)

    def _collect(self) -> None:
        from robot_rl.nodes.messages import stamp_of

        while (taken := self._hand.take(self._setpoints)) is not None:
            self.setpoints.append((stamp_of(taken[0]), np.array(taken[0].velocity)))
        while (taken := self._hand.take(self._diagnostics)) is not None:
            self.messages.append(taken[0].status[0].message)

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
    """(rate_hz=100) -> a robot that stands still in the air."""
    players: list[Peer] = []

    def make(rate_hz: float = 100.0) -> Peer:
        players.append(Peer(nodes, rate_hz))
        return players[-1]

    yield make
    for player in players:
        player.close()


@pytest.fixture
def peer(make_peer) -> Peer:
    """A robot that stands still in the air."""
    return make_peer()
