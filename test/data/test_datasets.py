"""To the datasets of others: what comes back from Minari, what LeRobot would read."""

from __future__ import annotations

import json

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.data.episodes import read
from robot_rl.data.lerobot import to_lerobot
from robot_rl.data.minaris import from_minari, to_minari
from robot_rl.errors import RecordingError, RunFolderError


@pytest.fixture
def recorded(make):
    actor = make()
    actor.episode(6, person=3, seed=4)
    actor.writer.label(1.0, 5, 'success')
    actor.episode(4, success=False)
    actor.writer.close()
    return actor.writer.path


def test_what_comes_back_from_minari_is_what_went_in(recorded, tmp_path, monkeypatch):
    pytest.importorskip('pyarrow')
    minari = pytest.importorskip('minari')
    monkeypatch.setenv('MINARI_DATASETS_PATH', str(tmp_path / 'minari'))
    name, out = 'poke-stick/shown-v0', tmp_path / 'back.mcap'
    assert main(['data', 'convert', str(recorded), '--to-minari', name]) == 0
    dataset = minari.load_dataset(name)
    assert (dataset.total_episodes, dataset.total_steps) == (2, 10)
    assert dataset.observation_space['joint_pos'].shape == (3,)
    assert main(['data', 'convert', '--from-minari', name, '--out', str(out)]) == 0
    header, told = read(recorded)
    found, back = read(out)
    assert found == header
    for one, other in zip(told, back, strict=True):
        for key, value in vars(one).items():
            if key == 'signals':
                assert all(np.array_equal(value[n], other.signals[n]) for n in header.signals)
            else:
                assert np.array_equal(value, getattr(other, key)), key
    with pytest.raises(RunFolderError, match='exists'):
        to_minari([recorded], name)
    with pytest.raises(RecordingError, match='no local dataset'):
        from_minari('poke-stick/missing-v0', tmp_path / 'other.mcap')
    with pytest.raises(RecordingError, match='is no name'):
        to_minari([recorded], 'no version')
    assert main(['data', 'convert', str(recorded), '--from-minari', name]) == 2


def test_lerobot_finds_its_layout(recorded, tmp_path):
    parquet = pytest.importorskip('pyarrow.parquet')
    out = tmp_path / 'lerobot'
    words = ['data', 'export-lerobot', str(recorded), '--out', str(out)]
    assert main([*words, '--instruction', 'Poke it.']) == 0
    info = json.loads((out / 'meta/info.json').read_text())
    assert (info['codebase_version'], info['fps']) == ('v3.0', 20)
    assert (info['total_episodes'], info['total_frames']) == (2, 10)
    frames = parquet.read_table(out / 'data/chunk-000/file-000.parquet')
    assert frames.column_names == list(info['features'])
    for name, feature in info['features'].items():
        kind, shape = frames.schema.field(name).type, feature['shape']
        assert shape == [getattr(kind, 'list_size', 1)]
        assert str(getattr(kind, 'value_type', kind)).replace('float', 'float32') in (
            feature['dtype'],
            'float3232',
        )
    told = read(recorded)[1]
    rows = frames.to_pydict()
    state = np.concatenate([np.hstack([*e.signals.values()])[:-1] for e in told])
    assert np.array_equal(np.array(rows['observation.state'], np.float32), state)
    assert rows['complementary_info.is_intervention'] == [True] * 3 + [False] * 7
    assert [i for i, over in enumerate(rows['next.done']) if over] == [5, 9]
    assert [i for i, won in enumerate(rows['next.success']) if won] == [5]
    assert [i for i, late in enumerate(rows['next.truncated']) if late] == [9]
    assert rows['index'] == list(range(10))
    episodes = parquet.read_table(out / 'meta/episodes/chunk-000/file-000.parquet').to_pydict()
    assert episodes['dataset_from_index'] == [0, 6]
    assert episodes['dataset_to_index'] == [6, 10]
    assert episodes['tasks'] == [['Poke it.']] * 2
    stats = json.loads((out / 'meta/stats.json').read_text())
    assert np.allclose(stats['observation.state']['mean'], state.mean(axis=0), atol=1e-6)
    with pytest.raises(RunFolderError, match='exists'):
        to_lerobot([recorded], out)
    assert not list(tmp_path.glob('.*'))


def test_nothing_is_unpickled():
    from pathlib import Path

    source = Path(__file__).parents[2] / 'robot_rl/data'
    texts = [path.read_text(encoding='utf-8') for path in source.glob('*.py')]
    assert texts
    for word in ('pickle', 'np.load', 'torch', 'marshal', 'shelve', 'eval(', 'exec('):
        assert not [text for text in texts if word in text], word
