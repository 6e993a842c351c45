"""Devices: what falls silent, hangs or comes twice drives nothing."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import termios
from typing import Any

import pytest

from robot_rl.errors import SpecError
from robot_rl.teleop.joy import Joy
from robot_rl.teleop.keyboard import Keyboard
from robot_rl.teleop.mapping import Axis, Controls, Hand
from robot_rl.teleop.pilots import Pilots
from robot_rl.teleop.stick import Button, Stick

DT = 0.02
CONTROLS = Controls(axes=(Axis(0),), dead_man=0, labels={Button.SUCCESS: 1})


class Pad:
    """A pad that sends at a rate."""

    def __init__(self, dt=DT):
        self.joy: Any = Joy(Hand(CONTROLS), DT, 2 * DT)
        self.now, self.dt = 10.0, dt

    def send(self, times=1, *, held=False, axis=1.0, label=False, source='a'):
        for _ in range(times):
            self.now += self.dt
            self.joy.feed((axis,), (int(held), int(label)), self.now, source)
        return self.joy.read(self.now)


@pytest.fixture
def pad():
    """A pad that was heard for a while."""
    found = Pad()
    found.send(10)
    return found


def test_a_pad_drives_while_it_is_held_and_heard(pad):
    assert pad.send(held=True).held
    assert pad.joy.read(pad.now + 1.9 * DT).held
    assert pad.joy.read(pad.now + 2.1 * DT) is None
    assert 'not heard for 0.04 s' in pad.joy.problem


def test_a_pad_that_comes_back_held_must_be_let_go(pad):
    pad.send(held=True)
    pad.now += 1.0
    pad.joy.read(pad.now)
    assert not pad.send(10, held=True).held, 'drivers keep buttons of a pad that was unplugged'
    pad.send()
    assert pad.send(held=True).held


@pytest.mark.parametrize('dt', [0.05, 0.03])
def test_a_press_on_a_slow_pad_does_not_count(dt):
    pad = Pad(dt)
    pad.joy._max_age_s = 0.2  # so that it is not taken for gone
    pad.send(10)
    assert not pad.send(3, held=True).held
    assert 'needed is 50: set autorepeat_rate' in pad.joy.problem
    pad.send()
    assert pad.joy.problem == ''
    pad.dt = DT
    pad.send(10)
    assert pad.send(held=True).held


def test_a_press_of_a_pad_that_was_not_heard_before_does_not_count():
    pad = Pad()
    pad.send()
    assert not pad.send(held=True).held
    assert 'sends 0 times a second' in pad.joy.problem


def test_a_second_pad_on_the_topic_is_ignored_and_told(pad):
    assert pad.send(held=True).held
    pad.joy.feed((0.0,), (0, 0), pad.now, 'b')
    assert pad.joy.read(pad.now).held
    assert 'a second device' in pad.joy.notice(pad.now)
    assert pad.joy.notice(pad.now + 1.0) == ''
    pad.now += 1.0  # the first is gone
    pad.send(10, source='b')
    assert pad.send(held=True, source='b').held


def test_no_press_of_a_label_is_lost_between_two_looks(pad):
    pad.send(label=True)
    pad.joy.read(pad.now)
    pad.joy.feed((0.0,), (0, 0), pad.now + 0.001, 'a')
    pad.joy.feed((0.0,), (0, 1), pad.now + 0.002, 'a')
    pad.joy.feed((0.0,), (0, 0), pad.now + 0.003, 'a')
    assert pad.joy.read(pad.now + 0.003).pressed == {Button.SUCCESS}
    assert not pad.joy.read(pad.now + 0.003).pressed


class Scripted:
    """A device that says what it is told to."""

    def __init__(self, name):
        self.name, self.stick = name, Stick(0.0, False, (0.0,), operator=name)

    def read(self, now):
        return self.stick

    def close(self):
        self.stick = None

    def hold(self, held):
        self.stick = Stick(0.0, held, (0.0,), operator=self.name)


def test_of_two_devices_the_first_drives_until_it_lets_go():
    a, b = Scripted('a'), Scripted('b')
    pilots: Any = Pilots([a, b])
    assert not pilots.read(0.0).held
    b.hold(True)
    assert pilots.read(0.0).operator == 'b'
    a.hold(True)
    assert pilots.read(0.0).operator == 'b'
    assert pilots.refused == ('a',)
    pilots.read(0.0)
    assert pilots.refused == (), 'told once'
    b.hold(False)
    assert not pilots.read(0.0).held
    assert not pilots.read(0.0).held, 'the other was pressed before: it must be let go'
    a.hold(False)
    pilots.read(0.0)
    a.hold(True)
    assert pilots.read(0.0).operator == 'a'
    a.close()
    assert pilots.read(0.0) is None, 'the pilot is gone: that is no hand-back'
    assert not pilots.read(0.0).held
    b.close()
    assert pilots.read(0.0) is None


@pytest.fixture
def terminal():
    """Both ends of a terminal: (ours, theirs)."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    for end in (ours, theirs):
        with contextlib.suppress(OSError):
            os.close(end)


