"""Trials come back as they went, survive a kill, and never mix with those of another setting."""

from __future__ import annotations

import dataclasses
from pathlib import Path
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from robot_rl.bench.navigation.trial import COLUMNS, Key, Store, Trial
from robot_rl.errors import RunFolderError
from robot_rl.spec.arena import NavLimits


def _trial(seed: int = 0, planner: str = 'reference:dwa', world: str = 'barn-2') -> Trial:
    rows = np.random.default_rng(seed).normal(size=(50, 9))
    return Trial(
        planner, world, seed, 'success', 2.5, 0.05, 10.6,
        rows[:, :3], rows[:, 3:5], rows[:, 5:7], rows[:, 7], rows[:, 8], 1, 2,
    )  # fmt: skip


def _same(first: Trial, second: Trial) -> bool:
    names = [field.name for field in dataclasses.fields(Trial)]
    return all(np.array_equal(getattr(first, n), getattr(second, n)) for n in names)


CONFIG = {
    'limits': NavLimits(2.0, 0.0, 2.0, 5.0, 5.0, 20.0, 1.0, 3.2, np.eye(2)),
    'robot': 'jackal',
    'worlds': {'hall': 'ab12'},
    'seeds': (0, 1),
}


@pytest.mark.parametrize('name', ['reference:dwa', '../up', '.', 'a/b c%41', 'Ünü'])
def test_a_trial_comes_back_to_the_bit_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    store, trial = Store(tmp_path / 'bench', CONFIG), _trial(3, name, name)
    store.add(trial)
    assert store.done == {Key(name, name, 3)}
    (found,) = store.load()
    assert _same(found, trial)
    assert {path.name for path in tmp_path.iterdir()} == {'bench'}


def test_a_bench_goes_on_where_it_stopped(tmp_path: Path) -> None:
    store = Store(tmp_path, CONFIG)
    asked = (['a', 'b'], ['w', 'v'], [0, 1])
    assert store.missing(*asked)[:3] == [Key('a', 'w', 0), Key('b', 'w', 0), Key('a', 'w', 1)]
    store.add(_trial(0, 'a', 'w'))
    again = Store(tmp_path, CONFIG)
    assert len(again.missing(*asked)) == 7
    assert Key('a', 'w', 0) not in again.missing(*asked)


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'robot': 'turtlebot'}, 'robot = jackal, this bench has turtlebot.'),
        ({'worlds': {'hall': 'cd34'}}, 'worlds.hall = ab12, this bench has cd34.'),
        ({'seeds': (0, 1, 2)}, 'seeds = [0, 1], this bench has [0, 1, 2].'),
        ({'version': '2'}, 'version = None, this bench has 2.'),
        (
            {'limits': NavLimits(0.5, 0.0, 1.0, 5.0, 5.0, 20.0, 1.0, 3.2, np.eye(2))},
            'limits.max_speed = 2.0, this bench has 0.5 (and 1 more).',
        ),
    ],
)
def test_trials_of_another_setting_are_refused(tmp_path: Path, change: dict, said: str) -> None:
    Store(tmp_path, CONFIG)
    with pytest.raises(RunFolderError, match=re.escape(said)):
        Store(tmp_path, CONFIG | change)
    Store(tmp_path, CONFIG)  # and nothing was changed by the refusal


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'thesis.tex').write_text('mine')
    with pytest.raises(RunFolderError, match='it has no config'):
        Store(tmp_path, CONFIG)
    (tmp_path / 'config.json').write_text('{')
    with pytest.raises(RunFolderError, match='is no bench: cannot read'):
        Store(tmp_path, CONFIG)


@pytest.mark.parametrize('cut', [0, 10, 400, -30])
def test_a_damaged_trial_is_named(tmp_path: Path, cut: int) -> None:
    store = Store(tmp_path, CONFIG)
    store.add(_trial())
    path = store.path(_trial().key)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RunFolderError, match=re.escape(str(path))):
        store.load()


def test_a_flipped_bit_is_noticed_or_harmless(tmp_path: Path) -> None:
    store = Store(tmp_path, CONFIG)
    store.add(_trial())
    path = store.path(_trial().key)
    whole, noticed, places = path.read_bytes(), 0, range(0, len(path.read_bytes()), 7)
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            assert _same(store.load()[0], _trial())
        except RunFolderError:
            noticed += 1
    assert noticed > 0.8 * len(places)


def test_a_trial_that_contradicts_itself_is_none() -> None:
    trial = _trial()
    with pytest.raises(ValueError, match='outcome'):
        dataclasses.replace(trial, outcome='won')
    for name in COLUMNS:
        with pytest.raises(ValueError, match='shape'):
            dataclasses.replace(trial, **{name: getattr(trial, name)[:-1]})


WRITER = """
import sys, itertools
from pathlib import Path
import numpy as np
from robot_rl.bench.navigation.trial import Store, Trial
store = Store(Path(sys.argv[1]), {})
rows = np.random.default_rng(0).normal(size=(2000, 9))
for seed in itertools.count():
    store.add(Trial('p', 'w', seed, 'timeout', 100.0, 0.05, 10.0, rows[:, :3], rows[:, 3:5],
        rows[:, 5:7], rows[:, 7], rows[:, 8], 0, 0))
"""


def test_a_kill_leaves_whole_trials(tmp_path: Path) -> None:
    folder = tmp_path / 'bench'
    for _ in range(3):
        before = len(list(folder.rglob('*.npz')))
        writer = subprocess.Popen([sys.executable, '-c', WRITER, str(folder)])
        deadline = time.monotonic() + 20.0
        while len(list(folder.rglob('*.npz'))) <= before + 3 and time.monotonic() < deadline:
            time.sleep(0.013)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        found = Store(folder, {}).load()
        assert len(found) > 3
        assert all(len(trial.pose) == 2000 for trial in found)


def test_a_name_stands_for_one_file(tmp_path: Path) -> None:
    Store(tmp_path, CONFIG).claim('policy:mine', 'ab12')
    again = Store(tmp_path, CONFIG)
    again.claim('policy:mine', 'ab12')
    again.claim('policy:other', 'cd34')
    with pytest.raises(RunFolderError, match='a file of digest ab12, this one has cd34'):
        again.claim('policy:mine', 'cd34')
    assert again.done == set()
