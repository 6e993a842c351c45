"""People at a real joy driver's topic, who correct a simulated robot that practises."""

from __future__ import annotations

import json
from pathlib import Path
import signal
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('mujoco')
pytest.importorskip('mcap')

from robot_rl.data.episodes import EpisodeWriter, header_of, read
from robot_rl.envs.engines import make_env
from robot_rl.errors import RobotRLError, SpecError
from robot_rl.learn.pace import Pace, period_of
from robot_rl.learn.people import Habits, ScriptedPerson
from robot_rl.learn.practice import Practice
from robot_rl.spec import registry
from robot_rl.teleop.mapping import Axis
from robot_rl.teleop.seat import Seat

pytestmark = pytest.mark.ros

TASK = registry.task('insert-panda')
DT = TASK.control_dt
LEFT_Y, DEAD_MAN, RESET = 1, 10, 6  # of the gamepad
FORWARD = 0.5 * 0.4  # [m/s] at the end of a stick at half the speed


def still(_observation):
    """A policy that does nothing."""
    return torch.zeros(1, 6)


@pytest.fixture
def listen(nodes, monkeypatch):
    """(layout) -> a device that hears the domain of `nodes`."""
    from robot_rl.nodes.joy_listener import JoyListener

    for name, value in nodes.environment.items():
        if name.startswith(('ROS_', 'FAST')):
            monkeypatch.setenv(name, value)
    made = []

    def make(layout: str) -> JoyListener:
        made.append(JoyListener(TASK.robot, TASK.level, DT, layout, nodes.domain))
        return made[-1]

    yield make
    for listener in made:
        listener.close()


@pytest.fixture(scope='module')
def env():
    return make_env(TASK, 'mujoco', 1, seed=0)


def practice_of(env, seat, path: Path) -> tuple[Practice, EpisodeWriter]:
    writer = EpisodeWriter(path, header_of(TASK, 'online', 'a test'))
    return Practice(env, seat, writer), writer


def test_a_gamepad_takes_over_and_what_it_did_is_recorded(nodes, listen, env, tmp_path, caplog):
    listener = listen('gamepad')
    file = tmp_path / 'pad.json'
    file.write_text('{}')
    script = Path(__file__).with_name('pad.py')
    pad = nodes.spawn('pad', [sys.executable, str(script), str(file), '50'], nodes.environment)
    practice, writer = practice_of(env, Seat(listener), tmp_path / 'a.mcap')
    nodes.until(lambda: listener.read(time.monotonic()))
    time.sleep(0.5)  # heard for a while

    def say(**said) -> None:
        part = file.with_suffix('.part')
        part.write_text(json.dumps(said))
        part.replace(file)

    holding = {'buttons': [DEAD_MAN], 'axes': {LEFT_Y: 1.0}}
    script_of = {5: holding, 15: {}, 20: {'buttons': [RESET]}, 22: {}}
    pace, count = Pace(DT), iter(range(10**6))

    def after() -> None:
        period = next(count)
        if period in script_of:
            say(**script_of[period])
        if period == 40:
            pad.send_signal(signal.SIGKILL)  # while it drives
        pace.wait()

    first, tally = practice.episode(still, after)
    assert tally.why == 'reset' and tally.takeovers == 1 and not tally.success
    driven = first.person.nonzero()[0]
    assert 5 < driven[0] <= 8 and 15 <= driven[-1] <= 18, driven
    assert {first.operators[step] for step in driven} == {'joy'}
    assert first.operators[0] == first.operators[driven[-1] + 1] == 'policy'
    # The end of the stick, as the policy would ask for it: at most its own speed.
    speed = np.linalg.norm(first.setpoint[driven[-1], :2])
    assert speed == pytest.approx(min(FORWARD, 0.1), rel=0.03)
    script_of |= {next(count) + 3: holding}
    second, tally = practice.episode(still, after)
    assert tally.why == 'lost' and second.truncated and not second.terminated
    assert second.person[-1] and tally.by_people >= 5
    nodes.until(lambda: 'The device was not heard for' in caplog.text)
    writer.close()
    kept = read(tmp_path / 'a.mcap')[1]
    assert [episode.operators for episode in kept] == [first.operators, second.operators]


