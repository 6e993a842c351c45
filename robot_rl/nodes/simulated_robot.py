"""One simulated robot behind its drivers: firmware, engine and sensors; no ROS, no clock.

Imports the engine (and with it torch) when it is built, not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
import importlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Task

Values = NDArray[Any]
CAMERAS = ('rgb', 'rgb_info')
"""Signals that only the world of a task has, and that a robot does without elsewhere."""
PERFECT = {
    'latency_s': (0.0, 0.0),
    **dict.fromkeys(
        ('position_std', 'rotation_std', 'gain_std', 'tint_std', 'shot', 'read_std'), 0.0
    ),
}
"""Of a camera that is where it should be, at once and as bright as the world."""
BELOW_GROUND = 0.02
"""[m] a robot that is deeper has fallen through: contacts give way by less."""


def _torch() -> Any:
    torch = importlib.import_module('torch')
    torch.set_num_threads(1)
    return torch


def samples_between(robot: Robot, dt: float) -> tuple[float, dict[str, int]]:
    """Longest sensor period [s] that fits every topic, and how many it is to each one's messages.

    Raises SpecError for a topic whose period is no whole multiple of `dt` [s].
    """
    steps: dict[str, int] = {}
    for topic in robot.topics:
        if topic.requested:
            continue
        steps[topic.name] = round(1.0 / (topic.rate_hz * dt))
        if abs(steps[topic.name] * dt * topic.rate_hz - 1.0) > 1e-6:
            raise SpecError(
                f'The period of the topic {topic.name!r}, {1.0 / topic.rate_hz:g} s, must be a '
                f"whole multiple of the simulation's 'dt', got {dt:g} s. Choose another 'dt'."
            )
    common = math.gcd(*steps.values())
    return common * dt, {name: every // common for name, every in steps.items()}


def _with_a_world(task: Task | None, *, noise: bool) -> Task | None:
    """`task` as seen by the robot's own camera instead of the policy's; None without a world."""
    if task is None or not (task.perceive or task.terrain or task.solid):
        return None
    if task.seen_by is None or not task.robot.cameras:
        return task
    camera = task.robot.cameras[0]
    return task.seen_by(camera=camera if noise else replace(camera, **PERFECT))


def _in_task(robot: Robot, task: Task | None) -> Robot:
    """`robot` as `task` has it; of one written for another robot, whose angles its lidar tells."""
    if task is None:
        return robot
    own = task.robot.name == robot.name
    return task.robot if own else replace(robot, lidar=task.robot.lidar)


def _seeing(robot: Robot, task: Task | None) -> Robot:
    """`robot` without the topics of its cameras where its world says nothing of what they see."""
    if task is not None and task.seen_by is not None:
        return robot
    seen = tuple(topic for topic in robot.topics if not {*topic.signals} & {*CAMERAS})
    return replace(robot, topics=seen)


class SimulatedRobot:
    """Steps one robot; truth and measurements are (size,) float64 arrays by signal name."""

    time_s = 0.0
    """[s] of physics since the last reset: the world stands still until the first setpoint."""
    clearance = math.inf
    """[m] to what is nearest when `measured` last looked, where the task's world says it."""
    image_age = 0.0
    """[s] since the image that `measured` last gave was exposed."""
    asked: dict[str, Values]
    """What the task's commands say since the last reset; empty without a world."""

    def __init__(
        self,
        robot: Robot,
        level: str,
        engine: str,
        *,
        dt: float,
        sensor_dt: float,
        seed: int,
        noise: bool,
        randomize: bool,
        task: Task | None = None,
        walking: bool = False,
    ) -> None:
        """Build the engine at step `dt` [s]; sensors sample every `sensor_dt` [s].

        With a `task` that has a world of its own (ground, walls, bodies), the robot is in that
        world and as the task has it: with what its hand holds. With `walking` that world goes on
        with every step: people walk.

        Raises:
            UnknownNameError: no such engine or setpoint level.
            MissingPackageError: the engine's simulator is not installed.
            SpecError: `sensor_dt` is not a whole multiple of `dt`, the randomization is malformed,
            or the engine does not hold the bodies of the world.
        """
        steps = round(sensor_dt / dt)
        if steps < 1 or abs(steps * dt - sensor_dt) > 1e-9:
            raise SpecError(
                f'The sensor period {sensor_dt} s must be a whole multiple of dt = {dt} s.'
            )
        self._torch = _torch()
        self._task = _with_a_world(task, noise=noise)
        robot = _seeing(_in_task(robot, self._task), self._task)
        self.robot, self.dt = robot, dt
        self._setpoint, self._grain = robot.setpoint(level), np.random.default_rng(seed)
        engines = importlib.import_module('robot_rl.envs.engines')
        terrain = self._task.terrain if self._task else None
        self._engine = engines.engine_factory(engine)(robot, level, 1, dt, terrain=terrain)
        held = importlib.import_module('robot_rl.envs.surroundings').surroundings
        self._surroundings = held(self._engine, self._task) if self._task else None
        self._drawn: dict[str, Any] = {}
        self.asked = {}
        self._walking = walking
        self._stiffness = 1.0
        ranges = importlib.import_module('robot_rl.envs.ranges')
        spreads = ranges.load_randomization(robot) if randomize else ()
        self._generator = self._torch.Generator().manual_seed(seed)
        self._variation = importlib.import_module('robot_rl.envs.variation').Variation(
            self._engine, spreads, self._setpoint, dt, self._generator
        )
        sampler = importlib.import_module('robot_rl.mdp.randomization').ParameterSampler
        drawn = [spread for spread in spreads if spread.mode == 'reset']
        self._draw = sampler(robot, drawn, self._torch.device('cpu')) if drawn else None
        self._equip(sensor_dt if noise else 0.0)
        self._command = self._torch.zeros(1, self._setpoint.size)
        self._start: dict[str, Values] = {}
        self._sensors: dict[str, Any] = {}
        self._seen, self._world = dict[str, Any](), dict[str, Any]()
        """Measured last, and of that what the world showed."""

    def _equip(self, sensor_dt: float) -> None:
        """Add what measures and sends messages; exact where `sensor_dt` [s] is 0."""
        robot, generator, device = self.robot, self._generator, self._torch.device('cpu')
        self._topics = [topic for topic in robot.topics if not topic.requested]
        self._names = tuple(name for topic in self._topics for name in topic.signals)
        messages = importlib.import_module('robot_rl.sensors.messages')
        self._messages = messages.Messages(robot, self._names, generator, device)
        self._measurement = None
        if sensor_dt:
            measure = importlib.import_module('robot_rl.sensors.measure')
            self._measurement = measure.Measurement(
                robot, self._names, sensor_dt, generator, device
            )

    def reset(self, state: Mapping[str, Sequence[float]]) -> None:
        """Put the robot on a stand in the true signals `state`, with parameters drawn anew.

        It stays there until the first setpoint. Raises SpecError for a robot that measures what
        only the world of a task has.
        """
        torch = self._torch
        row, self.time_s = torch.arange(1), 0.0
        self._start = {name: np.asarray(values, np.float64) for name, values in state.items()}
        parameters = self._draw(1, self._generator) if self._draw else {}
        self._variation.start(row, parameters)
        if self._stiffness != 1.0:
            self._stiffen(1.0)
        if self._task is not None:  # its world says where a robot can start
            commands = self._task.commands
            self._drawn = commands.draw(1, self._generator, self._engine.device)
            asked = commands.signals(self._drawn)
            self.asked = {name: value[0].double().numpy() for name, value in asked.items()}
            given = {**parameters, **asked}
            drawn = self._task.initial_state(given, 1, self._generator, self._engine.device)
            self._start = {name: value[0].double().numpy() for name, value in drawn.items()}
            if self._surroundings:
                self._surroundings.start(row, self._drawn)
        self._put(self._start)
        self._seen = self._true()
        lacking = [name for name in self._names if name not in self._seen]
        if lacking:
            raise SpecError(
                f'A {self.robot.name} measures {lacking[0]!r}, which needs the world of a task, '
                "got none. Give one with the parameter 'task'; robot_rl list has them."
            )
        if self._measurement is not None:
            self._sensors = self._measurement.fresh(self._seen)

    def perceived(self, signals: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """What the world of the task shows where a robot has the true `signals`, (n, size) each.

        Of the episode that the last `reset` began.
        """
        if self._task is None or self._task.perceive is None:
            return {}
        rows = {name: self._torch.as_tensor(value).float() for name, value in signals.items()}
        num = len(next(iter(rows.values())))
        drawn = {name: value.expand(num, -1) for name, value in self._drawn.items()}
        seen = self._task.perceive(rows, drawn)
        return {name: value.numpy() for name, value in seen.items()}

    def _true(self, *, looking: bool = True) -> dict[str, Any]:
        """True signals, those of the world among them: as they were where nobody is looking."""
        signals = self._engine.signals()
        if self._task is not None and self._task.perceive is not None:
            if looking:
                self._world = self._task.perceive(signals, self._drawn)
                self._expose()
            if 'arena_clearance' in self._world:
                self.clearance = float(self._world['arena_clearance'][0, 0])
            signals |= self._world
        return signals

    def _expose(self) -> None:
        """Give the image that was just drawn, if any, its age and its noise."""
        if 'rgb' not in self._world or self._measurement is None:
            return
        sensors = importlib.import_module('robot_rl.sensors.camera')
        image = self._world['rgb'].numpy().astype(np.float32)
        image = sensors.grainy(image, self.robot.cameras[0], self._grain)
        self._world['rgb'] = self._torch.from_numpy(image)
        self.image_age = float(self._world['rgb_age'][0, 0])

    def step(self, setpoint: Values | None, silence: float, stiffness: float = 1.0) -> None:
        """Advance by `dt` under the newest setpoint (None: none yet), `silence` [s] old.

        `stiffness` is the part of the drives' own that the setpoint's message asks for.
        """
        if setpoint is None:
            return
        wanted = setpoint
        if silence > self.robot.command_timeout_s:
            last = self._setpoint.safe[-1]
            wanted = np.where(np.isnan(last.setpoint), setpoint, last.setpoint)
            stiffness = last.stiffness
        if stiffness != self._stiffness:
            self._stiffen(stiffness)
        # The drive has limits of its own, whatever it is sent.
        np.clip(wanted, self._setpoint.low, self._setpoint.high, out=self._command[0].numpy())
        self._engine.step(self._variation.step(self._command))
        self.time_s += self.dt
        if self._walking and self._task is not None:
            self._drawn |= self._task.commands.step(self._drawn)
        self._stay_above_ground()

    def truth(self) -> dict[str, Values]:
        """True signals now."""
        return {name: value[0].double().numpy() for name, value in self._engine.signals().items()}

    def _stiffen(self, share: float) -> None:
        """Give the drives a part of their stiffness."""
        own = self._variation.parameters.get('joint_stiffness')
        if own is None:
            own = self._torch.tensor([self.robot.parameters['joint_stiffness'].nominal])
        self._engine.randomize({'joint_stiffness': share * own}, self._torch.arange(1))
        self._stiffness = share

    def measured(self, *, looking: bool = True) -> dict[str, Values]:
        """Sample of the sensors; call it once every sensor period.

        A camera that is not `looking` costs nothing: it shows the image of before.
        """
        signals = self._true(looking=looking)
        if self._measurement is not None:
            signals, changed = self._measurement.sample(signals, self._sensors, self._seen)
            self._sensors, self._seen = {**self._sensors, **changed}, signals
        return {name: _numbers(signals[name][0]) for name in self._names}

    @property
    def seeing(self) -> tuple[str, ...]:
        """Topics of cameras."""
        return tuple(topic.name for topic in self._topics if {*topic.signals} & {*CAMERAS})

    def lost(self) -> set[str]:
        """Topics whose message is lost this time; ask once every sensor period."""
        chance = self._variation.parameters.get('message_loss')
        if chance is None:
            return set()
        lost = self._messages.lost(chance)[0].tolist()
        return {topic.name for topic, gone in zip(self._topics, lost, strict=True) if gone}

    def _put(self, state: Mapping[str, Values]) -> None:
        torch = self._torch
        rows = {name: torch.as_tensor(value)[None].float() for name, value in state.items()}
        self._engine.reset(torch.arange(1), rows)

    def _stay_above_ground(self) -> None:
        """A robot that fell through the ground (an engine without one) lies on it, level.

        What a floor does not change stays: where it points, how fast rotors turn, joints.
        """
        held = self._task is not None and (self._task.terrain or self._task.solid)
        if held or self.robot.fixed_base:
            return
        if float(self._engine.signals()['base_pos_w'][0, 2]) < -BELOW_GROUND:
            lying = self.truth()
            lying['base_pos_w'][2] = 0.0
            w, _, _, z = lying['base_quat_w']
            length = math.hypot(w, z)
            turn = (w / length, 0.0, 0.0, z / length) if length > 0.0 else (1.0, 0.0, 0.0, 0.0)
            lying['base_quat_w'][:] = turn
            lying |= {name: np.zeros(3) for name in ('base_lin_vel_b', 'base_ang_vel_b')}
            self._put(lying)


def _numbers(value: Any) -> Values:
    """As sensors give it: float64, or uint8 of an image."""
    return value.numpy() if value.ndim == 3 else value.double().numpy()
