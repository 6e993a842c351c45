"""What the page's server lets in and believes, without a network."""

from __future__ import annotations

import json
import math

import pytest

from robot_rl.errors import TeleopError
from robot_rl.spec import registry
from robot_rl.teleop.stick import Button
from robot_rl.teleop.web.board import MOST_CURVES, Board, Status
from robot_rl.teleop.web.curve import MOST_POINTS
from robot_rl.teleop.web.desk import IDLE_S, TICKS, Desk, Visitor
from robot_rl.teleop.web.gate import Gate, is_loopback
from robot_rl.teleop.web.grip import ROUND_S, SILENCE_S, Grip
from robot_rl.teleop.web.layout import STICKS, layout
from robot_rl.teleop.web.words import Ask, Hello, Here, Leave, NonsenseError, Press, read

HERE = {'t': 'here', 'echo': 3, 'held': True, 'motion': [0.5, -1]}


def test_what_a_page_says_is_understood() -> None:
    assert read(json.dumps(HERE), 2) == Here(3, True, (0.5, -1.0))
    assert read('{"t":"hello","token":"","name":" Ada "}', 2) == Hello('', 'Ada')
    assert read('{"t":"press","button":"stop"}', 2) == Press(Button.STOP)
    assert (read('{"t":"ask"}', 2), read('{"t":"leave"}', 2)) == (Ask(), Leave())


