"""Practice with corrections: who acts, what is recorded, what is learned from, and resuming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('mujoco')
pytest.importorskip('mcap')

from robot_rl.data.episodes import EpisodeWriter, header_of, read
from robot_rl.envs.engines import make_env
from robot_rl.errors import RecordingError, RunFolderError, SpecError
from robot_rl.files import read_json
from robot_rl.learn import hil, lived
from robot_rl.learn.config import HilConfig
from robot_rl.learn.people import Habits, ScriptedPerson
from robot_rl.learn.practice import REACTION_S, ROUNDING_S, Practice
from robot_rl.learn.rlpd import Rlpd, RlpdConfig
from robot_rl.learn.student import Student, digest, load_weights
from robot_rl.learn.train import load_actor
from robot_rl.spec import registry
from robot_rl.teleop.labels import attribute
from robot_rl.teleop.stick import Button, Stick

TASK = registry.task('insert-panda')
SMALL = RlpdConfig(hidden=(32,), batch=32, utd=1)


class Hands:
    """Drives down from second to second, and presses buttons at times."""

    name = 'test'

    def __init__(self, held: tuple[float, float], press: dict[float, Button] | None = None):
        self.held, self.press = held, dict(press or {})

    def read(self, now: float) -> Stick:
        first, last = self.held
        due = [at for at in self.press if at <= now + 1e-9]
        pressed = frozenset(self.press.pop(at) for at in due)
        motion = (0.0, 0.0, -0.02, 0.0, 0.0, 0.0)
        return Stick(now, first <= now < last, motion, pressed, 'tester')

    def close(self) -> None:
        pass


@pytest.fixture(scope='module')
def env():
    return make_env(TASK, 'mujoco', 1, seed=0)


def practise(env, path: Path, person, act=None):
    env.reset(seed=0)
    writer = EpisodeWriter(path, header_of(TASK, 'online', 'a test'))
    practice = Practice(env, person, writer)
    episode, tally = practice.episode(act or (lambda _: torch.full((1, 6), 0.2)))
    writer.close()
    return episode, tally


def test_what_is_learned_from_is_what_is_recorded_and_sent(env, tmp_path):
    episode, tally = practise(env, tmp_path / 'a.mcap', Hands((1.0, 2.0)))
    (recorded,) = read(tmp_path / 'a.mcap')[1]
    for name in ('memory', 'action', 'setpoint', 'reward', 'person', 'terminated', 'truncated'):
        assert np.array_equal(getattr(recorded, name), getattr(episode, name)), name
    for name, rows in episode.signals.items():
        assert np.array_equal(recorded.signals[name], rows), name
    assert tally[:2] == (False, 100) and episode.truncated and not episode.terminated
    assert tally.takeovers == 1 and tally.by_people == episode.person.sum()
    driven = episode.person.nonzero()[0]
    assert driven.tolist() == list(range(10, 20))
    assert set(episode.operators[10:20]) == {'tester'} and episode.operators[9] == 'policy'
    rows = {name: torch.from_numpy(rows[:-1]) for name, rows in episode.signals.items()}
    memory, action = torch.from_numpy(episode.memory[:-1]), torch.from_numpy(episode.action)
    sent = TASK.act(action, rows, memory).numpy()
    assert sent == pytest.approx(episode.setpoint, abs=1e-5)


def test_takeover_and_hand_back_do_not_jump(env, tmp_path):
    episode, _ = practise(env, tmp_path / 'b.mcap', Hands((1.0, 2.0)))
    step = np.abs(np.diff(episode.setpoint, axis=0))
    # Each blends over 0.3 s: a third of the way from one to the other a period.
    between = np.abs(episode.setpoint[8] - episode.setpoint[16])
    driven = episode.person.nonzero()[0]
    for switch in (driven[0] - 1, driven[-1]):
        assert (step[switch] <= 0.5 * between + 2e-3).all()
    assert (between > 0.01).any(), 'there was something to blend'


@pytest.mark.parametrize('button', [Button.SUCCESS, Button.FAILURE])
def test_a_button_is_about_what_the_person_saw_a_reaction_ago(env, tmp_path, button):
    episode, tally = practise(env, tmp_path / 'c.mcap', Hands((9.0, 9.0), {1.0: button}))
    assert len(episode) == 11 and tally.success == (button is Button.SUCCESS)
    (label,) = episode.labels
    assert label.step == round((1.0 - REACTION_S) / TASK.control_dt)
    steps = lived.steps(TASK, read(tmp_path / 'c.mcap')[1][0])
    assert len(steps) == label.step + 1 and steps[-1].terminated
    assert steps[-1].reward == float(button is Button.SUCCESS)


def test_rounding_does_not_move_a_label_a_step():
    stamps = [step * TASK.control_dt for step in range(2000)]
    found = [attribute(stamps, now + ROUNDING_S, REACTION_S) for now in stamps[3:]]
    assert found == list(range(1997))


def test_a_person_takes_over_where_nothing_gets_better():
    person = ScriptedPerson(TASK, 0, Habits(wait_s=1.0, patience_s=1.0))
    holes = TASK.commands.draw(1, torch.Generator().manual_seed(0), torch.device('cpu'))
    joints = torch.cat((holes['start_joint_pos'], torch.zeros(1, 2)), 1)
    true = {'joint_pos': joints, 'joint_vel': 0.0 * joints, **holes}
    errors = [0.1 - 0.005 * min(step, 12) for step in range(50)]  # better, until it is not
    errors += [0.04 - 0.001 * step for step in range(30)]  # and better again
    held = []
    for step, error in enumerate(errors):
        person.watch(true, error)
        stick = person.read(0.1 * step)
        held.append(stick is not None and stick.held)
    first = held.index(True)
    assert first in range(20, 25), held
    last = held.index(False, first)
    assert last in range(50, 56 + 15), 'they go on until it helps, then hand back'
    assert not any(held[last:])
    with pytest.raises(SpecError, match='no expert'):
        ScriptedPerson(registry.task('reach-panda'), 0)


def test_a_person_lets_what_succeeds_alone_try_for_longer():
    habits = Habits(patience_s=1.0, trust_s=2.0, remembered=4)
    person = ScriptedPerson(TASK, 0, habits)
    holes = TASK.commands.draw(1, torch.Generator().manual_seed(0), torch.device('cpu'))
    joints = torch.cat((holes['start_joint_pos'], torch.zeros(1, 2)), 1)
    true = {'joint_pos': joints, 'joint_vel': 0.0 * joints, **holes}

    def waited(success: bool) -> int:
        """Periods without progress until they take over; the episode ends `success` later."""
        person.begin()
        for step in range(100):
            person.watch(true, 0.1)
            stick = person.read(0.1 * step)
            if stick is not None and stick.held:
                break
        person.end(success)
        return step

    assert waited(True) == 24, 'as wait_s says'
    assert person.patience_s == 1.0, 'they helped'
    for _ in range(6):
        person.begin()
        person.end(True)
    assert person.patience_s == 3.0
    assert waited(True) == 59
    assert person.patience_s == 2.5
    assert waited(False) == 49


def test_a_task_must_say_what_action_a_persons_setpoint_is(env, tmp_path):
    other = replace(TASK, action_of=None)
    writer = EpisodeWriter(tmp_path / 'd.mcap', header_of(TASK, 'online', 'a test'))
    kept, env.task = env.task, other
    with pytest.raises(SpecError, match='cannot be learned from people'):
        Practice(env, None, writer)
    env.task = kept
    writer.close()


def test_weights_say_who_they_are():
    student = Student(TASK, SMALL, 0)
    other = Rlpd(student.shown.observation_size, 6, SMALL, 1)
    weights = student.weights()
    load_weights(other.actor, weights)
    seen = torch.randn(3, student.shown.observation_size)
    torch.testing.assert_close(other.actor(seen), student.actor(seen), rtol=0.0, atol=0.0)
    assert digest(weights) != digest(weights[:-4] + b'\0\0\0\1')
    with pytest.raises(ValueError, match='weights for an actor'):
        load_weights(other.actor, weights[:-4])


def test_a_run_learns_is_loaded_and_goes_on(tmp_path, monkeypatch):
    task = replace(TASK, corrections={'hidden': (32,), 'batch': 32, 'utd': 1})
    monkeypatch.setattr(registry, 'task', lambda _: task)
    demos = tmp_path / 'demos.mcap'
    tallies = hil.demonstrate(task, 'mujoco', demos, episodes=2, seed=3)
    assert sum(tally.success for tally in tallies) == 2
    config = HilConfig(
        demos=(demos,),
        steps=120,
        name='run',
        validate_every=100,
        validation_episodes=1,
        test_episodes=1,
    )
    run = hil.learn(config, tmp_path)
    scores = read_json(run / 'evaluation.json', '', '')
    assert scores['episodes'] == 1 and 120 <= scores['steps'] < 220
    assert scores['robot_seconds'] == pytest.approx(0.1 * scores['steps'])
    assert isinstance(load_actor(run)[1], torch.nn.Module)
    with pytest.raises(RunFolderError, match='occupied'):
        hil.learn(config, tmp_path)
    # Kill -9 after the last checkpoint: the episodes are there, the updates since are not.
    hil.learn(replace(config, steps=220, resume=True), tmp_path)
    files = sorted((run / 'episodes').iterdir())
    assert [file.name for file in files] == ['000.mcap', '001.mcap']
    recorded = sum(len(episode) for file in files for episode in read(file)[1])
    assert read_json(run / 'evaluation.json', '', '')['steps'] == recorded >= 220
    with pytest.raises(RecordingError, match='of task'):
        list(hil.shown(replace(task, name='other'), [demos]))
