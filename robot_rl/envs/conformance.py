"""What every task on every robot and engine must keep. Each check raises ConformanceError.

The list follows dm_control's suite (every task through the same checks) and Gymnasium's checker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from robot_rl.envs.engines import make_env
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import RobotRLError
from robot_rl.spec.task import Task

STEPS = 40
TINY = 1e-6
"""A column of observations that varies less than this carries nothing."""


class ConformanceError(RobotRLError):
    """A task, robot and engine that break a rule all of them must keep."""


def _require(fact: bool, task: Task, engine: str, message: str) -> None:
    if not fact:
        raise ConformanceError(f'{task.id} on {engine}: {message}')


def _actions(task: Task, num_envs: int, seed: int = 7) -> torch.Tensor:
    """Smooth random actions (STEPS, num_envs, action_size)."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randn(STEPS, num_envs, task.action_size, generator=generator)
    return 0.1 * steps.cumsum(0).clamp(-10.0, 10.0)


def _trace(env: VectorEnv, actions: torch.Tensor, seed: int) -> list[torch.Tensor]:
    """Observations and rewards of one rollout from a seeded reset."""
    trace = list(env.reset(seed=seed).values())
    for action in actions:
        moved = env.step(action)
        trace += [*moved.observation.values(), moved.reward, moved.terminated.float()]
    return trace


def _state(env: VectorEnv) -> dict[str, torch.Tensor]:
    """Of the true signals, those that a simulation starts from."""
    signals = env.engine.signals()
    return {name: signals[name] for name in env.task.robot.rest}


def obeys_spec(task: Task, engine: str) -> None:
    """Shapes, types, frames and limits are the declared ones."""
    env = make_env(task, engine, 3, seed=0)
    first = env.reset(seed=0)
    for action in _actions(task, 3):
        setpoint = task.act(10.0 * action, env.measured, env.memory)
        moved = env.step(10.0 * action)
        low, high = torch.tensor(task.setpoint.low), torch.tensor(task.setpoint.high)
        slack = 1e-5 * (high - low)
        inside = bool(((setpoint >= low - slack) & (setpoint <= high + slack)).all())
        _require(inside, task, engine, 'a setpoint left the limits of its level.')
        for name, value in moved.observation.items():
            _require(value.shape == first[name].shape, task, engine, f'{name} changed its shape.')
            _require(value.dtype == torch.float32, task, engine, f'{name} is not float32.')
    _require(env.memory.shape == (3, task.memory_size), task, engine, 'memory has another size.')
    for declared in task.signals:
        value = env.measured[declared.name]
        _require(
            value.shape == (3, declared.size), task, engine, f'{declared.name} has another size.'
        )
        plausible = bool((value >= declared.low).all() and (value <= declared.high).all())
        _require(plausible, task, engine, f'{declared.name} left its plausible range.')


def stays_finite(task: Task, engine: str) -> None:
    """Violent actions give finite observations and rewards."""
    env = make_env(task, engine, 16, seed=1)
    env.reset(seed=1)
    generator = torch.Generator().manual_seed(1)
    for _ in range(300):
        action = 3.0 * torch.randn(16, task.action_size, generator=generator)
        moved = env.step(action)
        for name, value in {**moved.observation, 'reward': moved.reward}.items():
            _require(bool(value.isfinite().all()), task, engine, f'{name} is not finite.')


def is_deterministic(task: Task, engine: str) -> None:
    """One seed, one rollout, in the same environment and in another one."""
    actions = _actions(task, 5)
    env = make_env(task, engine, 5, seed=0)
    first = _trace(env, actions, seed=3)
    for other in (env, make_env(task, engine, 5, seed=9)):
        same = all(map(torch.equal, first, _trace(other, actions, seed=3)))
        _require(same, task, engine, 'the same seed gave another rollout.')
    changed = _trace(env, actions, seed=4)
    _require(not torch.equal(first[0], changed[0]), task, engine, 'the seed changes nothing.')


def batch_of_one_is_a_row(task: Task, engine: str) -> None:
    """An environment behaves the same alone and in a batch, given the same state and physics."""
    plain = {'seed': 0, 'randomize': False, 'noise': False}
    many, one = make_env(task, engine, 6, **plain), make_env(task, engine, 1, **plain)
    many.reset(seed=5)
    one.reset(seed=5)
    row = torch.tensor([4])
    state = {name: value[row] for name, value in _state(many).items()}
    one.engine.reset(torch.tensor([0]), state)
    measured, memory = many.measured, many.memory
    for action in _actions(task, 6):
        setpoint = task.act(action, measured, memory)
        many.engine.step(setpoint)
        one.engine.step(setpoint[row])
    batch, single = many.engine.signals(), one.engine.signals()
    for name, value in single.items():
        near = torch.allclose(batch[name][row], value, rtol=1e-5, atol=1e-6)
        _require(
            near, task, engine, f'{name} differs between a batch of one and a row of a batch.'
        )


