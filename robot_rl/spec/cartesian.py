"""Cartesian setpoints: a twist of the tool becomes joint targets, the same for every engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from robot_rl.spec.chain import Chain
from robot_rl.spec.drive import Array, Targets

MANIPULABILITY = 0.04
"""sqrt(det(J J^T)) below which motion is damped; an arm of 0.85 m has 0.1 where it is agile."""
DAMPING = 0.1
"""Largest damping, at a singularity."""
LEASH = 0.03
"""[m] how far targets run ahead of an arm that something holds: all that it then pushes with."""
SKIN = 0.005
"""[m] how far inside of the walls of its box a tip slides along them."""


def twists(
    chain: Chain,
    velocity_limits: Sequence[float],
    box_low: Sequence[float],
    box_high: Sequence[float],
    margin: float,
) -> Targets:
    """Targets of a level whose setpoint is a twist (n, 6) [m/s, rad/s] of the tip, base frame.

    Joint velocities come from damped least squares (Nakamura and Hanafusa, J. Dyn. Sys. Meas.
    Control 108, 1986) at the targets held; all are slowed together where one would exceed its
    limit, and targets stay `margin` [rad] within joint limits. The tip slides along the walls of
    the box [m], `SKIN` inside; where it would still leave, the targets stay. They lead the tip by
    no more than `LEASH`, so an arm that pushes against something pushes no harder with time.

    Joints after those of the chain hold the targets they have.
    """
    size = len(chain.links)
    fastest = np.array(velocity_limits)
    low = np.array([link.low for link in chain.links]) + margin
    high = np.array([link.high for link in chain.links]) - margin
    corner, opposite = np.array(box_low), np.array(box_high)

    def targets(
        setpoint: Array, held: Array, positions: Array, control_dt: float
    ) -> tuple[Array, Array, Array]:
        joints, twist = held[:, :size], setpoint.copy()
        tip = chain.frames(joints)[0][-1]
        # Towards a wall no further than to it, away from it as fast as asked.
        lowest = np.minimum((corner + SKIN - tip) / control_dt, 0.0)
        highest = np.maximum((opposite - SKIN - tip) / control_dt, 0.0)
        twist[:, :3] = np.minimum(np.maximum(twist[:, :3], lowest), highest)
        jacobian = chain.jacobian(joints)
        velocity = _solve(jacobian, twist)
        velocity /= np.maximum(np.abs(velocity / fastest).max(axis=1, keepdims=True), 1.0)
        lead = joints + control_dt * velocity - positions[:, :size]
        ahead = np.linalg.norm(jacobian[:, :3] @ lead[:, :, None], axis=1)
        lead *= np.minimum(LEASH / np.maximum(ahead, 1e-9), 1.0)
        moved = np.minimum(np.maximum(positions[:, :size] + lead, low), high)
        there = chain.frames(moved)[0][-1]
        before, after = (
            np.maximum(np.maximum(corner - place, place - opposite), 0.0).max(1)
            for place in (tip, there)
        )
        held = held.copy()
        held[:, :size] = np.where((after > before)[:, None], joints, moved)
        return held, 0.0 * held, 0.0 * held

    return targets


def _solve(jacobian: Array, twist: Array) -> Array:
    """Damped least-squares joint velocities (n, joints)."""
    square = jacobian @ jacobian.transpose(0, 2, 1)
    agility = np.sqrt(np.maximum(np.linalg.det(square), 0.0))
    damping = DAMPING * np.maximum(1.0 - agility / MANIPULABILITY, 0.0)
    square += (damping**2)[:, None, None] * np.eye(6)
    solved = cast('Array', np.linalg.solve(square, twist[:, :, None]))
    return (jacobian.transpose(0, 2, 1) @ solved)[:, :, 0]
