"""What a policy sees when it acts: rows of its inputs, and statistics of each signal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from robot_rl.envs.actor import Acting, Actor
from robot_rl.spec.task import Task


@dataclass(frozen=True)
class States:
    """Inputs of a policy, one row a moment."""

    signals: dict[str, np.ndarray]
    """Signal name to float32 (rows, size), SI units, or to images (rows, h, w, 3), uint8."""
    memory: np.ndarray
    """float32 (rows, size): of the task, then the actor's state."""

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.memory)


class Observed(Protocol):
    """The part of a batched environment that `collect` uses."""

    task: Task
    num_envs: int

    @property
    def memory(self) -> torch.Tensor:
        """What the policy carries, (num_envs, memory_size)."""
        ...

    @property
    def restarted(self) -> torch.Tensor:
        """(num_envs,) bool: memory is zero, the policy starts anew."""
        ...

    @property
    def measured(self) -> Mapping[str, torch.Tensor]:
        """Signals as the policy gets them now, each (num_envs, size)."""
        ...

    def reset(self) -> Any:
        """Start an episode everywhere, return the observation groups."""
        ...

    def step(self, action: torch.Tensor) -> Any:
        """Advance by one control period, return a transition with `.observation`."""
        ...


class Moments:
    """Running mean, standard deviation and range of a vector."""

    def __init__(self, size: int) -> None:
        """Start with no samples."""
        self._count = 0
        self._sum, self._squares = np.zeros(size), np.zeros(size)
        self._low, self._high = np.full(size, np.inf), np.full(size, -np.inf)

    def add(self, rows: np.ndarray) -> None:
        """Count `rows` (n, size)."""
        rows = rows.astype(np.float64)
        self._count += len(rows)
        self._sum += rows.sum(0)
        self._squares += (rows * rows).sum(0)
        self._low = np.minimum(self._low, rows.min(0))
        self._high = np.maximum(self._high, rows.max(0))

    def entry(self) -> dict[str, list[float]]:
        """{mean, std, low, high}, one number a component."""
        mean = self._sum / self._count
        variance = np.maximum(self._squares / self._count - mean * mean, 0.0)
        rows = {'mean': mean, 'std': np.sqrt(variance), 'low': self._low, 'high': self._high}
        return {name: row.tolist() for name, row in rows.items()}


def collect(
    env: Observed, actor: Actor, *, steps: int, rows: int = 1024, seed: int = 0
) -> tuple[States, dict[str, dict[str, list[float]]]]:
    """Let `actor` act for `steps` periods in every environment.

    Args:
        env: Environment, reset here, on any device.
        actor: See envs/actor.py; without exploration noise.
        steps: Control periods.
        rows: Inputs to keep, drawn evenly over time and at random over environments.
        seed: Of that draw; the environment keeps its own random numbers.

    Returns:
        The rows kept, and {mean, std, low, high} of every signal and of the setpoint over all
        environments and periods.
    """
    task, draw, acting = env.task, torch.Generator().manual_seed(seed), Acting(actor)
    sizes = {signal.name: signal.watched for signal in task.signals}
    moments = {name: Moments(size) for name, size in sizes.items()}
    moments['setpoint'] = Moments(task.setpoint.size)
    kept: list[dict[str, np.ndarray]] = []
    with torch.inference_mode():
        observation = env.reset()
        for step in range(steps):
            inputs = {name: env.measured[name] for name in task.signal_names}
            inputs[''] = torch.cat((env.memory, acting.state(env)), 1)
            count = rows * (step + 1) // steps - rows * step // steps
            chosen = torch.randint(env.num_envs, (count,), generator=draw).to(env.memory.device)
            kept.append({name: value[chosen].cpu().numpy() for name, value in inputs.items()})
            for name in sizes:
                moments[name].add(_watched(inputs[name].cpu().numpy()))
            action, _ = acting(env, observation)
            setpoint = task.act(action, env.measured, env.memory)
            moments['setpoint'].add(setpoint.cpu().numpy())
            observation = env.step(action).observation
    joined = {name: np.concatenate([part[name] for part in kept]) for name in kept[0]}
    memory = joined.pop('')
    return States(joined, memory), {name: moment.entry() for name, moment in moments.items()}


def _watched(rows: np.ndarray) -> np.ndarray:
    """Numbers of which statistics are kept: of images the mean of each colour."""
    return rows.mean((1, 2)) if rows.ndim == 4 else rows


def random_states(seen: States, num: int, seed: int = 0) -> States:
    """Draw inputs beyond `seen`: each component uniform over its range, widened by half."""
    draw = np.random.default_rng(seed)

    def beyond(rows: np.ndarray) -> np.ndarray:
        if rows.dtype == np.uint8:
            return draw.integers(0, 256, (num, *rows.shape[1:])).astype(np.uint8)
        low, high = rows.min(0), rows.max(0)
        margin = 0.25 * (high - low)
        return draw.uniform(low - margin, high + margin, (num, len(low))).astype(np.float32)

    signals = {name: beyond(rows) for name, rows in seen.signals.items()}
    return States(signals, beyond(seen.memory))
