"""Speed of whole environments: dynamics, sensors, observation, reward, termination and reset.

Beside it l2f (PyPI), the C++ simulator of "Learning to Fly in Seconds" with its Python interface,
stepped the same way: step, observation, reward, termination, and a reset of what ended. Both run
on one thread, in turns.
"""

from __future__ import annotations

from collections.abc import Callable
import contextlib
from dataclasses import dataclass
import importlib
import time
from typing import Any

from robot_rl.envs.engines import make_env
from robot_rl.errors import MissingPackageError
from robot_rl.machine import machine_name
from robot_rl.spec import registry
from robot_rl.spec.engines import engines_of

ROUNDS = 5
FEW = 256
"""Environments of the engines that are slower."""


@dataclass(frozen=True)
class Speed:
    """Environment steps per CPU second: median over rounds."""

    name: str
    num_envs: int
    steps_per_s: float


def sim(
    task_id: str = 'hover-crazyflie', num_envs: int = 8192, seconds: float = 2.0
) -> list[Speed]:
    """Measure every contender that is installed, in turns, and return its speed."""
    import torch

    torch.set_num_threads(1)
    fastest, *others = engines_of(registry.task(task_id).robot)
    contenders = {
        f'robot_rl, {fastest}, {sensors}': (num_envs, _ours(task_id, fastest, num_envs, noise))
        for sensors, noise in (('sensors with noise', True), ('exact sensors', False))
    }
    for name in others:
        with contextlib.suppress(MissingPackageError):
            contenders[f'robot_rl, {name}'] = (FEW, _ours(task_id, name, FEW, True))
    peer = _l2f(num_envs)
    if peer is not None:
        contenders['l2f'] = (num_envs, peer)
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, (size, step) in contenders.items():
            rates[name].append(_rate(step, size, seconds / ROUNDS))
    return [
        Speed(name, contenders[name][0], sorted(values)[len(values) // 2])
        for name, values in rates.items()
    ]


def _rate(step: Callable[[], None], num_envs: int, seconds: float) -> float:
    step()
    started, steps = time.process_time(), 0
    while (spent := time.process_time() - started) < seconds:
        step()
        steps += num_envs
    return steps / spent


def _ours(task_id: str, engine: str, num_envs: int, noise: bool) -> Callable[[], None]:
    import torch

    env = make_env(registry.task(task_id), engine, num_envs, seed=0, noise=noise)
    env.reset(seed=0)
    env.stagger_episodes()
    action = torch.zeros(num_envs, env.task.action_size)
    return lambda: env.step(action) and None


def _l2f(num_envs: int) -> Callable[[], None] | None:
    """One step of l2f's vectorized environments, or None where it is not installed."""
    try:
        l2f: Any = importlib.import_module('l2f')
    except ImportError:
        return None
    import numpy as np

    vector = getattr(l2f, f'vector{num_envs}')
    device, rng, env = l2f.Device(), vector.VectorRng(), vector.VectorEnvironment()
    parameters, state, following = (
        vector.VectorParameters(),
        vector.VectorState(),
        vector.VectorState(),
    )
    vector.initialize_rng(device, rng, 0)
    vector.initialize_environment(device, env)
    vector.sample_initial_parameters(device, env, parameters, rng)
    vector.sample_initial_state(device, env, parameters, state, rng)
    action = np.zeros((num_envs, env.ACTION_DIM), np.float32)
    observation = np.zeros((num_envs, env.OBSERVATION_DIM), np.float32)
    reward, ended = np.zeros(num_envs, np.float32), np.zeros(num_envs, bool)
    states = [state, following]

    def step() -> None:
        now, after = states
        vector.step(device, env, parameters, now, action, after, rng)
        vector.reward(device, env, parameters, now, action, after, reward, rng)
        vector.terminated(device, env, parameters, after, ended, rng)
        vector.sample_initial_parameters_if_truncated(device, env, parameters, ended, rng)
        vector.sample_initial_state_if_truncated(device, env, parameters, after, ended, rng)
        vector.observe(device, env, parameters, after, observation, rng)
        states.reverse()

    return step


def text(speeds: list[Speed]) -> str:
    """Table of the speeds, with ratios to l2f where it ran."""
    peer = next((s.steps_per_s for s in speeds if s.name == 'l2f'), None)
    lines = [f'environment steps per second on one core of {machine_name()}']
    for speed in speeds:
        ratio = f'{speed.steps_per_s / peer:6.2f} x l2f' if peer else '   (l2f is not installed)'
        rate = speed.steps_per_s / 1e6
        lines.append(f'  {speed.name:40} {speed.num_envs:6d} envs {rate:8.2f} M/s {ratio}')
    return '\n'.join(lines)
