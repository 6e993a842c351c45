"""Success that is learned from frames: of whole episodes, refused where it is no good, believed
only several frames in a row."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('mcap')

from robot_rl.data.episodes import EpisodeWriter, header_of
from robot_rl.data.reader import Label
from robot_rl.errors import RecordingError, RunFolderError, SpecError
from robot_rl.learn import classifier
from robot_rl.learn.classifier import BySight, Confusion, Options
from robot_rl.learn.frames import StateFeatures, done
from robot_rl.learn.run_folder import save_state
from robot_rl.spec import registry

TASK = registry.task('insert-panda')
JOINTS = np.array([0.0, 0.0459, 0.0, -2.3763, 0.0, 2.4221, 0.7854, 0.01, 0.01])


def write(path, outcomes, seed=0, near=0.03):
    """Episodes in which the arm comes to the goal, from `near` [rad] of joint 1, or does not."""
    draw = np.random.default_rng(seed)
    writer = EpisodeWriter(path, header_of(TASK, 'online', 'a test'))
    memory = np.zeros(TASK.memory_size)
    for episode, success in enumerate(outcomes):
        writer.begin(10.0 * episode)
        start = draw.uniform(1.0, 2.0) * near * draw.choice((-1.0, 1.0))
        steps = int(draw.integers(12, 20))
        end = 0.0 if success else 0.7 * start
        for step in range(steps + 1):
            angle = start + (end - start) * step / steps
            joints = JOINTS + np.eye(9)[0] * (angle + draw.normal(0.0, 1e-4))
            signals = {
                'joint_pos': joints,
                'joint_vel': np.zeros(9),
                'goal_pos_w': PLACE,
                'goal_quat_w': [0.0, 1.0, 0.0, 0.0],
            }
            if step < steps:
                reward = float(success and step == steps - 1)
                row = (np.zeros(6), np.zeros(6), reward, False, 'policy')
                writer.step(10.0 * episode + 0.1 * step, signals, memory, *row)
        how = {'terminated': success, 'truncated': not success, 'success': success}
        writer.end(10.0 * episode + 0.1 * steps, signals, memory, **how)
    writer.close()
    return path


def place() -> list[float]:
    """[m] of the tool at JOINTS."""
    task: Any = TASK.observe
    task = task.__self__
    return task.kinematics(torch.tensor(JOINTS[None, :7]).float()).place[0].tolist()


PLACE = place()


@pytest.fixture(scope='module')
def fitted(tmp_path_factory):
    path = write(tmp_path_factory.mktemp('c') / 'a.mcap', [True] * 24 + [False] * 12)
    return classifier.fit(TASK, classifier.labelled(TASK, [path]), Options(frames=3))


def test_what_is_learned_holds_on_other_episodes_and_is_used(fitted, tmp_path):
    found = fitted.confusion
    assert found.episodes == 9 and fitted.trained_on == 27, 'a quarter of either kind'
    assert found.hits + found.misses == 6 and found.accuracy > 0.95
    fitted.save(tmp_path / 'c.pt', 0.95)
    sight: Any = BySight(TASK, tmp_path / 'c.pt')
    sight.begin()
    near, far = (StateFeatures(TASK).of_episode(fitted.example)[step] for step in (-1, 0))
    sight._features = SimpleNamespace(of_env=lambda env: env[None])
    sight._task = replace(TASK, error=lambda _step: torch.ones(1))
    rows = [near, near, far, near, near, near]
    assert [sight.done(row, None) for row in rows] == [False] * 5 + [True]
    assert sight.told['success_seen'] > 0.5 and sight.told['success_true'] == 0.0
    sight.begin()
    assert not sight.done(near, None), 'each episode begins anew'


def test_what_is_no_good_is_not_written(fitted, tmp_path):
    poor = replace(fitted, confusion=Confusion(5, 5, 100, 900))
    with pytest.raises(RecordingError, match=r'tells 70.0% of the held-out frames rightly'):
        poor.save(tmp_path / 'c.pt', 0.95)
    assert not list(tmp_path.iterdir())
    wrongs: Any = ({'threshold': 1.0}, {'frames': 0}, {'held_out': 0.0})
    for wrong in wrongs:
        with pytest.raises(SpecError, match='A classifier needs'):
            Options(**wrong)


@pytest.mark.parametrize(
    ('outcomes', 'words'),
    [([True] * 7 + [False] * 20, '7 of 27'), ([True] * 20 + [False] * 7, '7 of 27 .*without')],
)
def test_too_few_of_either_kind_are_refused(tmp_path, outcomes, words):
    episodes = classifier.labelled(TASK, [write(tmp_path / 'a.mcap', outcomes)])
    with pytest.raises(RecordingError, match=words):
        classifier.fit(TASK, episodes, Options())


def test_files_of_something_else_are_refused(fitted, tmp_path):
    path = write(tmp_path / 'a.mcap', [True])
    with pytest.raises(RecordingError, match='of task'):
        classifier.labelled(replace(TASK, name='other'), [path])
    fitted.save(tmp_path / 'c.pt', 0.5)
    with pytest.raises(RunFolderError, match="success of the task 'insert-panda'"):
        BySight(replace(TASK, name='other'), tmp_path / 'c.pt')
    changed = replace(TASK, observe=lambda *given: 2.0 * TASK.observe(*given))
    with pytest.raises(RunFolderError, match='is not what it was'):
        BySight(changed, tmp_path / 'c.pt')
    save_state(tmp_path / 'd.pt', {'actor': {}})
    with pytest.raises(RunFolderError, match='no classifier'):
        BySight(TASK, tmp_path / 'd.pt')


def test_frames_are_done_from_what_a_person_said_on(fitted):
    example = replace(fitted.example, labels=())
    assert done(example).sum() == (example.reward > 0.0).sum()
    said = replace(example, labels=(Label(3, 'success'),))
    assert done(said).tolist() == [False] * 3 + [True] * (len(said) - 3)
    assert not done(replace(example, labels=(Label(3, 'failure'),))).any()
