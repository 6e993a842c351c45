"""The report of a navigation bench: one HTML file that needs no network, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from robot_rl.bench.html import Fact, document, facts, section, table
from robot_rl.bench.navigation import drawings, results, thumbnails
from robot_rl.bench.navigation.adastop import Decision
from robot_rl.bench.navigation.score import BARN_LOWER, METRICS, Metric, score
from robot_rl.bench.navigation.summary import LEVEL, Pair, Summary, summarize, verdict
from robot_rl.bench.navigation.trial import Trial
from robot_rl.bench.statistics import Interval
from robot_rl.errors import SpecError
from robot_rl.files import write_file
from robot_rl.spec.arena import Arena, NavLimits

LIMITS = {
    'max_speed': 'speed, forward [m/s]',
    'min_speed': 'speed, backward [m/s]',
    'max_yaw_rate': 'yaw rate [rad/s]',
    'acceleration': 'acceleration [m/s²]',
    'yaw_acceleration': 'yaw acceleration [rad/s²]',
    'rate_hz': 'control rate [Hz]',
    'goal_tolerance': 'goal tolerance [m]',
    'yaw_tolerance': 'yaw tolerance [rad]',
}
REFERENCE = 'reference:'


@dataclass(frozen=True)
class Bench:
    """A navigation bench to report on."""

    title: str
    trials: Sequence[Trial]
    arenas: Mapping[str, Arena]
    """By name; of every world that a trial is in."""
    limits: NavLimits
    """What all planners had to keep."""
    setup: Mapping[str, str]
    """What a reader needs to repeat it: robot, lidar, seeds, policies, machine, versions,
    command."""
    reach: Mapping[str, NavLimits] = field(default_factory=dict[str, NavLimits])
    """What the configuration of each planner lets it command."""
    decisions: Sequence[Decision] | None = None
    """Of AdaStop, where it chose how much was run."""
    metric: str = 'barn'
    """What planners are ranked by."""
    barn_lower: float = BARN_LOWER
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """As in the folder of trials; goes into results.json."""


def write(bench: Bench, folder: Path) -> Path:
    """Write report.html, results.json and results.csv; return the path of the page.

    Raises:
        SpecError: There is no trial.
        RunFolderError: The disk refuses.
    """
    if not bench.trials:
        raise SpecError('A report needs at least one trial, got none. Run the bench first.')
    summary = summarize(
        score(bench.trials, bench.arenas, bench.barn_lower), bench.metric, bench.decisions
    )
    planners, (short, long) = summary.table.planners, verdict(summary)
    parts = [
        f'<p class=verdict><strong>{escape(short)}</strong> {escape(long)}</p>',
        facts(_facts(summary)),
        _first(summary),
        _scores(summary),
        _pairs(summary),
        _profiles(summary),
        _worlds(bench, planners),
        _fairness(bench, summary),
    ]
    page = document(bench.title, parts, CSS + thumbnails.css(len(planners)))
    results.write(summary, bench.config, folder)
    write_file(folder / 'report.html', page.encode())
    return folder / 'report.html'


def _shown(value: Interval, what: Metric) -> tuple[str, str]:
    """Estimate and bounds as text; '' for bounds that are not there."""
    scale = 100.0 if what.rate else 1.0
    cells = [f'{scale * number:.{what.digits}f}' for number in vars(value).values()]
    if value.estimate != value.estimate:
        return '–', ''
    return cells[0], f'{cells[1]} to {cells[2]}' if value.low == value.low else ''


def _facts(summary: Summary) -> list[Fact]:
    grid, best = summary.table, summary.ranking[0]
    what = METRICS[summary.metric]
    (middle, bounds), (rate, rates) = (
        _shown(summary.value(best, name), METRICS[name]) for name in (summary.metric, 'success')
    )
    trials = {name: grid.trials(name) for name in grid.planners}
    broken = sum(grid.count(name, 'infrastructure') for name in grid.planners)
    count = f'{min(trials.values())}' if len(set(trials.values())) == 1 else 'up to '
    count = count if count != 'up to ' else f'{count}{max(trials.values())}'
    sizes = f'{summary.worlds} worlds, {len(grid.seeds)} seeds'
    lost = f'; {broken} more failed for reasons of the bench and count nowhere' if broken else ''
    return [
        Fact(f'{what.label} of {best}', f'{middle} {what.unit}', f'95 %: {bounds}'),
        Fact(f'Success of {best}', f'{rate} %', f'95 %: {rates} %'),
        Fact('Trials of each planner', count, sizes + lost, False if broken else None),
    ]


def _first(summary: Summary) -> str:
    note = (
        'Mean and success with 95 % intervals: where they would lie, had other worlds of this '
        'kind been drawn. Each holds by itself; which planners differ is judged below, for all '
        'pairs at once.'
    )
    names = [name for name in summary.ranking if name.startswith(REFERENCE)]
    warning = (
        (
            f'<p class=aside>{escape(", ".join(names))}: our own short planners after published '
            'methods, driven in this process. They are not Nav2 and say nothing about how well '
            'Nav2 or any other stack would do here.</p>'
        )
        if names
        else ''
    )
    return section('Side by side', note, drawings.forest(summary), warning)


def _scores(summary: Summary) -> str:
    """Metrics down, planners across: there are more of the former."""
    head = ''.join(f'<th class=n>{escape(name)}</th>' for name in summary.ranking)
    rows: list[str] = []
    for name, what in METRICS.items():
        values = [summary.value(planner, name) for planner in summary.ranking]
        best = _best([value.estimate for value in values], what)
        cells = ''
        for value in values:
            middle, bounds = _shown(value, what)
            mark = ' best' if middle == best else ''
            cells += f'<td class="n{mark}">{middle}<small>{bounds}</small></td>'
        unit = f' [{what.unit}]' if what.unit else ''
        label = f'{escape(what.label + unit)}<small>{escape(what.note)}</small>'
        rows.append(f'<tr><td>{label}</td>{cells}</tr>')
    grid = (
        f'<div class="wide scores"><table><thead><tr><th></th>{head}</tr></thead><tbody>\n'
        + '\n'.join(rows)
        + '</tbody></table></div>'
    )
    note = (
        'Small: 95 % intervals, bootstrap over worlds, Wilson for rates. Bold: the best estimate, '
        'which says nothing of how sure it is. What counts for successes only is over another set '
        'of trials for each planner: one that gives up on hard worlds looks fast.'
    )
    return section('All numbers', note, grid)


def _best(values: Sequence[float], what: Metric) -> str:
    """The best of them as the table shows it; '' where nobody stands out."""
    known = [value for value in values if value == value]
    if not known or what.better == 0:
        return ''
    scale = 100.0 if what.rate else 1.0
    texts = {f'{scale * value:.{what.digits}f}' for value in known}
    value = max(known) if what.better > 0 else min(known)
    return f'{scale * value:.{what.digits}f}' if len(texts) > 1 else ''


def _decided(pair: Pair) -> str:
    if pair.shown:
        return f'{pair.first} is better'
    if pair.decision.verdict == 'continue':
        return 'not run far enough'
    if pair.decision.verdict == 'equal':
        return 'no difference shown'
    return f'{pair.second} is better'


def _pairs(summary: Summary) -> str:
    if not summary.pairs:
        return ''
    what = METRICS[summary.metric]
    rows = [
        [
            pair.first,
            pair.second,
            pair.difference.text(f'+.{what.digits}f', 100.0 if what.rate else 1.0),
            pair.improvement.text('.0f', 100.0),
            _decided(pair),
        ]
        for pair in summary.pairs
    ]
    unit = f' [{what.unit}]' if what.unit else ''
    head = [
        'A', 'B', f'{what.label}, A - B{unit}', 'A does better than B [%]', 'test of all pairs',
    ]  # fmt: skip
    note = (
        'Differences are taken within the same world and seed, so that hard worlds do not blur '
        'them. The test (AdaStop) swaps planners within worlds; the chance that it finds any '
        f'difference that is not there is at most {LEVEL:.0%} over all pairs together. Intervals '
        'are for each pair by itself, so that one may lie just beside 0 where the test shows '
        'nothing. "No difference shown" does not mean that there is none.'
    )
    return section('Who is better than whom', note, table(head, rows, (2, 3)))


def _profiles(summary: Summary) -> str:
    note = (
        'Further up is better on the left and on the right. Bands: 95 % at each point by itself, '
        'bootstrap over worlds. Where a curve lies above another everywhere, that planner is '
        'better whatever score is asked for.'
    )
    return section('Profiles', note, drawings.profiles(summary))


def _worlds(bench: Bench, planners: Sequence[str]) -> str:
    note = (
        'Every way that was driven, worlds with most failures first. Untick a planner to hide it; '
        'rest the pointer on a way to read what became of it. Square: start; dashed circle: goal.'
    )
    drawn = thumbnails.worlds(bench.trials, bench.arenas, planners)
    return section('Worlds', note, thumbnails.legend(planners), drawn)


def _fairness(bench: Bench, summary: Summary) -> str:
    names = [name for name in summary.ranking if name in bench.reach]
    columns = [bench.limits, *(bench.reach[name] for name in names)]
    rows = [
        [label, *(f'{getattr(limits, key):g}' for limits in columns)]
        for key, label in LIMITS.items()
    ]
    note = (
        'One table of limits for all: what each planner commands passes the same limits, and a '
        'planner whose own configuration reaches further was not let in. All see the same scans '
        'in the same worlds from the same starts with the same seeds.'
    )
    outline = ', '.join(f'({x:g}, {y:g})' for x, y in bench.limits.footprint.tolist())
    setup = {'footprint [m]': outline, **bench.setup}
    return section(
        'What was the same for all',
        note,
        table(['', 'limit', *names], rows, range(1, 2 + len(names))),
        table(['', ''], [[key, value] for key, value in setup.items()]),
    )


CSS = """
:root { --post: #838d95; --series-0: #3f46db; --series-1: #d28000; --series-2: #3aa777;
  --series-3: #7c1662; --series-4: #54100a; --series-5: #5a93da; }
@media (prefers-color-scheme: dark) { :root { --post: #6a747c;
  --series-0: #8ec7ff; --series-1: #ffbb32; --series-2: #60944e;
  --series-3: #bc4f8e; --series-4: #f7ffa6; --series-5: #88ffe6; } }
main { max-width: 68rem; }
.verdict { font-size: 1.1rem; line-height: 1.5; margin: 0 0 1.25rem; }
.verdict strong { display: block; font-size: 1.7rem; line-height: 1.3; }
h1 { font-size: 1.1rem; color: var(--soft); margin-bottom: .5rem; }
section > .aside { border-left: 4px solid var(--goal); padding-left: .75rem; margin: .75rem 0 0; }
.scores small { display: block; margin: 0; font-size: .75rem; white-space: nowrap; }
.scores td:first-child { min-width: 9rem; }
.scores td:first-child small { white-space: normal; }
.best { font-weight: 700; }
"""
"""Six colours that stay apart for colour-blind readers: 36 or more in CIELAB for each pair, also
as seen with protanopia and deuteranopia (Machado et al., 2009)."""
