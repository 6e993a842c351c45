"""The law of the rotors: the change of the angular velocity is their torque.

Only where the setpoint commands rotors, which follow it as a first-order lag, and the robot
declares where they sit. Inertia, thrust and lag of the real robot may differ from the declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
import math

import numpy as np
from numpy.typing import NDArray

from robot_rl.deploy.hypotheses import Flight, Hypothesis, noise, summed
from robot_rl.spec.robot import Robot
from robot_rl.spec.rotation import Array, cross

MIN_ROWS = 18
"""Fewer comparisons than this fit several wirings by chance."""
RATE_SPAN = 4
"""Control periods over which angular velocities are compared."""
FAST = 15.0
"""[rad/s] beyond this the gyroscopic torque of a roughly known inertia drowns the rotors."""
STIRRED = 25.0
"""An axis takes part if its rate changes this many times more than its sensor's noise."""
_LAGS = np.array((0.5, 0.75, 1.0, 1.5))  # of the declared rotor time constant
_GAIN = (0.5, 2.0)  # inertia and thrust of the real robot against the declared ones


def rotor_law(robot: Robot, flight: Flight) -> Iterator[Hypothesis]:
    """Change of the angular velocity against the torque of the rotors, in every order."""
    rate = flight.signals['base_ang_vel_b']
    inertia = np.array(robot.parameters['inertia'].nominal)
    gyroscopic = cross(rate, inertia * rate) / inertia
    change = rate[RATE_SPAN:] - rate[:-RATE_SPAN] + summed(flight.time, gyroscopic, RATE_SPAN)
    slow = np.linalg.norm(rate, axis=1) < FAST
    slow = slow[RATE_SPAN:] & slow[:-RATE_SPAN]
    floor = math.sqrt(2.0) * max(noise(robot, 'base_ang_vel_b'), 1e-4)
    if np.count_nonzero(slow) < MIN_ROWS:
        return
    moving = change[slow].var(0) > (STIRRED * floor) ** 2
    if not moving.any():
        return
    wirings, rows = _wirings(robot)
    best = np.full(len(wirings), math.inf)
    time_constant = robot.parameters['rotor_time_constant'].nominal[0]
    for push, fade in _pushes(flight, time_constant * _LAGS):
        for delay in (0, 1):
            late = np.flatnonzero(slow[delay:])
            free = _projector(fade[late])
            scores = _rotor_scores(free(push[late]), free(change[late + delay]), rows, moving)
            best = np.minimum(best, scores)
    for wiring, score in zip(wirings, best.tolist(), strict=True):
        yield wiring._replace(score=score)


def _wirings(robot: Robot) -> tuple[list[Hypothesis], Array]:
    """Every order of the rotors, and its angular acceleration a squared speed (h, 3, rotors)."""
    nominal = {name: np.array(parameter.nominal) for name, parameter in robot.parameters.items()}
    drag = nominal['torque_coefficient'][0] * nominal['rotor_spin']
    arms = np.stack((nominal['rotor_y'], -nominal['rotor_x'], drag))
    arms = arms * nominal['thrust_coefficient'] / nominal['inertia'][:, None]
    joints = robot.joint_names
    wirings, rows = [Hypothesis('', '', 'as declared', 0.0)], [arms]
    for order in list(permutations(range(len(joints))))[1:]:
        moved = [i for i in range(len(joints)) if order[i] != i]
        if len(moved) == 2:
            text = f'the motors {joints[moved[0]]} and {joints[moved[1]]} are swapped'
        else:
            listed = ', '.join(f'{joints[i]} drives {joints[order[i]]}' for i in moved)
            text = f'the motors are in another order: {listed}'
        wirings.append(Hypothesis('motors', 'setpoint', text, 0.0, min(len(moved), 3)))
        rows.append(arms[:, list(order)])
    return wirings, np.stack(rows)


def _rotor_scores(push: Array, change: Array, rows: Array, moving: NDArray[np.bool_]) -> Array:
    """Unexplained part of `change` (m, 3) for each wiring (h, 3, r), gains free within _GAIN."""
    gram: Array = np.einsum('mi,mj->ij', push, push)
    effect: Array = np.einsum('mi,ma->ia', push, change)
    power = (change * change).sum(0)
    predicted = np.einsum('hai,ij,haj->ha', rows, gram, rows)
    common = np.einsum('hai,ia->ha', rows, effect)
    gain = np.minimum(np.maximum(common / np.maximum(predicted, 1e-12), _GAIN[0]), _GAIN[1])
    error = power - 2.0 * gain * common + gain * gain * predicted
    scale = power + gain * gain * predicted
    # A rotor ten percent stronger than declared turns any thrust into a little torque about any
    # axis, so an axis that was hardly driven counts for less.
    weight = np.sqrt(power) * moving
    return (error / np.maximum(scale, 1e-12)) @ (weight / weight.sum())


def _pushes(flight: Flight, time_constants: Array) -> Iterator[tuple[Array, Array]]:
    """Thrust of each rotor over its coefficient, summed (m, r), and a start-up's trace (m, 1).

    One pair for each time constant [s] of the first-order lag between setpoints and rotors. How
    fast the rotors turned before the first row is unknown; what that leaves in the sums fades with
    the lag, and is taken out of the comparison.
    """
    setpoints = flight.setpoints[:, None, :]
    keep = np.exp(-np.diff(flight.time)[:, None, None] / time_constants[:, None])
    speeds = np.empty((len(setpoints), len(time_constants), setpoints.shape[2]))
    speeds[0] = setpoints[0]
    drive = (1.0 - keep) * setpoints[:-1]
    for row in range(len(drive)):
        np.multiply(keep[row], speeds[row], out=speeds[row + 1])
        speeds[row + 1] += drive[row]
    for index, time_constant in enumerate(time_constants):
        fade = np.exp(-(flight.time - flight.time[0]) / time_constant)[:, None]
        both = np.hstack((speeds[:, index] ** 2, fade))
        both = summed(flight.time, both, RATE_SPAN)
        yield both[:, :-1], both[:, -1:]


def _projector(fade: Array) -> Callable[[Array], Array]:
    """Function that takes a constant (wind, an offset mass) and `fade` out of its columns."""
    basis, _ = np.linalg.qr(np.hstack((np.ones_like(fade), fade)))

    def project(columns: Array) -> Array:
        part: Array = np.einsum('mb,mc->bc', basis, columns)
        return columns - basis @ part

    return project
