"""Rewards of a legged robot's gait: pure functions of a Step, each (num_envs,)."""

from __future__ import annotations

from collections.abc import Callable

import torch

from robot_rl.mdp.legs import Legs, moved
from robot_rl.mdp.observations import norm
from robot_rl.spec.task import Signals, Step

Term = Callable[[Step], torch.Tensor]


def lin_vel_error(signals: Signals) -> torch.Tensor:
    """Error (n,) [m/s] of the horizontal velocity asked for, in the body frame."""
    return norm((signals['base_lin_vel_b'] - signals['goal_lin_vel_b'])[:, 0:2])


def ang_vel_error(signals: Signals) -> torch.Tensor:
    """Error (n,) [rad/s] of the rate of turn asked for."""
    return (signals['base_ang_vel_b'] - signals['goal_ang_vel_b'])[:, 2].abs()


def track_lin_vel_exp(width: float) -> Term:
    """exp(-error / width) of the horizontal velocity asked for [m/s], in the body frame.

    Not of the square: that has no slope where the robot does not follow yet, and none at the end.
    """
    return lambda step: (-lin_vel_error(step.signals) / width).exp()


def track_ang_vel_exp(width: float) -> Term:
    """exp(-error / width) of the rate of turn asked for [rad/s]."""
    return lambda step: (-ang_vel_error(step.signals) / width).exp()


def velocity_error(turn_radius: float) -> Term:
    """Error of the velocity asked for [m/s]; the rate of turn counts by `turn_radius` [m].

    The larger of the two, so that one below its limit cannot make up for the other.
    """
    return lambda step: torch.maximum(
        lin_vel_error(step.signals), turn_radius * ang_vel_error(step.signals)
    )


def bounce_l2(step: Step) -> torch.Tensor:
    """Squared vertical velocity in the body frame [m^2/s^2]."""
    return step.signals['base_lin_vel_b'][:, 2].square()


def wobble_l2(step: Step) -> torch.Tensor:
    """Squared roll and pitch rates [rad^2/s^2]."""
    return step.signals['base_ang_vel_b'][:, 0:2].square().sum(1)


def effort_l2(step: Step) -> torch.Tensor:
    """Squared efforts of the joints [N^2 m^2]."""
    return step.signals['joint_effort'].square().sum(1)


def power(step: Step) -> torch.Tensor:
    """Mechanical power into the joints [W], none of it recovered when braking."""
    return (step.signals['joint_effort'] * step.signals['joint_vel']).clamp(min=0.0).sum(1)


def posture_l2(posture: tuple[float, ...], weight: tuple[float, ...]) -> Term:
    """Squared distance of each joint from `posture` [rad], weighted."""
    there, share = torch.tensor(posture), torch.tensor(weight)

    def term(step: Step) -> torch.Tensor:
        off = step.signals['joint_pos'] - there.to(step.action.device)
        return (share.to(off.device) * off.square()).sum(1)

    return term


def foot_lift_exp(reference: Callable[[Step], torch.Tensor], width: float) -> Term:
    """exp(-(error / width)^2) of the feet's heights over the ground [m], all legs together.

    `reference` gives what the gait asks for, (n, legs).
    """

    def term(step: Step) -> torch.Tensor:
        error = step.signals['foot_height'] - reference(step)
        return (-error.square().sum(1) / width**2).exp()

    return term


def foot_place_exp(legs: Legs, reference: Callable[[Step], torch.Tensor], width: float) -> Term:
    """exp(-(error / width)^2) of the feet's places in the body frame [m], all legs together.

    `reference` gives where the gait puts them: the x of all legs, then their y, (n, 2 legs).
    """

    def term(step: Step) -> torch.Tensor:
        position, _ = legs.feet(step.signals['joint_pos'], step.signals['joint_vel'])
        wanted = reference(step)
        error = position[:, : wanted.shape[1]] - wanted
        return (-error.square().sum(1) / width**2).exp()

    return term


def slip_l2(legs: Legs) -> Term:
    """Squared horizontal velocity of the feet that touch the ground [m^2/s^2]."""

    def term(step: Step) -> torch.Tensor:
        signals = step.signals
        position, velocity = legs.feet(signals['joint_pos'], signals['joint_vel'])
        velocity = moved(position, velocity, signals['base_ang_vel_b'])
        x, y, _ = velocity.split(velocity.shape[1] // 3, 1)
        base = signals['base_lin_vel_b']
        square = (x + base[:, 0:1]).square() + (y + base[:, 1:2]).square()
        return (signals['touch'] * square.clamp(max=1.0)).sum(1)

    return term


def base_height_l2(height: float) -> Term:
    """Squared difference of the base's height over the ground from `height` [m^2]."""
    return lambda step: (step.signals['base_height'][:, 0] - height).square()


def contact(step: Step) -> torch.Tensor:
    """1 where the robot touches something with what must not."""
    return step.signals['contact'][:, 0]
