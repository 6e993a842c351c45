"""A simulated person at the stick, so that learning from people can be repeated and measured.

They see the truth as it was a reaction time ago, their hand shakes, and they take over where
nothing gets better for a while. As advised for HIL-SERL (Luo et al., arXiv 2410.21845) the policy
may explore first, corrections are short, and enough episodes end in success: where a correction
did not help, the next one is not handed back.
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
    shake: float = 0.2
    """Standard deviation of what the hand does beside what is meant, as a part of that: signals
    to muscles are the noisier the larger they are (Harris and Wolpert, Nature 394, 1998)."""
    tremor: float = 0.02
    """The same of a hand that rests, parts of the largest action."""
    shake_s: float = 0.2
    """[s] in which that changes."""
    wait_s: float = 2.0
    """[s] that the policy may try at the start of an episode."""
    patience_s: float = 1.5
    """[s] without progress after which the person takes over."""
    correction_s: float = 1.5
    """[s] that the first correction of an episode lasts."""


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
        self._decay = math.exp(-task.control_dt / self._habits.shake_s)
        high = torch.tensor(task.setpoint.high)
        self._scale = high.clamp(max=1e9)
        self.begin()

    def begin(self) -> None:
        """An episode begins."""
        self._seen.clear()
        self._shake = torch.zeros(1, self._task.action_size)
        self._errors: list[float] = []
        self._since = 0  # periods that this correction has lasted, 0 for none
        self._corrections = 0
        self._motion = (0.0,) * self._task.setpoint.size

    def watch(self, true: Mapping[str, torch.Tensor], error: float) -> None:
        """See the true signals (1, size) and the task's error."""
        self._seen.append(self._expert(true))
        self._errors.append(error)
        noise = torch.randn(1, self._task.action_size, generator=self._generator)
        self._shake = self._decay * self._shake + math.sqrt(1.0 - self._decay**2) * noise
        meant = self._seen[0]
        spread = self._habits.tremor + self._habits.shake * meant.abs()
        action = (meant + spread * self._shake).clamp(-1.0, 1.0)
        setpoint = self._task.act(action, true, torch.zeros(1, self._task.memory_size))
        self._motion = tuple((setpoint / self._scale)[0].clamp(-1.0, 1.0).tolist())
        wants = self._wants()
        self._corrections += wants and not self._since
        self._since = self._since + 1 if wants else 0

    def _wants(self) -> bool:
        """Whether to drive, in this period."""
        if self._always:
            return True
        habits, dt = self._habits, self._task.control_dt
        if self._since:
            return self._corrections > 1 or self._since * dt < habits.correction_s
        waited = len(self._errors) * dt >= max(habits.wait_s, habits.patience_s)
        return waited and not self._progress(habits.patience_s)

    def _progress(self, window_s: float) -> bool:
        """Whether the error became less by what counts, over the last `window_s` [s]."""
        window = round(window_s / self._task.control_dt)
        before, lately = self._errors[:-window], self._errors[-window:]
        if not before:
            return True
        return min(lately) < min(before) - self._task.success_error

    def read(self, now: float) -> Stick | None:
        """What they hold."""
        return Stick(now, self._since > 0, self._motion, operator=self.name)

    def close(self) -> None:
        """Nothing to let go of."""
