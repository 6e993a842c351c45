"""Training with a curriculum: what it hears, what a checkpoint keeps, what is refused."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('rsl_rl')

from robot_rl.assets import asset
from robot_rl.errors import RunFolderError, SpecError, UnknownNameError
from robot_rl.learn.config import TrainConfig
from robot_rl.learn.run_folder import load_state, read_config
from robot_rl.learn.train import train

WIDE = str(asset('sim', 'randomization/crazyflie-wide.yaml'))
TINY = TrainConfig(
    iterations=28,
    num_envs=24,
    checkpoints=2,
    validation_episodes=4,
    test_episodes=4,
    quiet=True,
    name='tiny',
    randomization=WIDE,
)


def _state(run, iteration):
    return load_state(run / 'checkpoints' / f'{iteration}.pt')


@pytest.mark.parametrize('name', ['alp_gmm', 'widening'])
def test_a_resumed_run_goes_on_with_what_its_curriculum_had_learned(name, tmp_path):
    config = replace(TINY, curriculum=name)
    whole = train(config, tmp_path / 'whole')
    learned = _state(whole, 14)['curriculum'][name]
    heard = learned['returns'] if name == 'alp_gmm' else learned['untrained']
    assert len(heard) > 10, 'whole episodes were told of'
    cut = tmp_path / 'cut' / 'tiny'
    (cut / 'checkpoints').mkdir(parents=True)
    for file in ('config.json', 'checkpoints/14.pt'):
        (cut / file).write_bytes((whole / file).read_bytes())
    train(replace(config, resume=True), tmp_path / 'cut')
    first, second = _state(whole, 28), _state(cut, 28)
    assert first['curriculum'] == second['curriculum']
    assert first['curriculum'] != _state(whole, 14)['curriculum']
    for key, value in first['actor_state_dict'].items():
        assert torch.equal(value, second['actor_state_dict'][key])
    rows = list(csv.DictReader((whole / 'progress.csv').read_text().splitlines()))
    assert ('width' if name == 'widening' else 'learning_progress') in rows[-1]
    assert (whole / 'randomization.yaml').read_text() == Path(WIDE).read_text()
    assert read_config(whole)['train']['curriculum'] == name
    with pytest.raises(RunFolderError, match=f"with the curriculum '{name}', not with 'none'"):
        train(replace(config, resume=True, curriculum='none'), tmp_path / 'cut')


@pytest.mark.parametrize(
    ('changes', 'error', 'message'),
    [
        ({'curriculum': 'alpgmm'}, UnknownNameError, "Did you mean 'alp_gmm'"),
        ({'curriculum': 'uniform', 'randomization': ''}, SpecError, "'curriculum: true'"),
        ({'randomization': 'nowhere.yaml'}, UnknownNameError, 'nowhere.yaml'),
    ],
)
def test_what_cannot_be_is_refused_before_a_folder_is_made(changes, error, message, tmp_path):
    with pytest.raises(error, match=message):
        train(replace(TINY, **changes), tmp_path / 'runs')
    assert not (tmp_path / 'runs').exists()
