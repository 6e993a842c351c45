"""One run of a planner in a world, and the folder that keeps many of them.

<folder>/
    config.json                            what all trials have in common
    trials/<planner>/<world>/<seed>.npz    one trial, written whole or not at all

A bench that was killed goes on where it stopped: what is in the folder is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
import io
import json
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import quote, unquote
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import RunFolderError
from robot_rl.files import read_json, write_file, write_json

Array = NDArray[np.float64]

OUTCOMES = ('success', 'collision', 'timeout', 'stuck', 'infrastructure')
"""How a trial can end. Infrastructure: something broke that is not the planner's doing."""
COLUMNS = {'pose': 3, 'command': 2, 'sent': 2, 'clearance': 0, 'compute_s': 0}
"""Arrays of a trial to their number of columns, 0 for a vector."""


_DAMAGED = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError),
    *(SyntaxError, zipfile.BadZipFile, zlib.error),
)
"""What numpy and zipfile raise at bytes that are wrong somewhere."""


class Key(NamedTuple):
    """What tells one trial from another."""

    planner: str
    world: str
    seed: int


@dataclass(frozen=True)
class Trial:
    """One run, a row of the arrays a control period."""

    planner: str
    world: str
    seed: int
    outcome: str
    """One of OUTCOMES."""
    time_s: float
    """[s] from the start to the end."""
    dt: float
    """[s] control period."""
    path_length: float
    """[m] of the world's reference path."""
    pose: Array
    """(n, 3) x, y [m], yaw [rad], world frame; the truth, not what was estimated."""
    command: Array
    """(n, 2) v [m/s], w [rad/s] as the planner gave it."""
    sent: Array
    """(n, 2) v [m/s], w [rad/s] after smoother and limits."""
    clearance: Array
    """(n,) [m] from the footprint to the nearest obstacle."""
    compute_s: Array
    """(n,) [s] that the planner took for its command."""
    missed: int
    """Control periods in which the command came late."""
    recoveries: int
    """Recovery behaviours that the planner began."""

    def __post_init__(self) -> None:
        """Raise ValueError for an outcome that does not exist or arrays of unlike lengths."""
        if self.outcome not in OUTCOMES:
            raise ValueError(f'Expected an outcome of {OUTCOMES}, got {self.outcome!r}.')
        rows = len(self.pose)
        for name, columns in COLUMNS.items():
            shape, wanted = getattr(self, name).shape, (rows, columns) if columns else (rows,)
            if shape != wanted:
                raise ValueError(f'Expected {name} of the shape {wanted}, got {shape}.')

    @property
    def key(self) -> Key:
        """What tells this trial from others."""
        return Key(self.planner, self.world, self.seed)

    def pack(self) -> bytes:
        """The trial as an .npz file."""
        facts = {name: value for name, value in vars(self).items() if name not in COLUMNS}
        content: dict[str, Any] = {'facts': np.array(json.dumps(facts))}
        content |= {name: np.asarray(getattr(self, name), np.float64) for name in COLUMNS}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **content)
        return buffer.getvalue()

    @classmethod
    def unpack(cls, file: Path) -> Trial:
        """Read what `pack` wrote. Raises RunFolderError for a file that is none or damaged."""
        try:
            with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as content:
                facts = json.loads(str(content['facts']))
                return cls(**facts, **{name: content[name] for name in COLUMNS})
        except _DAMAGED as error:
            raise RunFolderError(
                f'{file} is not a whole trial ({error or type(error).__name__}). Remove it and '
                'run the bench again with the same folder: it repeats that trial alone.'
            ) from error