@pytest.mark.parametrize(
    'text',
    [
        '',
        'null',
        '[]',
        '{"t":"here"',
        '[' * 1000,
        '{"t":' * 400,
        '{"t":"drive"}',
        '{"t":["ask"]}',
        '{"t":"ask","more":1}',
        '{"t":"press","button":"fire"}',
        '{"t":"press","button":["stop"]}',
        '{"t":"hello","token":1,"name":""}',
        '{"t":"hello","token":"","name":"a\\u0000"}',
        json.dumps({'t': 'hello', 'token': '', 'name': 'a' * 25}),
        *(
            json.dumps({**HERE, **wrong})
            for wrong in (
                {'echo': True},
                {'echo': -1},
                {'echo': 1.0},
                {'held': 1},
                {'held': None},
                {'motion': [0.5]},
                {'motion': [0.5, 0.5, 0.5]},
                {'motion': [0.5, 1.01]},
                {'motion': [0.5, math.nan]},
                {'motion': [0.5, math.inf]},
                {'motion': [0.5, True]},
                {'motion': [0.5, '0']},
                {'motion': {'0': 0.5, '1': 0.5}},
            )
        ),
        '{"t":"here","echo":3,"held":true,"motion":[0.5,1e999]}',
        f'{{"t":"here","echo":{"9" * 1900},"held":true,"motion":[0.5,"x"]}}',
    ],
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(NonsenseError):
        read(text, 2)


def hand(until: float = 1.0, grip: Grip | None = None) -> Grip:
    """A hand that opens, then holds up to a time, answering ticks that are 20 ms old."""
    grip = grip or Grip(1)
    for k in range(round(until / 0.03) + 1):
        grip.hear(0.03 * k, 0.03 * k - 0.02, k > 0, (0.5,))
    return grip


def test_a_hand_holds_until_nothing_is_heard() -> None:
    grip = hand(0.9)
    assert grip.look(0.9) and grip.look(0.9 + SILENCE_S - 0.01)
    assert not grip.look(0.9 + SILENCE_S + 0.01)


def test_a_hand_that_never_opened_does_not_hold() -> None:
    grip = Grip(1)
    for k in range(10):
        grip.hear(0.03 * k, 0.03 * k, True, (0.5,))
        assert not grip.look(0.03 * k)
    assert not grip.lapsed


def test_old_messages_are_worth_nothing_however_many_arrive() -> None:
    grip = hand(0.9)
    for k in range(60):  # a queue that comes out late, without a pause
        now = 0.905 + 0.02 * k
        grip.hear(now, 0.88, True, (0.5,))
        assert grip.look(now) == (now <= 0.88 + ROUND_S)
    assert grip.lapsed


def test_after_a_lapse_the_hand_must_open_first() -> None:
    grip = hand(0.9)
    grip.hear(1.3, 1.29, True, (0.5,))
    assert grip.lapsed and not grip.look(1.3)
    grip.hear(1.33, 1.0, False, (0.0,))  # of before: not a hand that is open now
    grip.hear(1.36, 1.35, True, (0.5,))
    assert not grip.look(1.36)
    grip.hear(1.39, 1.38, False, (0.0,))
    grip.hear(1.42, 1.41, True, (0.5,))
    assert grip.look(1.42) and not grip.lapsed


def test_only_this_machine_needs_no_token() -> None:
    assert Gate('127.0.0.1', None).token is None
    tokens = {Gate('0.0.0.0', None).token for _ in range(3)}
    assert len(tokens) == 3 and all(token and len(token) >= 24 for token in tokens)
    gate = Gate('192.168.1.2', 'sesame-open-yourself')
    assert gate.knows('sesame-open-yourself')
    assert not any(map(gate.knows, ('', 'sesame', 'sesame-open-yourself ', '\ud800ü')))
    with pytest.raises(TeleopError, match='at least 16'):
        Gate('127.0.0.1', 'short')
    hosts = ('127.0.0.1', '127.1.2.3', '::1', '[::1]', 'localhost', '0.0.0.0', '::', 'robot')
    assert [is_loopback(host) for host in hosts] == [True] * 5 + [False] * 3


@pytest.mark.parametrize(
    ('listens', 'origin', 'host', 'fine'),
    [
        ('127.0.0.1', 'http://127.0.0.1:8080', '127.0.0.1:8080', True),
        ('127.0.0.1', 'http://localhost:8080', 'localhost:8080', True),
        ('::1', 'http://[::1]:8080', '[::1]:8080', True),
        ('127.0.0.1', 'http://localhost:9090', 'localhost:8080', False),
        ('127.0.0.1', 'http://evil.example:8080', '127.0.0.1:8080', False),
        ('127.0.0.1', 'http://evil.example:8080', 'evil.example:8080', False),
        ('127.0.0.1', None, '127.0.0.1:8080', False),
        ('127.0.0.1', 'null', '127.0.0.1:8080', False),
        ('127.0.0.1', 'http://[bad', '[bad', False),
        ('0.0.0.0', 'https://robot:8080', 'robot:8080', True),
        ('0.0.0.0', 'http://evil.example', 'robot:8080', False),
    ],
)
def test_only_our_own_page_may_connect(
    listens: str, origin: str | None, host: str, fine: bool
) -> None:
    assert Gate(listens, None).trusts(origin, host) is fine


@pytest.mark.parametrize('robot', registry.robot_names())
def test_every_field_has_a_control_of_its_own(robot: str) -> None:
    for setpoint in registry.robot(robot).setpoints.values():
        axes = layout(setpoint.fields)
        controls = [axis.control for axis in axes if axis.control != 'lever']
        assert len(axes) == len(setpoint.fields)
        assert len(set(controls)) == len(controls) and set(controls) <= set(STICKS)


class Desks:
    """A desk with two visitors and a clock."""

    def __init__(self) -> None:
        self.desk, self.now, self.number = Desk(2), 10.0, -1
        self.ada, self.ben = Visitor('Ada'), Visitor('Ada')
        self.desk.enter(self.ada)
        self.desk.enter(self.ben)

    def say(self, visitor: Visitor, held: bool, motion: tuple[float, float] = (0.5, 0.0)) -> None:
        self.number = self.desk.tick(self.now)
        self.now += 0.02
        self.desk.hear(visitor, Here(self.number, held, motion), self.now)

    def hold(self, visitor: Visitor) -> None:
        self.say(visitor, False)
        self.say(visitor, True)


def test_one_drives_and_the_other_waits_for_the_stick() -> None:
    at = Desks()
    assert (at.ada.name, at.ben.name) == ('Ada', 'Ada 2')
    at.hold(at.ada)
    assert at.desk.take(at.now)[:2] == ('', False)  # nobody has asked
    at.desk.hear(at.ada, Ask(), at.now)
    at.desk.hear(at.ben, Ask(), at.now)
    at.hold(at.ben)
    at.hold(at.ada)
    assert at.desk.take(at.now)[:3] == ('Ada', True, (0.5, 0.0))
    standing = at.desk.standing(at.ben, at.now)
    assert (standing.pilot, standing.yours, standing.free) == ('Ada', False, False)
    assert standing.asking == ('Ada 2',) and standing.motion == (0.5, 0.0)
    at.desk.leave(at.ada)
    assert at.desk.take(at.now)[:2] == ('', False)
    at.desk.hear(at.ben, Ask(), at.now)
    at.say(at.ben, True)
    assert not at.desk.take(at.now)[1]  # held before it was theirs
    at.hold(at.ben)
    assert at.desk.take(at.now)[:2] == ('Ada 2', True)


def test_a_stick_that_nobody_holds_is_free_after_a_while() -> None:
    at = Desks()
    at.desk.hear(at.ada, Ask(), at.now)
    at.hold(at.ada)
    at.now += IDLE_S + 1.0
    assert at.desk.standing(at.ben, at.now).free
    at.desk.hear(at.ben, Ask(), at.now)
    assert at.desk.standing(at.ben, at.now).yours


def test_everybody_may_stop_the_rest_is_for_the_pilot() -> None:
    at = Desks()
    at.desk.hear(at.ada, Ask(), at.now)
    at.desk.hear(at.ada, Press(Button.SUCCESS), at.now)
    at.desk.hear(at.ben, Press(Button.RESET), at.now)
    at.desk.hear(at.ben, Press(Button.STOP), at.now)
    assert at.desk.take(at.now)[3] == {Button.SUCCESS, Button.STOP}
    assert at.desk.take(at.now)[3] == frozenset()


def test_an_echo_is_of_a_tick_that_was() -> None:
    at = Desks()
    at.say(at.ada, False)
    for wrong in (at.number + 1, at.number - 1):
        if wrong < 0:
            at.say(at.ada, False)
            wrong = at.number - 1
        with pytest.raises(NonsenseError, match='an echo'):
            at.desk.hear(at.ada, Here(wrong, False, (0.0, 0.0)), at.now)
    for _ in range(TICKS + 1):
        newest = at.desk.tick(at.now)
    at.desk.hear(at.ben, Here(0, True, (0.0, 0.0)), at.now)  # too long ago to be known: stale
    assert newest > TICKS and at.ben.round_s == 0.0


def test_curves_stay_small_and_finite() -> None:
    board = Board()
    for k in range(20 * MOST_POINTS):
        board.put(float(k), None, {'return': float(k), 'bad': math.nan}, None, None)
    points = board.curves()['return']
    assert MOST_POINTS / 2 <= len(points) <= MOST_POINTS and board.curves()['bad'] == []
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[0][1] < 40 and points[-1][1] > 20 * MOST_POINTS - 80
    board.put(0.0, None, {f'{i}': 1.0 for i in range(20)}, None, None)
    assert len(board.curves()) == MOST_CURVES


def test_only_what_is_new_counts_as_new() -> None:
    board = Board()
    board.put(0.0, Status(mode='ACTIVE'), None, None, b'1234')
    first = board.versions()
    board.put(0.0, Status(mode='ACTIVE'), None, None, None)
    assert board.versions() == first and board.picture() == b'F1234'
    board.put(0.0, Status(latency_ms=math.nan), None, None, None)
    assert board.status().latency_ms is None
