"""Episodes of a small robot that does not exist."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.data.episodes import EpisodeWriter
from robot_rl.data.header import Header, digest_of

_BARE = Header(
    task='poke-stick',
    robot='stick',
    level='positions',
    control_dt=0.05,
    signals={'joint_pos': 3, 'goal_pos_w': 2},
    action_size=2,
    memory_size=4,
    setpoint_fields=('a', 'b', 'c'),
    digest='',
    kind='demonstration',
    source='test',
    created='2026-11-28T12:00:00+00:00',
)
HEADER = replace(_BARE, digest=digest_of(_BARE))


class Actor:
    """Draws what an episode is made of, and keeps it."""

    def __init__(self, writer, seed=0):
        self.writer, self.time = writer, 0.0
        self.random = np.random.default_rng(seed)
        self.states, self.steps = [], []

    def row(self, size):
        return self.random.standard_normal(size).astype(np.float32)

    def state(self):
        self.time += 0.05
        header = self.writer.header
        return {n: self.row(s) for n, s in header.signals.items()}, self.row(header.memory_size)

    def step(self, *, person=False, reward=0.0, **broken):
        signals, memory = self.state()
        header = self.writer.header
        action, setpoint = self.row(header.action_size), self.row(len(header.setpoint_fields))
        told = {'action': action, 'setpoint': setpoint, 'reward': reward, 'person': person}
        told |= {'operator': 'scripted' if person else '', 'extra': {'height': 0.1}}
        self.writer.step(self.time, signals, memory, **(told | broken))
        self.states.append((signals, memory))
        self.steps.append((action, setpoint))

    def end(self, *, terminated=True, success=True):
        signals, memory = self.state()
        self.writer.end(
            self.time,
            signals,
            memory,
            terminated=terminated,
            truncated=not terminated,
            success=success,
        )
        self.states.append((signals, memory))

    def episode(self, steps=5, *, seed=None, person=0, success=True):
        """An episode of which a person acts in the first steps, rewarded at its end."""
        self.states, self.steps = [], []
        self.writer.begin(self.time, seed)
        for i in range(steps):
            self.step(person=i < person, reward=float(success and i == steps - 1))
        self.end(terminated=success, success=success)
        return self.states, self.steps


@pytest.fixture
def header():
    """What all files of these tests begin with."""
    return HEADER


@pytest.fixture
def make(tmp_path):
    """Opens a file; its actor writes to it."""
    pytest.importorskip('mcap')
    writers = []

    def open_file(name='episodes.mcap', header=HEADER, **options):
        writers.append(EpisodeWriter(tmp_path / name, header, min_free=0, **options))
        return Actor(writers[-1])

    yield open_file
    for writer in writers:
        writer.close()
