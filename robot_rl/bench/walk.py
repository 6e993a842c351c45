"""How well a walking policy keeps the velocity that is asked of it, and its feet.

Errors are those of the velocity at every instant, not of its mean over a stride, and leave out the
first second after each new command. Ground counts as rough where its heights about the robot
differ by more than `ROUGH` on average over the episode.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from robot_rl.bench.evaluation import prepare
from robot_rl.bench.statistics import wilson
from robot_rl.envs.rollout import Policy, rollout
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import SpecError
from robot_rl.learn.config import TEST_SEED
from robot_rl.mdp import gait

SETTLE_S = 1.0
"""[s] after a new command."""
ROUGH = 0.01
"""[m] standard deviation of the ground about the robot, on average."""
NEEDED = ('goal_lin_vel_b', 'goal_ang_vel_b', 'base_lin_vel_b', 'base_ang_vel_b', 'ground')


@dataclass(frozen=True)
class Walks:
    """One row an episode."""

    fell: torch.Tensor
    """(n,) bool"""
    lin_error: torch.Tensor
    """(n,) [m/s] mean error of the horizontal velocity while up; NaN where it fell at once."""
    ang_error: torch.Tensor
    """(n,) [rad/s] the same of the rate of turn."""
    power: torch.Tensor
    """(n,) [W] mean mechanical power into the joints."""
    roughness: torch.Tensor
    """(n,) [m] mean standard deviation of the ground about the robot."""


def walks(path: Path, engine: str = '', episodes: int = 500, seed: int = TEST_SEED) -> Walks:
    """Run `episodes` whole episodes of a run folder or a policy file on an engine.

    Raises:
        SpecError: The task has no velocity command, or cannot see its ground.
        RobotRLError: The policy cannot be read, the engine is unknown or not installed.
    """
    env, policy, _ = prepare(path, engine, episodes, seed)
    return measure(env, policy, seed)


def measure(env: VectorEnv, policy: Policy, seed: int) -> Walks:
    """Run one whole episode in each environment of `env`. Raises SpecError, see `walks`."""
    dt, num = env.task.control_dt, env.num_envs
    up = torch.ones(num, dtype=torch.bool)
    since, counted, steps = torch.zeros(3, num).unbind()
    sums = torch.zeros(4, num)
    asked = None
    with torch.inference_mode():
        for transition in rollout(env, policy, seed=seed):
            signals = transition.step.signals
            missing = [name for name in NEEDED if name not in signals]
            if missing:
                raise SpecError(
                    f'Task {env.task.id!r} has no signal {missing[0]!r}, which bench walk needs. '
                    'Choose a policy of a task that walks, such as walk-go2.'
                )
            goal = torch.cat((signals['goal_lin_vel_b'], signals['goal_ang_vel_b']), dim=1)
            same = torch.ones(num) if asked is None else (goal == asked).all(1).float()
            asked, since = goal, (since + dt) * same
            up &= ~transition.terminated
            settled = up * (since > SETTLE_S)
            counted, steps = counted + settled, steps + up
            lin, ang = gait.lin_vel_error(signals), gait.ang_vel_error(signals)
            power = gait.power(transition.step)
            rough = signals['ground'].std(1)
            sums += torch.stack((settled * lin, settled * ang, up * power, up * rough))
    lin, ang = sums[:2] / counted
    power, rough = sums[2:] / steps.clamp(min=1.0)
    return Walks(~up, lin, ang, power, rough)


def text(walked: Walks) -> str:
    """A table: all episodes, those on level and those on rough ground."""
    rough = walked.roughness > ROUGH
    rows = {'all': rough | True, 'level': ~rough, 'rough': rough}
    lines = ['ground  episodes  falls [%] (95 % interval)   m/s    rad/s      W']
    for name, chosen in rows.items():
        num = int(chosen.sum())
        if not num:
            continue
        fell = wilson(int(walked.fell[chosen].sum()), num).text(scale=100.0)
        lin, ang, power = (
            float(values[chosen].nanmean())
            for values in (walked.lin_error, walked.ang_error, walked.power)
        )
        lines.append(f'{name:8}{num:8}  {fell:26}{lin:6.3f}{ang:9.3f}{power:7.0f}')
    return '\n'.join(lines)
