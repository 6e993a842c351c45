"""What every renderer does: images of a batch of cameras in a batch of scenes."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec.camera import Camera
from robot_rl.vision.scenes import Scenes


class Frames(NamedTuple):
    """Images of n cameras."""

    rgb: NDArray[np.uint8]
    """(n, height, width, 3)"""
    depth: NDArray[np.float32]
    """(n, height, width) [m] along the axis of the camera; infinite where nothing is."""
    ids: NDArray[np.int32]
    """(n, height, width) which shape of the scene is seen, -1 where none is."""


class Renderer(Protocol):
    """Draws what one kind of camera sees."""

    camera: Camera

    def render(
        self, position: Any, quat: Any, scenes: Scenes, rows: NDArray[np.int64] | None = None
    ) -> Frames:
        """Images of cameras.

        Args:
            position: (n, 3) [m] of the cameras, world frame.
            quat: (n, 4) wxyz, optical frame to world.
            scenes: What there is to see.
            rows: (n,) which of the scenes each camera is in; by default camera i is in scene i.

        Returns:
            Arrays of the caller's own, which later calls do not touch.
        """
        ...
