"""Actions: what a policy's raw output means."""

from __future__ import annotations

from collections.abc import Callable

import torch

from robot_rl.spec.robot import Setpoint


def around_neutral(setpoint: Setpoint, scale: tuple[float, ...]) -> Callable[[torch.Tensor], torch.Tensor]:
    """Action -> neutral + scale * clip(action, -1, 1), kept within the setpoint's limits [SI]."""
    neutral, gain = torch.tensor(setpoint.neutral), torch.tensor(scale)
    low, high = torch.tensor(setpoint.low), torch.tensor(setpoint.high)

    def act(action: torch.Tensor) -> torch.Tensor:
        device = action.device
        wanted = neutral.to(device) + gain.to(device) * action.clamp(-1.0, 1.0)
        return torch.minimum(torch.maximum(wanted, low.to(device)), high.to(device))

    return act


def push_history(memory: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """Drop the oldest action of a flat history (n, k * action_size) and append the clipped newest."""
    return torch.cat((memory[:, action.shape[1] :], action.clamp(-1.0, 1.0)), dim=1)