def partial_reset_leaves_the_others(task: Task, engine: str) -> None:
    """Resetting some environments leaves every bit of the others as it was."""
    env = make_env(task, engine, 20, seed=0)
    env.reset(seed=2)
    for action in _actions(task, 20)[:10]:
        env.step(action)
    before = env.engine.signals()
    ids = torch.tensor([0, 3, 17])
    kept = torch.tensor([i for i in range(20) if i not in ids.tolist()])
    env.engine.reset(ids, {name: value[ids] * 0.5 for name, value in _state(env).items()})
    after = env.engine.signals()
    for name in before:
        same = torch.equal(before[name][kept], after[name][kept])
        _require(same, task, engine, f'a partial reset changed {name} of another environment.')


def shares_no_memory(task: Task, engine: str) -> None:
    """What a step returned is not changed by later steps."""
    env = make_env(task, engine, 4, seed=0)
    first = env.reset(seed=0)
    kept = [first]
    copies = [{name: value.clone() for name, value in first.items()}]
    for action in _actions(task, 4)[:5]:
        observation = env.step(action).observation
        kept.append(observation)
        copies.append({name: value.clone() for name, value in observation.items()})
    for seen, copy in zip(kept, copies, strict=True):
        same = all(torch.equal(seen[name], copy[name]) for name in seen)
        _require(same, task, engine, 'a later step wrote into an earlier observation.')


def keeps_the_state_that_ended(task: Task, engine: str) -> None:
    """What a step reports is the state before the automatic reset: it gives the same reward."""
    short = replace(task, episode_length_s=3 * task.control_dt)
    for noise in (True, False):
        env = make_env(short, engine, 8, seed=0, noise=noise)
        env.reset(seed=0)
        for action in _actions(task, 8)[:9]:
            moved = env.step(action)
            reward = sum(term.weight * term.function(moved.step) for term in task.rewards)
            same = torch.allclose(moved.reward, torch.as_tensor(reward), rtol=1e-5, atol=1e-5)
            _require(same, task, engine, 'the automatic reset wrote into the step that ended.')


def leaves_the_action_alone(task: Task, engine: str) -> None:
    """Neither a step nor a reset writes into the action it was given."""
    for num_envs in (1, 3):
        env = make_env(task, engine, num_envs, seed=0)
        env.reset(seed=0)
        action = torch.full((num_envs, task.action_size), 0.5)
        env.step(action)
        env.reset(seed=0)
        _require(bool((action == 0.5).all()), task, engine, 'the action was written into.')


def has_no_constant_observation(task: Task, engine: str) -> None:
    """Every number the policy or the critic sees carries something."""
    env = make_env(task, engine, 64, seed=0)
    env.reset(seed=0)
    rows = [env.step(action).observation for action in _actions(task, 64)]
    for group in rows[0]:
        spread = torch.cat([row[group] for row in rows]).std(0)
        dead = (spread < TINY).nonzero().squeeze(1).tolist()
        _require(not dead, task, engine, f'{group} observation has constant columns {dead}.')


def reports_time_out_as_truncation(task: Task, engine: str) -> None:
    """An episode that runs out of time is truncated, not terminated, and keeps its last state."""
    short = replace(task, episode_length_s=5 * task.control_dt, terminations=task.terminations)
    env = make_env(short, engine, 3, seed=0)
    env.reset(seed=0)
    for index in range(5):
        moved = env.step(torch.zeros(3, task.action_size))
        last = index == 4
        running = ~moved.terminated
        _require(
            bool((moved.truncated[running] == last).all()),
            task,
            engine,
            'time-out is misreported.',
        )
        _require(not bool((moved.truncated & moved.terminated).any()), task, engine, 'both ends.')
    _require(len(moved.final_ids) == 3, task, engine, 'the ended episodes are not all named.')
    kept = moved.final['actor']
    _require(
        not torch.equal(kept, moved.observation['actor'][moved.final_ids]),
        task,
        engine,
        'the final observation is the first one of the next episode.',
    )


CHECKS: tuple[Callable[[Task, str], None], ...] = (
    obeys_spec,
    stays_finite,
    is_deterministic,
    batch_of_one_is_a_row,
    partial_reset_leaves_the_others,
    shares_no_memory,
    leaves_the_action_alone,
    keeps_the_state_that_ended,
    has_no_constant_observation,
    reports_time_out_as_truncation,
)
