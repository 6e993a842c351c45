"""Courses of gates as a source of commands: which one, where a flight starts, what is seen."""

from __future__ import annotations

import colorsys
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.errors import SpecError
from robot_rl.mdp import eyes, images
from robot_rl.spec.camera import Camera
from robot_rl.spec.scene import Look, Scene
from robot_rl.spec.task import Signals
from robot_rl.spec.world import Block, World
from robot_rl.vision.backdrops import Backdrop, backdrop
from robot_rl.vision.distance import distance
from robot_rl.vision.eyes import Places
from robot_rl.vision.gates import DEPTH, GATES, INNER, LABEL, POINTS, SPACING, course

NUMBERS = 2**24
"""Of courses: float32 tells as many apart."""
START = (0.2, 0.2, 0.15, 0.25, 0.5)
"""Most that a start differs: [m] along x, y and z, [rad] of yaw; and its greatest speed [m/s]."""
TURNS = 100
"""Spots that are tried for a course."""
CLEAR = 0.15
"""[m] behind a gate where a robot has passed it."""
SLAB = 0.07
"""[m] from the plane of a gate within which a robot is in its opening or has missed it: more than
half of what it flies in a control period."""
AROUND = 1.2
"""[m] from the middle of a gate within which its plane counts; the way of a course that bends no
more than these comes to the plane of a gate nowhere else."""

Array = NDArray[Any]


class _Made(NamedTuple):
    """A course as arrays: what `Places` keeps beside its scene, and where it begins."""

    scene: Scene
    beside: NDArray[np.float32]
    """(POINTS + 2 GATES, 4): points of the way [m]; gates, see Course.gates; their `at` [m]."""
    begin: tuple[float, ...]
    """x, y, z [m], yaw [rad]"""


