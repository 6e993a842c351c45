"""JointDrive: what stands between a setpoint and the efforts on a robot's joints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Array = Any
"""A float64 NumPy array."""
Targets = Callable[[Array, Array, float], tuple[Array, Array, Array]]
"""(setpoint (n, size), position targets held (n, joints), control_dt [s]) -> next targets of
position (n, joints) and of velocity (n, joints), in the order of the robot's joints."""


@dataclass(frozen=True)
class JointDrive:
    """How a setpoint level moves joints, told to every engine that has some.

    Once a control period the setpoint becomes targets of position and velocity. Once a physics
    step each drive computes

        effort = stiffness (position target - position) + damping (velocity target - velocity)
                 + effort target

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


def positions(size: int) -> Targets:
    """Targets of a level whose setpoint is the positions of the first `size` joints.

    Joints after those hold the targets they have.
    """

    def targets(setpoint: Array, held: Array, _control_dt: float) -> tuple[Array, Array, Array]:
        held = held.copy()
        held[:, :size] = setpoint
        return held, 0.0 * held, 0.0 * held

    return targets
