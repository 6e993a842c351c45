"""The batched environment: a Task on an Engine, randomized, with sensors and automatic reset."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import fields
from typing import NamedTuple

import torch

from robot_rl.curricula.curriculum import Curriculum
from robot_rl.engines.engine import Engine
from robot_rl.envs.functions import FREED, Functions
from robot_rl.envs.fuse import Group, fuse, read, write
from robot_rl.envs.lessons import Lessons
from robot_rl.envs.shapes import check_shapes
from robot_rl.envs.surroundings import surroundings
from robot_rl.envs.unstick import Unstick
from robot_rl.envs.variation import LOSS, Variation
from robot_rl.mdp.randomization import ParameterSampler
from robot_rl.sensors.measure import Measurement
from robot_rl.sensors.messages import Messages
from robot_rl.spec.randomization import Spread
from robot_rl.spec.task import Step, Task

Observation = dict[str, torch.Tensor]
"""Groups 'actor' (num_envs, n) and 'critic' (num_envs, m)."""


class Transition(NamedTuple):
    """What one call of `VectorEnv.step` returns."""

    observation: Observation
    """After automatic reset: first observation of the next episode where one ended."""
    reward: torch.Tensor
    """(num_envs,)"""
    terminated: torch.Tensor
    """(num_envs,) bool: the episode failed."""
    truncated: torch.Tensor
    """(num_envs,) bool: the episode ran out of time."""
    final_ids: torch.Tensor
    """Environments whose episode ended in this step."""
    final: Observation
    """Last observation of those episodes, one row each of `final_ids`."""
    step: Step
    """True state before the reset, for metrics."""


class VectorEnv:
    """`num_envs` environments stepped together."""

    autoreset = True
    """Whether episodes that end are followed by others; without, `reset` is the caller's."""

    def __init__(
        self,
        task: Task,
        make_engine: Callable[..., Engine],
        num_envs: int,
        *,
        seed: int,
        spreads: Sequence[Spread] = (),
        noise: bool = True,
        device: str = 'cpu',
        fused: bool = True,
        curriculum: Callable[[Sequence[float]], Curriculum | None] | None = None,
    ) -> None:
        """Build engine, commands and sensors; call `reset` before the first `step`.

        `fused` compiles the task for the CPU, see fuse.py; without it, on a GPU, and for a task
        that perceives a world, torch runs one operation after another. `curriculum` makes the
        curriculum that chooses the parameters marked for one, of where their nominal values lie.
        Raises SpecError for a task whose functions return other shapes than it declares.
        """
        self.task, self.num_envs, self.device = task, num_envs, torch.device(device)
        self.engine = make_engine(
            task.robot, task.level, num_envs, task.control_dt, device, task.terrain
        )
        self.surroundings = surroundings(self.engine, task)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self._variation = Variation(
            self.engine, spreads, task.setpoint, task.control_dt, self.generator
        )
        self.parameters = self._variation.parameters
        """Randomized parameters of every environment [SI], each (num_envs, size)."""
        drawn = [spread for spread in spreads if spread.mode == 'reset']
        sampler = ParameterSampler(task.robot, drawn, self.device) if drawn else None
        centre = (*(sampler.centre if sampler else ()), *task.coordinates)
        self.curriculum = taught = curriculum(centre) if curriculum else None
        self._lessons = Lessons(taught, num_envs, self.device) if taught else None
        sensors = messages = self._unstick = None
        if noise:
            sensors = Measurement(
                task.robot, task.signal_names, task.control_dt, self.generator, self.device
            )
        if LOSS in self.parameters:
            messages = Messages(task.robot, task.signal_names, self.generator, self.device)
        if task.setpoint.stuck:
            self._unstick = Unstick(
                task.setpoint, num_envs, task.control_dt, self.generator, self.device
            )
        self._told = self._to_tell()
        functions = Functions(task, sampler, sensors, messages, self.generator, self.device)
        self._draw, self._first, self._advance = functions.draw, functions.first, functions.step
        self._act = functions.act
        self._check(functions)
        if fused and task.perceive is None and self.device.type == 'cpu':
            # All that the functions depend on; the rest is in their sizes.
            lost, taught = LOSS in self.parameters, bool(self._lessons)
            self._fuse(functions, (_parts(task), tuple(drawn), noise, lost, taught))
        self.episode_steps = torch.zeros(num_envs, dtype=torch.long, device=self.device)
        self._state: Group = {}
        self._measured: Group = {}
        self._fixed: Group = {}

    def _check(self, functions: Functions) -> None:
        """Raise SpecError for a task whose functions return other shapes than it declares."""
        size = self.curriculum.size if self.curriculum else 0

        def draw(num: int) -> tuple[Group, Group, Group]:
            middle = {'coordinates': torch.full((num, size), 0.5, device=self.device)}
            return functions.draw(num, *((middle,) if self._lessons else ()))

        kept = self.generator.get_state()
        check_shapes(self.task, self.engine, draw)
        self.generator.set_state(kept)

    def _to_tell(self) -> tuple[Group, ...]:
        """What `Functions.step` is told beside: of messages lost and of robots that were stuck."""
        told: Group = {}
        if LOSS in self.parameters:
            told[LOSS] = self.parameters[LOSS]
        if self._unstick:
            told[FREED] = torch.zeros(self.num_envs, 1, device=self.device)
        return (told,) if told else ()

    def _fuse(self, functions: Functions, key: Hashable) -> None:
        """Compile the three functions; random numbers are drawn only to see what they return."""
        kept = self.generator.get_state()
        row = torch.zeros(1, dtype=torch.long)
        chosen = (self._lessons.begin(row),) if self._lessons else ()
        _, _, goals = functions.draw(1, *chosen)
        signals = self.engine.signals(row)
        state, measured, _, fixed = functions.first(1, signals, goals)
        action = {'action': torch.zeros(1, self.task.action_size)}
        self.generator.set_state(kept)

        def compiled(part: str, function: Callable, *inputs: Group) -> Callable:
            sizes = [{name: value.shape[1] for name, value in group.items()} for group in inputs]
            return fuse(f'{part}_{self.task.id}', function, sizes, self.generator, key)

        self._draw = compiled('draw', functions.draw, *chosen)
        self._act = compiled('act', functions.act, action, state, measured)
        self._first = compiled('first', functions.first, signals, goals)
        self._advance = compiled(
            'step', functions.step, signals, action, state, measured, fixed, *self._told
        )

    @property
    def measured(self) -> Group:
        """What the policy's inputs were made of: measurements and commands, (num_envs, size)."""
        return dict(self._measured)

    @property
    def drawn(self) -> Group:
        """What the environments drew at their reset and what changes since, (num_envs, size)."""
        return {**self._state, **self._fixed}

    @property
    def memory(self) -> torch.Tensor:
        """What the policy carries to the next period, (num_envs, task.memory_size)."""
        return self._state['memory']

    @property
    def restarted(self) -> torch.Tensor:
        """(num_envs,) bool: memory is zero, in a new episode or because the robot acted itself."""
        begun = self.episode_steps == 0
        return begun | (self._told[0][FREED][:, 0] > 0.0) if self._unstick else begun

    @torch.inference_mode()
    def stagger_episodes(self) -> None:
        """Give every episode a random age, so that they do not all run out of time together.

        A curriculum does not hear of these, which are cut short.
        """
        if self._lessons:
            self._lessons.spoil()
        self.episode_steps.copy_(
            torch.randint(
                self.task.max_episode_steps,
                (self.num_envs,),
                generator=self.generator,
                device=self.device,
            )
        )

    @torch.inference_mode()
    def reset(self, seed: int | None = None) -> Observation:
        """Start an episode in every environment; with `seed`, also all random streams anew."""
        if seed is not None:
            self.generator.manual_seed(seed)
            if self._lessons:
                self._lessons.seed(seed)
        everything = torch.arange(self.num_envs, device=self.device)
        self._state, self._measured, observation, self._fixed = self._start(everything)
        return observation

    @torch.inference_mode()
    def step(self, action: torch.Tensor, setpoint: torch.Tensor | None = None) -> Transition:
        """Apply `action` (num_envs, action_size) for one control period.

        A `setpoint` (num_envs, size) overrides what the task makes of the action: a policy file
        gives setpoints.
        """
        acted, made = self._act(self.num_envs, {'action': action}, self._state, self._measured)
        sent = self._sent(made['setpoint'] if setpoint is None else setpoint)
        if self.surroundings:
            self.surroundings.step(self.drawn)
        self.engine.step(self._variation.step(sent))
        self.episode_steps += 1
        signals = self.engine.signals()
        state, measured, observation, asked, outcome = self._advance(
            self.num_envs,
            signals,
            acted,
            self._state,
            self._measured,
            self._fixed,
            *self._told,
        )
        before = self._state
        step = Step({**signals, **asked}, acted['action'], before['last_action'], before['memory'])
        self._state, self._measured = state, measured
        terminated = outcome['terminated'][:, 0]
        truncated = (self.episode_steps >= self.task.max_episode_steps) & ~terminated
        ended = (terminated | truncated).nonzero().squeeze(1)
        final = read(observation, ended)
        if self._lessons:
            self._lessons.earn(outcome['reward'][:, 0])
            self._lessons.end(ended)
        if len(ended) and self.autoreset:
            self._autoreset(observation, ended)
        return Transition(
            observation, outcome['reward'][:, 0], terminated, truncated, ended, final, step
        )

    @torch.inference_mode()
    def forget(self, env_ids: torch.Tensor) -> None:
        """Let the policy start anew in `env_ids`, within the episode: see `memory`."""
        self._state['memory'][env_ids] = 0.0

    def _sent(self, setpoint: torch.Tensor) -> torch.Tensor:
        """What the robot gets of the policy's `setpoint`: a stuck one acts for itself."""
        if not self._unstick:
            return setpoint
        name = self._unstick.signal
        seen = self._measured[name] if name in self._measured else self.engine.signals()[name]
        sent, freed = self._unstick.step(setpoint, seen)
        self._told[0][FREED] = freed.float().unsqueeze(1)
        return sent

    def _start(self, env_ids: torch.Tensor) -> tuple[Group, Group, Group, Group]:
        """Start episodes in `env_ids`: their rows of state, measurements, observation, drawn."""
        num = len(env_ids)
        chosen = (self._lessons.begin(env_ids),) if self._lessons else ()
        parameters, initial, goals = self._draw(num, *chosen)
        self._variation.start(env_ids, parameters)
        if self.surroundings:
            self.surroundings.start(env_ids, goals)
        self.engine.reset(env_ids, initial)
        self.episode_steps[env_ids] = 0
        if self._unstick:
            self._unstick.start(env_ids)
        return self._first(num, self.engine.signals(env_ids), goals)

    def _autoreset(self, observation: Observation, env_ids: torch.Tensor) -> None:
        """Start a new episode in `env_ids` and write its first observation into `observation`.

        What `step` has just computed is overwritten in place: nobody else has seen it yet.
        """
        state, measured, first, fixed = self._start(env_ids)
        for target, source in (
            (self._state, state),
            (self._measured, measured),
            (observation, first),
            (self._fixed, fixed),
        ):
            write(target, env_ids, source)


def _parts(task: Task) -> Hashable:
    """What of a task `Functions` may depend on, by identity: all but how long an episode is."""
    names = (field.name for field in fields(task) if field.name != 'episode_length_s')
    return tuple(id(getattr(task, name)) for name in names)
