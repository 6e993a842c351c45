"""Drives a mobile robot by a policy, in the place of Nav2's controller server.

A policy node (`policy_node.py`) of which actions ask instead of a topic: `follow_path`
(nav2_msgs/action/FollowPath) and `navigate_to_pose` (nav2_msgs/action/NavigateToPose). The policy
sees scan, odometry and `goal_pos_w`: the pose asked for, or a point on the path ahead of the
robot, in the odometry's frame. Without a goal nothing is published.

configure   loads the policy, offers the actions, refuses what does not fit.
activate    accepts goals from now on; refuses while somebody serves the same action, or while the
            topic of velocities has another type at its other end.
deactivate  gives the goal up and stops the robot.

Parameters: see `navigation_settings.Navigation` and `policy_settings.Settings`.
"""

from __future__ import annotations

from collections.abc import Sequence
import gc
import math
import sys
import time

import numpy as np

from robot_rl.deploy.modes import Mode
from robot_rl.deploy.policy import contract_of
from robot_rl.errors import ContractError
from robot_rl.nodes.navigation_frames import Frames, Transform, yaw_of
from robot_rl.nodes.navigation_goals import Code, Errand, Goals, Here
from robot_rl.nodes.navigation_output import SpeedLimits, Velocity
from robot_rl.nodes.navigation_path import Arrival, Course, Progress
from robot_rl.nodes.navigation_settings import Navigation
from robot_rl.nodes.parameters import Parameters
from robot_rl.nodes.policy_node import PolicyNode
from robot_rl.nodes.policy_output import Output
from robot_rl.nodes.policy_settings import Settings
from robot_rl.nodes.process import Stop, serve

NEEDED = ('goal_pos_w', 'base_pos_w', 'base_quat_w')
DISCOVERY_S = 1.0
"""[s] that activation waits for DDS to find who is on the topic of velocities."""
PEERS_S = 1.0
"""[s] between two looks at who is there, while the robot drives."""
FEEDBACK_S = 0.1
SPARE_S = 0.002
"""[s] before its deadline the loop stops serving ROS, so as not to be late."""
DRIVING = (Mode.STARTING, Mode.ACTIVE, Mode.RECOVERY, Mode.UNSTICK)
PATIENCE = 0.6
"""Part of the time after which a disturbance becomes a fault: a sensor that is gone for a while is
no fault here, it ends the goal."""


