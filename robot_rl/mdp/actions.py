"""Actions: what a policy's raw output means.

Setpoints here come from the action alone, so what else a task's `act` is given is left aside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from robot_rl.spec.robot import Setpoint


def within(values: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """`values` (n, size) no lower than `low` and no higher than `high`, each (size,) or alike."""
    return torch.minimum(torch.maximum(values, low), high)


def mixed(setpoint: Setpoint, mixer: Sequence[Sequence[float]]) -> Callable[..., torch.Tensor]:
    """Action -> neutral + mixer @ clip(action, -1, 1), kept within the setpoint's limits [SI].

    `mixer` has a row for each setpoint component and a column for each action. Actions along the
    axes that the body answers to (thrust, roll, pitch, yaw) are learned far faster than single
    motors.
    """
    neutral, gain = torch.tensor(setpoint.neutral), torch.tensor(mixer)
    low, high = torch.tensor(setpoint.low), torch.tensor(setpoint.high)

    def act(action: torch.Tensor, *_: object) -> torch.Tensor:
        device = action.device
        wanted = neutral.to(device) + (gain.to(device) @ action.clamp(-1.0, 1.0).T).T
        return within(wanted, low.to(device), high.to(device))

    return act


def spanning(setpoint: Setpoint) -> Callable[..., torch.Tensor]:
    """Action -> setpoint [SI]: -1 to 1 spans each component's limits."""
    low, high = torch.tensor(setpoint.low), torch.tensor(setpoint.high)
    middle, half = 0.5 * (low + high), 0.5 * (high - low)

    def act(action: torch.Tensor, *_: object) -> torch.Tensor:
        device = action.device
        return middle.to(device) + half.to(device) * action.clamp(-1.0, 1.0)

    return act
