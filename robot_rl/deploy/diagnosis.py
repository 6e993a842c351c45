"""Name the likely cause when signals and setpoints contradict each other.

Three laws that hold for any flying body, whatever the policy, are tested on a few seconds of
flight:

- attitude: the rotation between two attitudes is the angular velocity in between, summed up;
- velocity: the way between two positions is the velocity in between, summed up;
- rotors: the change of the angular velocity is the torque of the rotors, which follow their
  setpoints with a lag (only where the setpoint commands rotors and the robot declares where they
  sit).

Each law is tried as it is and under every hypothesis of what may be wrong (a flipped axis, swapped
axes, degrees for radians, the wrong frame, xyzw for wxyz, swapped motors). A hypothesis is
reported only if it explains the motion and the declared wiring does not. Noise, offsets, delays
and a robot that differs from its declaration by tens of percent must not raise an alarm; too
little motion says nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterator
import math
from typing import NamedTuple

from robot_rl.deploy.hypotheses import MIN_SAMPLES, Flight, Hypothesis
from robot_rl.deploy.kinematics import attitude_law, velocity_law
from robot_rl.deploy.rotors import rotor_law
from robot_rl.spec.robot import Robot

FAR_BETTER = 0.25
"""A hypothesis must leave at most this part of what the declared wiring leaves unexplained."""
EXPLAINED = 0.25
"""Largest unexplained part (0 all explained, 1 unrelated, 2 the opposite) of a hypothesis."""
WRONG = {'attitude': 0.025, 'velocity': 0.025, 'rotors': 0.25}
"""Smallest unexplained part of the declared wiring that is worth an alarm.

Delays alone leave some, and so do inertia, thrust and lag that are not quite as declared.
"""
SHORT = {'attitude': 2.0, 'velocity': 2.0, 'rotors': 14.0}
"""A flight of n periods must leave at least SHORT / n unexplained: chance looks like a cause.

The rotors' lag and gain are fitted as well, so that chance has more to play with.
"""


class Finding(NamedTuple):
    """A contradiction and what would explain it."""

    law: str
    """'attitude', 'velocity' or 'rotors'."""
    kind: str
    """'sign', 'axes', 'degrees', 'frame', 'quaternion' or 'motors'."""
    signal: str
    """Signal that is wrong, or 'setpoint'."""
    text: str
    """A sentence for a person."""
    unexplained: float
    """Part of the motion that the hypothesis leaves unexplained."""
    unexplained_as_is: float
    """Part of the motion that the declared wiring leaves unexplained."""


def diagnose(robot: Robot, level: str, flight: Flight) -> list[Finding]:
    """Contradictions in `flight`, each with its most likely cause; empty if all is consistent.

    Laws whose signals the robot lacks are skipped, and so are laws that build on a signal that was
    just found to be wrong. Takes a few milliseconds for 400 rows: call it outside the control
    period.
    """
    if len(flight.time) < MIN_SAMPLES:
        return []
    found: list[Finding] = []
    known, rate = flight.signals.keys(), 'base_ang_vel_b'
    if {'base_quat_w', rate} <= known:
        found += _verdict('attitude', flight, attitude_law(robot, flight))
    wrong = {finding.signal for finding in found}
    if {'base_quat_w', 'base_lin_vel_b', 'base_pos_w'} <= known and 'base_quat_w' not in wrong:
        found += _verdict('velocity', flight, velocity_law(robot, flight))
    rotors = {'rotor_x', 'rotor_y', 'rotor_spin', 'rotor_time_constant'} <= robot.parameters.keys()
    commanded = robot.setpoint(level).fields == robot.joint_names
    if rotors and commanded and rate in known and not wrong & {'base_quat_w', rate}:
        found += _verdict('rotors', flight, rotor_law(robot, flight))
    return found


def _verdict(law: str, flight: Flight, tried: Iterator[Hypothesis]) -> list[Finding]:
    """Report the best hypothesis if it is far better than the first, 'as declared'."""
    hypotheses = list(tried)
    if not hypotheses:
        return []
    as_is, others = hypotheses[0], [h for h in hypotheses[1:] if not math.isnan(h.score)]
    best = min((h.score for h in others), default=math.inf)
    least = max(WRONG[law], SHORT[law] / len(flight.time))
    if as_is.score < least or best > min(EXPLAINED, FAR_BETTER * as_is.score):
        return []
    # What explains it about as well is as likely: with yaw near zero, a flipped position and a
    # flipped velocity look the same.
    close = [h for h in others if h.score <= 2.0 * best + 0.02]
    simplest = min(h.rank for h in close)
    likely = sorted((h for h in close if h.rank == simplest), key=lambda h: h.score)[:3]
    cause, words = likely[0], ' or '.join(h.text for h in likely)
    text = f'{law}: {words} (that explains {1.0 - cause.score:.0%} of the motion, '
    text += f'the declared wiring {max(0.0, 1.0 - as_is.score):.0%})'
    return [Finding(law, cause.kind, cause.signal, text, cause.score, as_is.score)]
