"""Acting and learning apart: every episode counts once, and only sound weights act."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
import os
from pathlib import Path
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('mcap')

from robot_rl.bench import survivors
from robot_rl.data.episodes import EpisodeWriter, header_of
from robot_rl.errors import RunFolderError
from robot_rl.files import read_json
from robot_rl.learn import apart, choice, learner, link, lived, rows, sessions
from robot_rl.learn.actor import APPLIED, Actor
from robot_rl.learn.config import HilConfig
from robot_rl.learn.learner import PUBLISHED, Learner, candidates, token_of
from robot_rl.learn.outbox import Outbox
from robot_rl.learn.pace import Pace
from robot_rl.learn.rlpd import RlpdConfig
from robot_rl.learn.run_folder import RunFolder
from robot_rl.learn.student import Student, digest, layout_of
from robot_rl.learn.train import load_actor
from robot_rl.spec import registry

TASK = registry.task('insert-panda')
SMALL = RlpdConfig(hidden=(32,), batch=8, utd=1)
STEPS = 20


class Robot:
    """Stands still and records as Practice does; its policy is asked, and what it says is sent."""

    def __init__(self, writer: EpisodeWriter) -> None:
        self.writer, self.extra, self.now = writer, {}, 0.0
        self.signals = {signal.name: np.zeros(signal.size) for signal in TASK.signals}
        self.signals['goal_quat_w'] = np.array([0.0, 1.0, 0.0, 0.0])
        self.memory = np.zeros(TASK.memory_size)

    def begin(self, act=None, after=None, steps=STEPS) -> None:
        self.writer.begin(self.now)
        seen = torch.zeros(1, Student(TASK, SMALL, 0).shown.observation_size) if act else None
        for _ in range(steps):
            action = act(seen)[0].numpy() if act else np.zeros(6)
            row = (self.signals, self.memory, action, np.zeros(6), 0.0, False, 'policy')
            self.writer.step(self.now, *row, extra=self.extra)
            self.now += 0.1
            if after and after():
                break

    def episode(self, act=None, after=None):
        self.begin(act, after)
        how = {'terminated': False, 'truncated': True, 'success': False}
        self.writer.end(self.now, self.signals, self.memory, **how)
        return list(sessions.recorded(self.writer.path))[-1], None


def student(seed: int = 0) -> Student:
    return Student(TASK, SMALL, seed)


def new_learner(run: Path) -> Learner:
    return Learner(student(), RunFolder(run, begun=True), link.address_of('', run), 'token')


def new_actor(run: Path, path: Path, robot) -> Actor:
    other = student(1).rlpd
    return Actor(
        *(robot, other.actor, lambda seen: other.act(seen, explore=True)),
        **{'run': run, 'recording': path, 'token': 'token'},
        address=link.address_of('', run),
    )


@pytest.fixture
def recording(tmp_path):
    """(number, writer, lock) of a new session."""
    locks = []

    def begin():
        number, writer, lock = sessions.begin(tmp_path, header_of(TASK, 'online', 'a test'))
        locks.append(lock)
        return number, writer, lock

    yield begin
    for lock in locks:
        lock.close()


def wait_until(true) -> None:
    until = time.monotonic() + 20.0
    while not true():
        assert time.monotonic() < until, 'waited for too long'
        time.sleep(0.02)


def in_thread(function, *args) -> threading.Thread:
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


def test_a_run_survives_the_learner_and_what_acted_was_sent(recording, tmp_path, monkeypatch):
    monkeypatch.setattr(learner, 'PUBLISH_S', 0.1)
    monkeypatch.setattr(sessions, 'SETTLE_S', 0.0)
    _, writer, lock = recording()
    robot = Robot(writer)
    first = new_learner(tmp_path)
    actor = new_actor(tmp_path, writer.path, robot)
    stop, dead = threading.Event(), threading.Event()
    acting = in_thread(actor.run, stop.is_set, Pace(0.0))
    learning = in_thread(first.run, dead.is_set, 10**9)
    wait_until(lambda: first._student.rlpd.updates > 5)
    dead.set()
    learning.join()
    first.close()
    lived_on = writer.episodes
    wait_until(lambda: writer.episodes > lived_on + 3)
    assert 'does not answer' in actor.errors['link'] and not actor.errors['weights']
    second = new_learner(tmp_path)
    assert second._student.rlpd.updates == first._student.rlpd.updates
    alive = threading.Event()
    learning = in_thread(second.run, alive.is_set, 10**9)
    wait_until(lambda: second.heard > 3)
    stop.set()
    acting.join()
    actor.close()
    writer.close()
    lock.close()
    alive.set()
    learning.join()
    second.close()
    assert [check for check in survivors.checks(tmp_path, [], []) if not check.holds] == []
    assert int(rows.read(tmp_path / PUBLISHED, 3)[-1][0]) == second._version >= actor.version > 1
    assert second._student.steps == sum(len(e) for e in sessions.recorded(writer.path))
    acted = [e.extra[0]['weights'][0] for e in sessions.recorded(writer.path)]
    assert acted == sorted(acted) and acted[0] == 1.0, 'never before there are weights'


def test_an_episode_that_goes_on_waits_for_its_end_or_its_writers(recording, tmp_path):
    _, writer, lock = recording()
    robot, session = Robot(writer), writer.path.stem
    robot.episode()
    robot.begin()
    writer.flush(1e9)
    os.utime(writer.path, (0.0, 0.0))
    told = new_learner(tmp_path)
    assert told.known == {session: 1} and told.episodes == 1, 'the second goes on'
    how = {'terminated': False, 'truncated': True, 'success': False}
    writer.end(robot.now, robot.signals, robot.memory, **how)
    for episode in [*sessions.recorded(writer.path), *sessions.recorded(writer.path)]:
        told._peers.arrived.put((session, episode))  # sent again after a lost connection
    told._take()
    assert (told.known, told.episodes, told.heard) == ({session: 2}, 2, 1)
    robot.episode()  # written, and killed before it is sent, in the middle of the next
    robot.begin()
    writer.flush(2e9)
    told.look()
    assert told.episodes == 2
    lock.close()
    told.look()
    assert told.episodes == 2, 'it has just written something'
    os.utime(writer.path, (0.0, 0.0))
    told.look()
    told.look()
    assert told.known == {session: 4} and told._student.steps == 4 * STEPS - 1
    told.close()


def test_what_is_no_episode_of_the_task_is_said_and_left_out(recording, tmp_path, caplog):
    told = new_learner(tmp_path)
    _, writer, _ = recording()
    episode, _ = Robot(writer).episode()
    for change in ({'action': episode.action * np.nan}, {'memory': episode.memory[:, :-1]}):
        broken = {**episode.__dict__, **change}
        told._peers.arrived.put(('other', type(episode)(**broken)))
        told._take()
        told.known['other'] = 0
    assert told.episodes == 0 and len(told._student.practised) == 0
    assert "'action' has a number that is not finite" in caplog.text
    assert "'memory' has the shape" in caplog.text
    (tmp_path / 'episodes' / '007-empty.mcap').touch()
    told.look()
    assert 'not an MCAP file' in caplog.text
    lived.check(TASK, episode)
    assert recording()[0] == 8
    told.close()


def test_only_sound_weights_act_and_it_is_said_once(recording, tmp_path, caplog):
    _, writer, _ = recording()
    actor, taught = new_actor(tmp_path, writer.path, Robot(writer)), student(3)
    good, version = taught.weights(), count(1)

    def offer(weights: bytes, **wrong) -> str:
        told = {'digest': digest(weights), 'layout': taught.layout, 'size': len(weights)}
        told |= {'version': next(version), **wrong}
        actor._hear(link.pack('weights', told) + weights)
        actor._apply()
        return actor.errors['weights']

    assert offer(good) == '' and actor.version == 1
    other = Student(TASK, RlpdConfig(hidden=(31, 3)), 0)
    nan = np.frombuffer(good, np.float32).copy()
    nan[7] = np.nan
    assert 'another shape' in offer(other.weights(), layout=other.layout)
    assert 'not finite' in offer(nan.tobytes())
    assert 'damaged' in offer(good[:-4] + b'\0\0\0\1', digest=digest(b'what was sent'))
    assert 'weights for an actor of' in offer(good[:-4])
    assert actor.version == 1 and digest(good) == actor._digest
    weights = torch.cat([v.flatten() for v in actor._actor.state_dict().values()])
    assert weights.numpy().tobytes() == good
    said = len([r for r in caplog.records if 'do not act' in r.message])
    for _ in range(2):
        offer(good[:-4], version=5)
    assert said == 4 and len([r for r in caplog.records if 'do not act' in r.message]) == 4
    assert offer(student(4).weights()) == '' and caplog.records[-1].message == 'They act.'
    assert [row[1] for row in rows.read(tmp_path / APPLIED, 3)] == ['1', '8']
    assert layout_of(other.actor) != taught.layout
    actor.close()


def test_a_killed_learner_goes_on_from_what_is_whole(tmp_path, caplog):
    (tmp_path / 'checkpoints').mkdir()
    (tmp_path / PUBLISHED).write_text('1,ab,0\n2,cd,40\n3,e')
    told = new_learner(tmp_path)
    told.publish()
    assert [row[0] for row in rows.read(tmp_path / PUBLISHED, 3)] == ['1', '2', '3']
    with pytest.raises(RunFolderError, match='Another process learns'):
        new_learner(tmp_path)
    for updates in range(1, 6):
        told._student.rlpd.updates = updates
        told.save()
    told.close()
    names = [path.name for path in RunFolder(tmp_path, begun=True).checkpoints()]
    assert names == ['3.pt', '4.pt', '5.pt']
    (tmp_path / 'checkpoints' / '.6.pt.123').touch()
    (tmp_path / 'checkpoints' / '5.pt').write_bytes(b'half of it')
    again = new_learner(tmp_path)
    assert again._student.rlpd.updates == 4 and 'not a checkpoint' in caplog.text
    assert not list((tmp_path / 'checkpoints').glob('.*'))
    next(again._student.actor.parameters()).data[0] = torch.nan
    again._published = -1
    for call in (again.publish, again.save):
        with pytest.raises(RunFolderError, match='diverged'):
            call()
    assert len(rows.read(tmp_path / PUBLISHED, 3)) == 3
    again.close()


def test_old_episodes_are_handed_over_from_the_file(recording, tmp_path, monkeypatch, caplog):
    _, writer, _ = recording()
    outbox, robot = Outbox(writer.path, keep=2), Robot(writer)
    frames = []
    for _ in range(5):
        episode, _ = robot.episode()
        outbox.add(episode)
        frames.append((episode.number, link.of_episode(episode)))
    robot.begin()
    assert list(outbox.since(1)) == frames[1:] and list(outbox.since(4)) == frames[4:]
    assert not list(outbox.since(5))
    monkeypatch.setattr(link, 'LONGEST', 100)
    outbox.add(episode)
    assert 'is not handed over' in caplog.text and list(outbox.since(4)) == frames[4:]


def test_a_token_is_whole_and_for_nobody_else(tmp_path):
    token = token_of(tmp_path)
    assert token_of(tmp_path) == token and len(token) == 32
    assert token_of(tmp_path, 'mine') == token_of(tmp_path) == 'mine'
    assert (tmp_path / 'token').stat().st_mode & 0o777 == 0o600
    with pytest.raises(RunFolderError, match='no hyperparameters'):
        apart.rlpd_of({'task': 'x', 'rlpd': {'unknown': 1}})


def test_faults_of_a_run_are_found(recording, tmp_path):
    _, writer, _ = recording()
    told = new_learner(tmp_path)
    Robot(writer).episode()
    told.publish()
    told.save()  # before it knows of the episode
    told.close()
    rows.append(tmp_path / APPLIED, ('000', 1, 'never sent'))
    (tmp_path / 'episodes' / '001-a.mcap').write_bytes(b'nonsense')
    found = {check.what: check.holds for check in survivors.checks(tmp_path, [], ['actor ended'])}
    assert found.pop('at most 1 s is lost by a kill')
    assert not any(found.values()), found


@pytest.mark.long
def test_two_processes_survive_kills(tmp_path):
    from robot_rl.bench import survival

    pytest.importorskip('mujoco')
    kills, deaths = survival.survive(tmp_path / 'out', kills=2, seed=0, speed=10.0)
    found = survivors.checks(tmp_path / 'out' / 'runs' / survival.NAME, kills, deaths)
    assert all(check.holds for check in found), survivors.text(kills, found)


def test_a_learner_that_ends_chooses_among_its_policies(tmp_path, monkeypatch):
    pytest.importorskip('mujoco')
    monkeypatch.setattr(sessions, 'SETTLE_S', 0.0)
    scored = [0.9, 0.9, 0.5, 0.5, 0.6, 0.7, 0.7]  # the end of each: 20; 40; 40 and 60, and tests

    def score(_env, _actor, *, seed):
        return {'success': scored.pop(0), 'crashed': 0.0, 'median_error': 0.0, 'time_s': 1.0}

    monkeypatch.setattr(choice, 'score', score)
    asked: Any = {'validate_every': 30, 'validation_episodes': 1, 'test_episodes': 1}
    config = HilConfig(name='run', steps=0, **asked)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run = apart.learn_apart(config, '', '', tmp_path)
    assert not (run / 'best.pt').exists(), 'nothing was practised'
    _, writer, lock = sessions.begin(run, header_of(TASK, 'online', 'a test'))
    robot = Robot(writer)
    for steps in (20, 40, 60):
        robot.episode()
        apart.learn_apart(replace(config, steps=steps), '', '', tmp_path)
    lock.close()
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), handlers, strict=True):
        signal.signal(number, handler)
    assert [path.name for path in candidates(run)] == ['20.pt', '40.pt', '60.pt']
    told = [row['iteration'] for row in read_json(run / 'validation.json', '', '')]
    assert told == [40, 60], 'of the last third'
    evaluation = read_json(run / 'evaluation.json', '', '')
    assert evaluation['chosen_on_validation']['iteration'] == 60 and evaluation['steps'] == 60
    assert isinstance(load_actor(run)[1], torch.nn.Module)
