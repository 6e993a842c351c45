"""Frames per second of renderers on one core, on the same scene, in the same run.

Beside the ray caster, MuJoCo's renderer and PyBullet's TinyRenderer where they are installed, each
as fast as it can be made: one sample a pixel, plain colours, no shadows, the floor a thin box, no
sky, MuJoCo without its second pass for ids and with round things of 12 x 8 faces, all threads of
its graphics library in the one that calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import os
import time

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import MissingPackageError
from robot_rl.machine import machine_name
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import product
from robot_rl.spec.scene import Look, Scene, Shape
from robot_rl.vision.raycast import Raycast
from robot_rl.vision.scenes import Scenes

SIZES = ((40, 30), (64, 48), (96, 72), (128, 128))
FIELD = 1.4
"""[rad] across the image."""
CAMERAS = 64
"""Drawn in one call."""
OURS = 'raycast'
_SIZE = {
    'box': (0.4, 0.3, 0.6),
    'sphere': (0.25,),
    'cylinder': (0.15, 0.8),
    'capsule': (0.15, 0.6),
}
_HEIGHT = {'box': 0.3, 'sphere': 0.25, 'cylinder': 0.4, 'capsule': 0.45}

Draw = Callable[[], object]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """Frames per CPU second of one contender."""

    name: str
    things: int
    width: int
    height: int
    median: float
    low: float
    high: float


def room(things: int, seed: int = 0, *, patterns: bool = False) -> Scene:
    """A room of 6 x 5 m with `things` in it, by turns boxes, balls, cylinders and capsules."""
    rng = np.random.default_rng(seed)
    kind = 'checker' if patterns else 'plain'
    floor = Look((0.6, 0.55, 0.5), (0.3, 0.28, 0.25), kind, 0.5)
    wall = Look((0.75, 0.7, 0.62), (0.5, 0.45, 0.4), 'bricks' if patterns else 'plain', 0.4)
    shapes = [Shape('box', (6.0, 5.0, 0.1), (0.0, 0.0, -0.05), look=floor)]
    for x, y, size in (
        (3.05, 0.0, (0.1, 5.2, 2.5)),
        (-3.05, 0.0, (0.1, 5.2, 2.5)),
        (0.0, 2.55, (6.0, 0.1, 2.5)),
        (0.0, -2.55, (6.0, 0.1, 2.5)),
    ):
        shapes.append(Shape('box', size, (x, y, 1.25), look=wall))
    for number in range(things):
        what = ('box', 'sphere', 'cylinder', 'capsule')[number % 4]
        x, y, yaw = rng.uniform((-2.5, -2.0, 0.0), (2.5, 2.0, np.pi)).tolist()
        first, second = rng.uniform(0.2, 0.95, (2, 3)).tolist()
        pattern = (
            ('checker', 'stripes', 'noise', 'plain')[number // 4 % 4] if patterns else 'plain'
        )
        shapes.append(
            Shape(
                what,
                _SIZE[what],
                (x, y, _HEIGHT[what]),
                (float(np.cos(0.5 * yaw)), 0.0, 0.0, float(np.sin(0.5 * yaw))),
                Look(tuple(first), tuple(second), pattern, 0.15),
            )
        )
    return Scene(tuple(shapes))


def poses(num: int, seed: int = 1) -> tuple[Array, Array]:
    """Places (num, 3) [m] in the room and attitudes (num, 4) wxyz of cameras, optical frame."""
    rng = np.random.default_rng(seed)
    place = rng.uniform((-2.0, -1.7, 0.3), (2.0, 1.7, 1.4), (num, 3))
    yaw, pitch = rng.uniform((-np.pi, -0.1), (np.pi, 0.35), (num, 2)).T
    nothing = np.zeros(num)
    turn = np.stack((np.cos(0.5 * yaw), nothing, nothing, np.sin(0.5 * yaw)), 1)
    nod = np.stack((np.cos(0.5 * pitch), nothing, np.sin(0.5 * pitch), nothing), 1)
    forward = np.tile(np.array([0.5, -0.5, 0.5, -0.5]), (num, 1))
    return place, product(product(turn, nod), forward)


def render(seconds: float = 1.0, rounds: int = 5, things: tuple[int, ...] = (0, 8)) -> list[Rate]:
    """Measure all that is installed, in turns of `seconds` / `rounds` of processor time."""
    os.environ.setdefault('LP_NUM_THREADS', '0')  # of Mesa: draw where you are called
    found: list[Rate] = []
    for count in things:
        for width, height in SIZES:
            contenders = _contenders(count, width, height)
            rates: dict[str, list[float]] = {name: [] for name in contenders}
            for _ in range(rounds):
                for name, (frames, draw, _) in contenders.items():
                    rates[name].append(_rate(draw, frames, seconds / rounds))
            for name, values in rates.items():
                contenders[name][2]()
                low, median, high = np.quantile(values, (0.0, 0.5, 1.0)).tolist()
                found.append(Rate(name, count, width, height, median, low, high))
    return found


def _rate(draw: Draw, frames: int, seconds: float) -> float:
    draw()
    started, done = time.process_time(), 0
    while (spent := time.process_time() - started) < seconds:
        draw()
        done += frames
    return done / spent


def _contenders(things: int, width: int, height: int) -> dict[str, tuple[int, Draw, Draw]]:
    """Name to frames of a call, the call, and what closes it."""
    camera = Camera.pinhole('camera', width, height, FIELD)
    place, quat = poses(CAMERAS)
    rows = np.zeros(CAMERAS, np.int64)
    plain, patterned = (Scenes([room(things, patterns=patterns)]) for patterns in (False, True))
    ours, shaded = Raycast(camera), Raycast(camera, shadows=True)
    found: dict[str, tuple[int, Draw, Draw]] = {
        OURS: (CAMERAS, lambda: ours.render(place, quat, plain, rows), _nothing),
        'raycast, patterns': (
            CAMERAS,
            lambda: ours.render(place, quat, patterned, rows),
            _nothing,
        ),
        'raycast, shadows': (CAMERAS, lambda: shaded.render(place, quat, plain, rows), _nothing),
    }
    for name, make in (('MuJoCo', _mujoco), ('PyBullet TinyRenderer', _tiny)):
        try:
            draw, close = make(camera, plain, place, quat)
        except MissingPackageError:
            continue
        found[name] = (CAMERAS, draw, close)
    return found


def _nothing() -> None:
    """Ours has nothing to close."""


def _mujoco(camera: Camera, scenes: Scenes, place: Array, quat: Array) -> tuple[Draw, Draw]:
    from robot_rl.vision.mujoco import Mujoco

    rows = np.zeros(len(place), np.int64)
    renderer = Mujoco(camera, ids=False, faces=(12, 8))
    renderer.render(place[:1], quat[:1], scenes, rows[:1])
    return lambda: renderer.render(place, quat, scenes, rows), renderer.close


def _tiny(camera: Camera, scenes: Scenes, place: Array, quat: Array) -> tuple[Draw, Draw]:
    from robot_rl.bench.render_tiny import Tiny

    renderer = Tiny(camera, scenes.specs[0])
    return lambda: renderer.render(place, quat), renderer.close


def text(rates: list[Rate]) -> str:
    """Table of the rates, and how many times as fast as each of the others the ray caster is."""
    lines = [f'frames per second on one core of {machine_name()}: median (least to greatest)']
    for things, width, height in dict.fromkeys((r.things, r.width, r.height) for r in rates):
        lines.append(f'{width} x {height}, a room with {things} things')
        rows = [r for r in rates if (r.things, r.width, r.height) == (things, width, height)]
        ours = next(r.median for r in rows if r.name == OURS)
        for row in rows:
            ratio = '' if row.name.startswith(OURS) else f'  {OURS} {ours / row.median:6.1f} x'
            span = f'({row.low:.0f} to {row.high:.0f})'
            lines.append(f'  {row.name:24} {row.median:8.0f} {span:20}{ratio}'.rstrip())
    return '\n'.join(lines)
