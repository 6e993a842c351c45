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
VIOLENT = 16
"""Robots driven violently; a fault in the reset of a few of a hundred escapes half as many."""


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


def returns_what_it_declares(task: Task, engine: str) -> None:
    """Shapes of all that its functions return. Raises SpecError: every environment asks."""
    make_env(task, engine, 1, seed=0)


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
        said = f'a setpoint left the limits of its level, {setpoint.tolist()}: clamp it in act.'
        _require(inside, task, engine, said)
        for name, value in moved.observation.items():
            _has_shape(value, tuple(first[name].shape), task, engine, f'observation {name!r}')
            said = f'observation {name!r} is {value.dtype}, expected torch.float32.'
            _require(value.dtype == torch.float32, task, engine, said)
    _has_shape(env.memory, (3, task.memory_size), task, engine, 'the memory')
    for declared in task.signals:
        value = env.measured[declared.name]
        _has_shape(value, (3, *declared.row), task, engine, declared.name)
        low, high = declared.low, declared.high
        said = (
            f'{declared.name} reaches [{value.min():g}, {value.max():g}], expected within its '
            f'plausible range [{low:g}, {high:g}].'
        )
        _require(bool(((value >= low) & (value <= high)).all()), task, engine, said)


def _has_shape(
    value: torch.Tensor, shape: tuple[int, ...], task: Task, engine: str, name: str
) -> None:
    said = f'{name} has the shape {tuple(value.shape)}, expected {shape}.'
    _require(value.shape == shape, task, engine, said)


def stays_finite(task: Task, engine: str) -> None:
    """Violent actions give finite observations and rewards."""
    env = make_env(task, engine, VIOLENT, seed=1)
    env.reset(seed=1)
    generator = torch.Generator().manual_seed(1)
    for _ in range(300):
        action = 3.0 * torch.randn(VIOLENT, task.action_size, generator=generator)
        moved = env.step(action)
        for name, value in {**moved.observation, 'reward': moved.reward}.items():
            said = f'{name} is not finite after violent actions: clamp what can grow.'
            _require(bool(value.isfinite().all()), task, engine, said)


def is_deterministic(task: Task, engine: str) -> None:
    """One seed, one rollout, in the same environment and in another one."""
    actions = _actions(task, 5)
    env = make_env(task, engine, 5, seed=0)
    first = _trace(env, actions, seed=3)
    for other in (env, make_env(task, engine, 5, seed=9)):
        same = all(map(torch.equal, first, _trace(other, actions, seed=3)))
        said = 'the same seed gave another rollout: draw from the generator that is passed in.'
        _require(same, task, engine, said)
    changed = _trace(env, actions, seed=4)
    said = 'another seed gave the same start, expected one that is drawn.'
    _require(not torch.equal(first[0], changed[0]), task, engine, said)


def batch_of_one_is_a_row(task: Task, engine: str) -> None:
    """An environment behaves the same alone and in a batch, given the same state and physics."""
    plain = {'seed': 0, 'randomize': False, 'noise': False}
    many, one = make_env(task, engine, 6, **plain), make_env(task, engine, 1, **plain)
    many.reset(seed=5)
    one.reset(seed=5)
    row = torch.tensor([4])
    state = {name: value[row] for name, value in _state(many).items()}
    if one.surroundings:
        one.surroundings.start(torch.tensor([0]), {n: v[row] for n, v in many.drawn.items()})
    one.engine.reset(torch.tensor([0]), state)
    measured, memory = many.measured, many.memory
    for action in _actions(task, 6):
        setpoint = task.act(action, measured, memory)
        many.engine.step(setpoint)
        one.engine.step(setpoint[row])
    batch, single = many.engine.signals(), one.engine.signals()
    for name, value in single.items():
        near = torch.allclose(batch[name][row], value, rtol=1e-5, atol=1e-6)
        said = f'{name} differs between a batch of one and a row of a batch, expected the same.'
        _require(near, task, engine, said)


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
        said = f'a partial reset changed {name} of others: write to the rows of env_ids alone.'
        _require(same, task, engine, said)


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
        said = 'a later step wrote into an earlier observation: return new tensors.'
        _require(same, task, engine, said)


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
            said = 'the automatic reset wrote into the step that ended: copy what it reports.'
            _require(same, task, engine, said)


def leaves_the_action_alone(task: Task, engine: str) -> None:
    """Neither a step nor a reset writes into the action it was given."""
    for num_envs in (1, 3):
        env = make_env(task, engine, num_envs, seed=0)
        env.reset(seed=0)
        action = torch.full((num_envs, task.action_size), 0.5)
        env.step(action)
        env.reset(seed=0)
        said = 'the action was written into: copy it before it is changed.'
        _require(bool((action == 0.5).all()), task, engine, said)


def has_no_constant_observation(task: Task, engine: str) -> None:
    """Every number the policy or the critic sees carries something."""
    env = make_env(task, engine, 64, seed=0)
    env.reset(seed=0)
    rows = [env.step(action).observation for action in _actions(task, 64)]
    for group in rows[0]:
        spread = torch.cat([row[group] for row in rows]).std(0)
        dead = (spread < TINY).nonzero().squeeze(1).tolist()
        said = f'{group} observation has constant columns {dead}: remove them.'
        _require(not dead, task, engine, said)


def reports_time_out_as_truncation(task: Task, engine: str) -> None:
    """An episode that runs out of time is truncated, not terminated, and keeps its last state."""
    short = replace(task, episode_length_s=5 * task.control_dt, terminations=task.terminations)
    env = make_env(short, engine, 3, seed=0)
    env.reset(seed=0)
    for index in range(5):
        moved = env.step(torch.zeros(3, task.action_size))
        last = index == 4
        reported = moved.truncated[~moved.terminated]
        said = f'step {index + 1} of 5 has truncated {reported.tolist()}, expected {last} in all.'
        _require(bool((reported == last).all()), task, engine, said)
        said = 'an episode is both truncated and terminated, expected at most one of them.'
        _require(not bool((moved.truncated & moved.terminated).any()), task, engine, said)
    said = f'final_ids names {len(moved.final_ids)} episodes that ended, expected 3.'
    _require(len(moved.final_ids) == 3, task, engine, said)
    again = torch.equal(moved.final['actor'], moved.observation['actor'][moved.final_ids])
    said = 'the final observation is the first of the next episode, expected the last of its own.'
    _require(not again, task, engine, said)


CHECKS: tuple[Callable[[Task, str], None], ...] = (
    returns_what_it_declares,
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
