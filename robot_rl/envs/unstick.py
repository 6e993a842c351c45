"""What the deployed controller does with a stuck robot, for a batch: deploy/{stuck,stages}.py.

Thresholds and action are the robot's declaration, `Setpoint.stuck`. While the action lasts the
policy's setpoints do not reach the robot; after it the policy starts from zero memory.
"""

from __future__ import annotations

from itertools import accumulate
import math

import torch

from robot_rl.errors import SpecError
from robot_rl.spec.robot import Setpoint


class Unstick:
    """Watches robots that are asked to move, and lets the stuck ones act for themselves."""

    def __init__(
        self,
        setpoint: Setpoint,
        num_envs: int,
        control_dt: float,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        """Follow what the level `setpoint` declares. Raises SpecError where that is nothing."""
        stuck = setpoint.stuck
        if stuck is None:
            raise SpecError(
                f'Setpoint {setpoint.name!r} does not say when it is stuck. Add a Stuck to it.'
            )
        self.signal = stuck.signal
        self._spec, self._dt, self._generator = stuck, control_dt, generator
        self._field = setpoint.fields.index(stuck.field)
        stages, none = stuck.action, (0.0,) * setpoint.size
        self._goal = torch.tensor([stage.setpoint for stage in stages], device=device)
        self._spread = torch.tensor([stage.spread or none for stage in stages], device=device)
        self._ramp = torch.tensor([stage.ramp for stage in stages], device=device)
        # As float64, like the controller's: a tick is not to hang on rounding.
        seconds = {'dtype': torch.float64, 'device': device}
        self._lasts = torch.tensor([stage.duration_s for stage in stages], **seconds)
        self._ends = torch.tensor([*accumulate(stage.duration_s for stage in stages)], **seconds)
        self._low, self._high = (
            torch.tensor(row, device=device) for row in (setpoint.low, setpoint.high)
        )
        self._still_s = torch.zeros(num_envs, **seconds)
        self._elapsed = torch.full((num_envs,), math.inf, **seconds)
        """[s] since its action began; inf where the policy drives."""
        self._begun = torch.full((num_envs,), -1, device=device)
        """Stage of the action."""
        self._sent, self._from, self._to = torch.zeros(
            3, num_envs, setpoint.size, device=device
        ).unbind()

    @property
    def acting(self) -> torch.Tensor:
        """(num_envs,) bool: the robot acts for itself."""
        return self._elapsed.isfinite()

    def start(self, env_ids: torch.Tensor) -> None:
        """Begin episodes in `env_ids`: the policy drives."""
        self._still_s[env_ids] = 0.0
        self._elapsed[env_ids] = math.inf

    def step(
        self, asked: torch.Tensor, measured: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Advance by a control period.

        Args:
            asked: (num_envs, size) setpoint of the policy for the period.
            measured: (num_envs, n) the watched signal, as it was when the policy saw it.

        Returns:
            The setpoint to send, and which policies (num_envs,) drive again after this period.
        """
        spec = self._spec
        self._elapsed += self._dt
        self._elapsed[self._elapsed >= self._ends[-1]] = math.inf
        acting = self.acting
        if acting.any():
            asked = torch.where(acting[:, None], self._stage(acting), asked)
        wants = asked[:, self._field].double().abs() >= spec.asked
        moves = measured[:, spec.component].double().abs() >= spec.moving
        self._still_s += self._dt
        self._still_s[~wants | moves | acting] = 0.0
        stuck = self._still_s >= spec.after_s
        self._still_s[stuck] = 0.0
        self._elapsed[stuck], self._begun[stuck] = 0.0, -1
        self._sent = asked
        return asked, self.acting & (self._elapsed + self._dt >= self._ends[-1])

    def _stage(self, acting: torch.Tensor) -> torch.Tensor:
        """(num_envs, size) what the action sends now; meaningless where there is none."""
        last = len(self._ends) - 1
        index = (self._elapsed[:, None] >= self._ends).sum(1).clamp(max=last)
        begins = (acting & (index != self._begun))[:, None]
        before = torch.where((self._begun < 0)[:, None], self._sent, self._to)
        if begins.any():
            goal = self._goal[index]
            goal = torch.where(goal.isnan(), before, goal)
            share = torch.rand(goal.shape, generator=self._generator, device=goal.device)
            goal = goal + self._spread[index] * (2.0 * share - 1.0)
            self._from = torch.where(begins, before, self._from)
            self._to = torch.where(begins, goal.clamp(self._low, self._high), self._to)
            self._begun = torch.where(acting, index, self._begun)
        since = self._elapsed - (self._ends[index] - self._lasts[index])
        share = (since / self._lasts[index]).clamp(max=1.0).float()
        share = torch.where(self._ramp[index], share, torch.ones_like(share))
        return torch.lerp(self._from, self._to, share[:, None])
