"""Dead-man's switches: who asks to drive, who may, and since when."""

from __future__ import annotations

import math

from robot_rl.deploy.controller import Controller
from robot_rl.deploy.modes import Mode

_IDLE = frozenset({Mode.IDLE, Mode.READY, Mode.STOPPING, Mode.FAULT})
"""Modes in which no switch counts: one that is held in them must be let go and pressed again."""


class DeadMan:
    """Lets one person at a time drive, for as long as they hold the switch.

    - The first who presses has the controls until they let go; another who presses is told.
    - A switch that was pressed before the controller was activated, or is held still after it
      stopped, counts only after it was let go: it may be stuck.
    - One that is held while the policy cannot be interrupted (the robot stands up, or follows its
      safe action) counts as soon as it can.
    - Letting go hands back to the policy. A switch that falls silent does not: see
      `Controller.lose`.
    """

    def __init__(self, controller: Controller) -> None:
        """Nobody holds a switch of this `controller`."""
        self._controller = controller
        self.holder = ''
        """Who holds theirs; '' for nobody."""
        self._spent = False
        self._heard = -math.inf

    def hold(self, operator: str, now: float) -> str:
        """`operator` holds the switch at `now` [s]; returns why that does not count, or ''."""
        if self.holder not in ('', operator):
            return f'{self.holder} holds the dead-man; {operator} may drive when they let go'
        if not self.holder:
            self.holder = operator
            self._spent = self._controller.mode in _IDLE
            if self._controller.mode is Mode.RECOVERY:
                self._controller.command.operator = operator
        self._heard = now
        if self._spent:
            return f'{operator} held the dead-man before; let it go, then press it again'
        return ''

    def let_go(self, operator: str, now: float) -> None:
        """`operator` lets go of the switch at `now` [s]: the policy goes on."""
        if self._is(operator):
            self.holder, self._spent = '', False
            self._controller.release(now)

    def lose(self, operator: str, now: float) -> None:
        """The device of `operator` is gone at `now` [s]."""
        if self._is(operator):
            self.holder, self._spent = '', False
            self._controller.lose(now, f'the device of {operator} is gone')

    def spend(self) -> None:
        """Somebody else has ended the takeover: the switch must be let go first."""
        self._spent = bool(self.holder)

    def look(self, now: float) -> None:
        """Let them drive who may; once every control period, after all switches were heard."""
        controller, age = self._controller, now - self._heard
        if controller.mode in _IDLE:
            self._spent = bool(self.holder)
        if not self.holder:
            return
        if age > controller.takeover_age_s:
            limit = f'limit {controller.takeover_age_s:g} s'
            reason = f'{self.holder} was not heard for {age:.3f} s, {limit}'
            self.holder = ''
            controller.lose(now, reason)
        elif controller.mode is Mode.ACTIVE and not self._spent:
            controller.take_over(now, self.holder)

    def _is(self, operator: str) -> bool:
        """Whether they hold the switch, or did until they fell silent."""
        return operator == (self.holder or self._controller.command.operator)
