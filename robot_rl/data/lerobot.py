"""To LeRobot: a folder that its LeRobotDataset reads.

Layout and names are those of LeRobot 0.6.2, dataset version 3.0 (src/lerobot/datasets: utils.py,
dataset_metadata.py, dataset_writer.py, compute_stats.py; src/lerobot/rl/buffer.py for what its
HIL-SERL reads). The state is the signals; the memory of a policy is left out, and so is what was
seen after the last action, for which the format has no place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import importlib
import json
import os
from pathlib import Path
import shutil
from typing import Any

import numpy as np

from robot_rl.data.episodes import Episode, Episodes, Header
from robot_rl.data.files import all_of, refuse_existing
from robot_rl.errors import MissingPackageError, RecordingError, RunFolderError
from robot_rl.files import write_json

VERSION = 'v3.0'
FILE_BYTES = 100_000_000
"""A file of frames that is larger is followed by another."""
FILES = 1000
"""In one folder."""
DATA = 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
EPISODES = 'meta/episodes/chunk-000/file-000.parquet'
_QUANTILES = {'q01': 0.01, 'q10': 0.1, 'q50': 0.5, 'q90': 0.9, 'q99': 0.99}

Columns = dict[str, Any]
"""Name to a numpy array of a row for each frame."""


def to_lerobot(sources: Sequence[Path], out: Path, instruction: str = '') -> int:
    """Make the folder `out`, which must not exist, of files of one task; it appears complete.

    Args:
        sources: Files of episodes.
        out: Folder.
        instruction: What is to be done, in words, by default the id of the task.

    Returns:
        Number of its episodes.

    Raises:
        RecordingError: no episodes, of several tasks, or not a whole number of frames a second.
        RunFolderError: `out` exists or the disk refuses.
        MissingPackageError: pyarrow is not installed.
    """
    files = [Episodes(path) for path in sources]
    header = files[0].header
    fps = round(1.0 / header.control_dt)
    if abs(fps * header.control_dt - 1.0) > 1e-6:
        raise RecordingError(
            f'The control period of {header.task} is {header.control_dt} s, LeRobot takes only a '
            'whole number of frames a second. Convert to Minari instead.'
        )
    refuse_existing(out)
    part = out.with_name(f'.{out.name}.{os.getpid()}')
    try:
        dataset = _Dataset(part, header, fps, instruction or header.task)
        for episode in all_of(files):
            dataset.add(episode)
        if not dataset.lengths:
            raise RecordingError(
                f'There is no episode in {", ".join(map(str, sources))}, a dataset needs at least '
                'one. Choose other files.'
            )
        dataset.finish()
        part.rename(out)
    except OSError as error:
        raise RunFolderError(
            f'Cannot write {out}: {error.strerror or error}. Free space or choose another folder.'
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return len(dataset.lengths)


@dataclass
class _Dataset:
    """A dataset being written to `root`."""

    root: Path
    header: Header
    fps: int
    instruction: str
    lengths: list[int] = field(default_factory=list[int])
    places: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Chunk and file of each episode."""
    frames: list[Columns] = field(default_factory=list[Columns])
    file: int = 0
    writer: Any = None

    def add(self, episode: Episode) -> None:
        columns = _columns(episode, self.fps, len(self.lengths), sum(self.lengths))
        table = _table(columns)
        if self.writer is None:
            path = self.root / DATA.format(**self._place())
            path.parent.mkdir(parents=True, exist_ok=True)
            self.writer = _parquet().ParquetWriter(path, table.schema)
        self.writer.write_table(table)  # a group of rows for each episode
        place = self._place()
        self.places.append((place['chunk_index'], place['file_index']))
        self.lengths.append(len(episode))
        self.frames.append(columns)
        if (self.root / DATA.format(**place)).stat().st_size > FILE_BYTES:
            self._next_file()

    def finish(self) -> None:
        self._next_file()
        write_json(self.root / 'meta/info.json', self._info(), 4)
        every = {name: np.concatenate([f[name] for f in self.frames]) for name in self.frames[0]}
        write_json(self.root / 'meta/stats.json', _statistics(every), 4)
        _write(self.root / 'meta/tasks.parquet', _tasks(self.instruction))
        _write(self.root / EPISODES, self._episodes())

    def _place(self) -> dict[str, int]:
        return {'chunk_index': self.file // FILES, 'file_index': self.file % FILES}

    def _next_file(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None
            self.file += 1

    def _info(self) -> dict[str, Any]:
        return {
            'codebase_version': VERSION,
            'robot_type': self.header.robot,
            'total_episodes': len(self.lengths),
            'total_frames': sum(self.lengths),
            'total_tasks': 1,
            'chunks_size': FILES,
            'data_files_size_in_mb': FILE_BYTES // 1_000_000,
            'video_files_size_in_mb': 200,
            'fps': self.fps,
            'splits': {'train': f'0:{len(self.lengths)}'},
            'data_path': DATA,
            'video_path': None,
            'features': _features(self.header, self.frames[0]),
        }

    def _episodes(self) -> Any:
        ends = np.cumsum(self.lengths).tolist()
        rows: dict[str, list[Any]] = {
            'episode_index': list(range(len(ends))),
            'tasks': [[self.instruction]] * len(ends),
            'length': self.lengths,
            'data/chunk_index': [chunk for chunk, _ in self.places],
            'data/file_index': [file for _, file in self.places],
            'dataset_from_index': [0, *ends[:-1]],
            'dataset_to_index': ends,
            'meta/episodes/chunk_index': [0] * len(ends),
            'meta/episodes/file_index': [0] * len(ends),
        }
        for columns in self.frames:
            for name, numbers in _statistics(columns).items():
                for kind, values in numbers.items():
                    rows.setdefault(f'stats/{name}/{kind}', []).append(values)
        return _arrow().table(rows)


def _columns(episode: Episode, fps: int, number: int, first: int) -> Columns:
    steps = len(episode)
    last = np.zeros(steps, np.bool_)
    last[-1] = True
    frame = np.arange(steps, dtype=np.int64)
    return {
        'observation.state': np.concatenate([s[:-1] for s in episode.signals.values()], axis=1),
        'action': episode.action,
        'next.reward': episode.reward,
        'next.done': last,
        'next.truncated': last & (not episode.terminated),
        'next.success': last & episode.success,
        'complementary_info.is_intervention': episode.person,
        'complementary_info.setpoint': episode.setpoint,
        'timestamp': (frame / fps).astype(np.float32),
        'frame_index': frame,
        'episode_index': np.full(steps, number, np.int64),
        'index': frame + first,
        'task_index': np.zeros(steps, np.int64),
    }


def _features(header: Header, columns: Columns) -> dict[str, Any]:
    names = {
        'observation.state': [
            f'{n}_{i}' for n, size in header.signals.items() for i in range(size)
        ],
        'action': [f'action_{i}' for i in range(header.action_size)],
        'complementary_info.setpoint': list(header.setpoint_fields),
    }
    return {
        name: {
            'dtype': rows.dtype.name,
            'shape': list(rows.shape[1:]) or [1],
            'names': names.get(name),
        }
        for name, rows in columns.items()
    }


def _statistics(columns: Columns) -> dict[str, dict[str, list[float]]]:
    """Of each column over its frames."""
    found: dict[str, dict[str, list[float]]] = {}
    for name, rows in columns.items():
        table = rows.reshape(len(rows), -1).astype(np.float64)
        quantiles = np.quantile(table, list(_QUANTILES.values()), axis=0)
        found[name] = {
            'min': table.min(axis=0).tolist(),
            'max': table.max(axis=0).tolist(),
            'mean': table.mean(axis=0).tolist(),
            'std': table.std(axis=0).tolist(),
            'count': [len(table)],
            **{key: row.tolist() for key, row in zip(_QUANTILES, quantiles, strict=True)},
        }
    return found


def _table(columns: Columns) -> Any:
    arrow = _arrow()
    arrays: dict[str, Any] = {}
    for name, rows in columns.items():
        flat = arrow.array(np.ascontiguousarray(rows).reshape(-1))
        wide = rows.ndim > 1 and rows.shape[1] > 1
        arrays[name] = arrow.FixedSizeListArray.from_arrays(flat, rows.shape[1]) if wide else flat
    return arrow.table(arrays)


def _tasks(instruction: str) -> Any:
    """The one task, its words being the index that pandas finds."""
    column: Mapping[str, Any] = {'metadata': None, 'field_name': 'task', 'name': 'task'}
    index: Mapping[str, Any] = {'metadata': None, 'field_name': 'task_index', 'name': 'task_index'}
    pandas = {
        'index_columns': ['task'],
        'column_indexes': [],
        'columns': [
            {**index, 'pandas_type': 'int64', 'numpy_type': 'int64'},
            {**column, 'pandas_type': 'unicode', 'numpy_type': 'object'},
        ],
        'creator': {'library': 'robot_rl', 'version': '0'},
        'pandas_version': '2.0.0',
    }
    table = _arrow().table({'task_index': [0], 'task': [instruction]})
    return table.replace_schema_metadata({'pandas': json.dumps(pandas)})


def _write(path: Path, table: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _parquet().write_table(table, path)


def _arrow() -> Any:
    try:
        return importlib.import_module('pyarrow')
    except ImportError:
        raise MissingPackageError('pyarrow') from None


def _parquet() -> Any:
    _arrow()
    return importlib.import_module('pyarrow.parquet')