class Gates:
    """Commands of an episode: which course, where it starts, what its camera is like.

    Pure functions of what was drawn; courses are made when somebody is first in them. On a CPU.
    """

    def __init__(
        self, camera: Camera, drawn_by: str, radius: float, ahead: tuple[float, float]
    ) -> None:
        """Courses are in the backdrop `drawn_by`, see vision/backdrops.py, and seen by `camera`.

        `radius` [m] is the robot's, `ahead` [m] where along the way 'course_ahead' looks.
        """
        self._camera, self._drawn_by = camera, drawn_by
        self._radius, self._ahead = radius, ahead
        self._make = lru_cache(1024)(self._made)
        self._places = Places(lambda number: self._make(number)[:2])

    @cached_property
    def _backdrop(self) -> Backdrop:
        return backdrop(self._drawn_by, self._camera)

    def draw(
        self, num: int, generator: torch.Generator, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """See spec.task.Commands."""
        number = torch.randint(NUMBERS, (num, 1), generator=generator, device=device)
        begin = torch.tensor([self._make(int(one)).begin for one in number[:, 0]], device=device)
        off = 2.0 * torch.rand(num, 5, generator=generator, device=device) - 1.0
        off = off * torch.tensor(START, device=device)
        return {
            'course': number.float(),
            'start': torch.cat((begin + off[:, :4], off[:, 4:].abs()), 1),
            **eyes.drawn(self._camera, num, generator, device),
        }

    def step(self, _state: Signals) -> dict[str, torch.Tensor]:
        """Nothing changes."""
        return {}

    def signals(self, state: Signals) -> dict[str, torch.Tensor]:
        """Where it starts."""
        return {'course_start': state['start']}

    def perceive(self, signals: Signals, drawn: Signals) -> dict[str, torch.Tensor]:
        """The image and its age [s], what is left or missed, distances [m], the way ahead."""
        position, quat = signals['base_pos_w'].numpy(), signals['base_quat_w'].numpy()
        numbers = drawn['course'][:, 0].numpy().astype(np.int64)
        rows = self._places.rows(numbers)
        scenes, beside = self._places.scenes, self._places.beside[rows]
        poses = eyes.exposed(signals, drawn, self._camera)
        frames = self._backdrop.render(*poses, scenes, rows, numbers)
        away = np.minimum(distance(scenes, rows, position), self._backdrop.away(numbers, position))
        way, gates, at = np.split(beside, (POINTS, POINTS + GATES), 1)
        off = np.square(way[..., :3] - position[:, None]).sum(2)
        nearest = off.argmin(1)
        left = (SPACING * nearest[:, None] < at[..., 0] + CLEAR).sum(1)
        found = {
            'gates_left': left,
            'gate_missed': _missed(gates, position),
            'course_offset': np.sqrt(off.min(1)),
            'arena_clearance': away - self._radius,
        }
        told = {name: torch.from_numpy(x).float().unsqueeze(1) for name, x in found.items()}
        ahead = _points(self._ahead, way[..., :3], nearest, position, quat)
        told['course_ahead'] = torch.from_numpy(ahead)
        told['rgb'], told['rgb_age'] = eyes.lit(frames.rgb, drawn), drawn['latency']
        return {**told, 'rgb_info': images.info_of(self._camera, len(rows))}

    def world(self, state: Signals) -> World:
        """The gates of one episode, for pictures."""
        shapes = self._make(int(state['course'][0])).scene.shapes
        blocks = [
            Block(shape.position, (x, y, z), shape.quat, (*shape.look.colour, 1.0))
            for shape in shapes
            if shape.label == LABEL
            for x, y, z in (shape.size,)
        ]
        return World(blocks=tuple(blocks))

    def _made(self, number: int) -> _Made:
        """The course of a number. Raises SpecError where there is no room for it."""
        for turn in range(TURNS):
            spot = self._backdrop.spot(number, turn)
            draw = np.random.default_rng((number, turn, 3))
            found = course(draw, spot.low, spot.high, spot.clearance)
            if found is None:
                continue
            grey = float(draw.uniform(0.1, 0.8))
            shapes = found.shapes(_look(draw), Look((grey, grey, grey)))
            beside = np.zeros((POINTS + 2 * GATES, 4), np.float32)
            beside[:POINTS, :3], beside[POINTS : POINTS + GATES] = found.way, found.gates
            beside[POINTS + GATES :, 0] = found.at
            scene = replace(spot.scene, shapes=(*spot.scene.shapes, *shapes))
            return _Made(scene, beside, (*map(float, found.way[0]), found.heading))
        raise SpecError(
            f'There is no room for a course of {GATES} gates in {self._drawn_by!r}, got none in '
            f'{TURNS} times. Give larger places, or ones with less in them.'
        )


def _look(draw: np.random.Generator) -> Look:
    """From red over orange to yellow, and how dark: what gates are painted in."""
    red, green, blue = colorsys.hsv_to_rgb(
        draw.uniform(0.0, 0.14), draw.uniform(0.7, 1.0), draw.uniform(0.6, 1.0)
    )
    return Look((red, green, blue))


def _missed(gates: Array, position: Array) -> Array:
    """(n,) bool: in the plane of one of `gates` (n, g, 4), beside its opening."""
    away = position[:, None] - gates[..., :3]
    cosine, sine = np.cos(gates[..., 3]), np.sin(gates[..., 3])
    ahead = cosine * away[..., 0] + sine * away[..., 1]
    left, up = cosine * away[..., 1] - sine * away[..., 0], away[..., 2]
    beside = np.maximum(np.abs(left), np.abs(up)) > 0.5 * INNER
    near = (np.abs(ahead) < max(SLAB, DEPTH)) & (np.hypot(left, up) < AROUND)
    return np.any(near & beside, axis=1)


def _points(
    distances: tuple[float, ...], way: Array, nearest: Array, position: Array, quat: Array
) -> NDArray[np.float32]:
    """Points (n, 3 k) [m] of the way at k distances: ahead, to the left of the robot, above."""
    w, x, y, z = quat.T
    yaw = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    cosine, sine, found = np.cos(yaw), np.sin(yaw), list[Array]()
    for ahead in distances:
        index = np.minimum(nearest + round(ahead / SPACING), way.shape[1] - 1)
        dx, dy, dz = (way[np.arange(len(way)), index] - position).T
        found += [cosine * dx + sine * dy, cosine * dy - sine * dx, dz]
    return np.stack(found, 1).astype(np.float32)
