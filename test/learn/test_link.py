"""The link between who acts and who learns: what arrives is what was sent, or nothing."""

from __future__ import annotations

from dataclasses import fields
from multiprocessing.connection import Client
import socket

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from robot_rl.data.reader import Episode, Label
from robot_rl.errors import SpecError
from robot_rl.learn import link
from robot_rl.learn.peers import Peers


def lived(number: int = 0, steps: int = 3) -> Episode:
    draw = np.random.default_rng(number)

    def rows(*shape: int) -> np.ndarray:
        return draw.standard_normal(shape).astype(np.float32)

    return Episode(
        number=number,
        first=0,
        signals={'joint_pos': rows(steps + 1, 9), 'goal_pos_w': rows(steps + 1, 3)},
        memory=rows(steps + 1, 4),
        action=rows(steps, 6),
        setpoint=rows(steps, 6),
        reward=rows(steps),
        person=draw.random(steps) < 0.5,
        operators=('policy', 'scripted', 'policy')[:steps],
        extra=({},) * steps,
        stamps=np.arange(steps + 1.0),
        labels=(Label(1, 'failure'),),
        terminated=False,
        truncated=True,
        success=False,
        seed=None,
        complete=True,
    )


def test_an_episode_arrives_to_the_bit():
    sent = lived()
    kind, told, arrays = link.unpack(link.of_episode(sent))
    assert kind == 'episode'
    got = link.to_episode(told, arrays)
    for field in fields(Episode):
        before, after = getattr(sent, field.name), getattr(got, field.name)
        if field.name == 'signals':
            assert list(before) == list(after)
            assert all(np.array_equal(before[name], after[name]) for name in before)
        elif isinstance(before, np.ndarray):
            assert np.array_equal(before, after) and before.dtype == after.dtype
        else:
            assert before == after


def test_garbage_is_told_from_a_frame():
    frame, draw = link.of_episode(lived()), np.random.default_rng(0)
    for cut in (0, 3, 4, 40, len(frame) // 2, len(frame) - 1):
        with pytest.raises(ValueError, match=r'.'):
            link.to_episode(*link.unpack(frame[:cut])[1:])
    for _ in range(200):
        with pytest.raises(ValueError, match=r'.'):
            link.unpack(draw.bytes(int(draw.integers(0, 400))))


@pytest.mark.parametrize('network', [False, True])
def test_only_who_knows_the_token_is_heard_and_told(tmp_path, network):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        text = f'127.0.0.1:{free.getsockname()[1]}' if network else ''
    address = link.address_of(text, tmp_path)
    peers = Peers(address, 'right', lambda session: {'000': 5}.get(session, 0))
    with pytest.raises(SpecError, match='refuses the token'):
        link.connect(address, 'wrong')
    silent = Client(address)  # says nothing, and holds nobody up
    connection = link.connect(address, 'right')
    assert connection
    connection.send_bytes(link.pack('hello', {'session': '000'}))
    assert link.unpack(connection.recv_bytes())[:2] == ('have', {'episodes': 5})
    big = link.pack('weights', {'version': 1}, {'w': np.zeros(1_000_000, np.float32)})
    for _ in range(20):
        peers.offer(big)  # far more than a socket holds: the learner goes on all the same
    last = link.pack('weights', {'version': 2})
    peers.offer(last)
    while (frame := connection.recv_bytes()) != last:
        assert frame == big
    connection.send_bytes(link.of_episode(lived(3)))
    session, episode = peers.arrived.get(timeout=5.0)
    assert (session, episode.number) == ('000', 3)
    connection.send_bytes(b'garbage')
    with pytest.raises((EOFError, OSError)):
        connection.recv_bytes()
    peers.close()
    assert link.connect(address, 'right') is None, 'nobody listens'
    silent.close()


def test_addresses(tmp_path):
    assert link.address_of('', tmp_path) == str(tmp_path / 'link.sock')
    assert link.address_of('127.0.0.1:5588', tmp_path) == ('127.0.0.1', 5588)
    for wrong in ('5588', 'host:', ':5588', 'host:port', 'host:70000'):
        with pytest.raises(SpecError, match='HOST:PORT'):
            link.address_of(wrong, tmp_path)
    with pytest.raises(SpecError, match='Cannot listen'):
        link.listen(str(tmp_path / 'nowhere' / 'link.sock'))


def test_a_socket_that_a_killed_process_left_is_taken_over(tmp_path):
    address = link.address_of('', tmp_path)
    left, peers = link.listen(address), Peers(address, 'b', lambda _: 0)
    connection = link.connect(address, 'b')
    assert connection
    connection.close()
    peers.close()
    (tmp_path / link.SOCKET).touch()  # what its own close removes
    left.close()
