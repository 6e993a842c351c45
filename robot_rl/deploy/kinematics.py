"""The laws of motion that tie position, velocity, attitude and angular velocity together.

The rotation between two attitudes is the angular velocity in between, summed up; the way between
two positions is the velocity in between, summed up. Each law yields hypotheses of what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
import math

import numpy as np

from robot_rl.deploy.hypotheses import (
    EXCITED,
    MIN_SAMPLES,
    Array,
    Flight,
    Hypothesis,
    flips,
    noise,
    rotation_between,
    summed,
    swaps,
    unexplained,
)
from robot_rl.spec.robot import Robot
from robot_rl.spec.rotation import inverse, rotate, rotate_inverse

DEGREES = 180.0 / math.pi
ATTITUDE_SPAN = 5
"""Control periods over which rotations are compared."""
LARGE_TURN = 0.4
"""[rad] so much turning is compared at a time, over fewer periods if need be."""
POSITION_SPAN = 10
"""Control periods over which ways are compared."""


def attitude_law(robot: Robot, flight: Flight) -> Iterator[Hypothesis]:
    """Rotation between attitudes against the angular velocity."""
    quat, rate, time = flight.signals['base_quat_w'], flight.signals['base_ang_vel_b'], flight.time
    floor = 2.0 * math.sqrt(2.0) * max(noise(robot, 'base_quat_w'), 1e-5)
    step = float(np.percentile(np.linalg.norm(rotation_between(quat, 1), axis=1), 90))
    span = min(ATTITUDE_SPAN, max(1, int(LARGE_TURN / max(step, 1e-9))))
    turned, integral = rotation_between(quat, span), summed(time, rate, span)
    as_is = unexplained(turned, integral, floor)
    if math.isnan(as_is):
        return

    def told(kind: str, text: str, predicted: Array, rank: int = 1) -> Hypothesis:
        return Hypothesis(kind, name, text, unexplained(turned, predicted, floor), rank)

    name = 'base_ang_vel_b'
    yield Hypothesis('', '', 'as declared', as_is)
    for rank, text, diagonal in flips(name):
        yield told('sign', text, integral * diagonal, rank)
    for rank, text, order in swaps(name):
        yield told('axes', text, integral[:, order], rank)
    text = f'{name} is in degrees per second, expected radians per second'
    yield told('degrees', text, integral / DEGREES)
    text = f'{name} is given in the world frame, expected the body frame'
    yield told('frame', text, summed(time, rotate_inverse(quat, rate), span))
    for text, other in _quaternions(quat):
        score = unexplained(rotation_between(other, span), integral, floor)
        yield Hypothesis('quaternion', 'base_quat_w', text, score, 1)
    yield from _attitude_in_degrees(flight, floor)


def _attitude_in_degrees(flight: Flight, floor: float) -> Iterator[Hypothesis]:
    """Angles in degrees put into a formula for radians turn 57 times faster, about any axis."""
    turned = np.linalg.norm(rotation_between(flight.signals['base_quat_w'], 1), axis=1)
    rate = summed(flight.time, flight.signals['base_ang_vel_b'], 1)
    integral = np.linalg.norm(rate, axis=1)
    use = (turned > EXCITED * floor) & (turned < 2.5)  # near half a turn a sample may hide more
    if np.count_nonzero(use) < MIN_SAMPLES:
        return
    turned, integral = turned[use], DEGREES * integral[use]
    score = float(((turned - integral) ** 2).mean() / (turned**2 + integral**2).mean())
    text = 'base_quat_w was made from angles in degrees, expected radians'
    yield Hypothesis('degrees', 'base_quat_w', text, score, 1)


def _quaternions(quat: Array) -> Iterator[tuple[str, Array]]:
    """Other ways in which four numbers may have been meant."""
    yield 'base_quat_w is ordered xyzw, expected wxyz', quat[:, [3, 0, 1, 2]]
    yield 'base_quat_w rotates from the world to the body, expected body to world', inverse(quat)


def velocity_law(robot: Robot, flight: Flight) -> Iterator[Hypothesis]:
    """Way between positions against the velocity."""
    time, quat = flight.time, flight.signals['base_quat_w']
    velocity, position = flight.signals['base_lin_vel_b'], flight.signals['base_pos_w']
    floor = math.sqrt(2.0) * max(noise(robot, 'base_pos_w'), 1e-5)
    way = position[POSITION_SPAN:] - position[:-POSITION_SPAN]
    if len(way) < MIN_SAMPLES:
        return
    # part[:, i, j]: what component j of the velocity adds to the way if it acts along body axis i.
    axes = np.stack([rotate(quat, np.broadcast_to(axis, (len(quat), 3))) for axis in np.eye(3)], 1)
    part = summed(time, axes[:, :, None, :] * velocity[:, None, :, None], POSITION_SPAN)
    along = part[:, range(3), range(3)]
    here = along.sum(1)
    as_is = unexplained(way, here, floor)
    if math.isnan(as_is):
        return

    def told(
        kind: str, name: str, text: str, way: Array, predicted: Array, rank: int = 1
    ) -> Hypothesis:
        return Hypothesis(kind, name, text, unexplained(way, predicted, floor), rank)

    name, place = 'base_lin_vel_b', 'base_pos_w'
    yield Hypothesis('', '', 'as declared', as_is)
    for rank, text, diagonal in flips(name):
        yield told('sign', name, text, way, (along * diagonal[:, None]).sum(1), rank)
    for rank, text, diagonal in flips(place):
        yield told('sign', place, text, way * diagonal, here, rank)
    for rank, text, order in swaps(name):
        yield told('axes', name, text, way, part[:, range(3), order].sum(1), rank)
    for rank, text, order in swaps(place):
        yield told('axes', place, text, way[:, order], here, rank)
    text = f'{name} is given in the world frame, expected the body frame'
    yield told('frame', name, text, way, summed(time, velocity, POSITION_SPAN))
    for text, other in _quaternions(quat):
        predicted = summed(time, rotate(other, velocity), POSITION_SPAN)
        yield told('quaternion', 'base_quat_w', text, way, predicted)
