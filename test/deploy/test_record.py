"""Recordings: complete ones, broken ones, full disks."""

from __future__ import annotations

import os
import resource
import signal

import pytest

from robot_rl.deploy.record import Channel, Recording, read
from robot_rl.errors import RunFolderError

pytest.importorskip('mcap')

CHANNEL = Channel('/odom', 'nav_msgs/msg/Odometry', 'std_msgs/Header header\n')


def write(path, flushes=3, messages=100):
    recording = Recording(path, min_free=0)
    channel = recording.add(CHANNEL)
    for flush in range(flushes):
        for i in range(messages):
            time = (flush * messages + i) * 10_000_000
            recording.write(channel, os.urandom(200), time, time)
        assert recording.flush(float(flush + 1))
    return recording


def test_a_finished_recording_reads_back_in_mcaps_own_reader(tmp_path):
    path = tmp_path / 'flight.mcap'
    write(path).close()
    from mcap.reader import make_reader

    with path.open('rb') as stream:
        reader = make_reader(stream)
        assert reader.get_header().profile == 'ros2'
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
        assert summary.statistics.message_count == 300
        schema = next(iter(summary.schemas.values()))
        assert (schema.name, schema.encoding) == (CHANNEL.ros_type, 'ros2msg')
        assert next(iter(summary.channels.values())).message_encoding == 'cdr'
        assert len(list(reader.iter_messages(topics=['/odom']))) == 300


def message_count(path):
    """Messages in a recording, from its summary: mcap's own reader finds one in a whole file."""
    from mcap.reader import make_reader

    with path.open('rb') as stream:
        summary = make_reader(stream).get_summary()
    assert summary is not None
    assert summary.statistics is not None
    return summary.statistics.message_count


@pytest.mark.parametrize('lost', [1, 9, 50, 1000, 15_000, 30_000])
def test_a_recording_that_breaks_off_reads_up_to_there(tmp_path, lost):
    path = tmp_path / 'flight.mcap'
    write(path)
    os.truncate(path, path.stat().st_size - lost)
    found = list(read(path))
    assert len(found) >= 100 * (3 - -(-lost // 20_000) - (lost > 1000))
    assert [m.log_time for m in found] == [i * 10_000_000 for i in range(len(found))]


def test_a_message_waits_no_longer_than_the_flush(tmp_path):
    recording = Recording(tmp_path / 'flight.mcap', min_free=0)
    channel = recording.add(CHANNEL)
    recording.write(channel, b'1234', 0, 0)
    assert recording.flush(10.0)
    assert len(list(read(recording.path))) == 1
    recording.write(channel, b'1234', 1, 1)
    assert not recording.flush(10.3), 'too early'
    assert recording.flush(10.6)
    assert len(list(read(recording.path))) == 2


def test_an_existing_file_is_kept(tmp_path):
    path = tmp_path / 'flight.mcap'
    path.write_text('precious')
    with pytest.raises(RunFolderError, match='Nothing is overwritten'):
        Recording(path)
    assert path.read_text() == 'precious'


def test_a_disk_that_is_almost_full_ends_a_complete_file(tmp_path):
    recording = Recording(tmp_path / 'flight.mcap', min_free=1 << 62)
    recording.write(recording.add(CHANNEL), b'1234', 0, 0)
    with pytest.raises(RunFolderError, match='kept free'):
        recording.flush(1.0)
    assert not recording.open
    assert message_count(recording.path) == 1


def test_a_disk_that_is_full_says_so_and_keeps_what_was_flushed(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    recording = write(tmp_path / 'flight.mcap', flushes=1)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (recording.path.stat().st_size + 500, before[1]))
        for i in range(100):
            recording.write(1, os.urandom(200), i, i)
        with pytest.raises(RunFolderError, match='Recording stopped: File too large'):
            recording.flush(5.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not recording.open
    recording.close()  # does nothing, raises nothing
    assert len(list(read(recording.path))) == 100


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / 'notes.mcap'
    path.write_text('not a recording')
    with pytest.raises(RunFolderError, match='not an MCAP file'):
        list(read(path))
    with pytest.raises(RunFolderError, match='No such file'):
        list(read(tmp_path / 'missing.mcap'))
