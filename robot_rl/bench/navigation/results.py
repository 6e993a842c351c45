"""The numbers of a navigation bench for other programs: results.json and results.csv."""

from __future__ import annotations

from collections.abc import Mapping
import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.bench.navigation.score import METRICS, Table
from robot_rl.bench.navigation.summary import LEVEL, Summary, verdict
from robot_rl.bench.navigation.trial import OUTCOMES
from robot_rl.bench.statistics import Interval
from robot_rl.files import write_file, write_json


def write(summary: Summary, config: Mapping[str, Any], folder: Path) -> None:
    """Write both files into `folder`. Raises RunFolderError when the disk refuses.

    results.json has all that the page says; results.csv a row a trial, empty where a metric has no
    value.
    """
    write_json(folder / 'results.json', as_json(summary, config))
    write_file(folder / 'results.csv', as_csv(summary.table).encode())


def _interval(value: Interval) -> dict[str, float]:
    return {'estimate': value.estimate, 'low': value.low, 'high': value.high}


def as_json(summary: Summary, config: Mapping[str, Any]) -> dict[str, Any]:
    """What the page says, as JSON values; rates between 0 and 1."""
    table = summary.table
    return {
        'verdict': ' '.join(verdict(summary)),
        'ranked_by': summary.metric,
        'level': LEVEL,
        'worlds': summary.worlds,
        'seeds': table.seeds,
        'metrics': {
            name: {'unit': '1' if what.rate else what.unit or '1', 'note': what.note}
            for name, what in METRICS.items()
        },
        'planners': {
            name: {
                'trials': table.trials(name),
                'outcomes': {outcome: table.count(name, outcome) for outcome in OUTCOMES},
                **{metric: _interval(summary.value(name, metric)) for metric in METRICS},
                'interquartile_mean': _interval(summary.interquartile[name]),
                'mean_in_these_worlds': _interval(summary.seeds[name]),
            }
            for name in summary.ranking
        },
        'pairs': [
            {
                'first': pair.first,
                'second': pair.second,
                'difference': _interval(pair.difference),
                'probability_of_improvement': _interval(pair.improvement),
                'first_is_better': pair.shown,
                'decision': pair.decision.verdict,
                'interim': pair.decision.interim,
            }
            for pair in summary.pairs
        ],
        'config': dict(config),
    }


def as_csv(table: Table) -> str:
    """A row a trial that was run."""
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator='\n')
    rows.writerow(['planner', 'world', 'seed', 'outcome', *METRICS])
    for at in zip(*np.nonzero(table.outcomes >= 0), strict=True):
        p, w, s = map(int, at)
        measured = [float(table.values[metric][p, w, s]) for metric in METRICS]
        cells = ['' if np.isnan(value) else f'{value:.9g}' for value in measured]
        outcome = OUTCOMES[int(table.outcomes[p, w, s])]
        rows.writerow([table.planners[p], table.worlds[w], table.seeds[s], outcome, *cells])
    return buffer.getvalue()
