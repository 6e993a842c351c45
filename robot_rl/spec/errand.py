"""One trial of navigation over ROS 2: what is asked for, and what came of it, as files.

Whoever runs a bench writes the one and reads the other; the node that runs the trial does the
opposite. So neither imports the other.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.errors import RunFolderError, SpecError
from robot_rl.files import read_json, write_file, write_json
from robot_rl.spec import arena_file
from robot_rl.spec.arena import Arena, NavLimits

Array = Any
"""A float64 NumPy array."""
ACTIONS = ('follow_path', 'navigate_to_pose')
INFRASTRUCTURE = 'infrastructure'
COLUMNS = {'pose': 3, 'command': 2, 'sent': 2, 'clearance': 0}
"""Arrays of a log to their number of columns, 0 for a vector."""


@dataclass(frozen=True)
class Errand:
    """What a trial asks for."""

    arena: Arena
    limits: NavLimits
    """Table of all: what the chain lets through, and the rate of rows."""
    path: Array
    """(n, 2) [m] global plan in the world, which is the odometry's frame; (0, 2) for none."""
    server: str
    """Lifecycle node that must be active, such as 'controller_server'."""
    action: str = 'follow_path'
    """One of ACTIONS."""
    controller: str = 'FollowPath'
    """Which controller a path is for."""
    activation_s: float = 60.0
    """[s] of wall time that the server gets to become active."""
    least_pace: float = 0.9
    """A simulation slower than this part of what it should be makes the trial void."""

    def write(self, path: Path) -> None:
        """Write it as JSON. Raises RunFolderError when the disk refuses."""
        limits = {**asdict(self.limits), 'footprint': np.asarray(self.limits.footprint).tolist()}
        names = ('server', 'action', 'controller', 'activation_s', 'least_pace')
        rest = {name: getattr(self, name) for name in names}
        way = np.asarray(self.path, np.float64).tolist()
        value = {'arena': arena_file.as_json(self.arena), 'limits': limits, 'path': way, **rest}
        write_json(path, value)

    @classmethod
    def read(cls, path: Path) -> Errand:
        """Inverse of `write`. Raises SpecError or RunFolderError."""
        found = read_json(path, f'{path} asks for no trial', 'robot_rl bench nav --over ros2')
        try:
            limits: dict[str, Any] = dict(found['limits'])
            limits['footprint'] = np.array(limits['footprint'])
            given: dict[str, Any] = dict(found)
            given['limits'] = NavLimits(**limits)
            way: Any = np.array(given['path'], np.float64)
            given['path'] = way.reshape(-1, 2)
            given['arena'] = arena_file.from_json(given['arena'], str(path))
            errand = cls(**given)
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError(
                f'{path} asks for no trial ({error!r}). It is written by: robot_rl bench nav '
                '--over ros2'
            ) from None
        if errand.action not in ACTIONS or (errand.action == ACTIONS[0] and not len(errand.path)):
            raise SpecError(
                f'{path} asks for the action {errand.action!r} with {len(errand.path)} points. '
                f'Expected one of {", ".join(ACTIONS)}, the first with a path.'
            )
        return errand


@dataclass(frozen=True)
class Log:
    """What came of a trial; a row a control period, the last at its end."""

    outcome: str
    """How it ended, see ending.py; INFRASTRUCTURE where that was not the contender's doing."""
    reason: str
    """In words."""
    time_s: float = 0.0
    """[s] of simulated time since the goal was accepted."""
    missed: int = 0
    """Control periods without a new command."""
    pose: Array = field(default_factory=lambda: np.zeros((0, 3)))
    """(n, 3) x, y [m], yaw [rad]: the truth."""
    command: Array = field(default_factory=lambda: np.zeros((0, 2)))
    """(n, 2) [m/s, rad/s] newest from the contender."""
    sent: Array = field(default_factory=lambda: np.zeros((0, 2)))
    """(n, 2) [m/s, rad/s] newest after the chain."""
    clearance: Array = field(default_factory=lambda: np.zeros(0))
    """(n,) [m] from the footprint to the nearest obstacle."""

    def write(self, path: Path) -> None:
        """Write it whole or not at all. Raises RunFolderError when the disk refuses."""
        facts = {name: value for name, value in vars(self).items() if name not in COLUMNS}
        buffer = io.BytesIO()
        content: dict[str, Any] = {'facts': np.array(json.dumps(facts))}
        content |= {name: np.asarray(getattr(self, name), np.float64) for name in COLUMNS}
        np.savez_compressed(buffer, **content)
        write_file(path, buffer.getvalue())

    @classmethod
    def read(cls, path: Path) -> Log:
        """Inverse of `write`. Raises RunFolderError for a file that is none."""
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
                facts = json.loads(str(content['facts']))
                return cls(**facts, **{name: content[name] for name in COLUMNS})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunFolderError(
                f'{path} is no log of a trial ({error}). Run the bench again with the same folder.'
            ) from error