class NavigationNode(PolicyNode):
    """See the module."""

    _output_kind: type[Output] = Velocity

    def __init__(self) -> None:
        """Read the parameters; the policy is loaded by configure."""
        super().__init__('navigation_node', self._read)
        self._goals: Goals | None = None
        self._course: Course | None = None
        self._seen: Errand | None = None
        self._hindered_since = math.inf
        self._told = self._looked = -math.inf
        self._others = ''

    def _read(self, parameters: Parameters) -> Settings:
        self._navigation, settings = Navigation.read(parameters)
        return settings

    # Lifecycle

    def _configure(self) -> None:
        settings, navigation = self._settings, self._navigation
        contract = contract_of(settings.policy)
        lacking = [name for name in NEEDED if name not in {s.name for s in contract.signals}]
        if lacking:
            raise ContractError(
                f'{settings.policy.name} does not navigate: it takes no {", ".join(lacking)}. '
                'Choose a policy whose signals are scan, odometry and goal_pos_w.'
            )
        frames = Frames(self, navigation.transform_age_s)
        goals = Goals(self, navigation.actions, navigation.controller_ids)
        try:
            super()._configure()
            self._limits = SpeedLimits(self, navigation.speed_limit_topic, self._velocity)
        except BaseException:
            goals.close()
            frames.close()
            raise
        self._goals, self._frames = goals, frames
        self._progress = Progress(navigation.progress_distance, navigation.progress_s)
        stage_s = self._velocity.setpoint.safe[0].duration_s
        self._patience_s = PATIENCE * min(settings.robot.limits.recovery_s, stage_s)

    def _disconnect(self) -> None:
        if self._goals is not None:
            self._goals.close()
            self._frames.close()
            self._limits.close()
            self._goals = None
        super()._disconnect()

    def _activate(self) -> None:
        """Raise ContractError for what will not pass by itself."""
        self._require()
        goals, velocity = self._served(), self._velocity
        if holder := velocity.claim.take():
            raise ContractError(
                f'{velocity.topic} is published on by {holder}, another policy of robot_rl. Stop '
                'that first.'
            )
        end = time.perf_counter() + DISCOVERY_S
        while time.perf_counter() < end and not velocity.heard and not velocity.strangers():
            time.sleep(0.02)
        if rivals := goals.rivals():
            raise ContractError(
                f'The action is served already, by {", ".join(rivals)}. Stop that node, or leave '
                "the action out of the parameter 'actions'."
            )
        self._require_one_type()
        if not velocity.heard:
            self.get_logger().warning(f'Nobody listens on {velocity.topic} so far.')
        self._override.look()
        gc.collect()
        gc.freeze()
        goals.open = True

    def _require_one_type(self) -> None:
        """Raise ContractError while somebody speaks another type on the topic of velocities."""
        velocity = self._velocity
        if strangers := velocity.strangers():
            raise ContractError(
                f'{velocity.topic} must have one type, and this node sends '
                f'{velocity.setpoint.message}: {", ".join(strangers)}. The robot would not move. '
                "Set the parameter 'stamped', or enable_stamped_cmd_vel there."
            )

    def _look_around(self, now: float) -> str:
        """What `_require_one_type` says, looked at every PEERS_S; '' where all is well."""
        if now - self._looked >= PEERS_S:
            self._looked, self._others = now, ''
            try:
                self._require_one_type()
            except ContractError as error:
                self._others = str(error)
        return self._others

    @property
    def _velocity(self) -> Velocity:
        assert isinstance(self._output, Velocity)
        return self._output

    def _served(self) -> Goals:
        assert self._goals is not None
        return self._goals

    def _probe(self) -> None:
        """Sensors are looked for when there is a goal."""

    def _land(self, reason: str) -> None:
        """Give the goal up, then stop the robot."""
        if self._goals is not None:
            self._goals.open = False
            self._goals.end('abort', Code.UNKNOWN, reason)
        super()._land(reason)

    def run(self, stop: Stop) -> int:
        """Work until asked to stop; the robot stands then, and whoever sent a goal knows."""
        code = super().run(stop)
        end = time.perf_counter() + 0.5
        while time.perf_counter() < end:
            self._executor_used.spin_once(timeout_sec=0.02)
        return code

    # The loop

    def _turn(self) -> None:
        if self._engaged:
            self._serve_until_due()
        super()._turn()

    def _serve_until_due(self) -> None:
        """Serve ROS instead of sleeping: a behaviour tree waits 20 ms for an answer."""
        rhythm = self._rhythm
        while not self._stop:
            left = rhythm.pacer.deadline - rhythm.now() - SPARE_S
            if not left > 0.0:
                return
            self._executor_used.spin_once(timeout_sec=0.001 if rhythm.simulated else left)

    def _idle(self) -> None:
        super()._idle()
        if self._goals is not None:  # it is configured
            self._ask(self._rhythm.now())

    def _ask(self, now: float) -> None:
        """See to the goal, and ask the policy for it."""
        goals = self._goals
        if goals is None:
            return
        self._frames.take()
        self._limits.take()
        errand = goals.current
        if errand is not None and errand.handle.is_cancel_requested:
            goals.end('canceled')
        elif errand is not None:
            if errand is not self._seen:
                self._begin(errand, now)
            self._pursue(errand, now)
        if goals.current is None:
            self._halt(now, 'no goal')

    def _begin(self, errand: Errand, now: float) -> None:
        """Take up a new goal; a path that is planned anew does not count as progress."""
        if errand.replaces != errand.name:
            self._progress.reset()
        settings = self._navigation
        self._seen, errand.begun = errand, now
        self._course = Course(errand.points, settings.lookahead)
        self._arrival = Arrival(settings.xy_tolerance, settings.yaw_tolerance, settings.stateful)
        self._hindered_since = math.inf

    def _pursue(self, errand: Errand, now: float) -> None:
        """One look at the goal: hindered, there, stuck, or on the way."""
        goals = self._served()
        found = self._transform(errand, now)
        code, text = self._hindrance(found, now)
        if text:
            self._wait(code, text, now)
            return
        assert isinstance(found, Transform)
        self._hindered_since = math.inf
        here = self._here(found, now)
        course = self._course
        assert course is not None
        course.update(here.pos)
        errand.distance = course.remaining
        if self._arrival.check(course, errand.yaw - yaw_of(here.quat)):
            goals.end('succeed')
        elif not self._progress.check(self._signal('base_pos_w'), now):
            far, allowance = self._navigation.progress_distance, self._navigation.progress_s
            text = f'the robot has not moved {far:g} m within {allowance:g} s'
            goals.end('abort', Code.FAILED_TO_MAKE_PROGRESS, text)
        else:
            if now - self._told >= FEEDBACK_S:
                self._told = now
                goals.tell(here)
            self._head_for(found(course.target[None])[0], now)

    def _wait(self, code: Code, text: str, now: float) -> None:
        """Stand for a while, in case that what hinders passes; then give the goal up."""
        if code is Code.NONE:
            return
        self._hindered_since = min(now, self._hindered_since)
        waited = now - self._hindered_since
        if code is not Code.PATIENCE_EXCEEDED or waited > self._patience_s:
            self._halt(now, text)  # else the controller stands by itself, and may drive on
        if code is Code.NO_VALID_CONTROL or waited > self._navigation.failure_tolerance_s:
            self._served().end('abort', code, text)

    def _head_for(self, target: np.ndarray, now: float) -> None:
        """Let the policy drive to `target` (3,) [m] in the odometry's frame."""
        controller, goals = self._require(), self._served()
        if not controller.feed('goal_pos_w', target, now):
            refusal = controller.inputs.sources['goal_pos_w'].refusal
            goals.end('abort', Code.INVALID_PATH, refusal)
        elif controller.mode is Mode.READY:
            if controller.activate(now):
                self._rhythm.pacer.reset()
                self._rhythm.pacer.wait()  # returns at once: deadlines are counted from here
            else:
                goals.end('abort', Code.NO_VALID_CONTROL, controller.reason)

    def _transform(self, errand: Errand, now: float) -> Transform | str:
        """From the frame of the goal to the odometry's."""
        world = self._settings.robot.world_frame
        return self._frames.find(world, errand.frame, now + self._rhythm.ros_offset())

    def _hindrance(self, found: Transform | str, now: float) -> tuple[Code, str]:
        """Why the robot cannot drive now, '' if it can; no code where it only takes a moment."""
        controller = self._require()
        if strangers := self._look_around(now):
            return Code.NO_VALID_CONTROL, strangers
        if controller.mode is Mode.FAULT:
            name = self.get_fully_qualified_name()
            text = f'a fault is latched ({controller.reason}); call {name}/reset'
            return Code.NO_VALID_CONTROL, text
        if isinstance(found, str):
            return Code.TF_ERROR, found
        if controller.mode is Mode.RECOVERY:
            return Code.PATIENCE_EXCEEDED, controller.reason
        if controller.mode is Mode.STOPPING:  # to its end, which is nobody's failure
            return Code.NONE, 'the robot is stopping'
        if controller.mode is Mode.READY:
            problems = controller.inputs.problems(now)
            stale = [text for text in problems if not text.startswith('goal_pos_w')]
            return Code.PATIENCE_EXCEEDED, '; '.join(stale)
        return Code.NONE, ''

    def _halt(self, now: float, reason: str) -> None:
        """Stop the robot, if it is this node that drives it."""
        controller = self._require()
        if controller.mode in DRIVING:
            controller.deactivate(now, reason)

    def _signal(self, name: str) -> np.ndarray:
        return self._require().inputs.sources[name].view

    def _here(self, found: Transform, now: float) -> Here:
        """Where the robot is, in the frame of its goal."""
        base = Transform(self._signal('base_pos_w'), self._signal('base_quat_w'))
        place = found.inverse().after(base)
        sources = self._require().inputs.sources
        speed = sources['base_lin_vel_b'].view[0] if 'base_lin_vel_b' in sources else 0.0
        return Here(now, now + self._rhythm.ros_offset(), place.pos, place.quat, float(speed))


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the process."""
    return serve(NavigationNode, argv)


if __name__ == '__main__':
    sys.exit(main())
