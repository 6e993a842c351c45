"""The page is one file that holds all, says what the numbers say, and not more."""

from __future__ import annotations

import csv
import dataclasses
from html.parser import HTMLParser
import json
from pathlib import Path
import re

import numpy as np
import pytest

pytest.importorskip('matplotlib')

from robot_rl.bench.navigation import thumbnails
from robot_rl.bench.navigation.adastop import AdaStop
from robot_rl.bench.navigation.page import Bench, write
from robot_rl.bench.navigation.score import METRICS, score
from robot_rl.bench.navigation.summary import Summary, by_world, summarize, verdict
from robot_rl.errors import SpecError

VOID = {'meta', 'br', 'input'}


class _Reader(HTMLParser):
    """Collects open tags, ids, text, and whatever would be fetched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.used: list[str] = []
        self.fetched: list[str] = []
        self.text = ''
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for key, value in attrs:
            if key == 'id':
                self.ids.append(value or '')
            if key in ('src', 'href', 'xlink:href'):
                inside = (value or '').startswith('#')
                (self.used if inside else self.fetched).append((value or '').removeprefix('#'))
        if tag in ('script', 'link', 'img', 'iframe'):
            self.fetched.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _bench(made, **changes) -> Bench:
    setup = {'seeds': '0 to 2', 'machine': 'a <machine> & more', 'command': 'robot_rl bench nav'}
    slow = dataclasses.replace(made.limits, max_speed=1.25)
    reach = {'policy': made.limits, 'reference:pursuit': slow}
    bench = Bench('Twenty <worlds>', made.trials, made.arenas, made.limits, setup, reach)
    return dataclasses.replace(bench, **changes)


@pytest.fixture(scope='module')
def written(tmp_path_factory, synthetic) -> Path:
    folder = tmp_path_factory.mktemp('bench') / 'deep'
    made = synthetic(20, 3)
    broken = dataclasses.replace(made.trials[0], outcome='infrastructure')
    path = write(_bench(made, trials=[broken, *made.trials[1:]], config={'robot': 'x'}), folder)
    assert path == folder / 'report.html'
    assert {file.name for file in folder.iterdir()} == {
        'report.html', 'results.json', 'results.csv',
    }  # fmt: skip
    return folder


@pytest.fixture(scope='module')
def page(written: Path) -> str:
    return (written / 'report.html').read_text(encoding='utf-8')


def test_page_is_whole_and_fetches_nothing(page: str) -> None:
    reader = _Reader(page)
    assert reader.open == []
    assert reader.fetched == []
    assert 'url(http' not in page
    used = reader.used + re.findall(r'url\(#([^)]+)\)', page) + re.findall(r'#(show-\d+)', page)
    assert set(used) <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))


def test_plots_take_their_colours_from_the_page(page: str) -> None:
    drawn = page[page.index('</style>') :]
    assert re.findall(r'#[0-9a-f]{6}\b(?=[;"])', drawn) == []
    assert all(f'var(--series-{number})' in drawn for number in range(4))


def test_page_says_what_a_reader_must_know(page: str) -> None:
    text = _Reader(page).text
    for words in (
        'Twenty <worlds>',
        'They are not Nav2',
        '1 more failed for reasons of the bench and count nowhere',
        'a <machine> & more',
        'speed, forward [m/s]',
        '1.25',
        'No difference shown" does not mean that there is none',
        'The other 8 worlds',
        *(what.label for what in METRICS.values()),
    ):
        assert words in text, words
    assert '<machine>' not in page
    first = page[: page.index('<section>')]
    assert 'BARN score of policy' in first
    assert 'class=verdict' in first


def test_every_way_is_drawn_and_failures_come_first(page: str) -> None:
    assert page.count('<g class="w') == 20 * 3 * 4
    failed = [int(number) for number in re.findall(r'(\d+) of 12 failed', page)]
    assert len(failed) == 20
    assert failed == sorted(failed, reverse=True)
    assert page.count('stuck after') + page.count('touched something after') > 0


def test_numbers_for_programs_are_those_of_the_page(written: Path, synthetic) -> None:
    found = json.loads((written / 'results.json').read_text(), parse_constant=pytest.fail)
    with (written / 'results.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 240
    assert set(rows[0]) == {'planner', 'world', 'seed', 'outcome', *METRICS}
    for name, planner in found['planners'].items():
        mine = [row for row in rows if row['planner'] == name]
        scores = [float(row['barn']) for row in mine if row['barn']]
        assert planner['barn']['estimate'] == pytest.approx(np.mean(scores))
        assert planner['barn']['low'] < np.mean(scores) < planner['barn']['high']
        assert planner['trials'] == len(scores)
        assert planner['outcomes']['success'] == sum(row['outcome'] == 'success' for row in mine)
        fast = [float(row['time']) for row in mine if row['time']]
        assert len(fast) == planner['outcomes']['success']
    assert found['config'] == {'robot': 'x'}
    assert len(found['pairs']) == 6
    assert found['verdict'].startswith(('policy won', 'No winner'))


def _told(synthetic, worlds: int = 40, metric: str = 'barn', **skill: float) -> tuple[str, str]:
    made = synthetic(worlds, 3, skill)
    return verdict(summarize(score(made.trials, made.arenas), metric))


def test_a_clear_winner_is_named_with_how_much_and_how_sure(synthetic) -> None:
    short, long = _told(synthetic, good=0.97, fair=0.6, poor=0.3)
    assert short == 'good won.'
    assert re.search(
        r'Its BARN score of 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\) is 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)'
        r' more than that of fair, the next best, and ahead of the rest; .* at most 5%',
        long,
    )


def test_alike_planners_are_not_called_winners(synthetic) -> None:
    short, long = _told(synthetic, good=0.9, same=0.9, poor=0.3)
    assert short == 'No winner could be shown.'
    assert re.search('no difference could be shown from (same|good)', long)
    assert re.search(r'it is better than others: 0.\d+ \(.*\) more than poor', long)


def test_too_few_worlds_are_called_too_few(synthetic) -> None:
    assert '5 worlds are too few' in _told(synthetic, 5, good=0.99, poor=0.1)[1]


def test_one_planner_has_nobody_to_beat(synthetic) -> None:
    assert _told(synthetic, only=0.9) == (
        'only ran alone.',
        _told(synthetic, only=0.9)[1],
    )
    assert 'nobody to compare it with' in _told(synthetic, only=0.9)[1]


def test_less_time_is_better(synthetic) -> None:
    short, long = _told(synthetic, 40, 'time_capped', fast=0.97, slow=0.4)
    assert short == 'fast won.'
    assert re.search(r'is [\d.]+ \([\d.]+ to [\d.]+\) s less than that of slow', long)


def _interrupted(synthetic) -> Summary:
    made = synthetic(30, 3, {'one': 0.9, 'other': 0.9})
    table = score(made.trials, made.arenas)
    test = AdaStop(table.planners, 5)
    test.update({name: by_world(table.of('barn', name)) for name in table.planners})
    return summarize(table, decisions=test.decisions)


def test_a_bench_that_is_not_over_says_so(synthetic) -> None:
    assert 'has not run far enough' in verdict(_interrupted(synthetic))[1]


def test_no_trials_are_refused(synthetic, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match='at least one trial, got none'):
        write(_bench(synthetic(2, 1), trials=[]), tmp_path)


def test_names_are_escaped_and_odd_trials_drawn(synthetic, tmp_path: Path) -> None:
    made = synthetic(2, 1, {'<i>a</i>': 0.5, 'b': 0.1})
    empty = {
        name: getattr(made.trials[0], name)[:0]
        for name in ('pose', 'command', 'sent', 'clearance', 'compute_s')
    }
    odd = dataclasses.replace(made.trials[0], **empty, outcome='timeout')
    walkers = np.array([[-2.0, 6.0, 0.5, 0.0, 0.3, 1.0]])
    arenas = {name: dataclasses.replace(a, walkers=walkers) for name, a in made.arenas.items()}
    path = write(_bench(made, trials=[odd, *made.trials[1:]], arenas=arenas), tmp_path)
    page = path.read_text()
    assert '<i>' not in page
    assert 'class=walker' in page
    assert _Reader(page).open == []


def test_a_way_keeps_its_ends_and_its_shape() -> None:
    angles = np.linspace(0.0, np.pi, 4000)
    pose = np.stack((3.0 * np.cos(angles), 3.0 * np.sin(angles), angles), axis=1)
    line = thumbnails.line(thumbnails.thin(pose))
    numbers = np.array(re.findall(r'-?\d+', line), float).reshape(-1, 2).cumsum(axis=0)
    assert 50 < len(numbers) < 80
    np.testing.assert_allclose(numbers[[0, -1]], [[300.0, 0.0], [-300.0, 0.0]], atol=1.0)
    np.testing.assert_allclose(np.linalg.norm(numbers, axis=1), 300.0, atol=1.5)
    assert thumbnails.line(thumbnails.thin(np.zeros((500, 3)))) == 'M0 0l0 0'
