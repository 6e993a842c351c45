"""One robot that practises: the policy acts, a person may take over, and all of it is recorded.

Who acts is decided once a control period. A person's first setpoint begins where the policy's last
one ended, and the other way round (deploy/takeover.py). Their setpoint is turned into the action
that asks for it, so that what is learned from is always what was sent.

A person is a device (teleop/stick.py) that may have more methods: `begin()` is called at the start
of an episode, `watch(signals, error)` before each reading, with the true signals (1, size) and the
task's error, `end(success)` at the end, and `tell(lately)`, with the tallies of the last episodes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import time
from typing import Any, NamedTuple

import numpy as np
import torch

from robot_rl.data.episodes import EpisodeWriter
from robot_rl.data.reader import Episode, Label
from robot_rl.deploy.takeover import HandBack, Takeover
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import SpecError
from robot_rl.learn.judge import ByState, Judge
from robot_rl.spec.task import Step, Task
from robot_rl.teleop.labels import attribute
from robot_rl.teleop.steering import Steering
from robot_rl.teleop.stick import Button, Device, Stick

Act = Callable[[torch.Tensor], torch.Tensor]
"""Observation (1, size) to action (1, action_size)."""
REACTION_S = 0.3
"""[s] by which a label comes later than what it is about."""
ROUNDING_S = 1e-6
"""[s] by which a step may seem to begin after it did."""
VERDICT = {Button.SUCCESS: 'success', Button.FAILURE: 'failure'}
POLICY = 'policy'
WINDOW = 20
"""Episodes over which success and the rate of interventions are told."""
GLANCE_S = 0.02
"""[s] between two looks at the hand of a person who has not begun yet."""


class Tally(NamedTuple):
    """How an episode went."""

    success: bool
    steps: int
    by_people: int
    """Steps in which a person acted."""
    takeovers: int
    reward: float = 0.0
    """Sum over the episode."""
    why: str = ''
    """What ended it: 'success', 'failure', 'reset', 'lost' (the device fell silent while its
    person drove) or 'time'."""


class Practice:
    """Episodes of one simulated robot."""

    def __init__(
        self,
        env: VectorEnv,
        person: Device | None,
        writer: EpisodeWriter,
        *,
        judge: Judge | None = None,
        waits: bool = False,
    ) -> None:
        """Practise in `env`, of one environment, with `person` at the stick, if anybody.

        `judge` says what a success is, by default the true state. With `waits` no episode begins
        before the dead-man is held.

        Raises SpecError for a task that cannot be learned from people.
        """
        task = env.task
        if task.action_of is None:
            raise SpecError(
                f'The task {task.id!r} cannot be learned from people: it does not say which '
                "action a person's setpoint is. Give it an 'action_of'; tasks/insert.py has one."
            )
        self._env, self._person, self._writer, self._task = env, person, writer, task
        env.autoreset = False  # what an episode ended with is recorded first
        self._action_of = task.action_of
        contract = task.setpoint
        self._steering = Steering(task.robot, task.level)
        self._takeover = Takeover(contract.size, np.inf)
        self._hand_back = HandBack(contract.size)
        self._judge: Judge = judge or ByState(task)
        self._waits = waits
        self._watch = getattr(person, 'watch', None)
        self._begin_watching = getattr(person, 'begin', None)
        self._end_watching = getattr(person, 'end', None)
        self._tell = getattr(person, 'tell', None)
        self._periods = 0
        self.extra: dict[str, float] = {}
        """Recorded with every step."""
        self.lately: deque[Tally] = deque(maxlen=WINDOW)
        """How the last episodes went."""

    @property
    def time_s(self) -> float:
        """[s] that the robot has moved for: whole periods, so that nothing adds up."""
        return self._periods * self._task.control_dt

    def episode(
        self, act: Act, after: Callable[[], bool | None] | None = None
    ) -> tuple[Episode, Tally]:
        """Run one; `after` is called after each control period, for whoever learns meanwhile.

        Where it returns True the episode is cut as if time had run out.
        """
        told = _Told(self._task, self._writer)
        seen = self._env.reset()['actor']
        self._judge.begin()
        if self._begin_watching:
            self._begin_watching()
        while self._waits and not _held(self._look()):
            time.sleep(GLANCE_S)
        told.begin(self.time_s)
        end, takeovers = self._until_it_ends(seen, act, after, told)
        if self._end_watching:
            self._end_watching(end.success)
        episode = told.end(self.time_s, self._env, end.terminated, end.truncated, end.success)
        tally = Tally(
            episode.success,
            len(episode),
            int(episode.person.sum()),
            takeovers,
            float(episode.reward.sum()),
            'success' if episode.success else end.why,
        )
        self.lately.append(tally)
        if self._tell:
            self._tell(tuple(self.lately))
        return episode, tally

    def _until_it_ends(
        self,
        observation: torch.Tensor,
        act: Act,
        after: Callable[[], bool | None] | None,
        told: _Told,
    ) -> tuple[_End, int]:
        """One control period after the other; how it ended, and how often a person took over."""
        env, task = self._env, self._task
        sent = np.array(task.setpoint.neutral)
        driving, takeovers = False, 0
        self._hand_back.cancel()
        while True:
            measured, memory = env.measured, env.memory.clone()
            stick = self._look()
            if driving and stick is None:
                return _End('lost', truncated=True), takeovers
            held = _held(stick)
            if held and not driving:
                takeovers += 1
                self._takeover.begin(self.time_s, sent)
            if driving and not held:
                self._hand_back.begin(self.time_s)
            driving = held
            action = self._action(act, observation, stick if held else None, sent)
            action = action.clamp(-1.0, 1.0)
            setpoint = task.act(action, measured, memory)
            sent = setpoint[0].double().numpy()
            transition = env.step(action)
            success = self._judge.done(env, transition.step)
            operator = stick.operator if stick and held else POLICY
            row = (measured, memory, action, setpoint, float(success), held, operator)
            told.add(self.time_s, {**self.extra, **self._judge.told}, *row)
            verdict = _verdict(stick)
            if verdict:
                told.label(self.time_s, verdict)
            self._periods += 1
            cut = bool(after and after())
            failed, late = bool(transition.terminated[0]), bool(transition.truncated[0]) or cut
            if success or failed or late or verdict:
                why = verdict or ('failure' if failed else 'time')
                end = _End(why, success or failed, late and not success, success)
                return end, takeovers
            observation = transition.observation['actor']

    def _look(self) -> Stick | None:
        """What the person holds; a simulated one sees the robot first."""
        env = self._env
        if self._watch:
            true = {**env.engine.signals(), **env.drawn}
            none = torch.zeros(1, self._task.action_size)
            error = float(self._task.error(Step(true, none, none, env.memory))[0])
            self._watch({**true, **env.measured}, error)
        return self._person.read(self.time_s) if self._person else None

    def _action(
        self, act: Act, observation: torch.Tensor, stick: Stick | None, sent: np.ndarray
    ) -> torch.Tensor:
        """What the policy does, or the person with `stick`."""
        env = self._env
        if stick is not None:
            self._takeover.feed(self._steering.values(stick.motion), stick.stamp)
            self._takeover.step(self.time_s)
            wanted = self._takeover.target
        else:
            action = act(observation)
            if not self._hand_back.active:
                return action
            asked = self._task.act(action, env.measured, env.memory)[0].double().numpy()
            wanted = self._hand_back.step(asked, sent, self.time_s)
        return self._action_of(torch.from_numpy(wanted).float()[None], env.measured)


class _End(NamedTuple):
    """Of an episode, as recorded."""

    why: str
    """See Tally."""
    terminated: bool = False
    truncated: bool = False
    success: bool = False


def _held(stick: Stick | None) -> bool:
    return stick is not None and stick.held


def _verdict(stick: Stick | None) -> str:
    """What the person says of the episode: '' for nothing, 'reset' to leave it as it is."""
    pressed = stick.pressed if stick else frozenset[Button]()
    found = [what for button, what in VERDICT.items() if button in pressed]
    return found[0] if found else ('reset' if pressed & {Button.RESET, Button.STOP} else '')


class _Told:
    """One episode as it happens: on the disk at once, and in memory for whoever learns."""

    def __init__(self, task: Task, writer: EpisodeWriter) -> None:
        self._task, self._writer = task, writer
        self._rows: list[tuple[Any, ...]] = []
        self._stamps: list[float] = []
        self._labels: dict[int, str] = {}

    def begin(self, stamp: float) -> None:
        self._writer.begin(stamp)

    def add(self, stamp: float, extra: dict[str, float], *row: Any) -> None:
        """Signals, memory, action, setpoint, reward, whether a person acted, and who."""
        signals, memory, action, setpoint, reward, person, operator = row
        signals = {name: value[0].numpy().copy() for name, value in signals.items()}
        memory, action, setpoint = (v[0].numpy().copy() for v in (memory, action, setpoint))
        row = (signals, memory, action, setpoint, reward, person, operator)
        self._writer.step(stamp, *row, extra=extra)
        self._rows.append(row)
        self._stamps.append(stamp)

    def label(self, stamp: float, what: str) -> None:
        """A person says `what` at `stamp`, of what they saw a reaction time ago."""
        step = attribute(self._stamps, stamp + ROUNDING_S, REACTION_S)
        if step is not None:
            self._labels[step] = what
            self._writer.label(stamp, step, what)

    def end(
        self, stamp: float, env: VectorEnv, terminated: bool, truncated: bool, success: bool
    ) -> Episode:
        signals = {name: value[0].numpy().copy() for name, value in env.measured.items()}
        memory = env.memory[0].numpy().copy()
        how = {'terminated': terminated, 'truncated': truncated, 'success': success}
        self._writer.end(stamp, signals, memory, **how)
        verdicts = [self._labels[step] for step in sorted(self._labels)]
        columns = list(zip(*self._rows, strict=True))
        return Episode(
            number=self._writer.episodes - 1,
            first=0,
            signals={
                name: np.stack([*(row[name] for row in columns[0]), signals[name]])
                for name in signals
            },
            memory=np.stack([*columns[1], memory]),
            action=np.stack(columns[2]),
            setpoint=np.stack(columns[3]),
            reward=np.array(columns[4], np.float32),
            person=np.array(columns[5], np.bool_),
            operators=tuple(columns[6]),
            extra=({},) * len(self._rows),
            stamps=np.array([*self._stamps, stamp]),
            labels=tuple(Label(step, what) for step, what in sorted(self._labels.items())),
            terminated=terminated,
            truncated=truncated,
            success=verdicts[-1] == 'success' if verdicts else success,
            seed=None,
            complete=True,
        )
