"""What differs between environments, and changes as they run: parameters, pushes, late setpoints.

The robot's parameters go to the engine; the effects of spec/randomization.py happen here.
"""

from __future__ import annotations

from collections.abc import Sequence
import logging
import math

import torch

from robot_rl.engines.engine import Engine
from robot_rl.envs.fuse import Group, Rows, write
from robot_rl.mdp.randomization import ParameterSampler
from robot_rl.sensors.measure import delayed
from robot_rl.spec.randomization import EFFECTS, Spread, parameter_of
from robot_rl.spec.robot import Setpoint

_LOG = logging.getLogger(__name__)
DELAY, LOSS, PUSH = 'action_delay', 'message_loss', 'push_velocity_w'


class Variation:
    """Holds the parameters of every environment and keeps the engine up to date with them."""

    def __init__(
        self,
        engine: Engine,
        spreads: Sequence[Spread],
        setpoint: Setpoint,
        control_dt: float,
        generator: torch.Generator,
    ) -> None:
        """Draw what is drawn at startup, from a generator of its own with the seed of `generator`.

        What is drawn at a reset comes with `start`.
        """
        self._unvaried = _unvaried(engine, spreads)
        robot, self._engine, self._device = engine.robot, engine, engine.device
        self.parameters = _nominal(engine, spreads)
        """All spread parameters and effects of every environment [SI], each (num_envs, size)."""
        intervals = [s for s in spreads if s.mode == 'interval']
        self._intervals = [_Interval(engine, s, control_dt, generator) for s in intervals]
        delays = [s for s in spreads if s.parameter == DELAY]
        longest = max((s.b * (1.0 + s.spread) for s in delays), default=0.0)
        self._line = None
        if longest > 0.0:
            periods = math.ceil(longest / control_dt - 1e-9)
            self._line = _DelayLine(engine, setpoint.size, periods, control_dt)
        startup = [s for s in spreads if s.mode == 'startup']
        if startup:
            own = torch.Generator(self._device).manual_seed(generator.initial_seed())
            drawn = ParameterSampler(robot, startup, self._device)(engine.num_envs, own)
            self._set(drawn, torch.arange(engine.num_envs, device=self._device))

    def start(self, env_ids: torch.Tensor, drawn: Group) -> None:
        """Begin episodes in `env_ids` with the parameters `drawn` for them."""
        if drawn:
            self._set(drawn, env_ids)
        for interval in self._intervals:
            interval.restart(env_ids)
            if interval.parameter != PUSH:
                self._set(interval.draw(len(env_ids)), env_ids)
        if self._line is not None:
            self._line.restart(env_ids)

    def step(self, setpoint: torch.Tensor) -> torch.Tensor:
        """What reaches the drives of `setpoint` (num_envs, size) in the period that begins.

        Before it does, what is due at intervals is drawn anew.
        """
        for interval in self._intervals:
            env_ids = interval.due()
            if len(env_ids):
                self._set(interval.draw(len(env_ids)), env_ids)
        if self._line is None:
            return setpoint
        return self._line.step(setpoint, self.parameters[DELAY])

    def _set(self, values: Group, env_ids: torch.Tensor) -> None:
        beside = (*EFFECTS, *self._unvaried)
        physical = {name: value for name, value in values.items() if name not in beside}
        if physical:
            self._engine.randomize(physical, env_ids)
        if PUSH in values:
            self._engine.push(values[PUSH], env_ids)
        write(self.parameters, env_ids, values)


def _unvaried(engine: Engine, spreads: Sequence[Spread]) -> tuple[str, ...]:
    """Spread parameters that the engine does not simulate, which a warning names.

    No error: a judge with other physics runs what was trained elsewhere, at its nominal values.
    """
    known = (*EFFECTS, *engine.simulated)
    found = tuple(spread.parameter for spread in spreads if spread.parameter not in known)
    if found:
        _LOG.warning(
            '%s does not simulate, and so does not vary: %s.',
            type(engine).__name__,
            ', '.join(found),
        )
    return found


def _nominal(engine: Engine, spreads: Sequence[Spread]) -> Group:
    """Nominal values of all that is spread, in one piece."""
    nominal = {
        s.parameter: torch.tensor(parameter_of(engine.robot, s.parameter).nominal) for s in spreads
    }
    columns = torch.cat([torch.zeros(0), *nominal.values()]).to(engine.device)
    columns = columns[:, None].repeat(1, engine.num_envs)
    parts = columns.T.split([len(value) for value in nominal.values()], 1)
    return Rows(dict(zip(nominal, parts, strict=True)), columns)


class _Interval:
    """When one parameter is due to be drawn anew, in each environment."""

    def __init__(
        self, engine: Engine, spread: Spread, control_dt: float, generator: torch.Generator
    ) -> None:
        self.parameter = spread.parameter
        self._sampler = ParameterSampler(engine.robot, [spread], engine.device)
        self._generator = generator
        self._shortest, self._longest = (edge / control_dt for edge in spread.interval_s)
        self._left = torch.zeros(engine.num_envs, device=engine.device)  # periods

    def _periods(self, num: int) -> torch.Tensor:
        share = torch.rand(num, generator=self._generator, device=self._left.device)
        return self._shortest + (self._longest - self._shortest) * share

    def restart(self, env_ids: torch.Tensor) -> None:
        """Begin the first interval of `env_ids`."""
        self._left[env_ids] = self._periods(len(env_ids))

    def due(self) -> torch.Tensor:
        """Environments due at the start of this period; their next interval begins.

        What an interval has of a fraction of a period is kept, so that they are right on average.
        """
        env_ids = (self._left <= 0.0).nonzero().squeeze(1)
        if len(env_ids):
            self._left[env_ids] += self._periods(len(env_ids))
        self._left -= 1.0
        return env_ids

    def draw(self, num: int) -> Group:
        return self._sampler(num, self._generator)


class _DelayLine:
    """Setpoints on their way to the drives.

    A drive holds one setpoint a period, so of a delay of 1.3 periods it gets 0.7 of the setpoint
    of one period ago and 0.3 of the one before: their mean over the time that each would hold.
    """

    def __init__(self, engine: Engine, size: int, periods: int, control_dt: float) -> None:
        empty = torch.zeros(engine.num_envs, size, device=engine.device)
        self._past = [empty] * periods  # newest first
        self._first = torch.ones(engine.num_envs, 1, dtype=torch.bool, device=engine.device)
        self._dt = control_dt

    def restart(self, env_ids: torch.Tensor) -> None:
        """Forget what was sent to `env_ids`: the first setpoint counts as sent all along."""
        self._first[env_ids] = True

    def step(self, setpoint: torch.Tensor, delay: torch.Tensor) -> torch.Tensor:
        """What arrives when `setpoint` is sent, `delay` (num_envs, 1) [s] late."""
        if self._first.any():
            self._past = [torch.where(self._first, setpoint, value) for value in self._past]
            self._first[:] = False
        arrives = delayed(setpoint, self._past, delay / self._dt)
        self._past = [setpoint.clone(), *self._past[:-1]]
        return arrives
