"""The report of a demo: one HTML file that holds everything and opens without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from robot_rl.bench import plots
from robot_rl.bench.html import Fact, document, facts, section, table
from robot_rl.bench.plots import Durations, Flight, Learning
from robot_rl.bench.statistics import Bin, Interval
from robot_rl.deploy.describe import contract_tables
from robot_rl.files import write_file
from robot_rl.spec.contract import Contract

PANELS = 8
"""Parameters plotted: those whose success rate varies most."""
OPEN_TABLES = 3
"""Tables of the contract that are unfolded: the policy, its inputs, its setpoint."""


@dataclass(frozen=True)
class Score:
    """How a policy did on one engine."""

    engine: str
    episodes: int
    success: Interval
    crashed: Interval
    median_error: float
    """[error_unit] over episodes, of the mean error in the last second."""
    episode_return: Interval | None = None
    """Interquartile mean; None for a policy file, whose actions no reward can see."""
    done: Interval | None = None
    """Share of the parts of a task that were done, mean over episodes; None for one without."""


@dataclass(frozen=True)
class Report:
    """What a demo measured. Whatever is empty leaves its section out."""

    title: str
    facts: Sequence[Fact] = ()
    learning: Learning | None = None
    scores: Sequence[Score] = ()
    error_unit: str = 'm'
    parameters: Mapping[str, Sequence[Bin]] = field(default_factory=dict[str, Sequence[Bin]])
    """Success by parameter; names carry units."""
    flights: Sequence[Flight] = ()
    latencies: Sequence[Durations] = ()
    contract: Contract | None = None
    machine: Mapping[str, str] = field(default_factory=dict[str, str])
    failure: str = ''
    """Why the demo stopped early."""


def write(report: Report, path: Path) -> None:
    """Write `report` to `path` in one step. Raises RunFolderError when the disk refuses."""
    sections = [
        _failure(report),
        facts(report.facts),
        _learning(report),
        _scores(report),
        _parameters(report),
        _flights(report),
        _latencies(report),
        _contract(report),
        _machine(report),
    ]
    write_file(path, document(report.title, sections).encode())


def _failure(report: Report) -> str:
    return (
        f'<p class=failure>Stopped early: {escape(report.failure)}</p>' if report.failure else ''
    )


def _learning(report: Report) -> str:
    if report.learning is None:
        return ''
    note = (
        'Checkpoints of the last third of training are validated and the best is kept; every '
        'other score on this page is on seeds it was not chosen by. Bars are 95 % Wilson '
        'intervals.'
    )
    return section('Learning', note, plots.learning_curve(report.learning))


def _scores(report: Report) -> str:
    if not report.scores:
        return ''
    head = [
        'engine',
        'episodes',
        'success [%]',
        'crashed [%]',
        f'median error [{report.error_unit}]',
        'return',
    ]
    rows = [
        [
            score.engine,
            str(score.episodes),
            score.success.text(scale=100.0),
            score.crashed.text(scale=100.0),
            f'{score.median_error:.3f}',
            score.episode_return.text() if score.episode_return else '',
        ]
        for score in report.scores
    ]
    note = (
        'The same policy, unseen episodes with all randomization and sensor noise. In brackets: '
        '95 % intervals, Wilson for rates, bootstrap for the interquartile mean of the return. An '
        ' engine it was not trained on is the honest stand-in for hardware.'
    )
    return section('Evaluation', note, table(head, rows, range(1, 6)))


def _spread(bins: Sequence[Bin]) -> float:
    rates = [part.rate.estimate for part in bins]
    return max(rates) - min(rates)


def _parameters(report: Report) -> str:
    if not report.parameters:
        return ''
    ranked = sorted(report.parameters.items(), key=lambda item: -_spread(item[1]))[:PANELS]
    looked_at = sum(map(len, report.parameters.values()))
    note = (
        'Success in bins that hold equally many episodes, 95 % Wilson intervals. Red: below the '
        f'overall rate beyond chance, although {looked_at} bins were looked at. Shown: '
        f'{len(ranked)} of {len(report.parameters)} parameters, those with the largest spread.'
    )
    return section('What breaks it', note, plots.success_bins(dict(ranked), looked_at))


def _flights(report: Report) -> str:
    if not report.flights:
        return ''
    parts: list[str] = []
    for log in report.flights:
        text = f'{log.time[-1]:.0f} s, RMS error {100.0 * log.rms:.1f} cm'
        if log.scored is not None and not log.scored.all():
            text += f', without the first {log.time[log.scored][0]:.0f} s'
        parts.append(f'<h3>{escape(log.name)} <small>{text}</small></h3>\n{plots.flight(log)}')
    note = 'Policy and simulator are two processes that speak ROS 2, in real time.'
    return section('Flights', note, *parts)


def _latencies(report: Report) -> str:
    if not report.latencies:
        return ''
    rows = [
        [
            log.name,
            str(log.micros.size),
            *(plots.duration(log.percentile(p)) for p in (50.0, 99.0, 100.0)),
        ]
        for log in report.latencies
    ]
    head = ['', 'ticks', 'median [µs]', '99 % [µs]', 'largest [µs]']
    note = 'Measured in the flights above, on the machine below.'
    plot = plots.latency_histogram(report.latencies)
    return section('Latency', note, plot, table(head, rows, range(1, 5)))


def _contract(report: Report) -> str:
    if report.contract is None:
        return ''
    note = (
        'What the policy was trained for and takes for granted. It travels inside the policy file.'
    )
    shown: list[str] = []
    for number, part in enumerate(contract_tables(report.contract)):
        content = table(part.header, part.rows)
        title = f'<h3>{escape(part.title)}</h3>'
        folded = f'<details><summary>{escape(part.title)}</summary>{content}</details>'
        shown.append(title + content if number < OPEN_TABLES else folded)
    return section('Contract', note, *shown)


def _machine(report: Report) -> str:
    if not report.machine:
        return ''
    return section('Made with', '', table(['', ''], [[k, v] for k, v in report.machine.items()]))
