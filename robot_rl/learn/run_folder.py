"""A run's folder: what was asked, with which code, how it went, and what came out.

runs/<name>/
    config.json       task, engine, seed, hyperparameters, versions, git revision, machine
    git.diff          uncommitted changes of the code that ran
    randomization.yaml  the ranges, where they were not the robot's own
    progress.csv      one row an iteration
    events.*          the same for TensorBoard
    checkpoints/      <iteration>.pt, enough to resume
    validation.json   scores of the checkpoints of the last third
    best.pt           the checkpoint that validation chose, and rows that show whether the task is
                      still what it was
    evaluation.json   its score on episodes it was never chosen by; an error that no episode
                      lived to have is null
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
import platform
import subprocess
from typing import Any, TextIO

import torch

from robot_rl.errors import RunFolderError
from robot_rl.files import read_json, write_file, write_json
from robot_rl.machine import machine_name, package_versions

RANGES = 'randomization.yaml'
_PACKAGES = ('robot_rl', 'torch', 'rsl-rl-lib', 'numpy', 'numba', 'mujoco-core', 'onnxruntime')


class RunFolder:
    """Creates and fills one run folder."""

    def __init__(self, path: Path, *, resume: bool = False, begun: bool = False) -> None:
        """Open `path`: a new or empty folder, or with `resume` one that holds a run.

        With `begun` one that was begun, whether there is anything to resume or not.

        Raises:
            RunFolderError: The folder is occupied, or there is nothing to resume.
        """
        self.path = path
        occupied = path.exists() and (not path.is_dir() or any(path.iterdir()))
        if occupied and not (resume or begun):
            raise RunFolderError(
                f'The run folder {path} is occupied. Choose another --name, or continue that run '
                'with --resume.'
            )
        if resume and not self.checkpoints():
            raise RunFolderError(
                f'Nothing to resume in {path}: it holds no checkpoint. Choose another --name, or '
                'train without --resume.'
            )
        try:
            (path / 'checkpoints').mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(
                f'Cannot create {path}: {error.strerror}. Train in a folder where you may write.'
            ) from error
        self._progress: TextIO | None = None
        self._rows: Any = None
        self._writer: Any = None

    def checkpoints(self) -> list[Path]:
        """Checkpoints, oldest first."""
        return sorted((self.path / 'checkpoints').glob('*.pt'), key=lambda p: int(p.stem))

    def save_checkpoint(self, iteration: int, state: dict[str, Any], keep: int = 0) -> Path:
        """Write the checkpoint of `iteration`; with `keep` only so many of the last ones stay."""
        path = self.path / 'checkpoints' / f'{iteration}.pt'
        save_state(path, state)
        for old in self.checkpoints()[:-keep] if keep else ():
            old.unlink(missing_ok=True)
        return path

    def write_config(self, config: dict[str, Any]) -> None:
        """Write config.json and git.diff, with versions and machine added."""
        revision, diff = _git()
        details = {
            **config,
            'versions': {'python': platform.python_version(), **package_versions(_PACKAGES)},
            'git_revision': revision,
            'git_dirty': bool(diff),
            'machine': machine_name(),
            'torch_threads': torch.get_num_threads(),
        }
        write_json(self.path / 'config.json', details)
        if diff:
            write_file(self.path / 'git.diff', diff.encode())

    def keep_randomization(self, file: Path) -> None:
        """Copy the ranges that the run trains with."""
        write_file(self.path / RANGES, file.read_bytes())

    def log(self, row: dict[str, float]) -> None:
        """Append one iteration to progress.csv and TensorBoard; every row reaches the disk."""
        progress = self._progress or self._open_logs(row)
        self._rows.writerow([f'{value:.6g}' for value in row.values()])
        progress.flush()
        for name, value in row.items():
            if name != 'iteration':
                self._writer.add_scalar(name, value, int(row['iteration']))

    def rewind(self, iteration: int) -> None:
        """Drop the rows of progress.csv after `iteration`: a resumed run goes through them again.

        A row that the disk cut short goes too. Call it before the first `log`.
        """
        path = self.path / 'progress.csv'
        if path.exists():
            lines = path.read_bytes().splitlines(keepends=True)
            header, *rows = [line for line in lines if line.endswith(b'\n')] or [b'']
            kept = [row for row in rows if float(row.split(b',')[0]) <= iteration]
            write_file(path, b''.join([header, *kept]))

    def _open_logs(self, row: dict[str, float]) -> TextIO:
        from torch.utils.tensorboard import SummaryWriter

        path = self.path / 'progress.csv'
        self._progress = path.open('a', newline='')  # closed in close()
        self._rows = csv.writer(self._progress)
        if self._progress.tell() == 0:
            self._rows.writerow(list(row))
        # TensorBoard forgets what an earlier process wrote of this iteration and later ones.
        self._writer = SummaryWriter(str(self.path), purge_step=int(row['iteration']))
        return self._progress

    def close(self) -> None:
        """Close the logs, as far as they are open: Ctrl-C may come while they are being opened."""
        for log in (self._progress, self._writer):
            if log is not None:
                log.close()


def save_state(path: Path, state: dict[str, Any]) -> None:
    """torch.save in one step: the old file or the new one, never half of it."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_file(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint; tensors and plain values only. Raises RunFolderError for a bad one."""
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError:
        raise RunFolderError(
            f'No checkpoint at {path}: training ended before it was written. Continue it with '
            '--resume, or choose another run.'
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).partition('\n')[0].rstrip('.')
        raise RunFolderError(
            f'{path} is not a checkpoint of robot_rl: {reason}. Choose another run, or train '
            'again.'
        ) from error


def read_config(path: Path) -> dict[str, Any]:
    """config.json of the run folder `path`. Raises RunFolderError if there is none."""
    return read_json(path / 'config.json', f'{path} is not a run folder', 'robot_rl train')


def read_evaluation(path: Path) -> dict[str, Any]:
    """evaluation.json of the run folder `path`. Raises RunFolderError if there is none."""
    command = f'robot_rl train --name {path.name} --resume'  # eval writes others
    return read_json(path / 'evaluation.json', f'{path} was not evaluated', command)


def ranges_of(path: Path) -> str:
    """File of the ranges that the run in the folder `path` trained with; '' for the robot's own.

    The same for the file of a policy, which has none beside it.
    """
    ranges = path / RANGES
    return str(ranges) if ranges.is_file() else ''


def _git() -> tuple[str, str]:
    """Revision and uncommitted diff of the checkout this package lies in; empty outside of one."""
    here = Path(__file__).resolve().parent
    texts = []
    for command in (['rev-parse', 'HEAD'], ['diff', 'HEAD']):
        try:
            done = subprocess.run(
                ['git', *command], cwd=here, capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return '', ''
        texts.append(done.stdout)
    return texts[0].strip(), texts[1]
