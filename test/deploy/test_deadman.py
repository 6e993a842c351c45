"""Dead-man's switches: one pilot, and none whose switch hangs."""

from __future__ import annotations

import pytest

from robot_rl.deploy.deadman import DeadMan

HUMAN = (1300.0, 1400.0, 1500.0, 1600.0)


@pytest.fixture
def switch(flight):
    """The switches of an active controller."""
    return DeadMan(flight.controller)


def live(flight, switch, ticks=1, *, holds=('anna',), drives=True):
    """So many periods in which those of `holds` hold their switch, and setpoints come or not."""
    told = {}
    for _ in range(ticks):
        flight.now += 0.01
        flight.feed()
        if drives:
            flight.controller.drive(HUMAN, flight.now - 0.001)
        told = {name: switch.hold(name, flight.now) for name in holds}
        switch.look(flight.now)
        flight.controller.tick(flight.now)
    return told


def test_who_holds_drives_in_the_same_period_and_hands_back_in_the_next(flight, switch):
    live(flight, switch)
    assert flight.mode == 'takeover'
    assert flight.controller.command.pilot == 'human anna'
    switch.let_go('anna', flight.now)
    live(flight, switch, holds=())
    assert flight.mode == 'active'
    assert flight.controller.diagnostics()['pilot'] == 'policy'


def test_a_switch_without_setpoints_drives_nothing(flight, switch):
    live(flight, switch, 3, drives=False)
    assert flight.mode == 'active'


def test_the_first_has_the_controls_until_they_let_go(flight, switch):
    live(flight, switch)
    assert 'anna holds the dead-man' in live(flight, switch, 5, holds=('anna', 'ben'))['ben']
    switch.let_go('ben', flight.now)
    assert flight.controller.command.pilot == 'human anna'
    switch.let_go('anna', flight.now)
    live(flight, switch, 2, holds=('ben',))
    assert flight.controller.command.pilot == 'human ben'


def test_a_switch_held_before_activation_must_be_let_go_first(grounded):
    switch = DeadMan(grounded.controller)
    switch.hold('anna', grounded.now)
    for name in ('goal_pos_w', 'goal_lin_vel_w'):
        grounded.controller.feed(name, (0, 0, 1), grounded.now)
    grounded.feed()
    assert grounded.controller.activate(grounded.now), grounded.reason
    assert 'let it go' in live(grounded, switch, 20)['anna']
    assert grounded.mode == 'active'
    switch.let_go('anna', grounded.now)
    live(grounded, switch)
    assert grounded.mode == 'takeover'


def test_who_holds_on_while_the_policy_recovers_drives_when_it_may(flight, switch):
    flight.fly(6, skip=('base_pos_w',))
    assert flight.mode == 'recovery'
    live(flight, switch, 4)
    assert flight.mode == 'recovery'
    live(flight, switch, 2)
    assert flight.controller.command.pilot == 'human anna'


def test_a_switch_that_falls_silent_is_no_hand_back(flight, switch):
    live(flight, switch, 5)
    live(flight, switch, 3, holds=())
    assert flight.mode == 'recovery'
    assert 'anna was not heard for' in flight.reason
    live(flight, switch, 60, holds=(), drives=False)
    assert flight.mode == 'stopping'
    live(flight, switch, 1)
    live(flight, switch, 200)
    assert flight.mode == 'ready'
    assert flight.controller.activate(flight.now)
    live(flight, switch, 5)
    assert flight.mode == 'active', 'held since the stop: it may hang'


def test_a_device_that_is_gone_starts_the_safe_action_in_this_period(flight, switch):
    live(flight, switch, 5)
    switch.lose('anna', flight.now)
    live(flight, switch, holds=(), drives=False)
    assert flight.mode == 'recovery'
    assert flight.reason == 'the device of anna is gone'


def test_a_takeover_ended_by_somebody_else_does_not_begin_again(flight, switch):
    live(flight, switch, 5)
    flight.controller.release(flight.now)
    switch.spend()
    live(flight, switch, 5)
    assert flight.mode == 'active'
