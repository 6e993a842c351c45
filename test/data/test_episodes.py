"""Episode files: what is written is what is read, and what is not whole is not taken for it."""

from __future__ import annotations

from dataclasses import replace
import json

import numpy as np
import pytest

from robot_rl.data.episodes import Episodes, EpisodeWriter, check, digest_of, header_of, read
from robot_rl.errors import RecordingError, RunFolderError
from robot_rl.spec import registry


def test_what_is_written_is_what_is_read(make, header):
    actor = make()
    told = [actor.episode(4, seed=7, person=2), actor.episode(3, success=False)]
    actor.writer.close()
    found, episodes = read(actor.writer.path)
    assert found == header
    for episode, (states, steps) in zip(episodes, told, strict=True):
        for name in header.signals:
            assert np.array_equal(episode.signals[name], [state[0][name] for state in states])
        assert np.array_equal(episode.memory, [state[1] for state in states])
        assert np.array_equal(episode.action, [step[0] for step in steps])
        assert np.array_equal(episode.setpoint, [step[1] for step in steps])
        assert episode.memory.dtype == np.float32
        assert len(episode.stamps) == len(states)
        assert episode.complete
    first, second = episodes
    assert first.person.tolist() == [True, True, False, False]
    assert first.operators == ('scripted', 'scripted', '', '')
    assert first.reward.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert first.extra[0] == {'height': [float(np.float32(0.1))]}
    assert (first.terminated, first.truncated, first.success, first.seed) == (True, False, True, 7)
    assert (second.terminated, second.truncated, second.success) == (False, True, False)


def test_foxglove_finds_json_with_a_schema(make):
    actor = make()
    actor.episode()
    actor.writer.close()
    from mcap.reader import make_reader

    with actor.writer.path.open('rb') as stream:
        for schema, channel, message in make_reader(stream).iter_messages():
            assert schema is not None
            assert (schema.encoding, channel.message_encoding) == ('jsonschema', 'json')
            told, declared = json.loads(message.data), json.loads(schema.data)
            assert declared['type'] == 'object'
            assert declared['properties'].keys() <= told.keys()


def test_a_step_that_is_not_finite_is_refused_and_no_transition_leads_across_it(make):
    actor = make()
    actor.writer.begin(0.0)
    actor.step()
    actor.step()
    for broken in ({'action': [0.0, np.nan]}, {'setpoint': [0, 0, np.inf]}, {'reward': 1e39}):
        with pytest.raises(RecordingError, match='finite'):
            actor.step(**broken)
    with pytest.raises(RecordingError, match="'action' has 3 numbers, expected 2"):
        actor.step(action=[0.0] * 3)
    actor.step()
    actor.step()
    actor.writer.label(actor.time, 7, 'success')
    actor.end(success=False)
    before, after = read(actor.writer.path)[1]
    assert (before.number, before.first, len(before), before.complete) == (0, 0, 1, False)
    assert np.array_equal(before.memory, [state[1] for state in actor.states[:2]])
    assert (after.number, after.first, len(after), after.complete) == (0, 6, 2, True)
    assert np.array_equal(after.memory, [state[1] for state in actor.states[2:]])
    assert (before.success, after.success) == (False, True)
    assert after.labels == ((1, 'success'),)


def test_an_end_that_is_not_finite_leaves_the_last_step_out(make):
    actor = make()
    actor.writer.begin(0.0)
    for _ in range(3):
        actor.step()
    with pytest.raises(RecordingError, match='The end of episode 0'):
        actor.writer.end(
            1.0, {}, np.full(4, np.nan), terminated=True, truncated=False, success=True
        )
    actor.episode(2)
    broken, whole = read(actor.writer.path)[1]
    assert (len(broken), broken.complete, broken.success) == (2, False, False)
    assert (len(whole), whole.complete) == (2, True)


def test_the_last_label_of_a_step_counts_and_comes_after_the_end(make):
    actor = make()
    actor.episode(4, success=False)
    actor.writer.label(9.0, 2, 'failure')
    actor.writer.label(9.1, 1, 'odd')
    actor.writer.label(9.2, 2, 'success')
    actor.episode(2, success=False)
    first, second = read(actor.writer.path)[1]
    assert first.labels == ((1, 'odd'), (2, 'success'))
    assert (first.success, second.success, second.labels) == (True, False, ())


def test_an_existing_file_is_kept(make, header):
    actor = make()
    actor.episode()
    with pytest.raises(RunFolderError, match='Nothing is overwritten'):
        EpisodeWriter(actor.writer.path, header)
    assert len(read(actor.writer.path)[1]) == 1


def test_only_what_fits_the_task_is_taken():
    task = registry.task('reach-panda')
    header = header_of(task, 'demonstration', 'test', {'contact': 1})
    check(header, task)
    assert header.digest != header_of(task, 'demonstration', 'test').digest
    assert header.digest == header_of(task, 'online', 'another', {'contact': 1}).digest
    check(replace(header, kind='online', source='another run'), task)
    wrong = {
        'They are of task': {'task': 'hover-crazyflie'},
        'They run at 10 Hz, expected': {'control_dt': 0.1},
        'setpoint level': {'level': 'velocities'},
        'action size': {'action_size': 1},
        'memory size': {'memory_size': 1},
        'setpoint is': {'setpoint_fields': ('x',)},
        "signal 'joint_pos' is missing": {'signals': {'joint_vel': 9}},
        "signal 'joint_pos' is of size 7": {'signals': header.signals | {'joint_pos': 7}},
    }
    for words, change in wrong.items():
        with pytest.raises(RecordingError, match=words):
            check(replace(header, **change), task)


@pytest.mark.parametrize('change', [{'control_dt': 0.1}, {'task': 3}, {'kind': 'rumour'}])
def test_a_header_changed_by_hand_is_refused(make, header, change):
    actor = make(header=replace(header, **change))
    with pytest.raises(RecordingError, match='header of'):
        Episodes(actor.writer.path)
    assert digest_of(header) == header.digest
