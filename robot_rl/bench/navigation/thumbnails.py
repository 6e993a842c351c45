"""Worlds from above with the way of every trial in them, as small SVG: those with failures first.

Drawn by hand instead of by matplotlib: a bench has thousands of ways. Centimetres, y upward on the
page; posts are dots, lines without length that a round cap makes discs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from robot_rl.bench.navigation.trial import Trial
from robot_rl.spec.arena import Arena

Array = NDArray[np.float64]

OPEN = 12
"""Worlds shown unfolded."""
SPACING = 0.15
"""[m] between the points of a way."""
MARGIN = 0.4
COLOURS = 6
ENDS = {
    'success': 'M-11 0a11 11 0 1 0 22 0a11 11 0 1 0-22 0z',
    'collision': 'M-17-17l34 34m0-34l-34 34',
    'timeout': 'M-14-14h28v28h-28z',
    'stuck': 'M-17 13h34l-17-29z',
    'infrastructure': 'M-17 0h34',
}
"""Marks where a trial ended, around the origin."""
WORDS = {
    'success': 'arrived',
    'collision': 'touched something',
    'timeout': 'ran out of time',
    'stuck': 'stuck',
    'infrastructure': 'bench failed',
}


def _cm(values: Array) -> NDArray[np.int64]:
    return np.rint(100.0 * values).astype(np.int64)


def thin(pose: Array) -> Array:
    """Points of the way (m, 2), SPACING apart, first and last among them: at least two."""
    place = pose[:, :2] if len(pose) > 1 else np.repeat(pose[:, :2], 2, axis=0)
    way = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(place, axis=0), axis=1))))
    kept = np.unique(np.searchsorted(way, np.arange(0.0, way[-1] + 1e-9, SPACING)))
    return place[np.append(kept, len(place) - 1)]


def line(points: Array) -> str:
    """Path through points (m, 2) [m], in steps so that numbers are short."""
    cells = _cm(points) * (1, -1)
    steps = np.diff(cells, axis=0)
    return f'M{cells[0, 0]} {cells[0, 1]}l' + ' '.join(f'{x} {y}' for x, y in steps.tolist())


def _obstacles(arena: Arena) -> str:
    parts = [
        f'M{x1} {-y1}L{x2} {-y2}' for x1, y1, x2, y2 in _cm(arena.segments.reshape(-1, 4)).tolist()
    ]
    drawn = f'<path class=wall d="{"".join(parts)}"/>' if parts else ''
    for radius in np.unique(arena.circles[:, 2]):
        centres = _cm(arena.circles[arena.circles[:, 2] == radius, :2]).tolist()
        dots = ''.join(f'M{x} {-y}h0' for x, y in centres)
        drawn += f'<path class=post stroke-width={200.0 * radius:.0f} d="{dots}"/>'
    for x, y, vx, vy, radius in arena.walkers[:, :5].tolist():
        tip = line(np.array([[x, y], [x + vx, y + vy]]))
        drawn += f'<circle class=walker cx={100 * x:.0f} cy={-100 * y:.0f} r={100 * radius:.0f} />'
        drawn += f'<path class=walker d="{tip}"/>'
    return drawn


def _way(trial: Trial, planner: int) -> str:
    if not len(trial.pose):
        return ''
    kind = f'p{planner % COLOURS} {"won" if trial.outcome == "success" else "lost"}'
    points = thin(trial.pose)
    (x, y), words = _cm(points[-1]).tolist(), WORDS[trial.outcome]
    title = escape(f'{trial.planner}, seed {trial.seed}: {words} after {trial.time_s:.1f} s')
    fill = ' fill' if trial.outcome == 'success' else ''
    return (
        f'<g class="w{planner} {kind}"><title>{title}</title><path d="{line(points)}"/>'
        f'<path class="end{fill}" transform="translate({x} {-y})" d="{ENDS[trial.outcome]}"/></g>'
    )


def _box(arena: Arena, trials: Iterable[Trial]) -> str:
    """The viewBox: around what is there to see, not around walls far away."""
    ends = np.array([arena.start[:2], arena.goal])
    places = np.concatenate([ends, *(trial.pose[:, :2] for trial in trials)])
    (left, low), (right, high) = places.min(axis=0), places.max(axis=0)
    around = [*arena.circles[:, :2], *arena.segments[:, :2], *arena.segments[:, 2:]]
    near = np.array([p for p in around if low - 1.5 <= p[1] <= high + 1.5] or ends)
    left, right = min(left, near[:, 0].min()), max(right, near[:, 0].max())
    corner = _cm(np.array([left - MARGIN, -high - MARGIN - arena.goal_tolerance]))
    size = _cm(np.array([right - left + 2 * MARGIN, high - low + 2 * MARGIN + 1.0]))
    return f'{corner[0]} {corner[1]} {size[0]} {size[1]}'


def world(arena: Arena, trials: Sequence[Trial], planners: Sequence[str]) -> str:
    """One world with the trials in it, failures on top, as a figure."""
    order = sorted(trials, key=lambda trial: trial.outcome != 'success')
    ways = ''.join(_way(trial, planners.index(trial.planner)) for trial in order)
    lost = [trial for trial in trials if trial.outcome != 'success']
    (x, y), tolerance = _cm(np.array(arena.goal)).tolist(), round(100 * arena.goal_tolerance)
    start = _cm(np.array(arena.start[:2])).tolist()
    name = escape(arena.name)
    return (
        f'<figure><svg viewBox="{_box(arena, trials)}" role="img" aria-label="{name}">'
        f'<circle class=goal cx={x} cy={-y} r={tolerance} />'
        f'<path class=start d="M{start[0]} {-start[1]}h0"/>{_obstacles(arena)}{ways}</svg>'
        f'<figcaption>{name}<br><small>{len(lost)} of {len(trials)} failed</small></figcaption>'
        '</figure>'
    )


def worlds(trials: Sequence[Trial], arenas: Mapping[str, Arena], planners: Sequence[str]) -> str:
    """All worlds, those with most failures first, all but OPEN folded away."""
    inside: dict[str, list[Trial]] = {}
    for trial in trials:
        inside.setdefault(trial.world, []).append(trial)
    failures = {
        name: sum(trial.outcome != 'success' for trial in found) for name, found in inside.items()
    }
    order = sorted(inside, key=lambda name: -failures[name])
    drawn = [world(arenas[name], inside[name], planners) for name in order]
    shown = f'<div class=worlds>{"".join(drawn[:OPEN])}</div>'
    if len(drawn) <= OPEN:
        return shown
    return (
        f'{shown}<details><summary>The other {len(drawn) - OPEN} worlds</summary>'
        f'<div class=worlds>{"".join(drawn[OPEN:])}</div></details>'
    )


def legend(planners: Sequence[str]) -> str:
    """Planners to tick, and what the marks mean."""
    boxes = ''.join(
        f'<label class=p{index % COLOURS}><input type=checkbox id=show-{index} checked>'
        f'<svg viewBox="0 0 40 14"><path d="M2 7h36"/></svg>{escape(name)}</label>'
        for index, name in enumerate(planners)
    )
    marks = ''.join(
        f'<span><svg viewBox="-22 -22 44 44"><path class="end{" fill" * (kind == "success")}" '
        f'd="{ENDS[kind]}"/></svg>{words}</span>'
        for kind, words in WORDS.items()
    )
    return f'<div class=legend>{boxes}</div><div class=legend>{marks}</div>'


def css(planners: int) -> str:
    """Style of the above for so many planners."""
    colours = ''.join(f'.p{i} {{ --mine: var(--series-{i}); }}\n' for i in range(COLOURS))
    hidden = ''.join(
        f'main:has(#show-{i}:not(:checked)) .w{i} {{ display: none; }}\n' for i in range(planners)
    )
    return CSS + colours + hidden


CSS = """
.worlds { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.2rem, 1fr));
  gap: .75rem; margin-top: .75rem; }
