"""The deployed controller: signals in, one safe setpoint out, every control period.

    newest signals -> ages -> plausible? -> tilt, fence -> policy -> finite? -> limits -> command

It knows no ROS and no clock: the caller feeds messages and ticks, with times in float seconds of
one clock (monotonic or ROS). Not for use from two threads at once. See modes.py for what it may
be doing.

Before and after the policy the robot may have something to do (stand up, sit down): see
spec/stage.py. A robot that is asked to move and does not does what it declares for that.

What happens when something fails, while the policy drives:
- a stale, missing or implausible input, or missed deadlines: the robot's safe action starts at
  once. If the inputs are good again for CLEAR_TICKS periods within `Limits.recovery_s`, the
  policy resumes; else FAULT.
- tilt, fence, a policy output that is not finite, a clock that runs backwards: FAULT at once.
- FAULT is latched: the safe action runs to its last stage and holds there until `reset`.
While the robot starts, any of these is a FAULT; while it stops in its own way, those that do not
pass are.

While a human drives, stale inputs are reported but do not stop them (they may be why the human
took over); tilt and fence do, and so does silence of the human's own commands.

Memory is reset on activation, after a takeover and after a recovery: in all three the setpoints
sent were not the policy's, and zero memory is the state that training started every episode
from. Goals come as a stream and never reset it.
"""

from __future__ import annotations

from collections.abc import Callable
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.deploy.conduct import STAGED, Conduct
from robot_rl.deploy.diagnosis import Finding, diagnose
from robot_rl.deploy.drift import Drift, Window
from robot_rl.deploy.limits import Failure, InputLimits, SetpointLimits
from robot_rl.deploy.modes import Event, Mode, next_mode
from robot_rl.deploy.policy import Policy
from robot_rl.deploy.takeover import Takeover
from robot_rl.deploy.timing import TickMeter
from robot_rl.deploy.watchdog import Inputs, needed_signals
from robot_rl.spec.contract import require_fit
from robot_rl.spec.robot import Robot

CLEAR_TICKS = 5
"""Good control periods in a row after which a disturbance has passed."""
MAX_RECOVERIES = 3
"""Recoveries allowed within RECOVERY_WINDOW_S; one more is a fault."""
RECOVERY_WINDOW_S = 10.0
DIAGNOSIS_S = 4.0
"""[s] of flight that `Controller.diagnose` looks at."""


class Command:
    """What the robot is told this period. One object, overwritten at each tick."""

    __slots__ = ('mode', 'publish', 'reason', 'setpoint', 'stiffness')

    def __init__(self, size: int) -> None:
        """Start idle."""
        self.setpoint: NDArray[np.float64] = np.zeros(size)
        """(size,) SI values in the order of the robot's setpoint fields."""
        self.stiffness = 1.0
        """Part of the drives' own stiffness, for messages that carry gains; 0 damps."""
        self.mode = Mode.IDLE
        self.reason = ''
        """Why the robot is not doing what was asked; '' if it is."""
        self.publish = False
        """Whether to send the setpoint."""


