"""Scenes of a batch of environments, as padded arrays that a renderer reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.spec.scene import KINDS, PATTERNS, Image, Scene

Ids = NDArray[np.int64]
Array = NDArray[np.float32]


class Scenes:
    """One scene for each environment. What moves is written into `position` and `quat`."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        """Take up `scenes`, that of environment i at i."""
        num = len(scenes)
        self.specs: list[Scene] = [Scene()] * num
        """What was put there; without what has moved since."""
        self.version = np.zeros(num, np.int64)
        """(n,) counts how often each was put anew."""
        self.kind = np.zeros((num, 0), np.int32)
        """(n, k) place in KINDS; 0 where there is no such shape."""
        self.position: Array = np.zeros((num, 0, 3), np.float32)
        """(n, k, 3) [m] world frame."""
        self.quat: Array = np.zeros((num, 0, 4), np.float32)
        """(n, k, 4) wxyz, shape to world, of length 1."""
        self.half: Array = np.zeros((num, 0, 3), np.float32)
        """(n, k, 3) [m] see `Shape.half`."""
        self.label = np.zeros((num, 0), np.int32)
        """(n, k)"""
        self.pattern = np.zeros((num, 0), np.int32)
        """(n, k) place in PATTERNS."""
        self.look: Array = np.zeros((num, 0, 9), np.float32)
        """(n, k, 9) colour, second colour, scale [m], phase [m]."""
        self.image = np.zeros((num, 0), np.int32)
        """(n, k) which of `images`."""
        self.light: Array = np.zeros((num, 15), np.float32)
        """(n, 15) unit vector to the sun, its colour, ambient, horizon, zenith."""
        self.lamps: Array = np.zeros((num, 0, 7), np.float32)
        """(n, l, 7) position [m], colour, 1 / reach^2 [1/m^2]; black where there is none."""
        self.images: list[Image] = []
        """All that any of the scenes has shown."""
        self._known: dict[int, int] = {}
        self.put(np.arange(num), scenes)

    def __len__(self) -> int:
        """Number of environments."""
        return len(self.kind)

    def put(self, ids: Ids, scenes: Sequence[Scene]) -> None:
        """Let environments `ids` have other scenes."""
        self._make_room(
            max((len(scene.shapes) for scene in scenes), default=0),
            max((len(scene.lamps) for scene in scenes), default=0),
        )
        for row, scene in zip(ids, scenes, strict=True):
            self.specs[row] = scene
            self.version[row] += 1
            self.kind[row], self.lamps[row] = 0, 0.0
            for column, shape in enumerate(scene.shapes):
                look = shape.look
                self.kind[row, column] = KINDS.index(shape.kind)
                self.position[row, column], self.quat[row, column] = shape.position, shape.quat
                self.half[row, column], self.label[row, column] = shape.half, shape.label
                self.pattern[row, column] = PATTERNS.index(look.pattern)
                self.look[row, column] = (*look.colour, *look.second, look.scale, *look.phase)
                if look.image is not None:
                    self.image[row, column] = self._number(look.image)
            for column, lamp in enumerate(scene.lamps):
                self.lamps[row, column] = (*lamp.position, *lamp.colour, lamp.reach**-2)
            to_sun = np.asarray(scene.to_sun) / np.linalg.norm(scene.to_sun)
            parts = (scene.sun, scene.ambient, scene.horizon, scene.zenith)
            self.light[row] = np.concatenate((to_sun, *parts))

    def _make_room(self, shapes: int, lamps: int) -> None:
        names = ('kind', 'position', 'quat', 'half', 'label', 'pattern', 'look', 'image')
        for name, size in (*((name, shapes) for name in names), ('lamps', lamps)):
            old = getattr(self, name)
            if (lacking := size - old.shape[1]) > 0:
                setattr(self, name, np.pad(old, [(0, 0), (0, lacking), (0, 0)][: old.ndim]))

    def _number(self, image: Image) -> int:
        """Place of `image` in `images`, where it is put if it is new."""
        if image.dtype != np.uint8:
            raise SpecError(f'The image of a look must be uint8, got {image.dtype}.')
        if id(image) not in self._known:
            self._known[id(image)] = len(self.images)
            self.images.append(image)
        return self._known[id(image)]