class OverJoy:
    """The simulated person with a SpaceMouse of their own, whose driver publishes 50 times a
    second what their hand does; read from the topic as anybody's."""

    name = 'joy'

    def __init__(self, domain: int, seat: Seat, listener) -> None:
        import rclpy
        from rclpy.signals import SignalHandlerOptions
        from sensor_msgs.msg import Joy

        self.person: Any = ScriptedPerson(TASK, 0, Habits(wait_s=0.6, patience_s=0.3))
        self.begin, self.read = self.person.begin, seat.read
        self._context = rclpy.Context()
        options = {'signal_handler_options': SignalHandlerOptions.NO}
        rclpy.init(args=[], context=self._context, domain_id=domain, **options)
        self._node = rclpy.create_node('spacemouse', context=self._context)
        self._publisher = self._node.create_publisher(Joy, 'joy', 10)
        self._message, self._listener = Joy(axes=[0.0] * 6, buttons=[0, 0]), listener
        grid, axis = np.linspace(0.0, 1.0, 4001), Axis(0)
        self._raw, self._motion = grid, [0.5 * axis.motion(raw) for raw in grid]
        self.meant: list[tuple[float, ...]] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._drive)
        self._thread.start()

    def watch(self, true, error) -> None:
        """See the robot, move the hand, and give the message the time that it takes."""
        self.person.watch(true, error)
        stick = self.person.read(0.0)
        motion = [float(np.clip(value, -0.5, 0.5)) for value in stick.motion]
        self.meant.append(tuple(motion))
        axes = [np.copysign(np.interp(abs(m), self._motion, self._raw), m) for m in motion]
        self._message.axes, self._message.buttons = axes, [int(stick.held), 0]
        time.sleep(0.06)

    def _drive(self) -> None:
        while not self._end.wait(0.02):
            self._publisher.publish(self._message)

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._node.destroy_node()
        self._context.try_shutdown()


def test_the_simulated_person_drives_by_the_same_topic(nodes, listen, env, tmp_path):
    listener = listen('spacemouse')
    seat = Seat(listener)
    person = OverJoy(nodes.domain, seat, listener)
    try:
        nodes.until(lambda: listener.read(time.monotonic()))
        time.sleep(0.5)
        practice, writer = practice_of(env, person, tmp_path / 'b.mcap')
        periods, pace = iter(range(20, -1, -1)), Pace(DT)

        def after() -> bool:
            pace.wait()
            return next(periods) == 0

        episode, tally = practice.episode(still, after)
        writer.close()
    finally:
        person.close()
    driven = episode.person.nonzero()[0]
    assert tally.takeovers >= 1 and len(driven) >= 8, episode.operators
    assert {episode.operators[step] for step in driven} == {'joy'}
    # What was meant arrives: after the blend of 0.3 s, as the policy would ask for it.
    steps = [step for step in driven if episode.person[max(0, step - 4) : step + 1].all()]
    high = np.array(TASK.setpoint.high)
    found = [episode.setpoint[step] / high - person.meant[step] for step in steps[1:]]
    assert np.median(np.abs(found)) < 0.01, found


def test_a_person_needs_real_time_and_a_pad_that_can_drive(nodes, listen):
    assert period_of(DT, None, 'joy') == DT and period_of(DT, None, 'scripted') == 0.0
    assert period_of(DT, 0.5, 'web') == 2 * DT and period_of(DT, 10.0, 'none') < 0.011
    for speed in (0.0, 2.0):
        with pytest.raises(SpecError, match='a person drives in real time'):
            period_of(DT, speed, 'web')
    with pytest.raises(RobotRLError, match='layout of a device'):
        listen('wheel')
