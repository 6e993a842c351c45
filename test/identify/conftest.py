"""Flights of a simulated robot with hidden parameters, through the writer of real recordings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.spec import registry

EPOCH_S = 1_900_000_000.0
"""[s] when the recorded flights took off."""
DT = 0.002
"""[s] physics step."""


def hidden_robot(hidden, name='crazyflie'):
    """A robot whose parameters are not what its declaration says."""
    robot = registry.robot(name)
    parameters = {
        key: replace(value, nominal=tuple(map(float, hidden.get(key, value.nominal))))
        for key, value in robot.parameters.items()
    }
    return replace(robot, parameters=parameters)


class Writer:
    """Writes messages as recorder_node does: serialized, with stamps and times of reception."""

    def __init__(self, path, robot, level):
        from robot_rl.deploy.record import Channel, Recording
        from robot_rl.nodes.messages import message_type
        from robot_rl.nodes.schemas import schema
        from robot_rl.nodes.setpoints import codec
        from robot_rl.nodes.signals import ENCODERS

        self.robot, self.setpoint = robot, robot.setpoint(level)
        self.topic = next(topic for topic in robot.topics if topic.rate_hz > 0.0)
        self.recording = Recording(path, min_free=0)
        self.codec, self.encode = codec(self.setpoint.message), ENCODERS[self.topic.message]
        self.messages = [
            message_type(self.topic.message)(),
            self.codec.create(robot, self.setpoint),
        ]
        kinds = (self.topic.name, self.topic.message), (self.setpoint.topic, self.setpoint.message)
        self.channels = [
            self.recording.add(Channel(f'/{topic}', kind, schema(kind))) for topic, kind in kinds
        ]

    def signals(self, time, values):
        self.encode(self.messages[0], self.robot, values)
        self._write(0, time)

    def send(self, time, setpoint):
        self.codec.write(self.messages[1], self.robot, self.setpoint, setpoint, 1.0)
        self._write(1, time)

    def _write(self, index, time):
        from rclpy.serialization import serialize_message

        from robot_rl.nodes.messages import set_stamp

        set_stamp(self.messages[index], EPOCH_S + time)
        received = round(1e9 * (EPOCH_S + time + 3e-4))
        data = serialize_message(self.messages[index])
        self.recording.write(self.channels[index], data, received, received)


def record_flight(
    path: Path,
    robot,
    drive: Callable[[float, dict], np.ndarray],
    *,
    level='motors',
    seconds=30.0,
    seed=0,
    late=2,
    lost: Callable[[float], bool] = lambda _time: False,
    sent=True,
):
    """Record a flight of `robot` under `drive(time, measured)`.

    Its sensors sample at every physics step, so that their delay is not in steps of the topic's.
    `late` is the number of physics steps that a setpoint is on its way; samples at a time that is
    `lost` are not recorded, nor any setpoint unless `sent`; stamps are up to 0.2 ms off.
    """
    from robot_rl.nodes.simulated_robot import SimulatedRobot

    simulated = SimulatedRobot(
        robot, level, 'analytic', dt=DT, sensor_dt=DT, seed=seed, noise=True, randomize=False
    )
    simulated.reset(robot.rest)
    jitter = np.random.default_rng(seed)
    writer = Writer(path, robot, level)
    every = round(1.0 / writer.topic.rate_hz / DT)
    setpoint = np.array(robot.setpoint(level).neutral)
    waiting = [setpoint] * (late + 1)
    for step in range(round(seconds / DT)):
        time = step * DT
        measured = simulated.measured()
        if step % every == 0:
            stamp = time + jitter.uniform(-2e-4, 2e-4)
            if not lost(time):
                writer.signals(stamp, measured)
            setpoint = np.array(drive(time, measured), dtype=np.float64)
            if sent:
                writer.send(stamp, setpoint)
        waiting = [*waiting[1:], setpoint]
        simulated.step(waiting[0], 0.0)
    writer.recording.close()
    return path


@pytest.fixture(scope='session')
def hide():
    """See `hidden_robot`."""
    return hidden_robot


@pytest.fixture(scope='session')
def fly():
    """See `record_flight`."""
    return record_flight


@pytest.fixture(scope='session')
def policy_drive() -> Callable:
    """(curve) -> drive(time, measured): the shipped policy following a curve."""
    pytest.importorskip('onnxruntime')
    from robot_rl.assets import asset
    from robot_rl.deploy.policy import Policy

    def make(curve):
        policy = Policy.load(asset('policies', 'hover-crazyflie.onnx'))

        def drive(time, measured):
            goal = dict(
                zip(('goal_pos_w', 'goal_lin_vel_w', 'goal_lin_acc_w'), curve(time), strict=True)
            )
            for name, buffer in policy.inputs.items():
                buffer[:] = {**measured, **goal}[name]
            return policy.step()

        return drive

    return make
