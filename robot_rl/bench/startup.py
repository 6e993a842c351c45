"""How long everyday commands take as whole processes, beside a Python that does nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import importlib.util
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import numpy as np

from robot_rl.errors import FlightError

NOTHING = 'python -c pass'
CONFIGURED = 'self-test passed'
"""What policy_node says once it could drive."""
PATIENCE_S = 120.0
"""[s] after which a command counts as hung."""


@dataclass(frozen=True)
class Everyday:
    """One command."""

    args: Sequence[str]
    """Of this Python."""
    until: str = ''
    """Words in its output that end it; '' where it ends by itself."""


def commands(policy: Path) -> dict[str, Everyday]:
    """What people and launch files start all day, by the name in the table."""
    cli = ('-m', 'robot_rl')
    found = {
        NOTHING: Everyday(('-c', 'pass')),
        'import robot_rl': Everyday(('-c', 'import robot_rl')),
        'robot_rl --help': Everyday((*cli, '--help')),
        'robot_rl train --help': Everyday((*cli, 'train', '--help')),
        'robot_rl list': Everyday((*cli, 'list')),
        f'robot_rl check {policy.name}': Everyday((*cli, 'check', str(policy))),
    }
    if importlib.util.find_spec('rclpy') is not None:
        node = ('-m', 'robot_rl.nodes.policy_node', '--ros-args', '-p', f'policy:={policy}')
        found['policy_node, until configured'] = Everyday(
            (*node, '-p', 'autostart:=true'), CONFIGURED
        )
    return found


def startup(policy: Path, rounds: int = 7) -> dict[str, list[float]]:
    """Seconds of each command in each of `rounds` turns, by its name.

    Raises FlightError for a command that fails or does not come to its end.
    """
    contenders = commands(policy)
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):  # in turns: noise falls on all alike
        for name, each in contenders.items():
            taken[name].append(_seconds(name, each))
    return taken


def _seconds(name: str, each: Everyday) -> float:
    begun = time.perf_counter()
    with subprocess.Popen(
        (sys.executable, *each.args),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF'},
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if each.until and each.until in line:
                seconds = time.perf_counter() - begun
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=PATIENCE_S)
                return seconds
        if process.wait(PATIENCE_S) or each.until:
            words = ''.join(said[-3:]).strip() or 'nothing'
            raise FlightError(f'{name!r} failed, it said: {words} Run it by hand to see more.')
    return time.perf_counter() - begun


def text(taken: Mapping[str, Sequence[float]]) -> str:
    """A table: median and fastest turn [s], and the median beside Python's own."""
    nothing = float(np.median(taken[NOTHING]))
    lines = [f'{"":32}{"median [s]":>11}{"min [s]":>9}{"x python":>10}']
    for name, seconds in taken.items():
        median = float(np.median(seconds))
        lines.append(f'{name:32}{median:11.2f}{min(seconds):9.2f}{median / nothing:10.1f}')
    return '\n'.join(lines)
