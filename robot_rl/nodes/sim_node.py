"""A simulated robot on ROS 2: publishes what the real one publishes, takes the setpoints it takes.

In real time it uses the wall clock. With another `speed` it is the source of /clock; with speed
0 it runs as fast as the controller answers: each sensor sample waits for the setpoint that
carries its time, or for LOCKSTEP_S.

The topics of the robot carry measured signals only; the truth, for scoring, is on
`ground_truth/odom` and `ground_truth/joint_states`. For a viewer, /tf has the base, and
`joint_states` the joints that robot_state_publisher needs: the truth where the robot itself
measures neither.
"""

from __future__ import annotations

from collections.abc import Sequence
import importlib
import math
import sys
import time
from typing import Any

import numpy as np
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger

from robot_rl.errors import MessageError, SpecError
from robot_rl.nodes.description import GROUND_TRUTH, JOINT_TRUTH
from robot_rl.nodes.messages import message_type, set_stamp, split_seconds, stamp_of
from robot_rl.nodes.parameters import NODE_OPTIONS, Parameters
from robot_rl.nodes.process import Stop, executor_of, raise_priority, serve
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.rhythm import Rhythm, Stopped
from robot_rl.nodes.setpoints import available, codec
from robot_rl.nodes.signals import encoder
from robot_rl.nodes.simulated_arena import ArenaOutputs
from robot_rl.nodes.simulated_goal import GoalOutputs
from robot_rl.nodes.simulated_robot import SimulatedRobot, samples_between
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.nodes.transform import BaseTransform
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for
from robot_rl.spec.robot import Robot, Setpoint
from robot_rl.spec.task import Task

TRUTHS = (
    ('nav_msgs/msg/Odometry', GROUND_TRUTH, 'base_pos_w'),
    ('sensor_msgs/msg/JointState', JOINT_TRUTH, 'joint_pos'),
    ('sensor_msgs/msg/JointState', 'joint_states', 'joint_pos'),
)
"""(message, topic, a signal that the engine must know for it). A topic of the robot's own comes
first."""
LOCKSTEP_S = 0.2
"""[s] of wall time that a simulation as fast as it can waits for the controller's answer."""
EPOCH_S = 1.0
"""[s] simulated time at the start; 0 would read as a stamp that nobody filled in."""


