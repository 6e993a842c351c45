"""Files of episodes as a whole: listed, sifted, drawn; by the commands that users type."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.data.episodes import digest_of, read
from robot_rl.data.files import find, sift, summary
from robot_rl.errors import RecordingError, RunFolderError


def equal(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ('memory', 'action', 'setpoint', 'reward', 'person', 'stamps', 'labels')
    ) and all(np.array_equal(one.signals[name], other.signals[name]) for name in one.signals)


@pytest.fixture
def mixed(make):
    """Success with a person, failure, success alone, and one that is being recorded."""
    actor = make()
    actor.episode(6, person=3, seed=4)
    actor.writer.label(1.0, 5, 'success')
    actor.episode(4, success=False)
    actor.episode(5)
    actor.writer.begin(0.0)
    for _ in range(3):
        actor.step()
    actor.writer._recording.flush(0.0, always=True)
    return actor.writer.path


def test_a_list_says_what_is_there(mixed, make, capsys):
    make('sub/empty.mcap').writer.close()
    (mixed.parent / 'notes.mcap').write_text('not a recording')
    row = summary(mixed)
    assert (row.episodes, row.successes, row.steps, row.person) == (4, 2, 17, 3)
    assert (row.closed, row.gaps, row.seconds) == (False, 0, pytest.approx(0.85))
    assert find([mixed.parent]) == [mixed, mixed.parent / 'sub/empty.mcap']
    assert main(['data', 'list', str(mixed.parent)]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert 'poke-stick' in first
    assert first.endswith('not closed')
    assert ' 50%  ' in first
    assert 'closed' not in second
    assert len({head.index('task'), first.index('poke'), second.index('poke')}) == 1
    assert main(['data', 'list', str(mixed.parent / 'notes.mcap')]) == 2
    (mixed.parent / 'none').mkdir()
    assert main(['data', 'list', str(mixed.parent / 'none')]) == 2


def test_what_is_sifted_is_as_it_was(mixed, tmp_path, capsys):
    out = tmp_path / 'good.mcap'
    assert main(['data', 'filter', str(mixed), '--out', str(out), '--success', '--person']) == 0
    assert '1 of 4 episodes' in capsys.readouterr().out
    header, (kept,) = read(out)
    assert header == read(mixed)[0]
    assert equal(kept, read(mixed)[1][0])
    assert (kept.seed, kept.success, kept.complete) == (4, True, True)
    assert summary(out).closed
    assert main(['data', 'filter', str(mixed), '--out', str(out)]) == 2, 'it exists'
    assert sift([mixed, out], tmp_path / 'both.mcap', lambda e: e.success) == (3, 5)
    sift([mixed], tmp_path / 'short.mcap', lambda e: len(e) < 3)
    (broken,) = read(tmp_path / 'short.mcap')[1]
    assert (broken.terminated, broken.truncated) == (False, True)
    assert not list(tmp_path.glob('.*'))


def test_nothing_half_is_left_of_what_cannot_be_sifted(mixed, make, header, tmp_path):
    faster = replace(header, control_dt=0.02)
    other = make('faster.mcap', replace(faster, digest=digest_of(faster))).writer.path
    out = tmp_path / 'out.mcap'
    with pytest.raises(RecordingError, match='at 50 Hz'):
        sift([mixed, other], out, lambda _: True)
    with pytest.raises(RecordingError, match='None of 4 episodes'):
        sift([mixed], out, lambda e: len(e) > 99)
    with pytest.raises(RunFolderError, match='No such file'):
        sift([tmp_path / 'missing.mcap'], out, lambda _: True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['episodes.mcap', 'faster.mcap']


def test_an_episode_is_drawn(mixed, capsys):
    pytest.importorskip('matplotlib')
    assert main(['data', 'show', str(mixed)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[1:]] == ['5', 'over', 'success', 'off']
    assert main(['data', 'show', str(mixed), '--episode', '0']) == 0
    assert mixed.with_name('episodes-0.png').read_bytes()[:4] == b'\x89PNG'
    assert main(['data', 'show', str(mixed), '--episode', '4']) == 2
