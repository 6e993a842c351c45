"""JointDrive: what stands between a setpoint and the efforts on a robot's joints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
"""A float64 NumPy array."""
Targets = Callable[[Array, Array, Array, float], tuple[Array, Array, Array]]
"""(setpoint (n, size), position targets held (n, joints), positions (n, joints), control_dt [s])
-> next targets of position, of velocity and of effort, (n, joints) each in the order of the
robot's joints."""


@dataclass(frozen=True)
class JointDrive:
    """How a setpoint level moves joints, told to every engine that has some.

    Once a control period the setpoint becomes targets of position and velocity. Once a physics
    step each drive computes

        effort = stiffness (position target - position) + damping (velocity target - velocity)
                 + effort target + bearing

    and keeps it within what its motor can do: at most `joint_effort_limit` up to the part `corner`
    of `joint_velocity_limit`, then falling in a straight line to zero at that velocity where it
    would drive the joint faster (the torque-speed line of a DC motor). Stiffness, damping and
    limits are parameters of the robot with a component for each joint, so randomization can change
    them: `joint_stiffness`, `joint_damping`, `joint_effort_limit`, `joint_velocity_limit`.
    `command_delay` [s] is how late targets reach the drives.
    """

    targets: Targets
    stiff: bool = True
    """False for a level of velocities or efforts: stiffness does not act."""
    damped: bool = True
    """False for a level of efforts: damping does not act."""
    corner: float = 0.5
    """Part of the fastest velocity up to which the full effort is there."""
    bearing: Callable[[Array], Array] | None = None
    """(positions (n, joints)) -> efforts (n, joints) that the robot adds by itself to bear its own
    weight, from its own model: once a control period, whatever load it carries."""


def positions(size: int) -> Targets:
    """Targets of a level whose setpoint is the positions of the first `size` joints.

    Joints after those hold the targets they have.
    """

    def targets(
        setpoint: Array, held: Array, _positions: Array, _control_dt: float
    ) -> tuple[Array, Array, Array]:
        held = held.copy()
        held[:, :size] = setpoint
        return held, 0.0 * held, 0.0 * held

    return targets


def ackermann(wheelbase: float, track: float, radius: float) -> Targets:
    """Targets of a car whose setpoint is speed [m/s] and steering angle [rad], positive left.

    Speed is that of the middle of the rear axle, the angle that of a wheel in the middle of the
    front axle. All wheels roll about one centre and four are driven. Joints: steering and wheel at
    the front left, the same at the front right, wheel at the rear left, wheel at the rear right.

    Args:
        wheelbase: [m] from axle to axle.
        track: [m] from wheel to wheel.
        radius: [m] of a wheel.
    """

    def targets(
        setpoint: Array, held: Array, _positions: Array, _control_dt: float
    ) -> tuple[Array, Array, Array]:
        speed, bend = setpoint[:, 0] / radius, np.tan(setpoint[:, 1])
        position, velocity = 0.0 * held, 0.0 * held
        for side, front, rear in ((1.0, 0, 4), (-1.0, 2, 5)):
            inner = 1.0 - side * bend * track / (2.0 * wheelbase)  # of the way to the centre
            position[:, front] = np.arctan2(bend, inner)
            velocity[:, front + 1] = speed * np.hypot(inner, bend)
            velocity[:, rear] = speed * inner
        return position, velocity, 0.0 * held

    return targets


def differential(track: float, radius: float, fastest: float, wheels: int = 1) -> Targets:
    """Targets of a base whose setpoint is speed [m/s] and yaw rate [rad/s], positive to the left.

    All wheels of a side turn alike. Joints: the wheels on the left, then those on the right.

    Args:
        track: [m] from side to side, as far as it counts: a skid-steered base needs more than it
            has, for its wheels slip.
        radius: [m] of a wheel.
        fastest: [rad/s] that a wheel is asked for at most.
        wheels: On each side.
    """

    def targets(
        setpoint: Array, held: Array, _positions: Array, _control_dt: float
    ) -> tuple[Array, Array, Array]:
        speed, turn = setpoint[:, 0:1], 0.5 * track * setpoint[:, 1:2]
        velocity = 0.0 * held
        velocity[:, :wheels] = (speed - turn) / radius
        velocity[:, wheels:] = (speed + turn) / radius
        return 0.0 * held, velocity.clip(-fastest, fastest), 0.0 * held

    return targets