class SimNode(Node):
    """Parameters: see launch/params, and `robot`, `level`, `engine`.

    `task` names a task whose world the robot is in. `arena` puts it into one to navigate in: a
    JSON file (spec/arena_file.py), or the seed of one that is drawn; see `simulated_arena.py`.
    With `tell_goal` it also says the goal that this world is built around; `simulated_goal.py`.
    `messages.*` and those that begin with `setpoint_` are as those of policy_node.
    """

    def __init__(self) -> None:
        """Read the parameters and build the simulation."""
        super().__init__('sim_node', **NODE_OPTIONS)
        parameters = Parameters(self)
        self._robot: Robot = parameters.robot()
        setpoints = self._robot.setpoints
        level = parameters.get('level', next(iter(setpoints)))
        self._setpoint: Setpoint = available(
            self._robot.setpoint(level),
            parameters.get('setpoint_message', ''),
            gains=parameters.get('setpoint_gains', True),
        )
        task, arena = parameters.get('task', ''), parameters.get('arena', '')
        self._dt = parameters.get('dt', 0.002)
        self._speed = parameters.get('speed', 1.0)
        rest = self._robot.rest.get('base_pos_w', (0.0, 0.0, 0.0))
        self._initial = parameters.floats('initial_position', rest)
        randomize = parameters.get('randomize', False)
        settings = {
            'engine': parameters.get('engine', engine_for(self._robot)),
            'seed': parameters.get('seed', 0),
            'noise': parameters.get('noise', True),
        }
        self._qos = {
            name: parameters.quality(name, purpose)
            for name, purpose in (('sensor', 'sensor'), ('setpoint', 'sensor'))
        }
        self._messages = parameters.messages(self._robot)
        setpoint_topic = parameters.get('setpoint_topic', self._setpoint.topic)
        tell_goal = parameters.get('tell_goal', False)
        nice = parameters.get('nice', -10)
        parameters.finish()
        if self._speed < 0.0 or not self._dt > 0.0:
            raise SpecError(
                f"The simulation needs 'speed' >= 0 and 'dt' > 0, got {self._speed} and "
                f'{self._dt}.'
            )
        self._sensor_dt, self._every = samples_between(self._robot, self._dt)
        self._fastest = min(self._every.values())
        self._simulation = SimulatedRobot(
            self._robot,
            self._setpoint.name,
            dt=self._dt,
            sensor_dt=self._sensor_dt,
            randomize=randomize,
            task=self._world(task, arena),
            walking=bool(arena),
            **settings,
        )
        self._simulation.reset(self._initial_state())
        # First, because it finds the type of transforms.
        self._arena = ArenaOutputs(self, self._robot) if arena else None
        self._goal = None
        if tell_goal:
            self._goal = GoalOutputs(self, self._robot, self._simulation.asked, self._sensor_dt)
        self._connect(setpoint_topic)
        if nice:
            raise_priority(nice)

    def _world(self, task: str, arena: str) -> Task | None:
        """Whose world the robot is in. Raises SpecError, UnknownNameError."""
        if not (arena or task):
            return None
        arenas = importlib.import_module('robot_rl.envs.arena')
        if not arena:
            return arenas.task_of(registry.task(task), self._robot)
        return arenas.task_in(self._robot, arenas.arena_named(arena, self._robot), self._dt)

    def _connect(self, setpoint_topic: str) -> None:
        """Make publishers, the subscription and the service."""
        self._outputs: list[tuple[str, Any, Any, Any]] = []
        for topic in self._simulation.robot.topics:
            if not topic.requested:
                self._add_output(self._messages[topic.name], topic.name)
        self._measured_outputs = len(self._outputs)
        seeing = self._simulation.seeing
        self._looks_every = math.gcd(*(self._every[name] for name in seeing))
        truth, own = self._simulation.truth(), {topic.name for topic in self._robot.topics}
        for message, name, needed in TRUTHS:
            if needed in truth and name not in own:
                self._add_output(message, name)
        self._transform = BaseTransform.find(self, self._robot, truth)
        self._clock = Clock()
        self._clock_publisher = None
        if self._speed != 1.0:
            self._clock_publisher = self.create_publisher(
                Clock, '/clock', profile(quality('setpoint'))
            )
        self._codec = codec(self._setpoint.message)
        self._subscription = TakenByHand().subscribe(
            self,
            message_type(self._setpoint.message),
            setpoint_topic,
            profile(self._qos['setpoint']),
        )
        self._received = np.array(self._setpoint.neutral)
        self._stiffness = 1.0
        self._heard: float | None = None
        self._stamp = 0.0
        self._complained = ''
        self.create_service(Trigger, '~/reset', self._on_reset)

    def _add_output(self, message: str, topic: str) -> None:
        kind = message_type(message)
        publisher = self.create_publisher(kind, topic, profile(self._qos['sensor']))
        self._outputs.append((topic, publisher, kind(), encoder(message)))

    def _initial_state(self) -> dict[str, Sequence[float]]:
        state: dict[str, Sequence[float]] = dict(self._robot.rest)
        if not self._robot.fixed_base:
            state['base_pos_w'] = self._initial
        return state

    def run(self, stop: Stop) -> int:
        """Simulate until stopped."""
        self._executor = executor_of(self)
        topics = self._simulation.robot.topics
        self.get_logger().info(
            f'Simulating {self._robot.name} at {1.0 / self._dt:g} Hz, '
            f'{", ".join(f"{t.name} at {t.rate_hz:g}" for t in topics if t.rate_hz)} '
            'Hz.'
        )
        try:
            if self._speed == 0.0:
                self._run_lockstep(stop)
            else:
                self._run_paced(stop)
        except Stopped:
            pass
        return 0

    def _run_paced(self, stop: Stop) -> None:
        """Step at `speed` times real time; every step takes the newest setpoint."""
        rhythm = Rhythm(self, self._executor, self._dt / self._speed, lambda: bool(stop))
        every, tick, simulated = round(self._sensor_dt / self._dt), 0, EPOCH_S
        most = every * self._fastest  # a late wake-up is made up, a long pause is not
        while True:
            missed = rhythm.wait()
            for _ in range(1 + min(missed, most)):
                simulated += self._dt
                self._advance(simulated)
                tick += 1
                if tick % every == 0:
                    now = simulated if self._clock_publisher else time.time()
                    self._publish(now, tick // every)

    def _run_lockstep(self, stop: Stop) -> None:
        """Step as fast as answers come: the machine's speed does not change the result."""
        every, steps = round(self._sensor_dt / self._dt), 0
        while not stop:
            now = EPOCH_S + steps * self._dt
            if self._publish(now, steps // every):
                self._await_answer(now, stop)
            for _ in range(every):
                steps += 1
                self._advance(EPOCH_S + steps * self._dt)
            if (steps // every) % 10 == 0:
                self._executor.spin_once(timeout_sec=0.0)

    def _await_answer(self, now: float, stop: Stop) -> None:
        """Wait for a setpoint stamped `now` [s] or later."""
        patience = time.perf_counter() + (
            LOCKSTEP_S if self._heard is not None else self._fastest * self._sensor_dt
        )
        while not stop and self._stamp < now - 1e-6 and time.perf_counter() < patience:
            time.sleep(1e-4)
            self._listen(now)

    def _advance(self, simulated: float) -> None:
        """One physics step."""
        self._listen(simulated)
        silence = 0.0 if self._heard is None else simulated - self._heard
        received = None if self._heard is None else self._received
        self._simulation.step(received, silence, self._stiffness)

    def _listen(self, simulated: float) -> None:
        """Take the newest setpoint, if one came and it can be believed."""
        message = TakenByHand.newest(self._subscription)
        if message is None:
            return
        try:
            self._stiffness = self._codec.read(
                message, self._robot, self._setpoint, self._received
            )
        except MessageError as error:
            if str(error) != self._complained:
                self._complained = str(error)
                self.get_logger().error(f'Setpoint refused. {error}')
            return
        self._heard = simulated
        # A message without a stamp answers whatever was published last.
        self._stamp = stamp_of(message) if self._codec.stamped else simulated

    def _publish(self, now: float, sample: int) -> bool:
        """Publish the topics whose turn it is at the sensors' sample number `sample`.

        With the fastest, which it returns whether it is due, goes the truth and, in simulated
        time, the clock last.
        """
        looking = self._looks_every == 0 or sample % self._looks_every == 0
        signals = self._simulation.measured(looking=looking)
        truth = self._simulation.truth()
        lost = self._simulation.lost()
        if self._arena is not None:
            self._arena.publish(self._simulation.time_s, truth, self._simulation.clearance)
        if self._goal is not None:
            self._goal.publish(self._simulation.asked, now, sample)
        fastest = sample % self._fastest == 0
        for index, (topic, publisher, message, encode) in enumerate(self._outputs):
            if topic in lost or sample % self._every.get(topic, self._fastest):
                continue
            measured = index < self._measured_outputs
            encode(message, self._robot, signals if measured else truth)
            late = self._simulation.image_age if topic in self._simulation.seeing else 0.0
            set_stamp(message, now - late)
            publisher.publish(message)
        if not fastest:
            return False
        if self._transform is not None:
            self._transform.publish(signals, truth, now)
        if self._clock_publisher is not None:
            self._clock.clock.sec, self._clock.clock.nanosec = split_seconds(now)
            self._clock_publisher.publish(self._clock)
        return True

    def _on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._simulation.reset(self._initial_state())
        self._heard = None
        response.success, response.message = True, 'The robot is back at its initial state.'
        return response


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the process."""
    return serve(SimNode, argv)


if __name__ == '__main__':
    sys.exit(main())
