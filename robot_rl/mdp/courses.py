"""Courses that a camera sees: the tracks of a circuit, each with a look, walls and things.

A look is a number too. Where there are none to draw from, every track has one look, its own, for
good: a course that can be practised on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from robot_rl.errors import SpecError
from robot_rl.mdp import images
from robot_rl.mdp.circuit import Circuit
from robot_rl.mdp.pinned import pin
from robot_rl.mdp.tracks import SECTIONS
from robot_rl.spec.camera import Camera
from robot_rl.spec.scene import Scene
from robot_rl.spec.task import Signals, Task
from robot_rl.vision.courses import course
from robot_rl.vision.eyes import Places, mounted, renderer
from robot_rl.vision.renderer import Renderer

MOUNT = (0.003, 0.01)  # [m], [rad] standard deviations of how the camera is mounted
SAMPLES = 2  # along the edge of a pixel


class Courses(Circuit):
    """A circuit with images; without a `camera` the same starts, and nothing is drawn."""

    def __init__(
        self,
        *arguments: Any,
        camera: Camera | None = None,
        drawn_by: str = 'raycast',
        looks: int = 0,
        rolling: bool = False,
    ) -> None:
        """`arguments` are those of Circuit.

        Args:
            arguments: See there.
            camera: What images are of, as it is mounted on the robot.
            drawn_by: The renderer.
            looks: How many there are to draw from, for each episode; 0 for one a track.
            rolling: Whether episodes start as those of a race do; else at rest, along the track.
        """
        super().__init__(*arguments)
        self._camera, self._drawn_by = camera, drawn_by
        self._looks, self._rolling = looks, rolling
        self._places = Places(self._place)

    @cached_property
    def _renderer(self) -> Renderer:
        assert self._camera
        return renderer(self._drawn_by, self._camera, SAMPLES)

    def draw(
        self, num: int, generator: torch.Generator, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """See Circuit.draw; 'look' (num, 1) and 'mount' (num, 6) beside."""
        drawn = super().draw(num, generator, device)
        u = torch.rand(num, 4, generator=generator, device=device)
        spread = torch.tensor((*(MOUNT[0],) * 3, *(MOUNT[1],) * 3), device=device)
        drawn['mount'] = spread * torch.randn(num, 6, generator=generator, device=device)
        track = drawn['track_id'][:, 0]
        drawn['look'] = ((u[:, 0] * self._looks).floor() if self._looks else track).unsqueeze(1)
        drawn['share'] = u[:, 1:]
        return drawn

    def signals(self, state: Signals) -> dict[str, torch.Tensor]:
        """Where the episode starts; for initial_state."""
        if self._rolling:
            return {'track_start': state['track_start']}
        section = (state['share'][:, 0] * SECTIONS).long().clamp(max=SECTIONS - 1)
        x, y, yaw, left, right = self.start[state['track_id'][:, 0].long(), section].unbind(1)
        side, turn = (2.0 * state['share'][:, 1:] - 1.0).unbind(1)
        offset = side * torch.where(side > 0.0, left, right).sub(0.4).clamp(min=0.0)
        place = (x - yaw.sin() * offset, y + yaw.cos() * offset, yaw + 0.2 * turn, 0.0 * x)
        return {'track_start': torch.stack(place, 1)}

    def perceive(self, signals: Signals, drawn: Signals) -> dict[str, torch.Tensor]:
        """The image beside what Circuit.perceive tells."""
        found = super().perceive(signals, drawn)
        if self._camera is None:
            return found
        number = drawn['look'][:, 0].long() * self.tracks.num + drawn['track_id'][:, 0].long()
        rows = self._places.rows(number.numpy())
        poses = mounted(
            signals['base_pos_w'].numpy(),
            signals['base_quat_w'].numpy(),
            self._camera,
            drawn['mount'].numpy(),
        )
        frames = self._renderer.render(*poses, self._places.scenes, rows)
        info = images.info_of(self._camera, len(rows))
        return {**found, 'rgb': torch.from_numpy(frames.rgb), 'rgb_info': info}

    def _place(self, number: int) -> tuple[Scene, np.ndarray]:
        look, track = divmod(number, self.tracks.num)
        left, right = self.tracks.walls
        return course(left[track], right[track], look), np.zeros((1, 1), np.float32)


def course_of(task: Task, course: int, mount: Sequence[float] = ()) -> Task:
    """`task` on one of its courses, with the camera off by `mount` (6) if that is given.

    Raises SpecError for a course that it has not.
    """
    where = task.commands
    if not isinstance(where, Courses):
        raise SpecError(
            f'The task {task.id!r} has no courses to practise on. Choose another task, such as '
            'laps-racecar.'
        )
    if not 0 <= course < where.tracks.num:
        raise SpecError(
            f'There is no course {course} of {task.id!r}, expected 0 to {where.tracks.num - 1}. '
            'Choose another --course.'
        )
    held = {'track_id': (float(course),), 'look': (float(course),)}
    pinned = pin(task, held | ({'mount': tuple(mount)} if mount else {}))

    def seen_by(*how: Any, **camera: Any) -> Task:
        assert task.seen_by
        return course_of(task.seen_by(*how, **camera), course, mount)

    return replace(pinned, seen_by=seen_by if task.seen_by else None)
