"""The report of a demo: one HTML file that holds everything and opens without a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from robot_rl.bench import plots
from robot_rl.bench.plots import Durations, Flight, Learning
from robot_rl.bench.statistics import Bin, Interval
from robot_rl.deploy.describe import contract_tables
from robot_rl.files import write_file
from robot_rl.pictures.theme import THEME
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


@dataclass(frozen=True)
class Fact:
    """A headline number. `good` is None where there is no target."""

    label: str
    value: str
    note: str = ''
    good: bool | None = None
    target: str = ''
    """What `good` holds it to."""

    @property
    def about(self) -> str:
        """The note, and what it is held to."""
        return '; '.join(filter(None, (self.note, self.target and f'target: {self.target}')))


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
        _facts(report.facts),
        _learning(report),
        _scores(report),
        _parameters(report),
        _flights(report),
        _latencies(report),
        _contract(report),
        _machine(report),
    ]
    body = '\n'.join(section for section in sections if section)
    title = escape(report.title)
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{title}</title>\n<style>{_CSS}</style></head>\n'
        f'<body><main><h1>{title}</h1>\n{body}\n</main></body></html>\n'
    )
    write_file(path, page.encode())


def _section(title: str, note: str, *parts: str) -> str:
    return (
        f'<section><h2>{escape(title)}</h2>\n<p>{escape(note)}</p>\n'
        + '\n'.join(parts)
        + '</section>'
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric: Iterable[int] = ()) -> str:
    """Table whose columns `numeric` are set flush right."""
    right = set(numeric)

    def row(tag: str, cells: Sequence[str]) -> str:
        return (
            '<tr>'
            + ''.join(
                f'<{tag}{" class=n" if i in right else ""}>{escape(cell)}</{tag}>'
                for i, cell in enumerate(cells)
            )
            + '</tr>'
        )

    body = '\n'.join(row('td', cells) for cells in rows)
    header = row('th', head)
    return f'<div class=wide><table><thead>{header}</thead><tbody>\n{body}</tbody></table></div>'


def _failure(report: Report) -> str:
    return (
        f'<p class=failure>Stopped early: {escape(report.failure)}</p>' if report.failure else ''
    )


def _facts(facts: Sequence[Fact]) -> str:
    if not facts:
        return ''
    marks = {True: ' class=good', False: ' class=bad', None: ''}
    cells = (
        f'<div{marks[fact.good]}><dt>{escape(fact.label)}</dt><dd>{escape(fact.value)}</dd>'
        f'<p>{escape(fact.about)}</p></div>'
        for fact in facts
    )
    return f'<dl class=facts>{"".join(cells)}</dl>'


def _learning(report: Report) -> str:
    if report.learning is None:
        return ''
    note = (
        'Checkpoints of the last third of training are validated and the best is kept; every '
        'other score on this page is on seeds it was not chosen by. Bars are 95 % Wilson '
        'intervals.'
    )
    return _section('Learning', note, plots.learning_curve(report.learning))


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
    return _section('Evaluation', note, _table(head, rows, range(1, 6)))


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
    return _section('What breaks it', note, plots.success_bins(dict(ranked), looked_at))


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
    return _section('Flights', note, *parts)


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
    return _section('Latency', note, plot, _table(head, rows, range(1, 5)))


def _contract(report: Report) -> str:
    if report.contract is None:
        return ''
    note = (
        'What the policy was trained for and takes for granted. It travels inside the policy file.'
    )
    shown: list[str] = []
    for number, table in enumerate(contract_tables(report.contract)):
        content = _table(table.header, table.rows)
        title = f'<h3>{escape(table.title)}</h3>'
        folded = f'<details><summary>{escape(table.title)}</summary>{content}</details>'
        shown.append(title + content if number < OPEN_TABLES else folded)
    return _section('Contract', note, *shown)


def _machine(report: Report) -> str:
    if not report.machine:
        return ''
    return _section('Made with', '', _table(['', ''], [[k, v] for k, v in report.machine.items()]))


_CSS = (
    THEME
    + """
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 1.25rem; }
h2 { font-size: 1.15rem; margin: 0 0 .25rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
small { color: var(--soft); font-weight: normal; margin-left: .5rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 1.1rem 1.25rem; margin-top: 1rem; }
section > p { color: var(--soft); margin: 0 0 .75rem; font-size: .9rem; max-width: 48rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font-family: inherit; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr));
  gap: .75rem; margin: 0; }
.facts div { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  border-left: 4px solid var(--line); padding: .7rem .9rem; }
.facts .good { border-left-color: var(--good); }
.facts .bad { border-left-color: var(--bad); }
.facts p { margin: 0; color: var(--soft); font-size: .8rem; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-size: 1.35rem; font-weight: 600; }
summary { font-weight: 600; margin-top: 1rem; cursor: pointer; }
.wide { overflow-x: auto; margin-top: .75rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem;
  font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
.n { text-align: right; }
.failure { border-left: 4px solid var(--bad); background: var(--card); padding: .7rem 1rem; }
"""
)
