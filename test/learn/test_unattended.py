"""Practice without anyone about: eyes and their file, a car that stays on its course, a run."""

from __future__ import annotations

from dataclasses import replace
import math

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.assets import policy_path
from robot_rl.bench import laps
from robot_rl.envs.engines import make_env
from robot_rl.envs.ranges import load_randomization
from robot_rl.errors import RunFolderError, SpecError
from robot_rl.learn import eyes as files
from robot_rl.learn import unattended
from robot_rl.learn.config import PractiseConfig, PretrainConfig
from robot_rl.learn.pixels import Pixels
from robot_rl.learn.pretrain import FILE, pretrain
from robot_rl.learn.replay import Replay
from robot_rl.learn.rlpd import Rlpd, RlpdConfig
from robot_rl.learn.run_folder import load_state, ranges_of, save_state
from robot_rl.learn.train import load_actor
from robot_rl.mdp.courses import course_of
from robot_rl.spec import registry
from robot_rl.tasks import race

TASK = registry.task('laps-racecar')


@pytest.fixture(scope='module')
def eyes(tmp_path_factory):
    root = tmp_path_factory.mktemp('eyes')
    config = PretrainConfig(name='e', num_envs=9, seconds=2.0, passes=2.0, batch=32, images=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(race, 'TRACKS', 3)
        return pretrain(config, root) / FILE


def test_eyes_come_back_as_they_were_saved(eyes):
    trained = files.load(eyes, TASK)
    driven = trained.driven
    assert driven.observation.shape == (9 * 19, files.numbers_of(TASK) + files.FEATURES + 25)
    moved = (driven.observation - driven.next_observation).abs().sum(1)
    assert (moved[driven.discount > 0.0] > 0.0).all()
    images = torch.rand(3, 32, 64, 3) - 0.5
    again = files.load(eyes, TASK)
    assert torch.equal(trained.eyes(images), again.eyes(images))


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'format': 'eyes 0'}, "with format 'eyes 0', expected 'eyes 1'"),
        ({'shape': {'image': [16, 64], 'numbers': 10, 'action': 2}}, r'image \[16, 64\]'),
        ({'eyes': {}}, 'holds no eyes'),
        (None, 'is not a checkpoint'),
    ],
)
def test_another_file_is_refused(eyes, tmp_path, change, said):
    path = tmp_path / FILE
    if change is None:
        path.write_bytes(eyes.read_bytes()[:5000])
    else:
        save_state(path, {**load_state(eyes), **change})
    with pytest.raises(RunFolderError, match=said):
        files.load(path, TASK)


def test_a_car_that_touches_a_wall_stands_where_it_was_and_gets_away():
    env = make_env(course_of(TASK, 1), 'analytic', 1, seed=0)
    practice = unattended.Practice(env, 30.0)
    hard_left = torch.tensor([[-0.5, 1.0]])
    for _ in range(5):
        while not bool(practice.step(hard_left).terminated[0]):
            pass
        stood = env.engine.signals()
        assert not practice.touching or stood['base_lin_vel_b'].abs().max() == 0.0
        begun = practice.periods
        practice.recover(lambda: False)
        assert env.memory.abs().max() == 0.0
        assert 5 <= practice.periods - begun < 100
        assert env.task.perceive
        place = env.task.perceive(env.engine.signals(), env.drawn)
        assert place['track_clearance'][0, 0] > 0.0
        assert place['track_heading'][0, 0].abs() < 0.7
    assert practice.failures == 5
    assert practice.laps == []


