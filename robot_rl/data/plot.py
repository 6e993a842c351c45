"""An episode as a picture: what was seen, what was sent, and who acted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.data.reader import Episode
from robot_rl.errors import MissingPackageError
from robot_rl.files import write_file
from robot_rl.spec.signal import VOCABULARY

PERSON = '#f2c14e'
"""Behind the steps in which a person acted."""
MOST = 12
"""Components of a signal that have a name in the picture."""


def plot(episode: Episode, title: str, fields: tuple[str, ...], out: Path) -> None:
    """Draw `episode` to the PNG file `out`; `fields` name the setpoint's components.

    Raises:
        RunFolderError: the disk refuses.
        MissingPackageError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPackageError('matplotlib') from None
    time = episode.stamps - episode.stamps[0]
    rows: list[tuple[str, Any, tuple[str, ...]]] = [
        (_called(name), values, tuple(map(str, range(values.shape[1]))))
        for name, values in episode.signals.items()
    ]
    rows.append(('setpoint', episode.setpoint, fields))
    rows.append(('action', episode.action, tuple(map(str, range(episode.action.shape[1])))))
    rows.append(('reward', episode.reward[:, None], ('reward',)))
    figure = Figure(figsize=(10.0, 1.6 * len(rows) + 0.8), layout='constrained')
    axes = list(figure.subplots(len(rows), 1, squeeze=False, sharex=True).flat)
    figure.suptitle(title, fontsize=11)
    for axis, (name, values, names) in zip(axes, rows, strict=True):
        _shade(axis, time, episode)
        style: dict[str, Any] = {'linewidth': 1.0}
        if len(values) == len(episode):  # one for each step, which lasts until the next
            style['drawstyle'] = 'steps-post'
            values = np.vstack([values, values[-1:]])
        for i in range(values.shape[1]):
            axis.plot(time, values[:, i], label=names[i], **style)
        axis.set_title(name, fontsize=9, loc='left')
        axis.grid(alpha=0.3)
        if 1 < values.shape[1] <= MOST:
            axis.legend(fontsize=7, loc='center left', bbox_to_anchor=(1.0, 0.5), frameon=False)
    for label in episode.labels:
        axes[-1].axvline(time[label.step], color='black', linewidth=1.0)
        axes[-1].annotate(
            label.what,
            (time[label.step], 1.0),
            xycoords=('data', 'axes fraction'),
            fontsize=8,
            ha='right',
            va='top',
        )
    axes[-1].set_xlabel('time [s]; shaded: a person acts')
    picture = io.BytesIO()
    figure.savefig(picture, format='png', dpi=120)
    write_file(out, picture.getvalue())


def _called(name: str) -> str:
    """The signal with its unit, where the vocabulary has it."""
    known = VOCABULARY.get(name)
    return f'{name} [{known.unit}]' if known else name


def _shade(axis: Any, time: Any, episode: Episode) -> None:
    """Mark every run of steps in which a person acted."""
    begin = None
    for t, acts in enumerate([*episode.person.tolist(), False]):
        if acts and begin is None:
            begin = t
        elif not acts and begin is not None:
            axis.axvspan(time[begin], time[t], color=PERSON, alpha=0.3, linewidth=0.0)
            begin = None
