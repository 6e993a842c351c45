"""What a deployed controller may be doing, and the only ways from one thing to the next.

    IDLE -configure-> READY -activate-> [STARTING] -> ACTIVE <-> TAKEOVER <-> RECOVERY
                                                        |  +-> RECOVERY -> ACTIVE   an input failed
                                                        +----> UNSTICK -> ACTIVE    it cannot move
    running -stop-> STOPPING -> READY       any but IDLE -failed-> FAULT (latched)

The table is data: a pair that is not in it changes nothing. Guards (is every signal fresh?)
belong to the controller, which raises an event only when its guard holds.
"""

from __future__ import annotations

from enum import Enum


class Mode(Enum):
    """What the controller is doing."""

    IDLE = 'idle'
    """No policy checked yet. Publishes nothing."""
    READY = 'ready'
    """The policy fits the robot. Publishes nothing."""
    STARTING = 'starting'
    """Publishes what the robot does before the policy drives, such as standing up."""
    ACTIVE = 'active'
    """Publishes the policy's setpoint."""
    TAKEOVER = 'takeover'
    """Publishes a human's setpoint."""
    RECOVERY = 'recovery'
    """An input failed, or the human who drove fell silent: publishes the safe action; who drove
    resumes if it clears in time."""
    UNSTICK = 'unstick'
    """The robot was asked to move and did not: publishes what it does about that."""
    STOPPING = 'stopping'
    """Publishes what the robot does when asked to stop, to its end."""
    FAULT = 'fault'
    """Publishes the safe action and holds its last stage until a reset."""


class Event(Enum):
    """What changes a mode."""

    CONFIGURE = 'configure'
    CLEANUP = 'cleanup'
    START = 'start'
    """Activated, where the robot has something to do first."""
    STARTED = 'started'
    """It has done it."""
    ACTIVATE = 'activate'
    TAKE_OVER = 'take over'
    RETURNED = 'returned'
    """A human who fell silent while they drove is heard again."""
    RELEASE = 'release'
    DISTURBED = 'disturbed'
    """A failure that may pass: a stale or implausible input, missed deadlines, a silent human."""
    STUCK = 'stuck'
    """Motion is asked for and there is none."""
    CLEARED = 'cleared'
    """The disturbance has passed."""
    STOP = 'stop'
    STOPPED = 'stopped'
    """The safe action has reached its end."""
    FAILED = 'failed'
    """A failure that does not pass by itself, or a disturbance that lasted."""
    RESET = 'reset'
    """A person has seen the fault and says go on."""


SAFE_MODES = frozenset({Mode.RECOVERY, Mode.STOPPING, Mode.FAULT})
"""Modes that publish the robot's safe action."""

TABLE: dict[tuple[Mode, Event], Mode] = {
    (Mode.IDLE, Event.CONFIGURE): Mode.READY,
    (Mode.READY, Event.CLEANUP): Mode.IDLE,
    (Mode.READY, Event.START): Mode.STARTING,
    (Mode.READY, Event.ACTIVATE): Mode.ACTIVE,
    (Mode.READY, Event.FAILED): Mode.FAULT,
    (Mode.STARTING, Event.STARTED): Mode.ACTIVE,
    (Mode.STARTING, Event.STOP): Mode.STOPPING,
    (Mode.STARTING, Event.FAILED): Mode.FAULT,
    (Mode.ACTIVE, Event.TAKE_OVER): Mode.TAKEOVER,
    (Mode.ACTIVE, Event.STUCK): Mode.UNSTICK,
    (Mode.ACTIVE, Event.DISTURBED): Mode.RECOVERY,
    (Mode.ACTIVE, Event.STOP): Mode.STOPPING,
    (Mode.ACTIVE, Event.FAILED): Mode.FAULT,
    (Mode.TAKEOVER, Event.RELEASE): Mode.ACTIVE,
    (Mode.TAKEOVER, Event.DISTURBED): Mode.RECOVERY,
    (Mode.TAKEOVER, Event.STOP): Mode.STOPPING,
    (Mode.TAKEOVER, Event.FAILED): Mode.FAULT,
    (Mode.RECOVERY, Event.CLEARED): Mode.ACTIVE,
    (Mode.RECOVERY, Event.RETURNED): Mode.TAKEOVER,
    (Mode.RECOVERY, Event.STOP): Mode.STOPPING,
    (Mode.RECOVERY, Event.FAILED): Mode.FAULT,
    (Mode.UNSTICK, Event.DISTURBED): Mode.RECOVERY,
    (Mode.UNSTICK, Event.CLEARED): Mode.ACTIVE,
    (Mode.UNSTICK, Event.STOP): Mode.STOPPING,
    (Mode.UNSTICK, Event.FAILED): Mode.FAULT,
    (Mode.STOPPING, Event.STOPPED): Mode.READY,
    (Mode.STOPPING, Event.FAILED): Mode.FAULT,
    # A reset finishes the safe action first: the robot may still be on its way down.
    (Mode.FAULT, Event.RESET): Mode.STOPPING,
}
"""(mode, event) -> next mode; any other pair leaves the mode as it is."""


def next_mode(mode: Mode, event: Event) -> Mode:
    """Mode after `event`; the same mode where the table has no entry."""
    return TABLE.get((mode, event), mode)
