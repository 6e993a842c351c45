"""Which trainings a contest runs, which it goes on with, and which it leaves."""

from __future__ import annotations

import json

import pytest

pytest.importorskip('torch')
pytest.importorskip('rsl_rl')

from robot_rl.bench import contest
from robot_rl.bench.navigation import variants
from robot_rl.errors import SpecError, UnknownNameError

COLUMNS = {'success [%]': (lambda row: row)}


@pytest.fixture
def trained(monkeypatch):
    """Every call that would train, as the options it was given; it leaves a scored run."""
    calls = []

    def train_as(name, task_id, seed, folder, options):
        calls.append((name.partition('-')[0], seed, *options))
        run = folder / 'runs' / name
        (run / 'checkpoints').mkdir(parents=True, exist_ok=True)
        (run / 'config.json').write_text('{"git_revision": "0123456789", "git_dirty": true}')
        (run / 'evaluation.json').write_text('{"interrupted": false}')
        return run

    monkeypatch.setattr(contest, 'train_as', train_as)
    return calls


def test_a_contest_goes_on_where_it_stopped(trained, tmp_path):
    options = {'one': ('--a', '1'), 'two': ('--a', '2')}

    def run(seeds, options=options):
        trained.clear()
        judge = lambda run: float(run.name[-1])  # noqa: E731
        return contest.contest('hover', options, seeds, tmp_path, judge, COLUMNS)

    rows, revisions = run(range(2))
    assert rows == {'one': [0.0, 1.0], 'two': [0.0, 1.0]}
    assert revisions == '0123456 with changes'
    assert [(call[1], call[3]) for call in trained] == [(0, '1'), (0, '2'), (1, '1'), (1, '2')]
    run(range(3))
    assert [call[1] for call in trained] == [2, 2], 'what is there is not trained again'
    run(range(1), {'one': ('--a', '3')})
    assert [call[3] for call in trained] == ['3'], 'with other options it is another run'
    first, second = sorted((tmp_path / 'runs').glob('*-two-*'))[:2]
    (first / 'evaluation.json').write_text(json.dumps({'interrupted': True}))
    (first / 'checkpoints' / '7.pt').touch()
    (second / 'evaluation.json').unlink()
    run(range(3))
    assert [call[1:] for call in trained] == [(0, '--a', '2', '--resume'), (1, '--a', '2')]


def test_the_table_pairs_seeds():
    text = contest.table('title', {'one': [10.0, 60.0], 'two': [11.0, 61.0]}, COLUMNS, 'one')
    assert '| one | 35.0 (10.0 to 60.0) |' in text
    assert '| two - one | +1.0 (+1.0 to +1.0) |' in text


@pytest.mark.parametrize(
    ('task', 'names', 'error', 'said'),
    [
        ('navigate-jackal', ('histroy',), UnknownNameError, "Did you mean 'history'"),
        ('navigate-jackal', (), SpecError, 'Nothing to compare'),
        ('hover-crazyflie', ('history',), SpecError, 'no task of navigation'),
    ],
)
def test_what_cannot_be_compared_is_refused_before_hours_are_spent(task, names, error, said):
    with pytest.raises(error, match=said):
        variants.Contest(task, names, 0, 300)