class Store:
    """A folder of trials that share one configuration."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        """Open `folder`, or begin it.

        Args:
            folder: Where the trials are or shall be.
            config: All that must be alike for trials to be compared: limits, robot, digests of
                worlds, version of the package, seeds. Dataclasses and arrays may be in it.

        Raises:
            RunFolderError: The folder holds trials of another configuration, something else, or
                cannot be written.
        """
        self.folder = folder
        self.config = _plain(config)
        file = folder / 'config.json'
        if file.exists():
            self._refuse_other(read_json(file, f'{folder} is no bench', 'robot_rl bench nav'))
            return
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunFolderError(
                f'{folder} exists and is no bench: it has no config.json. Choose another folder '
                'with --out.'
            )
        write_json(file, self.config)

    def _refuse_other(self, found: Any) -> None:
        was, now = _flat(found), _flat(self.config)
        unlike = [name for name in sorted(was | now) if was.get(name) != now.get(name)]
        if unlike:
            name = unlike[0]
            others = f' (and {len(unlike) - 1} more)' if len(unlike) > 1 else ''
            raise RunFolderError(
                f'The trials in {self.folder} were made with {name} = {was.get(name)}, this bench '
                f'has {now.get(name)}{others}. Trials of both must not be mixed: use the options '
                'of then, or choose another folder with --out.'
            )

    def path(self, key: Key) -> Path:
        """File of a trial, there or not."""
        planner, world = (_escaped(name) for name in (key.planner, key.world))
        return self.folder / 'trials' / planner / world / f'{key.seed}.npz'

    def add(self, trial: Trial) -> None:
        """Write a trial in one step. Raises RunFolderError when the disk refuses."""
        write_file(self.path(trial.key), trial.pack())

    def claim(self, planner: str, identity: str) -> None:
        """Say which file goes by the name `planner`, such as its digest.

        Raises RunFolderError where another one does, whose trials are in the folder.
        """
        file = self.folder / 'trials' / _escaped(planner) / 'identity.json'
        if not file.exists():
            write_json(file, identity)
            return
        was = read_json(file, f'{file} is damaged', 'robot_rl bench nav')
        if was != identity:
            raise RunFolderError(
                f'The trials of {planner} in {self.folder} were made with a file of digest {was}, '
                f'this one has {identity}. Trials of both must not be mixed: give the file '
                'another name, or choose another folder with --out.'
            )

    @property
    def done(self) -> set[Key]:
        """Trials in the folder. Remains of writing that was cut short do not count."""
        return {
            Key(unquote(file.parts[-3]), unquote(file.parts[-2]), int(file.stem))
            for file in (self.folder / 'trials').glob('*/*/*.npz')
            if not file.name.startswith('.')
        }

    def missing(
        self, planners: Iterable[str], worlds: Iterable[str], seeds: Iterable[int]
    ) -> list[Key]:
        """What is still to run: world by world, so that planners meet alike conditions."""
        done, planners, seeds = self.done, list(planners), list(seeds)
        wanted = [Key(p, world, seed) for world in worlds for seed in seeds for p in planners]
        return [key for key in wanted if key not in done]

    def load(self) -> list[Trial]:
        """All trials, sorted. Raises RunFolderError for a file that is damaged."""
        return [Trial.unpack(self.path(key)) for key in sorted(self.done)]


def _escaped(name: str) -> str:
    """`name` as a single part of a path on any file system, `unquote` gives it back."""
    text = quote(name, safe='')
    return f'%2E{text[1:]}' if text.startswith('.') else text


def _plain(value: Any) -> Any:
    """The same as JSON would give it back."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        pairs = cast('Mapping[Any, Any]', value).items()
        return {str(name): _plain(item) for name, item in pairs}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast('list[Any]', value)]
    if isinstance(value, Path):
        return str(value)
    return value


def _flat(value: Any, name: str = '') -> dict[str, Any]:
    """Leaves of nested mappings by dotted name."""
    if not isinstance(value, Mapping):
        return {name: value}
    flat: dict[str, Any] = {}
    for key, item in cast('Mapping[str, Any]', value).items():
        flat |= _flat(item, f'{name}.{key}' if name else key)
    return flat