figure { margin: 0; content-visibility: auto; }
figure svg { border: 1px solid var(--line); border-radius: 4px; background: var(--page);
  max-height: 26rem; }
figcaption { font-size: .8rem; line-height: 1.25; margin-top: .2rem; }
figcaption small { margin: 0; }
figure path, figure circle { fill: none; stroke-linejoin: round; }
.post { stroke: var(--post); stroke-linecap: round; }
.wall { stroke: var(--post); stroke-width: 6; }
.walker { stroke: var(--goal); stroke-width: 4; stroke-dasharray: 10 6; }
.goal { stroke: var(--goal); stroke-width: 3; stroke-dasharray: 12 9; }
.start { stroke: var(--goal); stroke-width: 26; stroke-linecap: square; }
.won path { stroke-width: 4; opacity: .75; }
.lost path { stroke-width: 7; }
figure g, label svg { stroke: var(--mine); }
figure .end { stroke-width: 7; opacity: 1; }
figure .fill { fill: var(--mine); stroke: none; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .85rem; }
.legend svg { display: inline-block; width: 1.1rem; height: 1.1rem; vertical-align: -.2rem;
  margin: 0 .35rem; fill: none; stroke-width: 4; }
.legend label svg { width: 2rem; height: .7rem; vertical-align: 0; }
.legend span svg { stroke: var(--soft); margin-left: 0; }
.legend .end { stroke-width: 6; }
"""
