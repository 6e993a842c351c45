from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')
pytest.importorskip('rsl_rl')

from robot_rl.bench import race
from robot_rl.bench.pursuit import PurePursuit, Setting
from robot_rl.errors import SpecError
from robot_rl.mdp.tracks import tracks
from robot_rl.spec import registry
from robot_rl.tasks.race import grip

BANK = tracks(2, 8)


def _peer(env, robot, setting):
    track = torch.arange(env.num_envs) // race.FRICTIONS
    nominal = grip(robot, robot.parameters['friction'].nominal[0])
    return PurePursuit(BANK, track, robot.parameters['wheelbase'].nominal[0], nominal, setting)


@pytest.fixture(scope='module')
def driven():
    """Laps of the peer, careful and reckless."""
    robot = registry.robot('racecar')
    env = race.world(robot, BANK, 'analytic', blind=True, seed=3)
    length = np.repeat(BANK.length, race.FRICTIONS)
    return [
        race.drive(env, length, _peer(env, robot, Setting(0.4, share)), 3, pose=True)
        for share in (0.15, 0.6)
    ]


def test_care_is_safe_and_recklessness_is_not(driven):
    careful, reckless = driven
    assert careful.clean.estimate > 0.9
    assert np.isfinite(careful.time).mean() > 0.9
    assert not reckless.safe
    assert reckless.touched.any()
    assert np.nanmedian(careful.time) > np.nanmedian(reckless.time)


def test_laps_take_as_long_as_their_length_at_the_speed_driven(driven):
    speed = np.repeat(BANK.length, race.FRICTIONS) / driven[0].time
    assert np.nanmin(speed) > 1.0
    assert np.nanmax(speed) < 4.0


def test_no_car_beats_the_point_mass(driven):
    bound = race.bound(registry.robot('racecar'), BANK)
    assert bound.shape == (2 * race.FRICTIONS,)
    assert (np.diff(bound.reshape(2, -1), axis=1) <= 1e-9).all()  # grip helps
    for laps in driven:
        assert not (laps.time < bound).any()


def test_laps_are_counted_as_begun_and_finished():
    laps = race.Laps(np.array([2, 1, 0, 2]), np.array([False, True, True, False]), np.ones(4))
    assert laps.begun == 2 + 2 + 1 + 2
    assert laps.clean.estimate == pytest.approx(5 / 7)
    assert not laps.safe


class _Scripted:
    """An environment of one car that is where `places` say [m], on a lap of 10 m."""

    device, num_envs = torch.device('cpu'), 1
    engine = SimpleNamespace(randomize=lambda *_: None)

    def __init__(self, places):
        self.task = SimpleNamespace(control_dt=0.02, max_episode_steps=len(places) - 1)
        self._places = iter(places % 10.0)

    def reset(self, seed):
        return {'actor': next(self._places)}

    def step(self, *_):
        signals = {'track_position': torch.tensor([[next(self._places)]])}
        over = torch.zeros(1, dtype=torch.bool)
        return SimpleNamespace(
            observation={}, terminated=over, step=SimpleNamespace(signals=signals)
        )


@pytest.mark.parametrize(
    ('places', 'finished'),
    [
        (np.linspace(0.0, 20.1, 300), 2),
        (np.linspace(0.0, 19.9, 300), 1),
        (2.0 * np.sin(np.linspace(0.0, 60.0, 900)), 0),
        (np.linspace(0.0, -25.0, 300), 0),
        (np.concatenate((np.linspace(0.0, -5.0, 100), np.linspace(-5.0, 9.9, 300))), 0),
        (np.concatenate((np.linspace(0.0, 7.0, 99), np.linspace(7.0, 2.0, 99),
                         np.linspace(2.0, 10.1, 99))), 1),
    ],
    ids=['two laps', 'almost', 'to and fro', 'the wrong way', 'back first', 'back in between'],
)  # fmt: skip
def test_no_lap_is_counted_that_was_not_driven(places, finished, monkeypatch):
    monkeypatch.setattr(race, 'frictions', lambda _num: torch.zeros(1, 1))
    env: Any = _Scripted(places)
    laps = race.drive(env, np.array([10.0]), lambda *_: (torch.zeros(1, 2), None), 0)
    assert laps.finished.tolist() == [finished]


def test_the_ratio_resamples_tracks():
    rng = np.random.default_rng(0)
    theirs = rng.uniform(8.0, 12.0, 40)
    ours = 0.8 * theirs
    ours[3] = np.nan
    found = race.ratio(ours, theirs, 4)
    assert found.low <= found.estimate <= found.high
    assert found.estimate == pytest.approx(0.8, abs=0.03)


def test_every_track_meets_every_friction():
    rows = race.frictions(30).reshape(3, race.FRICTIONS)
    assert torch.equal(rows[0], rows[2])
    assert (rows[0, 0], rows[0, -1]) == race.FRICTION


def test_the_table_names_the_setting(driven):
    laps = race.Laps(*(np.resize(part, 200) for part in vars(driven[0]).values()))
    result = race.Result(
        'analytic', laps, laps, Setting(0.4, 0.25), laps, Setting(0.5, 0.3), np.full(200, 5.0)
    )
    text = race.text(result)
    assert text.startswith('20 unseen tracks x 10 frictions, 2 laps each, analytic engine')
    assert 'lookahead 0.4 s, friction 0.25 of nominal' in text
    assert text.count('1.000 (1.000 to 1.000)') == 3


def test_another_tasks_policy_is_refused(policy_file):
    with pytest.raises(SpecError, match='needs one for race'):
        race.run(policy_file, 2)


def test_no_track_is_refused():
    with pytest.raises(SpecError, match='at least one track, got --tracks 0'):
        race.run(Path('nowhere'), 0)
