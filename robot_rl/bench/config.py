"""What a demo is asked for. Nothing heavy here: the command line shows it without delay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DemoConfig:
    """Options of `robot_rl demo`."""

    task: str = 'hover-crazyflie'
    """What to train, see `robot_rl list`."""
    seed: int = 0
    """Of training."""
    iterations: int = 0
    """Rounds of PPO; 0 for the task's own number."""
    episodes: int = 2000
    """Episodes of the evaluation on each engine."""
    hover_s: float = 15.0
    """[s] flight on the spot."""
    figure_eight_s: float = 30.0
    """[s] flight along a figure eight."""
    out: Path = Path('runs/demo')
    """Folder for everything; an earlier demo there is replaced."""
