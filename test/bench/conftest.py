"""A navigation bench that nobody drove: trials whose statistics are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from robot_rl.bench.navigation.trial import Trial
from robot_rl.spec.arena import Arena, NavLimits

DT = 0.05
SKILL = {'policy': 0.95, 'reference:mppi': 0.9, 'reference:dwa': 0.75, 'reference:pursuit': 0.55}


class Synthetic(NamedTuple):
    trials: list[Trial]
    arenas: dict[str, Arena]
    limits: NavLimits


def arena(name: str, generator: np.random.Generator, posts: int = 60) -> Arena:
    """A field of posts beside an S-shaped way, like a BARN world."""
    y = generator.uniform(4.5, 11.5, posts)
    side = np.where(generator.random(posts) < 0.5, -1.0, 1.0)
    x = -2.25 + _bend(y, len(name)) + side * generator.uniform(0.55, 2.2, posts)
    walls = np.array([[-4.6, 2.0, -4.6, 13.5], [0.1, 2.0, 0.1, 13.5]])
    circles = np.stack((x, y, np.full(posts, 0.075)), axis=1)
    return Arena(name, (-2.25, 3.0, 1.57), (-2.25, 13.0), 10.6, segments=walls, circles=circles)


def _bend(y: np.ndarray, phase: float) -> np.ndarray:
    return 0.8 * np.sin(0.8 * (y - 3.0) + phase) * np.clip((y - 3.0) / 2.0, 0.0, 1.0)


def drive(place: Arena, planner: str, seed: int, skill: float, hard: float) -> Trial:
    """One run: how far it comes and how it wobbles depends on the skill."""
    generator = np.random.default_rng([seed, *planner.encode(), *place.name.encode()])
    speed = generator.uniform(0.6, 1.0) * (0.4 + skill)
    won = generator.random() < skill * hard + (1.0 - hard) * 0.98
    end = 12.3 if won else generator.uniform(5.0, 11.0)
    y = np.arange(3.0, end, speed * DT)
    wobble = (1.0 - skill) * np.cumsum(generator.normal(0.0, 0.02, y.size))
    x = -2.25 + _bend(y, len(place.name)) + wobble
    outcome = 'success' if won else str(generator.choice(['collision', 'timeout', 'stuck']))
    if outcome in ('timeout', 'stuck'):  # it stays where it is
        x, y = (np.concatenate((row, np.full(200, row[-1]))) for row in (x, y))
    yaw = np.arctan2(np.gradient(y), np.gradient(x)) if len(x) > 1 else np.zeros(len(x))
    command = np.stack((np.full(y.size, speed), np.gradient(np.unwrap(yaw)) / DT), axis=1)
    command += generator.normal(0.0, 0.1 * (1.1 - skill), command.shape)
    sent = command.copy()
    sent[1:] = 0.5 * (command[1:] + command[:-1])
    clearance = np.abs(generator.normal(0.3, 0.1, y.size))
    compute = generator.lognormal(-6.0 + 2.0 * skill, 0.3, y.size)
    time = 100.0 if outcome == 'timeout' else len(y) * DT
    return Trial(
        planner, place.name, seed, outcome, time, DT, place.path_length,
        np.stack((x, y, yaw), axis=1), command, sent, clearance, compute,
        int((compute > DT).sum()), int(generator.poisson(2.0 * (1.0 - skill))),
    )  # fmt: skip


@pytest.fixture(scope='session')
def synthetic() -> Callable[..., Synthetic]:
    """(worlds=12, seeds=3, skill=SKILL) -> trials, arenas and limits."""

    def make(worlds: int = 12, seeds: int = 3, skill: dict[str, float] = SKILL) -> Synthetic:
        generator = np.random.default_rng(7)
        places = [arena(f'barn-{2 * number}', generator) for number in range(worlds)]
        hard = generator.random(worlds)
        trials = [
            drive(place, planner, seed, able, difficulty)
            for place, difficulty in zip(places, hard, strict=True)
            for seed in range(seeds)
            for planner, able in skill.items()
        ]
        outline = np.array([[-0.25, -0.21], [0.25, -0.21], [0.25, 0.21], [-0.25, 0.21]])
        limits = NavLimits(2.0, -0.5, 2.0, 5.0, 6.0, 20.0, 1.0, 3.2, outline)
        return Synthetic(trials, {place.name: place for place in places}, limits)

    return make
