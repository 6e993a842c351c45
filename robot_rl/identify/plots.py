"""One picture of an identification: predicted against recorded, and intervals against ranges."""

from __future__ import annotations

from collections.abc import Mapping
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import MissingPackageError
from robot_rl.files import write_file
from robot_rl.identify.findings import Findings
from robot_rl.identify.unknowns import WIDTH
from robot_rl.identify.windows import Windows
from robot_rl.spec.robot import Robot

Array = NDArray[np.float64]
SHOWN = 10
"""Windows in the picture: the liveliest ones in a row."""
COLUMNS = 4
RECORDED, FITTED, BEFORE, UNTOLD = '#8a8f98', '#0b6bcb', '#d9822b', '#b3261e'


def picture(
    path: Path,
    title: str,
    robot: Robot,
    windows: Windows,
    fitted: Mapping[str, Array],
    before: Mapping[str, Array],
    kept: NDArray[np.bool_],
    found: Findings,
) -> None:
    """Write a PNG; `fitted` and `before` map a signal to predicted samples (w, s, size).

    Raises MissingPackageError without matplotlib, RunFolderError when the disk refuses.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPackageError('matplotlib') from None
    sizes = {name: values.shape[-1] for name, values in fitted.items()}
    rows = sum(-(-size // COLUMNS) for size in sizes.values())
    parameters = sum(len(finding.estimate) for finding in found.parameters.values())
    lower = 1.0 + 0.2 * parameters
    with rc_context({'font.size': 8.0, 'axes.spines.top': False, 'axes.spines.right': False}):
        figure = Figure(figsize=(12.0, 1.6 * rows + lower), layout='constrained', dpi=110)
        parts: Any = figure.subfigures(2, 1, height_ratios=(1.6 * rows, lower))
        above, below = parts
        above.suptitle(title, fontsize=10.0, fontweight='bold')
        _signals(above, rows, robot, windows, (before, fitted), kept)
        _intervals(below.subplots(), robot, found)
        buffer = io.BytesIO()
        figure.savefig(buffer, format='png')
    write_file(path, buffer.getvalue())


def _signals(
    figure: Any,
    rows: int,
    robot: Robot,
    windows: Windows,
    sources: tuple[Mapping[str, Array], Mapping[str, Array]],
    kept: NDArray[np.bool_],
) -> None:
    axes = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True)
    chosen, row = _liveliest(windows), 0
    for name, values in windows.values.items():
        before, found = (source[name] for source in sources)
        for component in range(values.shape[-1]):
            axis = axes[row + component // COLUMNS][component % COLUMNS]
            unit = robot.signal(name).unit
            axis.set_title(f'{name} {component} [{unit}]', fontsize=8.0, loc='left')
            for index in chosen:
                counts = windows.counts[name][index]
                time = windows.start[index] + windows.times[name][index][counts]
                measured, middle, fit = (
                    part[index][counts, component] for part in (values, before, found)
                )
                axis.plot(time, measured, '.', color=RECORDED, markersize=2.0)
                axis.plot(time, middle, color=BEFORE, linewidth=0.8)
                axis.plot(time, fit, color=FITTED if kept[index] else UNTOLD, linewidth=1.1)
            shown = values[chosen][windows.counts[name][chosen]][:, component]
            room = 0.15 * max(float(np.ptp(shown)), 1e-6)
            axis.set_ylim(shown.min() - room, shown.max() + room)
            axis.grid(visible=True, linewidth=0.4)
        row += -(-values.shape[-1] // COLUMNS)
    for axis in figure.axes:
        axis.set_visible(bool(axis.lines))
    figure.supxlabel(
        'time [s]; dots: recorded; orange: predicted with the middle of the old ranges; blue: '
        'with what was found, red in windows left out',
        fontsize=8.0,
    )


def _liveliest(windows: Windows) -> NDArray[np.intp]:
    """Indices of SHOWN windows in a row whose setpoints change most."""
    change = windows.setpoint[windows.warm :].std(0).mean(1)
    count = min(SHOWN, windows.num)
    sums = np.convolve(change, np.ones(count), mode='valid')
    return int(np.argmax(sums)) + np.arange(count)


def _intervals(axis: Any, robot: Robot, found: Findings) -> None:
    """Each component's 95 % interval, in deviations of what was believed beforehand."""
    labels: list[str] = []
    for name, finding in found.parameters.items():
        for index, told in enumerate(finding.told):
            place, scale = len(labels), finding.believed_std[index]
            centre = (finding.estimate[index] - finding.believed[index]) / scale
            half = finding.half[index] / scale
            colour = FITTED if told else UNTOLD
            axis.plot((-WIDTH, WIDTH), (place, place), color='#d5d8dd', linewidth=6.0)
            axis.plot((centre - half, centre + half), (place, place), color=colour, linewidth=2.0)
            axis.plot(centre, place, 'o', color=colour, markersize=3.5)
            number = f' {index}' if len(finding.told) > 1 else ''
            labels.append(
                f'{name}{number}: {finding.estimate[index]:.4g} ± {finding.half[index]:.2g} '
                f'{robot.parameters[name].unit}'
            )
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.axvline(0.0, color=RECORDED, linewidth=0.8)
    axis.set_xlabel(
        'deviations of the old randomization (grey: its 95 %); blue: told by the flight, red: not'
    )
