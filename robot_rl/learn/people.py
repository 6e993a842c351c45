"""A simulated person at the stick, so that learning from people can be repeated and measured.

They see the truth as it was a reaction time ago, their hand shakes, they feel about where they get
no further, and they take over where the policy makes no progress. As advised for HIL-SERL (Luo et
al., arXiv 2410.21845) the policy may explore first, and corrections are short and frequent. Where
it often succeeds alone they let it try for longer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
import math

import torch

from robot_rl.errors import SpecError
from robot_rl.spec.task import Task
from robot_rl.teleop.stick import Stick


@dataclass(frozen=True)
class Habits:
    """How the person behaves."""

    reaction_s: float = 0.3
    """[s] from what happens to what the hand does about it."""
    shake: tuple[float, ...] = (0.05, 0.05, 0.05, 0.025, 0.025, 0.025)
    """Standard deviation of what the hand does beside what is meant, parts of the largest action;
    the last one counts for all that follow."""
    wait_s: float = 2.5
    """[s] that the policy may try at the start of an episode."""
    patience_s: float = 1.0
    """[s] in which nothing got better than in as much time before: they take over."""
    trust_s: float = 3.0
    """[s] more of patience where the policy always succeeds alone; a share where it often does."""
    remembered: int = 20
    """Episodes over which they judge how often it does."""
    correction_s: float = 1.5
    """[s] that a correction lasts; the next one may follow at once."""
    stuck_s: float = 0.7
    """[s] in which the error of a task hardly changes: a person who drives feels about then."""
    feel: float = 0.12
    """Of the largest action: a circle of the first two numbers, once in `feel_s`."""
    feel_s: float = 0.8


class ScriptedPerson:
    """A device, see teleop/stick.py; call `watch` once a control period before `read`."""

    name = 'scripted'

    def __init__(
        self, task: Task, seed: int, habits: Habits | None = None, *, always: bool = False
    ) -> None:
        """Drive from the start to the end of every episode with `always`: to demonstrate.

        Raises SpecError for a task that no simulated person knows how to do.
        """
        if task.expert is None or task.action_of is None:
            raise SpecError(
                f'Nobody is simulated who could do the task {task.id!r}: it has no expert. Drive '
                'it yourself with --operator joy or web.'
            )
        self._task, self._always = task, always
        self._expert, self._habits = task.expert, habits or Habits()
        self._generator = torch.Generator().manual_seed(seed)
        steps = round(self._habits.reaction_s / task.control_dt)
        self._seen: deque[torch.Tensor] = deque(maxlen=steps + 1)
        shake = self._habits.shake
        shake = (*shake, *(shake[-1:] * task.action_size))[: task.action_size]
        self._spread = torch.tensor(shake)
        high = torch.tensor(task.setpoint.high)
        self._scale = high.clamp(max=1e9)
        self._alone: deque[bool] = deque(maxlen=self._habits.remembered)
        self.begin()

    @property
    def patience_s(self) -> float:
        """[s] without progress that they wait for by now."""
        habits = self._habits
        return habits.patience_s + habits.trust_s * sum(self._alone) / habits.remembered

    def begin(self) -> None:
        """An episode begins."""
        self._seen.clear()
        self._errors: list[float] = []
        self._helped = False
        self._since = 0  # periods that this correction has lasted, 0 for none
        self._angle = 0.0
        self._motion = (0.0,) * self._task.setpoint.size

    def end(self, success: bool) -> None:
        """An episode ended; they remember whether the policy did it alone."""
        self._alone.append(success and not self._helped)

    def watch(self, true: Mapping[str, torch.Tensor], error: float) -> None:
        """See the true signals (1, size) and the task's error."""
        self._seen.append(self._expert(true))
        self._errors.append(error)
        self._since = self._since + 1 if self._wants() else 0
        self._helped |= self._since > 0
        noise = torch.randn(1, self._task.action_size, generator=self._generator)
        action = self._seen[0] + self._spread * noise
        if self._since and self._stuck():
            action[:, :2] += self._felt()
        action = action.clamp(-1.0, 1.0)
        setpoint = self._task.act(action, true, torch.zeros(1, self._task.memory_size))
        self._motion = tuple((setpoint / self._scale)[0].clamp(-1.0, 1.0).tolist())

    def _wants(self) -> bool:
        """Whether to drive, in this period."""
        habits, dt = self._habits, self._task.control_dt
        if self._always or 0 < self._since * dt < habits.correction_s - 0.5 * dt:
            return True
        window = round(self.patience_s / dt)
        if len(self._errors) * dt < max(habits.wait_s, 2.0 * self.patience_s):
            return False
        before, lately = self._errors[-2 * window : -window], self._errors[-window:]
        return min(before) - min(lately) < self._task.success_error

    def _stuck(self) -> bool:
        """Whether the error hardly changes: by less than a third of what counts."""
        window = round(self._habits.stuck_s / self._task.control_dt)
        if len(self._errors) <= window:
            return False
        change = abs(self._errors[-1] - self._errors[-1 - window])
        return change < 0.3 * self._task.success_error

    def _felt(self) -> torch.Tensor:
        """What feeling about adds to the first two numbers of the action."""
        self._angle += 2.0 * math.pi * self._task.control_dt / self._habits.feel_s
        circle = torch.tensor([[math.cos(self._angle), math.sin(self._angle)]])
        return self._habits.feel * circle

    def read(self, now: float) -> Stick | None:
        """What they hold."""
        return Stick(now, self._since > 0, self._motion, operator=self.name)

    def close(self) -> None:
        """Nothing to let go of."""