def strike(terminal, keyboard, keys, now):
    """Strike keys at the one end, and read the other once they are there."""
    os.write(terminal[0], keys)
    assert select.select([terminal[1]], [], [], 1.0)[0]
    return keyboard.read(now)


def test_a_key_that_repeats_drives_and_one_that_is_tapped_does_not(terminal):
    keyboard: Any = Keyboard(2, 'anna', share=0.5, file=terminal[1])
    assert not strike(terminal, keyboard, b'w', 0.0).held
    stick = strike(terminal, keyboard, b'w', 0.5)
    assert stick.held
    assert stick.motion == (0.5, 0.0)
    assert strike(terminal, keyboard, b'w', 0.55).held
    assert keyboard.read(0.80).held
    assert not keyboard.read(0.86).held
    assert not strike(terminal, keyboard, b'dd', 2.0).held, 'pasted'
    keyboard.close()


def test_another_key_keeps_the_dead_man_and_moves_nothing_until_it_repeats(terminal):
    keyboard: Any = Keyboard(2, share=1.0, file=terminal[1])
    for now in (0.0, 0.5, 0.55):
        strike(terminal, keyboard, b'w', now)
    stick = strike(terminal, keyboard, b'd', 0.6)
    assert (stick.held, stick.motion) == (True, (0.0, 0.0))
    assert keyboard.read(1.2).held
    assert strike(terminal, keyboard, b'd', 1.25).motion == (0.0, -1.0)
    for now in (1.3, 1.35):
        stick = strike(terminal, keyboard, b' ', now)
    assert (stick.held, stick.motion) == (True, (0.0, 0.0))
    keyboard.close()


def test_letters_are_labels_and_signs_the_speed(terminal):
    keyboard: Any = Keyboard(2, share=0.5, file=terminal[1])
    assert strike(terminal, keyboard, b'y', 0.0).pressed == {Button.SUCCESS}
    assert strike(terminal, keyboard, b'x\xff\x1b[A', 0.1).pressed == {Button.STOP}
    strike(terminal, keyboard, b'+', 0.2)
    strike(terminal, keyboard, b'-', 0.3)
    strike(terminal, keyboard, b'-', 0.4)
    assert keyboard.share == pytest.approx(0.4)
    keyboard.close()


def test_the_terminal_is_given_back_and_a_closed_one_is_gone(terminal):
    before = termios.tcgetattr(terminal[1])
    keyboard: Any = Keyboard(2, file=terminal[1])
    assert termios.tcgetattr(terminal[1])[3] != before[3]
    keyboard.close()
    assert termios.tcgetattr(terminal[1]) == before
    assert os.get_blocking(terminal[1])
    keyboard = Keyboard(2, file=terminal[1])
    os.close(terminal[0])
    assert keyboard.read(0.0) is None
    keyboard.close()


def test_what_is_no_terminal_is_refused(tmp_path):
    with (tmp_path / 'file').open('w') as file, pytest.raises(SpecError, match='needs a terminal'):
        Keyboard(2, file=file.fileno())
    with pytest.raises(SpecError, match='at most 6 fields'):
        Keyboard(7, file=0)