class Controller:
    """Runs one policy on one robot."""

    def __init__(self, robot: Robot, policy: Policy) -> None:
        """Prepare every buffer. Raises ContractError if the policy does not fit the robot."""
        contract = policy.contract
        require_fit(contract, robot)
        self.robot, self.policy = robot, policy
        self._setpoint = setpoint = robot.setpoint(contract.level)
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
        self._conduct = conduct = Conduct(setpoint, views)
        self._recovery_s = min(robot.limits.recovery_s, conduct.safe.first_stage_s)
        self._joints: list[int] = []
        if setpoint.follows_joints:
            self._joints = [robot.joint_names.index(name) for name in setpoint.fields]
        self._takeover = Takeover(setpoint.size, robot.limits.takeover_age_s)
        self.meter = TickMeter(contract.control_dt)
        self.drift = Drift(contract)
        """How far the signals have gone from what training saw."""
        sources = self.inputs.sources.values()
        self._clock = next((s for s in sources if not s.requested), None)
        parts = {s.signal.name: slice(s.start, s.start + s.signal.size) for s in sources}
        rows = round(DIAGNOSIS_S / contract.control_dt)
        self._window = Window(parts, setpoint.size, rows)
        self._measured_at = self._now = -math.inf
        self._engaged = False
        self._clear = 0
        self._recoveries = [-math.inf] * MAX_RECOVERIES
        self._num_recoveries = 0
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

    def activate(self, now: float, start: Any = None) -> bool:
        """Let the policy drive if every signal is fresh and within limits; else see `reason`.

        Args:
            now: [s] time on the clock of the stamps.
            start: (size,) setpoint that the robot follows now, from which a limited slew starts;
                if not given, where its joints are, or neutral for a level that asks for no
                positions.
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
        self.command.setpoint[:] = self._present() if start is None else start
        self.policy.reset()
        self.meter.restart()
        self.drift.clear()
        self._window.clear()
        self._measured_at = -math.inf
        self._now, self._engaged = now, True
        self._enter(Event.ACTIVATE if self._conduct.start is None else Event.START, '')
        return True

    def _present(self) -> NDArray[np.float64]:
        """Setpoint (size,) that leaves the robot as it is."""
        if not self._joints:
            return np.array(self._setpoint.neutral)
        measured = self.inputs.sources['joint_pos'].view[self._joints]
        return np.minimum(np.maximum(measured, self._setpoint.low), self._setpoint.high)

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

    def take_over(self, now: float) -> bool:
        """Let the human drive, whose commands must already arrive (`drive`); else see `reason`."""
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
        self._enter(Event.TAKE_OVER, '')
        return True

    def drive(self, setpoint: Any, stamp: float) -> bool:
        """Take a human's setpoint (size,) [SI] of time `stamp` [s]. False if it is refused."""
        return self._takeover.feed(setpoint, stamp)

    def release(self, now: float) -> None:
        """Hand back to the policy, which starts from zero memory."""
        self._now = now
        if self.mode is Mode.TAKEOVER:
            self.policy.reset()
        self._enter(Event.RELEASE, '')

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
        meter.end()
        return self.command

    def measure(self) -> None:
        """Update what need not delay the command; call it once after each published command."""
        if not self._engaged:
            return
        self._setpoint_limits.count(self.command.setpoint)
        if self._clock is None or not self._believable():
            return
        values, stamp = self.inputs.values, self._clock.stamp
        if stamp > self._measured_at:  # the same message twice is not a second measurement
            self._measured_at = stamp
            self.drift.push(values[: self.drift.size])
            self._window.push(stamp, values, self.command.setpoint)

    def _believable(self) -> bool:
        """Whether the inputs say anything about training and wiring: old or broken ones do not.

        Values that are merely implausible do: degrees for radians begin like that.
        """
        if self.mode is Mode.ACTIVE:
            return True
        if self.mode is not Mode.RECOVERY or self.inputs.check(self._now) is not None:
            return False
        return bool(np.isfinite(self.inputs.values).all())

    def diagnose(self) -> list[Finding]:
        """Likely causes of what looks wrong in the last seconds before a stop or a fault.

        Takes a few milliseconds, so call it after a fault or about once a second, between two
        ticks.
        """
        return diagnose(self.robot, self.policy.contract.level, self._window.flight())

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
            failure = self._setpoint_limits.apply(self.policy.step(), self.command.setpoint)
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
            self.policy.reset()
            self._enter(Event.STARTED, '')
            self._active(now)
            return
        self._send_stage(now)

    def _unstick(self, now: float) -> None:
        failure = self._check(now)
        if failure is not None:
            self._disturb(failure, now)
        elif self._conduct.now.finished:
            self.policy.reset()
            self._enter(Event.CLEARED, '')
            self._active(now)
            return
        self._send_stage(now)

    def _disturb(self, failure: Failure, now: float) -> None:
        """Enter RECOVERY, or FAULT for what does not pass or happens too often."""
        if not failure.transient:
            self._enter(Event.FAILED, failure.text)
        elif now - self._recoveries[0] < RECOVERY_WINDOW_S:
            often = f'more than {MAX_RECOVERIES} disturbances within {RECOVERY_WINDOW_S:g} s'
            self._enter(Event.FAILED, f'{failure.text}; {often}')
        else:
            self._recoveries.append(now)
            del self._recoveries[0]
            self._num_recoveries += 1
            self._clear = 0
            self._enter(Event.DISTURBED, failure.text)

    def _recovery(self, now: float) -> None:
        failure = self._check(now)
        if failure is not None and not failure.transient:
            self._enter(Event.FAILED, f'{self.reason}; then {failure.text}')
        self._clear = 0 if failure is not None else self._clear + 1
        if self._clear >= CLEAR_TICKS:
            self.policy.reset()
            self._enter(Event.CLEARED, '')
            self._active(now)
            return
        if self._conduct.safe.elapsed >= self._recovery_s:
            self._enter(Event.FAILED, f'{self.reason}; not cleared within {self._recovery_s:g} s')
        self._send_stage(now)

    def _human(self, now: float) -> None:
        failure = self._check(now)
        if failure is not None and not failure.transient:
            self._enter(Event.FAILED, failure.text)
            self._send_stage(now)
            return
        silence = self._takeover.problem(now)
        if silence is not None:
            self._enter(Event.STOP, silence.text)
            self._send_stage(now)
            return
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
        self.command.stiffness = stages.stiffness

    def _enter(self, event: Event, reason: str) -> None:
        """Follow the table; the reason changes only with the mode, so the first cause stays."""
        before, after = self.mode, next_mode(self.mode, event)
        if after is before:
            return
        self._conduct.enter(before, after)
        if after in (Mode.READY, Mode.IDLE):
            self._engaged = False
        self.command.mode, self.command.reason = after, reason

    def diagnostics(self) -> dict[str, Any]:
        """Plain numbers and texts for a person or a topic; allocates, so call it at 1 to 10 Hz."""
        meter, latency = self.meter, self.meter.latency.statistics()
        return {
            'mode': self.mode.value,
            'reason': self.reason,
            'stage': self._conduct.now.name if self.mode in STAGED else '',
            'ticks': meter.ticks,
            'rate_hz': 1.0 / meter.period.statistics()['mean'] if meter.period.count else 0.0,
            'missed_deadlines': meter.missed,
            'recoveries': self._num_recoveries,
            'latency_p50_us': 1e6 * latency['p50'],
            'latency_p99_us': 1e6 * latency['p99'],
            'latency_max_us': 1e6 * latency['max'],
            'saturation': self._setpoint_limits.saturation(),
            'drift': [excess.text for excess in self.drift.excesses()],
            'signals': self.inputs.diagnostics(self._now),
        }
