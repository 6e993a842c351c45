"""Episode files that a kill, a full disk or damage cut short."""

from __future__ import annotations

import os
from pathlib import Path
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest

from robot_rl.data.episodes import Episodes, read
from robot_rl.errors import RecordingError, RobotRLError, RunFolderError


@pytest.fixture
def four(make):
    """A closed file of four episodes and what it holds."""
    actor = make('whole.mcap')
    for _ in range(4):
        actor.episode(6, person=2)
    actor.writer.close()
    return actor.writer.path, read(actor.writer.path)[1]


def same(found, whole):
    """Whether all that was found is part of what was written."""
    told = {episode.number: episode for episode in whole}
    return all(
        np.array_equal(got.action, told[got.number].action[got.first :][: len(got)])
        and np.array_equal(got.memory, told[got.number].memory[got.first :][: len(got) + 1])
        for got in found
    )


def test_a_file_cut_anywhere_reads_up_to_there(four, tmp_path):
    path, whole = four
    raw, cut = path.read_bytes(), tmp_path / 'cut.mcap'
    most = 0
    for size in [*range(5, len(raw) - 8, 101), *range(len(raw) - 8, len(raw) + 1)]:
        cut.write_bytes(raw[:size])
        try:
            file = Episodes(cut)
        except RecordingError as error:
            assert 'is no file of episodes' in str(error)  # its header is not there yet
            assert not most
            continue
        found = list(file)
        assert same(found, whole)
        assert len(found) >= most
        most = len(found)
    assert most == 4


def test_a_changed_bit_never_changes_what_is_read(four, tmp_path):
    path, whole = four
    raw, bad, random = path.read_bytes(), tmp_path / 'bad.mcap', np.random.default_rng(1)
    for _ in range(60):
        changed = bytearray(raw)
        changed[random.integers(len(raw))] ^= 1 << random.integers(8)
        bad.write_bytes(changed)
        try:
            assert same(read(bad)[1], whole)
        except RobotRLError as error:
            assert str(bad) in str(error)


def test_a_lost_part_joins_no_two_episodes(make, monkeypatch):
    actor = make()
    flush = actor.writer._recording.flush
    monkeypatch.setattr(actor.writer._recording, 'flush', lambda _, always=False: always)
    actor.writer.begin(0.0)
    for _ in range(3):
        actor.step()
    flush(0.0, always=True)
    lost = actor.writer.path.stat().st_size
    actor.end()
    actor.writer.begin(0.0)
    for _ in range(3):
        actor.step()
    flush(0.0, always=True)
    for _ in range(2):
        actor.step()
    actor.end()
    flush(0.0, always=True)
    raw = bytearray(actor.writer.path.read_bytes())
    assert raw[lost] == 6, 'a chunk, see the format of MCAP'
    raw[lost] = 0x80  # of a kind that no reader knows
    actor.writer.path.write_bytes(raw)
    first, second = read(actor.writer.path)[1]
    assert (first.number, first.first, len(first), first.complete) == (0, 0, 2, False)
    assert (second.number, second.first, len(second), second.complete) == (1, 3, 2, True)


def test_a_foreign_file_is_refused(tmp_path):
    from robot_rl.deploy.record import Channel, Recording

    (tmp_path / 'notes.mcap').write_text('not a recording')
    with pytest.raises(RunFolderError, match='not an MCAP file'):
        read(tmp_path / 'notes.mcap')
    recording = Recording(tmp_path / 'flight.mcap', min_free=0)
    recording.write(recording.add(Channel('/odom', 'Odometry', '')), b'1234', 0, 0)
    recording.close()
    with pytest.raises(RecordingError, match='it has no header'):
        read(tmp_path / 'flight.mcap')


def test_a_full_disk_says_so_and_keeps_what_was_written(make):
    actor = make()
    actor.episode(50)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        size = actor.writer.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 500, before[1]))
        with pytest.raises(RunFolderError, match='Recording stopped: File too large'):
            actor.episode(50)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    with pytest.raises(RunFolderError, match='has ended'):
        actor.episode(1)
    actor.writer.close()
    assert len(read(actor.writer.path)[1][0]) == 50


KILLED = f"""
import os, pathlib, random, signal, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from conftest import HEADER, Actor
from robot_rl.data.episodes import EpisodeWriter, read
import mcap.writer  # before the fork, so that all begin at once

folder, random = pathlib.Path(sys.argv[1]), random.Random(3)

def write(path, pipe):
    actor = Actor(EpisodeWriter(path, HEADER, min_free=0))
    while True:
        actor.writer.begin(actor.time)
        for _ in range(40):
            actor.step()
            os.write(pipe, b'%.6f\\n' % time.monotonic())
            time.sleep(0.01)
        actor.end()

children = []
for i in range(10):
    end, pipe = os.pipe()
    pid = os.fork()
    if not pid:
        write(folder / f'{{i}}.mcap', pipe)
    os.close(pipe)
    children.append((random.uniform(0.3, 2.0), i, pid, end))
begin = time.monotonic()
for delay, i, pid, end in sorted(children):
    time.sleep(max(0.0, begin + delay - time.monotonic()))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(end) as told:
        acknowledged = [float(line) for line in told]
    if not acknowledged:
        continue
    episodes = read(folder / f'{{i}}.mcap')[1]
    # of an episode that broke off the last step is not read
    kept = sum(len(episode) + (not episode.complete) for episode in episodes)
    lost = acknowledged[-1] - acknowledged[kept] if kept < len(acknowledged) else 0.0
    print(kept, len(acknowledged), f'{{lost:.3f}}')
"""


def test_kill_minus_nine_loses_less_than_a_second(tmp_path):
    pytest.importorskip('mcap')
    env = {**os.environ, 'PYTHONPATH': str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, '-W', 'error', '-c', KILLED, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        env=env,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) > 5, done.stdout
    assert max(float(lost) for _, _, lost in rows) < 1.0, done.stdout
    assert sum(int(kept) for kept, _, _ in rows) > 0, done.stdout
