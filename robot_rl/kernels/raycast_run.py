"""Compile the ray caster and run it over a batch of cameras."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import getsource
from types import FunctionType, ModuleType
from typing import Any

from robot_rl.kernels import (
    raycast,
    raycast_frame,
    raycast_light,
    raycast_pixels,
    raycast_shade,
    raycast_shadow,
)
from robot_rl.kernels.source import compiled_module

RAYS = 64
"""Of a tile."""
_MODULES: tuple[ModuleType, ...] = (
    raycast,
    raycast_shade,
    raycast_frame,
    raycast_light,
    raycast_shadow,
    raycast_pixels,
)

_LOOPS = (
    'cut',
    'bound',
    'survey',
    'cast_plane',
    'cast_box',
    'cast_sphere',
    'cast_cylinder',
    'cast_capsule',
    'cast_tile',
    'trace',
    'light_plane',
    'light_box',
    'light_cylinder',
    'light_capsule',
    'light_up',
    'share',
    'mix',
    'paste',
    'sky',
    'sunlit',
    'lamplit',
    'shade',
    'surround',
    'darken',
    'write',
    'gather',
)
"""Functions that are not inlined, in an order in which each finds those that it calls."""

_HEADER = """\
import math

import numpy as np
from numba import njit

options = dict(fastmath={'reassoc', 'contract', 'arcp', 'nsz'}, error_model='numpy')
inline = njit(forceinline=True, no_cpython_wrapper=True, **options)
sqrt, floor = math.sqrt, np.floor
int32, int64, uint8, uint32, float32 = np.int32, np.int64, np.uint8, np.uint32, np.float32


@inline
def vec3(a, b, c):
    return a, b, c


@inline
def fmin(a, b):
    return a if a < b else b


@inline
def fmax(a, b):
    return a if a > b else b


@inline
def where(condition, a, b):
    return a if condition else b


"""

_RUN = """\
@njit('void(int64, float32[::1], float32[:,::1], uint64)', nogil=True, cache={cache}, **options)
def paint(pattern, look, work, rays):
    mix(pattern, look, work, rays)


@njit(
    'void(float32[:,:,::1], float32[:,::1], int64[:,::1], int64, float32, boolean, '
    'float32[:,::1], int64[::1], '
    'int32[:,::1], float32[:,:,::1], float32[:,:,::1], float32[:,:,::1], int32[:,::1], '
    'float32[:,:,::1], int32[:,::1], float32[:,::1], float32[:,:,::1], uint8[::1], '
    'int64[:,::1], uint64, uint8[:,:,::1], float32[:,::1], int32[:,::1])',
    nogil=True, cache={cache}, **options)
def run(rays, boxes, pixels, samples, pixel, shadows, poses, rows, kinds, positions, quats, halves,
        patterns, looks, images, lights, lamps, texels, table, width, rgb, depth, ids):
    shapes = kinds.shape[1]
    views = np.empty((shapes, VIEW), np.float32)
    order = np.empty(shapes + 1, np.int64)
    corners = np.empty((8, 3), np.float32)
    turn = np.empty(9, np.float32)
    depths, found = np.empty(width, np.float32), np.empty(width, np.int32)
    colours, work = np.empty((3, width), np.float32), np.empty((8, width), np.float32)
    tried = np.empty(shapes + 1, np.int64)
    sunny, ball = np.ones(width, np.float32), np.empty(4, np.float32)
    for i in range(len(poses)):
        row = rows[i]
        pose, light, own = poses[i], lights[row], kinds[row]
        matrix(pose, 3, turn, 0)
        count = survey(pose, turn, own, positions[row], quats[row], halves[row], light, views,
                       order, corners)
        for tile in range(len(rays)):
            xs, ys = rays[tile, 0], rays[tile, 1]
            number = trace(own, views, order, count, xs, ys, boxes[tile], depths, found, tried,
                           width)
            if shadows:
                darken(own, views, xs, ys, depths, found, ball, sunny, width)
            shade(own, views, tried, number, xs, ys, depths, found, width, pose, turn, pixel,
                  patterns[row], looks[row], images[row], light, lamps[row], texels, table, sunny,
                  work, colours)
            if samples == 1:
                write(pixels[tile], depths, found, colours, rgb[i], depth[i], ids[i])
            else:
                gather(pixels[tile], samples, depths, found, colours, rgb[i], depth[i], ids[i])
"""


def caster() -> Callable[..., None]:
    """The compiled loop over cameras; vision/raycast.py knows its arguments.

    Raises MissingPackageError without numba.
    """
    return _compiled().run


def painter() -> Callable[..., None]:
    """`mix` of raycast_light.py, compiled."""
    return _compiled().paint


@cache
def _compiled() -> ModuleType:
    constants: dict[str, Any] = {}
    functions: dict[str, FunctionType] = {}
    for module in _MODULES:
        own = vars(module)
        constants |= {
            name: value
            for name, value in own.items()
            if name.isupper() and type(value) in (int, float)
        }
        functions |= {
            name: value
            for name, value in own.items()
            if isinstance(value, FunctionType) and value.__module__ == module.__name__
        }
    lines = [
        f'{name} = {value!r}\n' if type(value) is int else f'{name} = np.float32({str(value)!r})\n'
        for name, value in constants.items()
    ]
    loops = [
        f'@njit(no_cpython_wrapper=True, **options)\n{getsource(functions.pop(name))}\n\n'
        for name in _LOOPS
    ]
    texts = [_HEADER, *lines]
    return compiled_module('raycast', texts, list(functions.values()), ''.join((*loops, _RUN)))
