"""The deployed controller: signals in, one safe setpoint out, every control period.

    newest signals -> ages -> plausible? -> tilt, fence -> policy -> finite? -> limits -> command

It knows no ROS and no clock: the caller feeds messages and ticks, with times in float seconds of
one clock (monotonic or ROS). Not for use from two threads at once. See modes.py for what it may
be doing.

Before and after the policy the robot may have something to do (stand up, sit down): see
spec/stage.py. A robot that is asked to move and does not does what it declares for that.

What happens when something fails, while the policy drives:
- a stale, missing or implausible input, or missed deadlines: the robot's safe action starts at
  once. If the inputs are good again within `Limits.recovery_s`, the policy resumes; else FAULT. So
  it is where that happens too often (disturbances.py).
- tilt, fence, a policy output that is not finite, a clock that runs backwards: FAULT at once.
- FAULT is latched: the safe action runs to its last stage and holds there until `reset`.
While the robot starts, any of these is a FAULT; while it stops in its own way, those that do not
pass are.

While a human drives, stale inputs are reported but do not stop them (they may be why the human
took over); tilt and fence do. Silence of the human's own commands is a disturbance like any other:
the safe action starts at once, the human goes on if they are heard again within
`Limits.recovery_s`, else the robot stops. One with a way of its own to stop (it sits down) takes
that at once. After a takeover the policy's setpoints begin where the human's ended (takeover.py).

Memory is reset on activation, after a takeover and after a recovery: in all three the setpoints
sent were not the policy's, and zero memory is the state that training started every episode
from. Goals come as a stream and never reset it.
"""

from __future__ import annotations

from collections.abc import Callable
import math
from typing import Any

import numpy as np

from robot_rl.deploy.command import Actor, Command
from robot_rl.deploy.conduct import STAGED, Conduct
from robot_rl.deploy.diagnosis import Finding
from robot_rl.deploy.disturbances import Disturbances
from robot_rl.deploy.evidence import Evidence
from robot_rl.deploy.limits import Failure, InputLimits, SetpointLimits
from robot_rl.deploy.modes import Event, Mode, next_mode
from robot_rl.deploy.policy import Policy
from robot_rl.deploy.takeover import MAX_PERIODS, HandBack, Takeover
from robot_rl.deploy.timing import TickMeter
from robot_rl.deploy.watchdog import Inputs, needed_signals
from robot_rl.spec.contract import require_fit
from robot_rl.spec.robot import Robot


