"""Actions: what a policy's raw output means."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from robot_rl.mdp.observations import concat
from robot_rl.spec.robot import Setpoint


def around_neutral(
    setpoint: Setpoint, scale: tuple[float, ...]
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Action -> neutral + scale * clip(action, -1, 1), kept within the setpoint's limits [SI]."""
    neutral, gain = torch.tensor(setpoint.neutral), torch.tensor(scale)
    low, high = torch.tensor(setpoint.low), torch.tensor(setpoint.high)

    def act(action: torch.Tensor) -> torch.Tensor:
        device = action.device
        wanted = neutral.to(device) + gain.to(device) * action.clamp(-1.0, 1.0)
        return torch.minimum(torch.maximum(wanted, low.to(device)), high.to(device))

    return act


def mixed(
    setpoint: Setpoint, mixer: Sequence[Sequence[float]]
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Action -> neutral + mixer @ clip(action, -1, 1), kept within the setpoint's limits [SI].

    `mixer` has a row for each setpoint component and a column for each action. Actions along the
    axes that the body answers to (thrust, roll, pitch, yaw) are learned far faster than single
    motors.
    """
    neutral, gain = torch.tensor(setpoint.neutral), torch.tensor(mixer)
    low, high = torch.tensor(setpoint.low), torch.tensor(setpoint.high)

    def act(action: torch.Tensor) -> torch.Tensor:
        device = action.device
        wanted = neutral.to(device) + (gain.to(device) @ action.clamp(-1.0, 1.0).T).T
        return torch.minimum(torch.maximum(wanted, low.to(device)), high.to(device))

    return act


def push_history(memory: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """Drop the oldest action of a flat history (n, k * action_size), append the clipped newest."""
    return concat((memory[:, action.shape[1] :], action.clamp(-1.0, 1.0)))
