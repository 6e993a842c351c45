"""Updates per second of RLPD, beside the SAC of Stable-Baselines3 (PyPI `stable-baselines3`).

Both in one process, in turns, on as many threads, at the same networks, batch and critics. An
update is a batch out of a replay of random transitions, one step of gradient descent of critics,
actor and temperature each, and one of the target. The first form of ours computes the same as
theirs: no layer normalization, the least of all critics for target and actor, entropy in the
target. What RLPD adds is measured beside it.

All is counted by processor time, because a machine may have other work; with several threads it is
that of all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
import importlib
import importlib.util
from pathlib import Path
import time
from typing import Any

import numpy as np
import torch

from robot_rl.errors import RobotRLError
from robot_rl.files import write_json
from robot_rl.learn.replay import Replay
from robot_rl.learn.rlpd import Rlpd, RlpdConfig
from robot_rl.machine import machine_name, package_versions

PACKAGE = 'stable-baselines3'
OBSERVATION, ACTION, STORED = 24, 6, 10_000
CRITICS = (2, 10)
PEER = PACKAGE
SAME, NORMED, REDQ, UTD = (
    'robot_rl, the same',
    'robot_rl, layer normalization',
    'robot_rl, target of 2 critics',
    'robot_rl, 4 critic steps',
)


@dataclass(frozen=True)
class Row:
    """One contender at one number of critics."""

    name: str
    critics: int
    rates: tuple[float, ...]
    """Updates of the actor per second of processor time, one for each turn."""
    ratios: tuple[float, ...] = ()
    """To the peer's in the same turn; () where it is not installed."""


def contenders(critics: int) -> dict[str, Callable[[], object]]:
    """One update of each that is installed."""
    same = RlpdConfig(
        critics=critics,
        critic_subset=critics,
        layer_norm=False,
        pessimism=True,
        entropy_backup=True,
        utd=1,
    )
    found: dict[str, Callable[[], object]] = {}
    if importlib.util.find_spec('stable_baselines3') is not None:
        found[PEER] = _peer(same)
    normed = RlpdConfig(critics=critics, critic_subset=critics, utd=1)
    return {
        **found,
        SAME: _ours(same),
        NORMED: _ours(normed),
        REDQ: _ours(RlpdConfig(critics=critics, utd=1)),
        UTD: _ours(RlpdConfig(critics=critics)),
    }


def _transitions() -> tuple[torch.Tensor, ...]:
    """Observation, action, reward and next observation of STORED transitions."""
    generator = torch.Generator().manual_seed(0)
    action = 2.0 * torch.rand(STORED, ACTION, generator=generator) - 1.0
    reward = torch.rand(STORED, generator=generator)
    seen, following = torch.randn(2, STORED, OBSERVATION, generator=generator)
    return seen, action, reward, following


def _ours(config: RlpdConfig) -> Callable[[], object]:
    learner, replay = Rlpd(OBSERVATION, ACTION, config, 0), Replay(OBSERVATION, ACTION, STORED)
    seen, action, reward, following = _transitions()
    replay.add(seen, action, reward, following, config.discount)
    return lambda: learner.update(replay.sample)


def _peer(config: RlpdConfig) -> Callable[[], object]:
    """Their SAC with the settings of ours, and nothing logged."""
    package: Any = importlib.import_module('stable_baselines3')
    logger: Any = importlib.import_module('stable_baselines3.common.logger')
    gymnasium: Any = importlib.import_module('gymnasium')
    space = gymnasium.spaces.Box

    class Nothing(gymnasium.Env):
        """Says how large observations and actions are; is never stepped."""

        observation_space = space(-np.inf, np.inf, (OBSERVATION,), np.float32)
        action_space = space(-1.0, 1.0, (ACTION,), np.float32)

    learner = package.SAC(
        'MlpPolicy',
        Nothing(),
        learning_rate=config.learning_rate,
        buffer_size=STORED,
        batch_size=config.batch,
        tau=config.tau,
        gamma=config.discount,
        ent_coef=f'auto_{config.temperature}',
        target_entropy=-0.5 * ACTION,
        policy_kwargs={'net_arch': list(config.hidden), 'n_critics': config.critics},
        device='cpu',
        seed=0,
    )
    learner.set_logger(logger.configure(None, []))
    seen, action, reward, following = (each.numpy() for each in _transitions())
    stored, lasting = learner.replay_buffer, np.zeros(1, np.float32)
    for row in zip(seen, following, action, reward, strict=True):
        stored.add(*(each[None] for each in row), lasting, [{}])
    return lambda: learner.train(1, config.batch)


def run(turns: int, updates: int, threads: int = 1) -> list[Row]:
    """Measure `turns` of `updates` of each contender at 2 and at 10 critics.

    Raises RobotRLError where there are no turns or updates.
    """
    if min(turns, updates, threads) < 1:
        raise RobotRLError(
            f'There must be at least one turn, update and thread, got {turns}, {updates} and '
            f'{threads}. Choose other --turns, --updates or --threads.'
        )
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return [row for critics in CRITICS for row in _turns(critics, turns, updates)]
    finally:
        torch.set_num_threads(before)


def _turns(critics: int, turns: int, updates: int) -> list[Row]:
    found = contenders(critics)
    rates: dict[str, list[float]] = {name: [] for name in found}
    for update in found.values():
        update()
    for _ in range(turns):
        for name, update in found.items():
            started = time.process_time()
            for _ in range(updates):
                update()
            rates[name].append(updates / (time.process_time() - started))
    peer = rates.get(PEER, [])
    return [
        Row(name, critics, tuple(each), tuple(a / b for a, b in zip(each, peer, strict=False)))
        for name, each in rates.items()
    ]


def save(rows: list[Row], path: Path) -> None:
    """Write the figures with the machine and the versions they are of."""
    versions = package_versions(('robot_rl', 'torch', PACKAGE))
    content = {'machine': machine_name(), 'versions': versions, 'rows': [asdict(r) for r in rows]}
    write_json(path, content)


def text(rows: list[Row]) -> str:
    """Table of medians, with least and greatest of all turns."""
    lines = [f'updates per second of processor time, {machine_name()}']
    for row in rows:
        least, middle, most = np.percentile(row.rates, (0, 50, 100))
        line = (
            f'  {row.critics:2d} critics, {row.name:32} {middle:7.1f} ({least:.1f} to {most:.1f})'
        )
        if row.ratios:
            low, ratio, high = np.percentile(row.ratios, (0, 50, 100))
            line += f' {ratio:6.2f} x {PEER} ({low:.2f} to {high:.2f})'
        lines.append(line)
    if not any(row.ratios for row in rows):
        lines.append(f'  ({PEER} is not installed)')
    return '\n'.join(lines)
