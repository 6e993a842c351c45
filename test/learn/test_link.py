"""The link between who acts and who learns: what arrives is what was sent, or nothing."""

from __future__ import annotations

from dataclasses import fields
from multiprocessing import AuthenticationError
from pathlib import Path
import threading
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from robot_rl.data.reader import Episode, Label
from robot_rl.errors import SpecError
from robot_rl.learn import link


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


def test_only_who_knows_the_token_is_heard(tmp_path):
    address = link.address_of('', tmp_path)
    listener = link.listen(address, 'right')
    heard: list[str] = []

    def accept() -> None:
        for _ in range(2):
            try:
                with listener.accept() as connection:
                    heard.append(link.unpack(connection.recv_bytes())[0])
            except AuthenticationError:
                heard.append('refused')

    thread = threading.Thread(target=accept)
    thread.start()
    with pytest.raises(SpecError, match='refuses the token'):
        link.connect(address, 'wrong')
    connection = link.connect(address, 'right')
    assert connection
    connection.send_bytes(link.pack('hello', {'session': '000'}))
    thread.join(5.0)
    assert heard == ['refused', 'hello']
    connection.close()
    listener.close()
    assert link.connect(address, 'right') is None, 'nobody listens'


def test_addresses(tmp_path):
    assert link.address_of('', tmp_path) == str(tmp_path / 'link.sock')
    assert link.address_of('127.0.0.1:5588', tmp_path) == ('127.0.0.1', 5588)
    for wrong in ('5588', 'host:', ':5588', 'host:port', 'host:70000'):
        with pytest.raises(SpecError, match='HOST:PORT'):
            link.address_of(wrong, tmp_path)
    with pytest.raises(SpecError, match='Cannot listen'):
        link.listen(str(tmp_path / 'nowhere' / 'link.sock'), 'token')


def test_a_socket_that_a_killed_process_left_is_taken_over(tmp_path):
    address = link.address_of('', tmp_path)
    left, listener = link.listen(address, 'a'), link.listen(address, 'b')
    accepted: list[Any] = []
    thread = threading.Thread(target=lambda: accepted.append(listener.accept()))
    thread.start()
    connection = link.connect(address, 'b')
    thread.join(5.0)
    assert connection and accepted
    for end in (connection, *accepted, listener):
        end.close()
    Path(address).touch()  # what its own close removes
    left.close()
