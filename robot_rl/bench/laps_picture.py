"""A picture of practice: how fast cars got along, and how often they failed, over its minutes."""

from __future__ import annotations

from collections.abc import Sequence
import csv
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.errors import RunFolderError


def progress(run: Path) -> dict[str, np.ndarray]:
    """Columns of progress.csv of a run. Raises RunFolderError where there is none."""
    try:
        with (run / 'progress.csv').open(newline='') as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise RunFolderError(
            f'Cannot read the progress of {run}: {error.strerror}. Choose a run folder.'
        ) from error
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def draw(runs: Sequence[Path], path: Path) -> None:
    """Write the picture. Raises RunFolderError, see `progress`."""
    import matplotlib as mpl

    mpl.use('Agg')
    from matplotlib import pyplot as plt

    made: Any = plt.subplots(2, 1, figsize=(6.4, 4.4), sharex=True)
    figure, (above, below) = made
    for run in runs:
        found = progress(run)
        above.plot(found['minutes'], found['speed'], label=run.name)
        below.plot(found['minutes'], np.cumsum(found['failures']))
    above.set_ylabel('along the course [m/s]')
    below.set_ylabel('failures so far')
    below.set_xlabel('practice [min], recoveries among it')
    above.legend(frameon=False, fontsize='small', ncols=2)
    for axis in (above, below):
        axis.spines[['top', 'right']].set_visible(False)
        axis.set_ylim(bottom=0.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches='tight')
    plt.close(figure)