def test_a_short_practice_makes_a_run_that_drives(eyes, tmp_path, monkeypatch):
    monkeypatch.setattr(unattended, 'OFFLINE', 5)
    config = PractiseConfig(eyes=eyes, course=2, minutes=0.12, name='p', keep_every=0.06)
    run = unattended.practise(config, tmp_path)
    task, actor, told = load_actor(run)
    assert task.id == TASK.id
    assert (task.commands.draw(9, torch.Generator(), torch.device('cpu'))['track_id'] == 2.0).all()
    assert told['practise']['course'] == 2
    assert all(bool(value.isfinite().all()) for value in actor.state_dict().values())
    assert len(list((run / unattended.ACTORS).glob('*.pt'))) == 2
    car = load_randomization(task.robot, run / 'randomization.yaml')
    assert all(each.a == each.b for each in car)
    env = make_env(task, 'analytic', 4, seed=3, randomization=ranges_of(run))
    env.reset()
    assert (env.parameters['friction'] == env.parameters['friction'][0]).all()
    pytest.importorskip('onnxruntime')
    twin = policy_path('race-racecar')
    rows = laps.run([run], twin, 1)
    assert rows[0].course == 2
    assert rows[0].lidar.finished.tolist() == [2]
    assert 5.0 < rows[0].lidar.time[0] < 30.0
    assert '| p | 2 |' in laps.text(rows, 1)
    with pytest.raises(SpecError, match='is no run of a car that practised'):
        laps.run([eyes.parent], twin, 1)
    with pytest.raises(SpecError, match='at least one start'):
        laps.run([run], twin, 0)


def test_means_of_runs_have_intervals_of_student():
    mean = laps.over_runs([1.0, 2.0, 3.0])
    assert mean.low == pytest.approx(2.0 - 4.303 / math.sqrt(3.0), abs=1e-3)
    assert math.isnan(laps.over_runs([1.0]).low)


def test_eyes_may_go_on_learning(eyes, tmp_path, monkeypatch):
    monkeypatch.setattr(unattended, 'OFFLINE', 3)
    monkeypatch.setattr(unattended, 'RLPD', replace(unattended.RLPD, batch=16))
    config = PractiseConfig(eyes=eyes, minutes=0.1, name='f', finetune=True)
    run = unattended.practise(config, tmp_path)
    before, after = files.load(eyes, TASK).eyes.state_dict(), load_actor(run)[1].state_dict()
    for name, value in before.items():
        assert not torch.equal(value, after[f'eyes.{name}']), name
        assert (value - after[f'eyes.{name}']).abs().max() < 0.1, name
    plain = tmp_path / FILE
    save_state(plain, {**load_state(eyes), 'images': None})
    with pytest.raises(SpecError, match='has no images to learn from'):
        unattended.practise(replace(config, eyes=plain, name='g'), tmp_path)


def test_images_stay_with_their_transitions():
    replay, eyes = Replay(4 + files.FEATURES, 1, 3), files.Eyes((32, 64))
    pixels = Pixels.empty(replay, (32, 64, 3), eyes, 2)
    for index in range(5):
        row = torch.full((1, 4 + files.FEATURES), float(index))
        replay.add(row, torch.zeros(1, 1), float(index), row + 1.0, 0.9)
        image = torch.full((1, 32, 64, 3), 10 * index, dtype=torch.uint8)
        pixels.keep(image, image + 5)
    batch = pixels.sample(20, torch.Generator().manual_seed(0))
    assert {*batch.reward.tolist()} == {2.0, 3.0, 4.0}
    level = batch.reward.view(-1, 1, 1, 1).expand(-1, 32, 64, 3) * 10.0
    for seen, values in ((batch.observation, level), (batch.next_observation, level + 5.0)):
        features = seen[:, 2 : 2 + files.FEATURES]
        assert torch.allclose(features, eyes(values / 255.0 - 0.5), atol=1e-5)
    assert (batch.observation[:, 0] == batch.reward).all()
    assert (batch.observation[:, -1] == batch.reward).all()
    assert batch.observation.requires_grad
    assert not batch.next_observation.requires_grad


def test_there_are_only_so_many_courses():
    with pytest.raises(SpecError, match='no course 8 of'):
        course_of(TASK, 8)
    with pytest.raises(SpecError, match='has no courses'):
        course_of(registry.task('hover-crazyflie'), 0)
    with pytest.raises(SpecError, match='has no eyes to train'):
        pretrain(PretrainConfig(task='race-racecar'))


def test_critics_may_know_more_than_the_actor():
    learner = Rlpd(5, 2, replace(RlpdConfig(), hidden=(8,)), 0, privileged=2)
    learner.normalise(torch.zeros(5), torch.ones(5))
    assert learner.act(torch.zeros(1, 3), explore=False).shape == (1, 2)
    seen = torch.randn(4, 5)
    other = torch.cat((seen[:, :3], torch.zeros(4, 2)), 1)
    assert not torch.equal(learner._scaled(seen), learner._scaled(other))
