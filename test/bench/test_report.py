"""A report is one file, fetches nothing, follows the theme and escapes what it is given."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from pathlib import Path
import re

import numpy as np
import pytest

pytest.importorskip('matplotlib')

from robot_rl.bench import plots, report
from robot_rl.bench.plots import Durations, Flight, Learning
from robot_rl.bench.report import Fact, Report, Score
from robot_rl.bench.statistics import Interval, success_by_parameter, wilson


class _Checker(HTMLParser):
    """Counts open tags, collects ids, texts and everything that would be fetched."""

    VOID = {'meta', 'br', 'link', 'img'}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.fetched: list[str] = []
        self.text = ''

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for key, value in attrs:
            if key == 'id':
                self.ids.append(value or '')
            if key in ('src', 'href', 'xlink:href'):
                target = self.references if (value or '').startswith('#') else self.fetched
                target.append((value or '').removeprefix('#'))
        if tag in ('script', 'link', 'img', 'iframe'):
            self.fetched.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _flight(name: str = 'Hover', moving: bool = False) -> Flight:
    time = np.linspace(0.0, 10.0, 500)
    goal = np.zeros((500, 3)) + [0.0, 0.0, 1.5]
    if moving:
        goal[:, 0] = np.sin(time)
    return Flight(name, time, goal + [0.03, 0.0, 0.04], goal)


def _full() -> Report:
    generator = np.random.default_rng(0)
    success = generator.random(400) < 0.9
    names = [f'parameter_{i} [kg]' for i in range(11)]
    return Report(
        'A <b>title</b> & more',
        facts=[Fact('Success', '99 %', 'note', True), Fact('Other', '1', good=False)],
        learning=Learning(
            np.arange(9.0), np.arange(9.0), np.arange(5.0), np.array([0, 10, 60, 99, 98]), 100, 3
        ),
        scores=[Score('mujoco', 400, wilson(396, 400), wilson(1, 400), 0.04, Interval(5, 4, 6))],
        parameters={
            name: success_by_parameter(generator.normal(size=400), success) for name in names
        },
        flights=[_flight(), _flight('Figure eight', moving=True)],
        latencies=[Durations('step', generator.lognormal(2.0, 0.2, 1000))],
        machine={'seed': '0'},
    )


@pytest.fixture(scope='module')
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp('report') / 'deep' / 'report.html'
    report.write(_full(), path)
    assert [file.name for file in path.parent.iterdir()] == ['report.html']
    return path.read_text(encoding='utf-8')


def test_page_is_whole_and_fetches_nothing(page: str) -> None:
    checker = _Checker()
    checker.feed(page)
    assert checker.open == []
    assert checker.fetched == []
    assert 'url(http' not in page
    assert '@import' not in page


def test_ids_are_unique_and_references_resolve(page: str) -> None:
    checker = _Checker()
    checker.feed(page)
    used = checker.references + re.findall(r'url\(#([^)]+)\)', page)
    assert used
    assert set(used) <= set(checker.ids)
    assert len(checker.ids) == len(set(checker.ids))


def test_plots_use_the_colours_of_the_page(page: str) -> None:
    drawn = page[page.index('</style>') :]
    assert re.findall(r'#[0-9a-f]{6}\b(?=[;"])', drawn) == []
    assert 'var(--series-0)' in drawn
    assert 'currentColor' in drawn


def test_sections_say_what_was_measured(page: str) -> None:
    checker = _Checker()
    checker.feed(page)
    for text in (
        'A <b>title</b> & more',
        'kept: 99.0% at 3.0 s',
        '99.0 (97.5 to 99.6)',
        'RMS error 5.0 cm',
        'Shown: 8 of 11 parameters',
        'training, processor time [s]',
        'distance to goal [cm]',
        'duration [µs]',
    ):
        assert text in checker.text
    assert '<b>title' not in page


def test_empty_parts_leave_their_sections_out(tmp_path: Path) -> None:
    path = tmp_path / 'report.html'
    report.write(Report('Short', failure='the disk & all'), path)
    page = path.read_text()
    assert '<section>' not in page
    assert 'Stopped early: the disk &amp; all' in page


def test_a_report_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / 'report.html'
    path.write_text('old')
    row = np.zeros(2)
    broken = dataclasses.replace(_full(), learning=Learning(row, row, row, row, 100, 7))
    with pytest.raises(IndexError):
        report.write(broken, path)
    assert path.read_text() == 'old'
    assert [file.name for file in tmp_path.iterdir()] == ['report.html']


def test_parameters_that_matter_most_come_first(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    mass = generator.normal(size=2000)
    bins = {
        f'idle_{i}': success_by_parameter(generator.normal(size=2000), mass < 1.0)
        for i in range(9)
    }
    bins['mass'] = success_by_parameter(mass, mass < 1.0)
    path = tmp_path / 'report.html'
    report.write(Report('x', parameters=bins), path)
    page = path.read_text()
    assert page.index('>mass<') < page.index('>idle_')
    assert page.count('var(--bad)') > 1


def test_flight_error_is_the_distance() -> None:
    np.testing.assert_allclose(_flight().error, 0.05)
    assert 'RMS 5.0 cm' in plots.flight(_flight())
