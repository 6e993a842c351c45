"""Who sits at the stick while a simulated robot practises: options, and the devices they mean."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
from dataclasses import dataclass
import os
import sys
from typing import TYPE_CHECKING, Literal

from robot_rl.errors import MissingPackageError, TeleopError

if TYPE_CHECKING:
    from robot_rl.spec.task import Task
    from robot_rl.teleop.seat import Seat

TOKEN = 'ROBOT_RL_TELEOP_TOKEN'
"""Variable of the environment with the token of the page, as of `robot_rl teleop`."""


@dataclass(frozen=True)
class Sitting:
    """Options of a person's device."""

    pad: Literal['gamepad', 'spacemouse'] = 'gamepad'
    """Of --operator joy: what its driver publishes on the topic joy."""
    domain: int | None = None
    """Of --operator joy: ROS_DOMAIN_ID of the driver; by default that of the environment."""
    page: str = '127.0.0.1:8080'
    """Of --operator web: HOST:PORT to serve the page at; any host but this machine's own needs a
    token, which is made, or taken from the variable ROBOT_RL_TELEOP_TOKEN."""

    @contextlib.contextmanager
    def seat(self, name: str, operator: str, speed: float | None) -> Iterator[Seat | None]:
        """The place of a real person, until the end; None for another `operator`.

        `name` is that of the task, `speed` that of the simulation.

        Raises RobotRLError for what cannot be driven or served, or needs a package.
        """
        if operator not in ('joy', 'web'):
            yield None
            return
        from robot_rl.learn.pace import period_of
        from robot_rl.spec import registry
        from robot_rl.teleop.steering import Steering

        task = registry.task(name)
        Steering(task.robot, task.level)  # refuses what a stick cannot drive
        period_s = period_of(task.control_dt, speed, operator)
        seat = self._joy(task, period_s) if operator == 'joy' else self._web(task)
        try:
            yield seat
        finally:
            seat.close()

    def _joy(self, task: Task, period_s: float) -> Seat:
        try:
            from robot_rl.nodes.joy_listener import JoyListener
        except ModuleNotFoundError as error:
            raise MissingPackageError.of(error) or error from None
        from robot_rl.teleop.seat import Seat

        return Seat(JoyListener(task.robot, task.level, period_s, self.pad, self.domain))

    def _web(self, task: Task) -> Seat:
        from robot_rl.teleop.seat import Seat
        from robot_rl.teleop.web.screen import PracticeScreen

        screen = PracticeScreen(task)
        token = os.environ.get(TOKEN) or None
        pilot = screen.serve(task.setpoint.fields, *_address(self.page), token)
        sys.stdout.write(f'The page is at {pilot.url}\n')
        sys.stdout.flush()
        return Seat(pilot, screen)


def _address(text: str) -> tuple[str, int]:
    """HOST:PORT. Raises TeleopError for anything else."""
    host, _, port = text.rpartition(':')
    if not host or not port.isdigit() or int(port) > 65535:
        raise TeleopError(
            f'An address of a page is HOST:PORT, got {text!r}. Give 127.0.0.1:8080, say, or port '
            '0 for any that is free.'
        )
    return host.strip('[]'), int(port)
