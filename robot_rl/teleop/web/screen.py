"""What the page shows of a robot that practises in this process: it moves, and curves of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import time
from typing import Any

import numpy as np

from robot_rl.spec.task import Task
from robot_rl.teleop.stick import Stick
from robot_rl.teleop.web.board import Status
from robot_rl.teleop.web.pilot import WebPilot

SHOW_S = 0.06
"""[s] between two pictures."""
MODE = 'practice'
ALWAYS = ('base_pos_w', 'base_quat_w', 'joint_pos')
"""Signals that say where a robot is."""
WORDS = {
    'success': 'done',
    'failure': 'failed',
    'reset': 'put back',
    'lost': 'cut, because the page of who drove was not heard any more',
    'time': 'out of time',
}
"""What ended an episode, see learn/practice.py, for people."""


class PracticeScreen:
    """Keeps a page up to date; a `Screen`, see teleop/seat.py."""

    def __init__(self, task: Task) -> None:
        """Draw the robot of `task` and what stands around it."""
        self._task = task
        robot = task.robot
        self._drawn = [name for name in ALWAYS if name in robot.rest]
        self._drawn += [s.name for s in task.signals if robot.topic(s.name).requested]
        self._scene = self._draw()
        self._pilot: WebPilot | None = None
        self._episodes, self._note, self._due, self._new = 0, '', 0.0, True

    def serve(self, fields: Sequence[str], host: str, port: int, token: str | None) -> WebPilot:
        """Serve the page; the device that it is. Raises as `WebPilot` does."""
        self._pilot = WebPilot(
            self._task.robot.name,
            fields,
            host=host,
            port=port,
            token=token,
            title=f'{self._task.id}: practice',
            scene=self._scene.description if self._scene else None,
        )
        return self._pilot

    def begin(self) -> None:
        """An episode begins, in a world of its own."""
        self._new, self._due = True, 0.0

    def watch(self, signals: Mapping[str, Any], stick: Stick | None) -> None:
        """Show where the robot is, if it is time."""
        now = time.monotonic()
        if self._pilot is None or now < self._due:
            return
        self._due = now + SHOW_S
        held = stick is not None and stick.held
        status = Status(
            driver='person' if held else 'policy',
            mode=MODE,
            episode=self._episodes + 1,
            note=self._note,
        )
        if self._scene is None:
            self._pilot.show(status)
            return
        rows = {name: np.asarray(value[0]) for name, value in signals.items()}
        around = None
        if self._new and self._task.world is not None:
            around = self._scene.around(self._task.world(rows))
        self._new = False
        frames = self._scene.frames({name: rows[name] for name in self._drawn})
        self._pilot.show(status, frames=frames, around=around)

    def tell(self, lately: Sequence[Any]) -> None:
        """Show how the last episodes went, as curves and in words."""
        if self._pilot is None:
            return
        self._episodes += 1
        last, steps = lately[-1], sum(each.steps for each in lately)
        seconds = last.steps * self._task.control_dt
        self._note = f'Episode {self._episodes}: {WORDS[last.why]} after {seconds:.1f} s.'
        curves = {
            'success': sum(each.success for each in lately) / len(lately),
            'return': sum(each.reward for each in lately) / len(lately),
            'intervention rate': sum(each.by_people for each in lately) / steps,
        }
        self._pilot.show(curves=curves)

    def _draw(self) -> Any:
        """The scene, or None where what drawing needs is not installed."""
        try:
            from robot_rl.pictures.live import REACH, LiveScene
        except ModuleNotFoundError:
            return None
        task = self._task
        start = {name: self._start(name) for name in self._drawn}
        reach = task.success_error if task.error_unit == 'm' else REACH
        return LiveScene(task.robot, task.signal_names, start, reach=reach)

    def _start(self, name: str) -> np.ndarray:
        """A signal until it is known."""
        robot = self._task.robot
        value = np.array(robot.rest.get(name, (0.0,) * robot.signal(name).size), float)
        if '_quat_' in name and not value.any():
            value[0] = 1.0
        return value
