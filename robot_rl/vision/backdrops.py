"""What gates stand in: rooms of blocks, rooms that are known, or places learned from photographs.

A backdrop says where there is room for a course and draws courses in it. All of them are drawn as
if with four rays a pixel, so that edges of gates look the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SceneFileError, SpecError
from robot_rl.spec.camera import Camera
from robot_rl.spec.scene import Scene, Vector
from robot_rl.vision import rooms
from robot_rl.vision.blocks import blocks
from robot_rl.vision.composite import Background, composite
from robot_rl.vision.distance import distance
from robot_rl.vision.eyes import renderer
from robot_rl.vision.nerf.probes import ProbeRenderer, Probes, bake
from robot_rl.vision.nerf.render import NerfRenderer
from robot_rl.vision.nerf.room import Room
from robot_rl.vision.nerf.scene import load_scene
from robot_rl.vision.raycast import Raycast
from robot_rl.vision.renderer import Frames
from robot_rl.vision.scenes import Scenes

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
BESIDE, FLOWN = 0.4, (0.7, 1.8)
"""[m] from the edge of a place, and heights, that panoramas are baked from."""
PATIENCE = 12


@dataclass(frozen=True)
class Spot:
    """Where a course may be."""

    low: Array
    """(3,) [m]"""
    high: Array
    """(3,) [m]"""
    clearance: Callable[[Any], Array]
    """Points (n, 3) [m] to [m] (n,) from what stands there."""
    scene: Scene
    """What is drawn with the gates, and the light that they are in."""


class Backdrop(Protocol):
    """Spots by number, and what cameras see there."""

    def spot(self, number: int, turn: int) -> Spot:
        """Where course `number` may be; another at each `turn`, for one that finds no room."""
        ...

    def away(self, numbers: Numbers, points: Array) -> Array:
        """[m] (n,) from points (n, 3) to what stands there and is not drawn with the gates."""
        ...

    def render(
        self, position: Any, quat: Any, scenes: Scenes, rows: Numbers, numbers: Numbers
    ) -> Frames:
        """Images, see `Renderer.render`, of courses `numbers` (n,), which are `scenes[rows]`."""
        ...


def backdrop(name: str, camera: Camera) -> Backdrop:
    """What draws for a camera.

    Args:
        name: 'raycast' or 'mujoco', rooms of blocks by this renderer; 'rooms:7,8', rooms of
            vision/rooms.py; 'nerf:FOLDER', the learned places (*.nerf) of a folder;
            'baked:FOLDER', the same five times as fast, from panoramas that are baked at first.
        camera: As it is mounted.

    Raises:
        UnknownNameError: Neither of these.
        SpecError: Rooms that are no numbers.
        SceneFileError: A folder without places, or with one that cannot be read.
    """
    kind, _, rest = name.partition(':')
    if kind in ('nerf', 'baked') and rest:
        return Learned(Path(rest), camera, baked=kind == 'baked')
    if kind == 'rooms' and rest:
        return Drawn('raycast', camera, _room_numbers(rest))
    return Drawn(name, camera)


def _room_numbers(text: str) -> tuple[int, ...]:
    words = text.split(',')
    if not all(word.isdecimal() for word in words):
        raise SpecError(f"Rooms read like 'rooms:7,8', got 'rooms:{text}'. Give their numbers.")
    return tuple(map(int, words))


class Drawn:
    """Rooms whose every surface is known: of blocks, a new one for each course, or given ones."""

    def __init__(self, drawn_by: str, camera: Camera, numbers: tuple[int, ...] = ()) -> None:
        """Raises as `eyes.renderer` does."""
        self._renderer = renderer(drawn_by, camera, 2)
        self._numbers = numbers

    def spot(self, number: int, turn: int) -> Spot:
        """See `Backdrop.spot`."""
        if self._numbers:
            known = rooms.room(self._numbers[(number + turn) % len(self._numbers)])
            return _known(known.scene, known.size)
        return _known(*blocks(np.random.default_rng((number, turn, 5))))

    def away(self, numbers: Numbers, points: Array) -> Array:
        """Nothing but what is drawn with the gates."""
        del points
        return np.full(len(numbers), np.inf)

    def render(
        self, position: Any, quat: Any, scenes: Scenes, rows: Numbers, numbers: Numbers
    ) -> Frames:
        """See `Backdrop.render`."""
        del numbers
        return self._renderer.render(position, quat, scenes, rows)


def _known(scene: Scene, size: Vector) -> Spot:
    scenes = Scenes([scene])

    def clearance(points: Any) -> Array:
        rows = np.zeros(len(points), np.int64)
        return distance(scenes, rows, points).astype(np.float64)

    half = 0.5 * np.array(size)
    high = np.array([half[0], half[1], size[2]])
    return Spot(high * (-1.0, -1.0, 0.0), high, clearance, scene)


class Learned:
    """Places learned from photographs, one after another."""

    def __init__(self, folder: Path, camera: Camera, *, baked: bool = False) -> None:
        """Read all places of a folder. Raises SceneFileError for none and for unsound ones."""
        self._camera, self._fine = camera, _finer(camera)
        files = tuple(sorted(folder.glob('*.nerf')))
        if not files:
            raise SceneFileError(
                f'{folder} has no learned places, files that end in .nerf. Learn some with: '
                'robot_rl nerf train --out FOLDER/NAME.nerf'
            )
        self.rooms = [_room(file) for file in files]
        self._back: list[Background] = [
            ProbeRenderer(camera, _probes(file)) if baked else NerfRenderer(camera, load(file))
            for file in files
        ]
        self._front = Raycast(self._fine)
        self._place: dict[int, int] = {}

    def spot(self, number: int, turn: int) -> Spot:
        """See `Backdrop.spot`; it has its own light, as nothing tells that of the place.

        What finds no room in PATIENCE turns goes to the next place.
        """
        self._place[number] = (number + turn // PATIENCE) % len(self.rooms)
        room = self.rooms[self._place[number]]
        draw = np.random.default_rng((number, 13))
        level, sun = draw.uniform(0.45, 0.9), draw.uniform(0.0, 0.4)
        way = draw.normal(size=3)
        scene = Scene(
            sun=(sun, sun, sun),
            to_sun=(float(way[0]), float(way[1]), abs(float(way[2])) + 0.3),
            ambient=(level, level * draw.uniform(0.9, 1.0), level * draw.uniform(0.85, 1.0)),
        )
        return Spot(room.low, room.high, room.clearance, scene)

    def away(self, numbers: Numbers, points: Array) -> Array:
        """See `Backdrop.away`."""
        found, which = np.empty(len(numbers)), self._which(numbers)
        for place in np.unique(which):
            mine = which == place
            found[mine] = self.rooms[place].clearance(points[mine])
        return found

    def _which(self, numbers: Numbers) -> Numbers:
        """(n,) in which places courses are."""
        return np.array([self._place[int(number)] for number in numbers])

    def render(
        self, position: Any, quat: Any, scenes: Scenes, rows: Numbers, numbers: Numbers
    ) -> Frames:
        """See `Backdrop.render`; each pixel is the mean of four, all with the place of one ray."""
        num, which = len(rows), self._which(numbers)
        shape = (num, self._camera.height, self._camera.width)
        rgb, depth = np.empty((*shape, 3), np.uint8), np.empty(shape, np.float32)
        for place in np.unique(which):
            mine = np.flatnonzero(which == place)
            seen = self._back[place].render(position[mine], quat[mine])
            rgb[mine], depth[mine] = seen.rgb, seen.depth
        back = Frames(_repeated(rgb), _repeated(depth), np.empty(0, np.int32))
        both = composite(self._front.render(position, quat, scenes, rows), back)
        parts = both.rgb.reshape(num, shape[1], 2, shape[2], 2, 3).astype(np.uint16)
        return Frames(
            ((parts.sum((2, 4)) + 2) // 4).astype(np.uint8),
            both.depth[:, ::2, ::2].copy(),
            both.ids[:, ::2, ::2].copy(),
        )


load = cache(load_scene)
"""Places are large, and asked for again by every batch of episodes."""


@cache
def _room(file: Path) -> Room:
    return Room(load(file))


@cache
def _probes(file: Path) -> Probes:
    """Panoramas from where courses lead through, about as fine as the images that are drawn."""
    low, high = _room(file).low + BESIDE, _room(file).high - BESIDE
    return bake(load(file), (*low[:2], FLOWN[0]), (*high[:2], FLOWN[1]), 0.55, 72)


def _finer(camera: Camera) -> Camera:
    """The camera with twice as many rows and columns."""
    return replace(
        camera, width=2 * camera.width, height=2 * camera.height, fx=2.0 * camera.fx,
        fy=2.0 * camera.fy, cx=2.0 * camera.cx + 0.5, cy=2.0 * camera.cy + 0.5,
    )  # fmt: skip


def _repeated(values: NDArray[Any]) -> NDArray[Any]:
    return values.repeat(2, axis=1).repeat(2, axis=2)
