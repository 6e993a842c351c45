"""The transition table, over every mode and every event."""

from __future__ import annotations

import pytest

from robot_rl.deploy.modes import SAFE_MODES, TABLE, Event, Mode, next_mode

# The whole table written a second time, as a picture; '.' stays where it is.
EVENTS = (
    'CONFIGURE CLEANUP START STARTED ACTIVATE '
    'TAKE_OVER RETURNED RELEASE DISTURBED STUCK CLEARED STOP STOPPED FAILED RESET'
)
PICTURE = {
    'IDLE': 'READY . . . . . . . . . . . . . .',
    'READY': '. IDLE STARTING . ACTIVE . . . . . . . . FAULT .',
    'STARTING': '. . . ACTIVE . . . . . . . STOPPING . FAULT .',
    'ACTIVE': '. . . . . TAKEOVER . . RECOVERY UNSTICK . STOPPING . FAULT .',
    'TAKEOVER': '. . . . . . . ACTIVE RECOVERY . . STOPPING . FAULT .',
    'RECOVERY': '. . . . . . TAKEOVER . . . ACTIVE STOPPING . FAULT .',
    'UNSTICK': '. . . . . . . . RECOVERY . ACTIVE STOPPING . FAULT .',
    'STOPPING': '. . . . . . . . . . . . READY FAULT .',
    'FAULT': '. . . . . . . . . . . . . . STOPPING',
}
RUNNING = [Mode.STARTING, Mode.ACTIVE, Mode.TAKEOVER, Mode.RECOVERY, Mode.UNSTICK]


def test_picture_covers_every_mode_and_event():
    assert set(PICTURE) == {mode.name for mode in Mode}
    assert set(EVENTS.split()) == {event.name for event in Event}


@pytest.mark.parametrize('mode', Mode)
@pytest.mark.parametrize('event', Event)
def test_every_mode_and_event(mode, event):
    wanted = PICTURE[mode.name].split()[EVENTS.split().index(event.name)]
    assert next_mode(mode, event).name == (mode.name if wanted == '.' else wanted)


@pytest.mark.parametrize('event', [event for event in Event if event is not Event.RESET])
def test_fault_is_latched(event):
    assert next_mode(Mode.FAULT, event) is Mode.FAULT


@pytest.mark.parametrize('mode', [mode for mode in Mode if mode is not Mode.IDLE])
def test_everything_that_is_configured_can_fault(mode):
    assert next_mode(mode, Event.FAILED) is Mode.FAULT


@pytest.mark.parametrize('mode', RUNNING)
def test_everything_that_runs_can_stop(mode):
    assert next_mode(mode, Event.STOP) is Mode.STOPPING


def test_takeover_only_from_active_and_back_to_it_after_silence():
    ways = {key for key, after in TABLE.items() if after is Mode.TAKEOVER}
    assert ways == {(Mode.ACTIVE, Event.TAKE_OVER), (Mode.RECOVERY, Event.RETURNED)}


def test_a_stop_ends_in_ready_and_nothing_skips_ready():
    into_active = {mode for (mode, _), after in TABLE.items() if after is Mode.ACTIVE}
    resumed = {Mode.TAKEOVER, Mode.RECOVERY, Mode.UNSTICK}
    assert into_active == {Mode.READY, Mode.STARTING, *resumed}
    assert TABLE[Mode.STOPPING, Event.STOPPED] is Mode.READY


def test_every_mode_is_reachable_and_no_entry_is_idle():
    assert set(TABLE.values()) == set(Mode)
    assert all(before is not after for (before, _), after in TABLE.items())
    assert Mode.ACTIVE not in SAFE_MODES