class Controller:
    """Runs one policy on one robot."""

    def __init__(self, robot: Robot, policy: Policy) -> None:
        """Prepare every buffer. Raises ContractError if the policy does not fit the robot."""
        require_fit(policy.contract, robot)
        policy.fit(robot)
        contract = policy.contract
        self.robot, self.policy = robot, policy
        setpoint = robot.setpoint(contract.level)
        self.command = Command(setpoint.size)
        self.inputs = Inputs(robot, needed_signals(robot, contract.signals, setpoint))
        self._input_limits = InputLimits(robot, self.inputs)
        self._setpoint_limits = SetpointLimits(
            setpoint, contract.setpoint_low, contract.setpoint_high, contract.control_dt
        )
        self._feeds = tuple(
            (policy.inputs[s.name], self.inputs.sources[s.name].view) for s in contract.signals
        )
        views = {name: source.view for name, source in self.inputs.sources.items()}
        self._conduct = conduct = Conduct(setpoint, robot.joint_names, views)
        self._recovery_s = min(robot.limits.recovery_s, conduct.safe.first_stage_s)
        self.takeover_age_s = min(robot.limits.takeover_age_s, MAX_PERIODS * contract.control_dt)
        """[s] how old a human's command may be while the human drives."""
        self._takeover = Takeover(setpoint.size, self.takeover_age_s)
        self._hand_back = HandBack(setpoint.size)
        self._human_lost = False  # in RECOVERY: whether it is the human that is waited for
        self.meter = TickMeter(contract.control_dt)
        self._evidence = Evidence(robot, contract, self.inputs)
        self._disturbances = Disturbances()
        self._now = -math.inf
        self._engaged = False
        self._act: dict[Mode, Callable[[float], None]] = {
            Mode.STARTING: self._starting,
            Mode.ACTIVE: self._active,
            Mode.TAKEOVER: self._human,
            Mode.RECOVERY: self._recovery,
            Mode.UNSTICK: self._unstick,
            Mode.STOPPING: self._stopping,
            Mode.FAULT: self._send_stage,
        }

    @property
    def mode(self) -> Mode:
        """What the controller is doing."""
        return self.command.mode

    @property
    def reason(self) -> str:
        """Why the robot is not doing what was asked; '' if it is."""
        return self.command.reason

    # Requests

    def configure(self) -> None:
        """Run the policy's self-test. Raises PolicyFileError if it fails."""
        self.policy.self_test()
        self._enter(Event.CONFIGURE, '')

    def cleanup(self) -> None:
        """Go back to IDLE, from READY."""
        self._enter(Event.CLEANUP, self.reason)

    def activate(self, now: float) -> bool:
        """Let the policy drive if every signal is fresh and within limits; else see `reason`.

        `now` [s] is a time on the clock of the stamps.
        """
        if self.mode is not Mode.READY:
            if not self.reason:
                self.command.reason = (
                    f'cannot activate: the controller is {self.mode.value}, not ready'
                )
            return False
        problems = self.inputs.problems(now)
        if not problems:
            failure = self._input_limits.check()
            problems = [failure.text] if failure else []
        if problems:
            self.command.reason = 'not activated: ' + '; '.join(problems)
            return False
        self.command.setpoint[:] = self._conduct.present()
        self.policy.reset()
        self.meter.restart()
        self._disturbances.start()
        self._evidence.clear()
        self._now, self._engaged = now, True
        self._enter(Event.ACTIVATE if self._conduct.start is None else Event.START, '')
        return True

    def deactivate(self, now: float, reason: str = 'asked to stop') -> None:
        """Stop: run the safe action to its end, then READY. Keep ticking until then."""
        self._now = now
        self._enter(Event.STOP, reason)

    def fail(self, now: float, reason: str) -> None:
        """Latch a fault that was seen elsewhere, such as an emergency stop."""
        self._now = now
        self._enter(Event.FAILED, reason)

    def reset(self, now: float) -> None:
        """Leave FAULT: finish the safe action, then READY."""
        self._now = now
        self._enter(Event.RESET, self.reason)

    def take_over(self, now: float, operator: str = '') -> bool:
        """Let the human drive, whose commands must already arrive (`drive`); else see `reason`.

        `operator` is their name, for the record.
        """
        failure = self._takeover.problem(now)
        if self.mode is not Mode.ACTIVE:
            self.command.reason = (
                self.reason or f'no takeover: the controller is {self.mode.value}'
            )
            return False
        if failure:
            self.command.reason = f'no takeover: {failure.text}'
            return False
        self._takeover.begin(now, self.command.setpoint)
        self.command.operator = operator
        self._enter(Event.TAKE_OVER, '')
        return True

    def drive(self, setpoint: Any, stamp: float) -> bool:
        """Take a human's setpoint (size,) [SI] of time `stamp` [s]. False if it is refused."""
        return self._takeover.feed(setpoint, stamp)

    def release(self, now: float) -> None:
        """Hand back to the policy, which starts from zero memory and where the human ended.

        Where the human fell silent and is waited for, it is the policy that will resume.
        """
        self._now = now
        self._human_lost = False
        if self.mode is Mode.TAKEOVER:
            self.policy.reset()
            self._enter(Event.RELEASE, '')
            self._hand_back.begin(now)

    def lose(self, now: float, reason: str) -> None:
        """The human's device is known to be gone: do not wait until their commands are too old."""
        self._now = now
        self._takeover.forget()
        if self.mode is Mode.TAKEOVER:
            self._silent(Failure(reason, True), now)

    def feed(self, name: str, values: Any, stamp: float) -> bool:
        """Take a message for the signal `name`: (size,) SI values measured at `stamp` [s].

        Return False if it is refused; `diagnostics()['signals'][name]['refusal']` says why.
        """
        return self.inputs.feed(name, values, stamp, self._engaged)

    # Every control period

    def tick(self, now: float) -> Command:
        """Compute the command of the control period that begins at `now` [s]."""
        meter = self.meter
        meter.begin(now)
        self._now = now
        act = self._act.get(self.command.mode)
        if act is not None:
            self._conduct.now.elapsed += max(0.0, meter.gap)
            self.command.stiffness = 1.0
            act(now)
        self.command.publish = self._engaged
        if not self._engaged:
            self.command.actor = Actor.NOBODY
        meter.end()
        return self.command

    def measure(self) -> None:
        """Update what need not delay the command; call it once after each published command."""
        if self._engaged:
            self._setpoint_limits.count(self.command.setpoint)
            self._evidence.push(self.mode, self._now, self.command.setpoint)

    def diagnose(self) -> list[Finding]:
        """Likely causes of what looks wrong in the last seconds before a stop or a fault.

        Takes a few milliseconds, so call it after a fault or about once a second, between two
        ticks.
        """
        return self._evidence.diagnose()

    def _check(self, now: float) -> Failure | None:
        """First thing wrong with timing or inputs, or None."""
        meter = self.meter
        if meter.gap < 0.0:
            return Failure(f'the clock went back by {-meter.gap:.3f} s', False)
        stale = self.inputs.check(now)
        if stale is not None:
            return Failure(stale.problem(now), True)
        failure = self._input_limits.check()
        if failure is None and meter.streak > 0 and meter.streak >= self.robot.limits.overruns:
            text = f'{meter.streak} deadlines missed in a row, limit {self.robot.limits.overruns}'
            return Failure(f'{text} (the last period took {meter.gap:.3f} s)', True)
        return failure

    def _active(self, now: float) -> None:
        failure = self._check(now)
        if failure is None:
            for target, source in self._feeds:
                np.copyto(target, source, casting='same_kind')
            sent, wanted = self.command.setpoint, self.policy.step()
            if self._hand_back.active:
                wanted = self._hand_back.step(wanted, sent, now)
            failure = self._setpoint_limits.apply(wanted, sent)
            self.command.actor = Actor.POLICY
            self.command.reason = ''  # a refused request was an answer, not a state
        if failure is not None:
            self._disturb(failure, now)
            self._send_stage(now)
        elif stuck := self._conduct.stuck(self.command.setpoint, self.meter.gap):
            self._enter(Event.STUCK, stuck)

    def _starting(self, now: float) -> None:
        failure = self._check(now)
        if failure is not None:
            self._enter(Event.FAILED, f'while starting: {failure.text}')
        elif self._conduct.now.finished:
            self._begin(Event.STARTED, now)
            return
        self._send_stage(now)

    def _unstick(self, now: float) -> None:
        failure = self._check(now)
        if failure is not None:
            self._disturb(failure, now)
        elif self._conduct.now.finished:
            self._begin(Event.CLEARED, now)
            return
        self._send_stage(now)

    def _begin(self, event: Event, now: float) -> None:
        """Let the policy drive in this very period, from zero memory."""
        self.policy.reset()
        self._enter(event, '')
        self._active(now)

    def _disturb(self, failure: Failure, now: float) -> None:
        """Enter RECOVERY, or FAULT for what does not pass or happens too often."""
        if not failure.transient:
            self._enter(Event.FAILED, failure.text)
        elif often := self._disturbances.begin(now):
            self._enter(Event.FAILED, f'{failure.text}; {often}')
        else:
            self._enter(Event.DISTURBED, failure.text)

    def _recovery(self, now: float) -> None:
        failure = self._check(now)
        if failure is not None and not failure.transient:
            self._enter(Event.FAILED, f'{self.reason}; then {failure.text}')
        if self._human_lost:
            failure = self._takeover.problem(now)  # inputs do not matter to them
        if self._disturbances.passed(good=failure is None):
            self._resume(now)
            return
        if self._conduct.safe.elapsed >= self._recovery_s:
            late = f'{self.reason}; not cleared within {self._recovery_s:g} s'
            self._enter(Event.STOP if self._human_lost else Event.FAILED, late)
        self._send_stage(now)

    def _resume(self, now: float) -> None:
        """The disturbance has passed: let whoever drove go on in this very period."""
        if not self._human_lost:
            self._begin(Event.CLEARED, now)
            return
        self._takeover.begin(now, self.command.setpoint)
        self._enter(Event.RETURNED, '')
        self._human(now)

    def _silent(self, failure: Failure, now: float) -> None:
        """The human who drove cannot be heard: RECOVERY, or the robot's own way to stop."""
        if self._conduct.stops_safely:
            self._disturb(failure, now)
            self._human_lost = self.mode is Mode.RECOVERY
        else:
            self._enter(Event.STOP, failure.text)

    def _human(self, now: float) -> None:
        failure = self._check(now)
        if failure is not None and not failure.transient:
            self._enter(Event.FAILED, failure.text)
            self._send_stage(now)
            return
        silence = self._takeover.problem(now)
        if silence is not None:
            self._silent(silence, now)
            self._send_stage(now)
            return
        self.command.actor = Actor.HUMAN
        self.command.reason = failure.text if failure else ''
        self._takeover.step(now)
        self._setpoint_limits.apply(self._takeover.target, self.command.setpoint)

    def _stopping(self, now: float) -> None:
        if self._conduct.now.finished or not self._engaged:
            self._enter(Event.STOPPED, self.reason)
            return
        if not self._conduct.safely:  # sitting down needs a robot that is upright
            failure = self._check(now)
            if failure is not None and not failure.transient:
                self._enter(Event.FAILED, f'while stopping: {failure.text}')
        self._send_stage(now)

    def _send_stage(self, now: float) -> None:
        self.inputs.check(now)  # messages that come meanwhile are judged by today's clock
        stages = self._conduct.now
        stages.write(self.command.setpoint)
        self.command.actor = Actor.ROBOT
        self.command.stiffness = stages.stiffness

    def _enter(self, event: Event, reason: str) -> None:
        """Follow the table; the reason changes only with the mode, so the first cause stays."""
        before, after = self.mode, next_mode(self.mode, event)
        if after is before:
            return
        self._conduct.enter(before, after)
        self._human_lost = False
        self._hand_back.cancel()
        if after in (Mode.READY, Mode.IDLE):
            self._engaged = False
        self.command.mode, self.command.reason = after, reason

    def diagnostics(self) -> dict[str, Any]:
        """Plain numbers and texts for a person or a topic; allocates, so call it at 1 to 10 Hz."""
        meter, latency = self.meter, self.meter.latency.statistics()
        return {
            'mode': self.mode.value,
            'pilot': self.command.pilot,
            'reason': self.reason,
            'stage': self._conduct.now.name if self.mode in STAGED else '',
            'ticks': meter.ticks,
            'rate_hz': 1.0 / meter.period.statistics()['mean'] if meter.period.count else 0.0,
            'missed_deadlines': meter.missed,
            'recoveries': self._disturbances.num,
            'latency_p50_us': 1e6 * latency['p50'],
            'latency_p99_us': 1e6 * latency['p99'],
            'latency_max_us': 1e6 * latency['max'],
            'saturation': self._setpoint_limits.saturation(),
            'drift': [excess.text for excess in self._evidence.drift.excesses()],
            'signals': self.inputs.diagnostics(self._now),
        }
