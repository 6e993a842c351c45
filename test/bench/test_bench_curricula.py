from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('torch')
pytest.importorskip('rsl_rl')

from robot_rl.assets import asset
from robot_rl.bench import curricula
from robot_rl.bench.curricula import CONTENDERS, Judged
from robot_rl.learn.config import TrainConfig
from robot_rl.learn.run_folder import read_evaluation
from robot_rl.learn.train import train

ROW = Judged(0.9, 0.5, 0.25, 0.1, 10.0, 655_360)


def test_corners_are_all_combinations_of_ends_in_turn():
    corners = curricula._Corners(3)
    first = np.concatenate((corners.sample(5), corners.sample(3)))
    assert len(np.unique(first, axis=0)) == 8
    assert set(first.flat) == {0.0, 1.0}
    corners.seed(0)
    assert np.array_equal(corners.sample(8), first)
    many = curricula._Corners(20)
    assert many.sample(curricula.MOST_CORNERS).shape == (curricula.MOST_CORNERS, 20)


def test_the_table_pairs_seeds():
    rows = {name: [ROW, replace(ROW, corner_success=0.7)] for name in CONTENDERS}
    rows['widening'] = [
        replace(row, corner_success=row.corner_success + 0.1) for row in rows['uniform']
    ]
    text = curricula.text('hover-crazyflie', rows, 'abc')
    lines = {line.split('|')[1].strip(): line for line in text.splitlines() if '|' in line}
    assert '60.0 (50.0 to 70.0)' in lines['uniform']
    # Every seed gained ten points: the difference is certain, though the seeds differ.
    assert '+10.0 (+10.0 to +10.0)' in lines['widening - uniform']
    assert '+0.0 (+0.0 to +0.0)' in lines['alp_gmm - uniform']


def test_a_policy_is_judged_on_the_corners(tmp_path, monkeypatch):
    monkeypatch.setattr(curricula, 'EPISODES', 128)
    wide = str(asset('sim', 'randomization/crazyflie-wide.yaml'))
    run = train(
        TrainConfig(
            iterations=2,
            num_envs=8,
            validation_episodes=4,
            test_episodes=4,
            quiet=True,
            name='tiny',
            randomization=wide,
        ),
        tmp_path,
    )
    judged = curricula._judge(run, wide)
    assert judged.corner_crashed > 0.9, 'two iterations teach nothing'
    assert judged.worst_corners <= judged.corner_success < 0.1
    assert judged.steps == read_evaluation(run)['steps']
