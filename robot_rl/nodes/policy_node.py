"""Flies one policy on one robot: a lifecycle node with a control loop of its own.

configure   loads the policy file, runs its self-test, and refuses what does not fit the robot.
activate    refuses while a sensor is missing, stale or too slow, or another node drives the robot.
active      every control period: newest messages, controller, publish. ROS is served in between.
deactivate  runs the robot's safe action to its end, as does the end of the process.

Services `~/takeover` (SetBool) and `~/reset` (Trigger, after a fault or an emergency stop); topics
`~/takeover_setpoint` (the robot's setpoint message), `~/dead_man` (KeyValue, see teleop_node.py),
`estop` (Bool), and `~/pilot` (Header: who acted, every period). Parameters: see `Settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import gc
import sys
import time

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from robot_rl.deploy.controller import Controller
from robot_rl.deploy.modes import Mode
from robot_rl.deploy.policy import Policy
from robot_rl.deploy.stages import landing_s
from robot_rl.errors import ContractError, FlightError, RobotRLError
from robot_rl.nodes.parameters import NODE_OPTIONS, Parameters
from robot_rl.nodes.policy_inputs import PolicyInputs
from robot_rl.nodes.policy_output import Output
from robot_rl.nodes.policy_override import Override
from robot_rl.nodes.policy_report import Report
from robot_rl.nodes.policy_settings import Settings
from robot_rl.nodes.process import SPIN_S, Stop, executor_of, raise_priority, serve
from robot_rl.nodes.qos import profile
from robot_rl.nodes.rhythm import Rhythm, Stopped
from robot_rl.nodes.teleop_topics import ESTOP

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
SLACK_S = 3.5
"""[s] that landing may take beyond the length of its stages, where time passes slowly or a fault
holds the last of them."""
_MEND = 'See that each is published as it should be; /diagnostics has ages and refusals.'
_ASKED = 'somebody else changed its state, or asked it to end. Start it again.'


class PolicyNode(LifecycleNode):
    """See the module."""

    _output_kind: type[Output] = Output

    def __init__(
        self,
        name: str = 'policy_node',
        read: Callable[[Parameters], Settings] = Settings.read,
    ) -> None:
        """Read the parameters; the policy is loaded by configure."""
        super().__init__(name, **NODE_OPTIONS)
        self._settings = read(Parameters(self))
        self._executor_used = executor_of(self)
        self._stop = Stop()
        self._report = Report(self, self._settings)
        self._refusal: RobotRLError | None = None
        self._controller: Controller | None = None
        self._driving = False
        self._landing_until = 0.0

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:  # noqa: ARG002
        """Load the policy and connect; FAILURE, with the reason in the log, if it does not fit."""
        return self._guarded(self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:  # noqa: ARG002
        """Let the policy drive; FAILURE, with the reason in the log, while it must not."""
        result = self._guarded(self._activate)
        if result != SUCCESS and self._controller is not None:
            self._output.claim.release()
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:  # noqa: ARG002
        """Run the safe action to its end."""
        return self._guarded(lambda: self._land('deactivated'))

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:  # noqa: ARG002
        """Forget the policy."""
        return self._guarded(self._disconnect)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:  # noqa: ARG002
        """Run the safe action to its end and forget the policy."""
        self._stop.count = max(1, self._stop.count)
        return self._guarded(lambda: self._land('shut down'))

    def _guarded(self, work: Callable[[], None]) -> TransitionCallbackReturn:
        """Do the work of a transition; what the user can mend is a FAILURE and goes to the log."""
        self._refusal, self._report.refusal = None, ''
        try:
            work()
        except RobotRLError as error:
            self._refusal, self._report.refusal = error, str(error)
            self.get_logger().error(str(error))
            return FAILURE
        except Stopped:
            return FAILURE
        return SUCCESS

    def _configure(self) -> None:
        settings = self._settings
        policy = Policy.load(settings.policy)
        controller = Controller(settings.robot, policy)
        controller.configure()
        contract = policy.contract
        setpoint = settings.robot.setpoint(contract.level)
        self._output = self._output_kind(
            self,
            settings.robot,
            setpoint,
            settings.setpoint_topic,
            settings.setpoint_message,
            profile(settings.setpoint_quality),
            gains=settings.setpoint_gains,
        )
        self._override = Override(
            self, settings.robot, self._output, controller, lambda: self._rhythm.now()
        )
        self._inputs = PolicyInputs(self, settings.robot, controller, settings.routes)
        self._rhythm = Rhythm(self, self._executor_used, contract.control_dt, self._ended)
        self._controller = controller
        self._report.attach(controller, self._output)
        if settings.nice and not raise_priority(settings.nice):
            self.get_logger().info(f'Not allowed to run at niceness {settings.nice}.')
        self.get_logger().info(
            f'{settings.policy.name}: {contract.task}, {1.0 / contract.control_dt:g} Hz, '
            'self-test passed.'
        )

    def _disconnect(self) -> None:
        if self._controller is not None:
            self._inputs.close()
            self._override.close()
            self._output.close()
            self._controller.cleanup()
            self._controller = None
            self._report.attach(None)

    def _activate(self) -> None:
        """Raise ContractError for what will not pass by itself, FlightError for what may."""
        controller, settings = self._require(), self._settings
        self._claim()
        self._override.look()
        self._inputs.forget_rates()
        self._listen(settings.rate_window_s)
        slow = self._inputs.slow(controller.policy.contract.control_dt)
        now = self._await_measurement()
        if controller.mode is Mode.FAULT:
            raise FlightError(
                f'Not activated: a fault is latched ({controller.reason}). Call ~/reset.'
            )
        if self._override.stopped:
            raise FlightError(
                f'Not activated: the emergency stop is pressed. Send false on {ESTOP} to release '
                'it.'
            )
        problems = controller.inputs.problems(now)
        if problems or slow:
            missing = '; '.join(text.rstrip('.') for text in problems + slow)
            raise FlightError(f'Not activated: {missing}. {_MEND}')
        if not controller.activate(now):
            raise FlightError(controller.reason[:1].upper() + controller.reason[1:] + '.')
        self._report.activated(now + self._rhythm.ros_offset())
        gc.collect()
        gc.freeze()  # what exists now is never looked at again by the collector
        if not self._rhythm.simulated:
            self._take()  # what is already there came at an unknown time
            self._await_measurement()
            time.sleep(settings.phase_s)
        self._rhythm.pacer.reset()
        self._rhythm.pacer.wait()  # returns at once: this is where the deadlines are counted from
        self._driving = True

    def _claim(self) -> None:
        """Raise ContractError if another node drives the robot."""
        others = self._output.others()
        holder = self._output.claim.take()
        if others or holder:
            raise ContractError(
                f'{self._output.topic} already has a publisher: {", ".join(others) or holder}. '
                'Two nodes must not drive one robot; stop the other one first.'
            )

    def _require(self) -> Controller:
        if self._controller is None:
            raise FlightError(
                'The node is not configured, it has no policy yet. Configure it with: '
                f'ros2 lifecycle set {self.get_fully_qualified_name()} configure'
            )
        return self._controller

    def _listen(self, seconds: float) -> None:
        """Take messages for a while, often enough to miss none."""
        end = time.perf_counter() + seconds
        nap = 0.25 * self._require().policy.contract.control_dt
        while time.perf_counter() < end and not self._stop:
            self._take()
            time.sleep(nap)

    def _await_measurement(self) -> float:
        """Wait for a measurement to arrive, at most two control periods; returns the time."""
        end = time.perf_counter() + 2.0 * self._require().policy.contract.control_dt
        while not self._take() and time.perf_counter() < end:
            time.sleep(0.0001)
        return self._rhythm.now()

    def _take(self) -> bool:
        now, offset = self._rhythm.now(), self._rhythm.ros_offset()
        self._override.take(now, offset)
        return self._inputs.take(now, offset)

    # The loop

    def run(self, stop: Stop) -> int:
        """Work until asked to stop; the robot's safe action is the last thing sent."""
        self._stop = stop
        try:
            if self._settings.autostart:
                self._start()
            while not stop:
                self._turn()
            self._land('the node was asked to end')
        finally:
            if self._engaged:  # a defect of ours: the robot is not left with the last setpoint
                self._publish_last()
        self._report.write(final=True)
        return 0

    def _start(self) -> None:
        """Configure and activate. Raises the refusal, FlightError when patience is at its end."""
        settings = self._settings
        if self.trigger_configure() != SUCCESS:
            raise self._refusal or FlightError(
                f'{settings.policy} could not be configured: {_ASKED}'
            )
        end, said = time.perf_counter() + settings.patience_s, ''
        while not self._stop:
            try:
                self._probe()
            except FlightError as error:
                if str(error) != said:
                    said = str(error)
                    self.get_logger().info(f'Waiting. {said}')
                if time.perf_counter() > end:
                    raise
                self._turn()
                continue
            if self.trigger_activate() == SUCCESS:
                return
            if not isinstance(self._refusal, FlightError) or time.perf_counter() > end:
                raise self._refusal or FlightError(
                    f'{settings.policy} could not be activated: {_ASKED}'
                )
            self._turn()  # a person may reset what stands in its way

    def _probe(self) -> None:
        """Raise FlightError while an input is missing: no transition is worth trying yet."""
        self._take()
        problems = self._require().inputs.problems(self._rhythm.now())
        if problems:
            missing = '; '.join(p.split(' is ')[0].rstrip('.') for p in problems)
            raise FlightError(f'Not activated: {missing}. {_MEND}')

    @property
    def _engaged(self) -> bool:
        return self._controller is not None and self._controller.mode not in (
            Mode.IDLE,
            Mode.READY,
        )

    def _turn(self) -> None:
        """A control period, or a wait while there is nothing to control."""
        if self._engaged:
            self._try_tick()
        else:
            self._idle()

    def _idle(self) -> None:
        """Nothing to control: serve ROS, keep the inputs fresh, report."""
        self._executor_used.spin_once(timeout_sec=0.2 * SPIN_S)
        if self._controller is not None:
            self._take()
        self._report.look()

    def _try_tick(self) -> None:
        try:
            self._tick(serve=True)
        except Stopped:
            return
        if not self._engaged and self._driving:
            self.trigger_deactivate()  # a reset or a human's silence has brought the robot to rest

    def _tick(self, *, serve: bool) -> None:
        """One control period."""
        controller, rhythm = self._require(), self._rhythm
        rhythm.wait(serve=serve)
        woken = time.perf_counter()
        now = rhythm.now()
        late = now - (rhythm.pacer.deadline - rhythm.pacer.dt)
        offset = rhythm.ros_offset()
        self._override.take(now, offset)
        self._inputs.take(now, offset)
        self._ask(now)
        before = time.perf_counter()
        command = controller.tick(now)
        after = time.perf_counter()
        if command.publish:
            self._output.publish(command.setpoint, now + offset, command.stiffness)
        done = time.perf_counter()
        self._override.say(command, now + offset)
        controller.measure()
        self._report.traces.push(after - before, done - woken, late, self._inputs.age(now))
        self._report.look()

    def _ask(self, now: float) -> None:
        """Ask the policy for what no topic asks for; a node that does overrides this."""

    def _land(self, reason: str) -> None:
        """Stop the policy and publish the safe action to its end, while that comes in time."""
        self._driving = False
        controller = self._controller
        if controller is None:
            return
        if not self._engaged:
            self._output.claim.release()
            return
        controller.reset(self._rhythm.now())  # a fault's safe action is finished like any other
        controller.deactivate(self._rhythm.now(), reason)
        self._landing_until = time.perf_counter() + landing_s(self._output.setpoint) + SLACK_S
        try:
            while self._engaged:
                self._tick(serve=False)
        except Stopped:  # asked twice, or time does not pass: the end of the safe action at once
            self._publish_last()
        self._landing_until = 0.0
        self._output.claim.release()

    def _publish_last(self) -> None:
        """Leave the robot with the end of its safe action."""
        moment = self._rhythm.now() + self._rhythm.ros_offset()
        self._output.publish_last_stage(self._require().command.setpoint, moment)

    def _ended(self) -> bool:
        """Whether a wait of the loop must end: asked to stop while flying, twice while landing."""
        if not self._landing_until:
            return bool(self._stop)
        return self._stop.count > 1 or time.perf_counter() > self._landing_until


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the process."""
    return serve(PolicyNode, argv)


if __name__ == '__main__':
    sys.exit(main())
